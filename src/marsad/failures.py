"""Failures that a machine may bring about while a run goes on, each in one line."""

from collections.abc import Iterator
from contextlib import contextmanager

import torch
from safetensors import SafetensorError
from torch import distributed

from marsad.checkpoints import Checkpoints
from marsad.errors import TrainingError
from marsad.files import DISK_FULL

# How the libraries that write checkpoints put it when a disk is full.
_DISK_FULL = (
    "No space left on device",
    "File too large",
    "PytorchStreamWriter failed",
    "iostream error",
    "inline_container.cc",
)
# How gloo puts it when it is left alone.
_PEER_GONE = ("Connection closed by peer", "Connection reset by peer")
# What spares memory in ``marsad train``.
_SPARING = (
    "lower train.batch_size or window.max_tokens, raise train.accumulate, "
    "or set train.gradient_checkpointing: true"
)


@contextmanager
def failures_explained(checkpoints: Checkpoints, *, sparing: str = _SPARING) -> Iterator[None]:
    """Say what ran out inside the block, and what is left of the run.

    Args:
        checkpoints: of the run.
        sparing: what spares memory, in the words of the run's configuration.

    Raises:
        TrainingError: memory or disk ran out, here or in another process of the run, or something
            that an option needs is not on this machine.
    """
    try:
        yield
    except (MemoryError, OSError, RuntimeError, SafetensorError) as error:
        if (problem := _resource_problem(error, sparing)) is None:
            raise
        raise TrainingError(f"{problem}{checkpoints.last_words()}") from error


def _resource_problem(error: Exception, sparing: str) -> str | None:
    text = str(error)
    if isinstance(error, (torch.OutOfMemoryError, MemoryError)) or "can't allocate memory" in text:
        return f"memory ran out; {sparing}"
    full = isinstance(error, OSError) and error.errno in DISK_FULL
    if full or any(sign in text for sign in _DISK_FULL):
        return "the disk is full; free some space and run the same command again"
    if "No working C++ compiler" in text:
        return "train.compile: no C++ compiler is on this machine; install one, or set it to false"
    return _problem_of_processes(error, text) if isinstance(error, RuntimeError) else None


def _problem_of_processes(error: RuntimeError, text: str) -> str | None:
    if any(sign in text for sign in _PEER_GONE):
        return "another process of the run ended; its own lines say why"
    if "EADDRINUSE" in text:
        return "the port at which the processes meet is taken; name another by --master-port"
    if isinstance(error, distributed.DistError) or "gloo" in text:
        return f"the processes of the run cannot meet ({text.strip().splitlines()[0]})"
    return None
