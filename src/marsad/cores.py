"""How many cores this process may use."""

import math
import os
from pathlib import Path

QUOTA = Path("/sys/fs/cgroup/cpu.max")


def available_cores(quota: Path = QUOTA) -> int:
    """Return the cores that the system leaves to this process, at least 1.

    A container's share of time (cgroup v2, ``cpu.max``: microseconds of each period, or ``max``)
    counts as whole cores.
    """
    if hasattr(os, "sched_getaffinity"):
        cores = len(os.sched_getaffinity(0))
    else:
        cores = os.cpu_count() or 1
    try:
        share, period = quota.read_text(encoding="ascii").split()
    except (OSError, ValueError):
        return cores
    return cores if share == "max" else min(cores, math.ceil(int(share) / int(period)))
