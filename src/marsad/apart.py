"""A call in a process of its own, whose memory holds nothing else."""

import os
from collections.abc import Callable
from concurrent.futures import ProcessPoolExecutor
from concurrent.futures.process import BrokenProcessPool
from dataclasses import dataclass
from multiprocessing import get_context, parent_process
from threading import Thread
from typing import TypeVar

from marsad.errors import MarsadError, TrainingError

T = TypeVar("T")


@dataclass(frozen=True)
class _Refusal:
    message: str


def run_apart(run: Callable[[], T]) -> T:
    """Call a function in a process of its own, and return what it returns.

    Raises:
        MarsadError: the function raised one; only its message comes back, since an error whose
            constructor takes something else cannot be sent from process to process.
        TrainingError: the process died.
    """
    context = get_context("spawn")
    with ProcessPoolExecutor(1, mp_context=context, initializer=_end_with_parent) as pool:
        try:
            answer = pool.submit(_answer, run).result()
        except BrokenProcessPool:
            raise TrainingError("the process of a run died; memory may have run out") from None
    if isinstance(answer, _Refusal):
        raise MarsadError(answer.message)
    return answer


def _end_with_parent() -> None:
    """End this process when the one that waits for it has ended, by whatever signal."""

    def watch() -> None:
        if parent := parent_process():
            parent.join()
            os._exit(1)

    Thread(target=watch, daemon=True).start()


def _answer(run: Callable[[], T]) -> T | _Refusal:
    try:
        return run()
    except MarsadError as error:
        return _Refusal(str(error))
