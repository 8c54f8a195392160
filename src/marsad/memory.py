"""The memory of this process."""

import re
import sys
from pathlib import Path

_STATUS = Path("/proc/self/status")


def peak_resident() -> int:
    """Return the most bytes of memory that this process ever held (its resident set).

    Linux hands ``ru_maxrss`` of a process on to the programs that it starts, so there the
    high-water mark of the address space is read instead (``proc_pid_status(5)``, ``VmHWM``).
    """
    if _STATUS.exists():
        found = re.search(r"^VmHWM:\s*(\d+) kB$", _STATUS.read_text("utf-8"), flags=re.MULTILINE)
        if found:
            return int(found[1]) * 1024
    import resource  # not on Windows

    most = resource.getrusage(resource.RUSAGE_SELF).ru_maxrss
    return most if sys.platform == "darwin" else most * 1024
