"""The processes that share a run end as they should."""

import subprocess
import sys

from tests.test_distributed import PROCESSES, places
from tests.test_survival import environment

# What was registered first runs last as Python ends.
PROGRAM = """
import atexit
from torch import distributed

atexit.register(lambda: print("open" if distributed.is_initialized() else "left"))

from marsad.processes import main_first, this_process

for _ in range(3):
    with main_first():
        pass
assert this_process().num_processes == 2
"""


def test_they_leave_their_group_before_python_ends():
    """A thread of the group that outlives Python aborts the process, now and then."""
    own = environment() | {"CUDA_VISIBLE_DEVICES": ""}
    processes = [
        subprocess.Popen(
            [sys.executable, "-c", PROGRAM], env=own | place, stdout=subprocess.PIPE, text=True
        )
        for place in places()
    ]
    said = [process.communicate(timeout=300)[0] for process in processes]
    assert said == ["left\n"] * PROCESSES
    assert [process.returncode for process in processes] == [0] * PROCESSES
