"""The processes that share a run, as ``torchrun`` or ``accelerate launch`` started them."""

import atexit
import gc
from collections.abc import Iterator
from contextlib import contextmanager
from datetime import timedelta
from functools import cache

import torch
from accelerate import PartialState
from torch import distributed

from marsad.errors import MarsadError

_PATIENCE = timedelta(days=1)  # with one that does something for all; one that died is noticed


def this_process() -> PartialState:
    """Return which of the processes this is; where there is no GPU they meet over gloo."""
    state = PartialState(cpu=not torch.cuda.is_available(), timeout=_PATIENCE)
    _leave_at_exit()
    return state


@cache
def _leave_at_exit() -> None:
    atexit.register(_leave)


def _leave() -> None:
    """End the threads of gloo, one of which may still hold a tensor.

    Were Python gone when it lets go of it, the process would be aborted after all its work.
    """
    if distributed.is_initialized() and distributed.get_backend() == "gloo":
        gc.collect()  # a model that was trained holds the group, and is held by itself
        distributed.destroy_process_group()


@contextmanager
def main_first() -> Iterator[None]:
    """Let the main process go through the block before the others do.

    Raises:
        MarsadError: it failed there; all others refuse the block in its words.
    """
    if not this_process().is_main_process:
        if failure := _from_main(""):
            raise MarsadError(failure)
        yield
        return
    try:
        yield
    except Exception as error:
        _from_main(str(error) or type(error).__name__)
        raise
    _from_main("")


def _from_main(text: str) -> str:
    """Return what the main process says, in all processes."""
    own = this_process()
    if own.num_processes == 1:
        return text
    said = torch.tensor([*text.encode()], dtype=torch.uint8, device=own.device)
    length = torch.tensor(len(said), device=own.device)
    distributed.broadcast(length, src=0)
    if not own.is_main_process:
        said = said.new_empty(int(length))
    distributed.broadcast(said, src=0)
    return bytes(said.tolist()).decode()
