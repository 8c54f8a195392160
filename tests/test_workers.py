import threading
import time
from pathlib import Path

import pytest

from marsad.cores import available_cores
from marsad.workers import side_by_side


def test_results_come_in_order_from_several_threads():
    together = threading.Barrier(3, timeout=30)

    def wait(number: int) -> int:
        together.wait()
        time.sleep(0.01 * (3 - number))
        return 10 * number

    assert side_by_side(wait, [0, 1, 2], 3) == [0, 10, 20]


def test_one_item_needs_no_thread():
    assert side_by_side(lambda _: threading.current_thread(), ["one"], 8) == [
        threading.current_thread()
    ]


def test_after_an_error_no_more_are_begun():
    begun = []

    def fail(number: int) -> None:
        begun.append(number)
        time.sleep(0.05)
        raise ValueError(number)

    with pytest.raises(ValueError, match="0"):
        side_by_side(fail, range(100), 2)
    assert len(begun) < 10


@pytest.mark.parametrize(
    ("quota", "most"),
    [("max 100000", None), ("100000 100000", 1), ("50000 100000", 1), ("150000 100000", 2)],
)
def test_a_containers_share_counts_as_cores(tmp_path: Path, quota: str, most: int | None):
    path = tmp_path / "cpu.max"
    path.write_text(quota + "\n", encoding="ascii")
    everything = available_cores(tmp_path / "absent")
    assert everything >= 1
    assert available_cores(path) == (everything if most is None else min(most, everything))
