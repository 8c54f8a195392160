"""Work done side by side, by threads: for what leaves Python's lock while it computes."""

from collections.abc import Callable, Sequence
from concurrent.futures import ThreadPoolExecutor
from typing import TypeVar

Item = TypeVar("Item")
Result = TypeVar("Result")


def side_by_side(do: Callable[[Item], Result], items: Sequence[Item], workers: int) -> list[Result]:
    """Return what comes of each item, in order; after an error, no more are begun."""
    if min(workers, len(items)) < 2:
        return [do(item) for item in items]
    pool = ThreadPoolExecutor(workers, thread_name_prefix="marsad")
    try:
        return list(pool.map(do, items))
    finally:
        pool.shutdown(cancel_futures=True)
