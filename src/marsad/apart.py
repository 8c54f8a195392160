"""A call in a process of its own, whose memory holds nothing else."""

from collections.abc import Callable
from concurrent.futures import ProcessPoolExecutor
from concurrent.futures.process import BrokenProcessPool
from dataclasses import dataclass
from multiprocessing import get_context
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
    with ProcessPoolExecutor(1, mp_context=get_context("spawn")) as pool:
        try:
            answer = pool.submit(_answer, run).result()
        except BrokenProcessPool:
            raise TrainingError("the process of a run died; memory may have run out") from None
    if isinstance(answer, _Refusal):
        raise MarsadError(answer.message)
    return answer


def _answer(run: Callable[[], T]) -> T | _Refusal:
    try:
        return run()
    except MarsadError as error:
        return _Refusal(str(error))
