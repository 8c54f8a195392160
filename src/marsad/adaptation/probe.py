"""A probe: how much of our task an encoder holds as it stands.

Heads learn from the output of the still encoder, as at the beginning of a run, and are scored on
the run's dev documents. That takes a minute where training takes ten, and says nothing of what the
encoder may still learn.
"""

import random
import tempfile
from collections.abc import Iterator, Mapping
from contextlib import contextmanager
from copy import deepcopy
from dataclasses import replace
from pathlib import Path

import numpy as np
import torch
from accelerate.state import AcceleratorState, PartialState
from transformers import set_seed

from marsad.benchmarks import open_benchmark
from marsad.checkpoints import Checkpoints
from marsad.config import RunConfig
from marsad.encoders.loading import Encoder
from marsad.errors import ConfigError
from marsad.heads import train_heads
from marsad.mixture import load_windows
from marsad.reader import Reader
from marsad.torch_backend import TorchBackend
from marsad.training import build_model, build_trainer, dev_score, model_settings

_SHARED = (PartialState, AcceleratorState)


def probe(encoder: Encoder, run: RunConfig) -> Mapping[str, float]:
    """Return the dev scores of heads over an encoder, which stays as it is.

    So do the random numbers that come next, and what the trainers share: an encoder may be looked
    at while it learns.

    Raises:
        ConfigError: the run has no epochs for the heads.
        DataError: a corpus of the run is missing or wrong.
    """
    if not run.train.heads_first.epochs:
        raise ConfigError("probe.run: its train.heads_first.epochs is 0; name a run that has some")
    with _chance_kept(), _sharing_kept():
        return _probe(encoder, run)


@contextmanager
def _chance_kept() -> Iterator[None]:
    """Restore the state of all random number generators at the end of the block."""
    plain, arrays = random.getstate(), np.random.get_state()
    try:
        with torch.random.fork_rng():
            yield
    finally:
        random.setstate(plain)
        np.random.set_state(arrays)


@contextmanager
def _sharing_kept() -> Iterator[None]:
    """Restore what all trainers of a process share: another one begins by forgetting it.

    Else one that goes on would compute in the precision of the other.
    """
    shared = [(kind._shared_state, dict(kind._shared_state)) for kind in _SHARED]
    try:
        yield
    finally:
        for state, before in shared:
            state.clear()
            state.update(before)


def _probe(encoder: Encoder, run: RunConfig) -> Mapping[str, float]:
    set_seed(run.seed)
    own = replace(encoder, model=deepcopy(encoder.model))
    tokenizer, settings = own.tokenizer.backend_tokenizer, model_settings(run, own)
    dev = open_benchmark(run.data.dev, source=run.data.corpora)
    model = build_model(run, own)
    reader = Reader(tokenizer, settings, TorchBackend(model))
    with tempfile.TemporaryDirectory() as folder:
        elsewhere = run.model_copy(update={"output": Path(folder)})
        windows = load_windows(run.data, tokenizer, settings, run.train)
        checkpoints = Checkpoints(Path(folder) / "checkpoints")
        trainer = build_trainer(model, elsewhere, own, windows, reader, dev, checkpoints)
        train_heads(trainer, run)
        return dev_score(reader, dev)
