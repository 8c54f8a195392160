import signal
import subprocess
import sys
import time
from functools import partial
from pathlib import Path

import pytest

from marsad.apart import run_apart
from marsad.errors import DataError, MarsadError, TrainingError


def refuse() -> None:
    raise DataError("nothing to read")


def test_answers_and_refusals_come_back():
    assert run_apart(partial(sum, [1, 2])) == 3
    with pytest.raises(MarsadError, match="nothing to read"):
        run_apart(refuse)
    with pytest.raises(TrainingError, match="the process of a run died"):
        run_apart(partial(signal.raise_signal, signal.SIGKILL))


def stay(path: Path) -> None:
    while True:
        path.touch()
        time.sleep(0.05)


def test_it_ends_with_the_process_that_waits_for_it(tmp_path: Path):
    sign = tmp_path / "alive"
    program = (
        "from functools import partial; from pathlib import Path\n"
        "from tests.test_apart import stay\n"
        f"from marsad.apart import run_apart\nrun_apart(partial(stay, Path({str(sign)!r})))"
    )
    with subprocess.Popen([sys.executable, "-c", program]) as process:
        while not sign.exists():
            time.sleep(0.05)
        process.kill()
    deadline = time.monotonic() + 30
    while time.monotonic() < deadline:  # until nobody makes the file again
        sign.unlink(missing_ok=True)
        time.sleep(0.5)
        if not sign.exists():
            return
    pytest.fail("the child goes on")
