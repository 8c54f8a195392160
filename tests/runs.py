"""Runs over a tiny encoder: made ready but not started, or killed on their way."""

from collections.abc import Callable
from pathlib import Path
from typing import Any

import pytest

from marsad.benchmarks import open_benchmark
from marsad.checkpoints import FOLDER, Checkpoints
from marsad.config import RunConfig
from marsad.encoders.loading import load_encoder
from marsad.mixture import load_windows
from marsad.model_folder import ModelFolder
from marsad.reader import Reader
from marsad.torch_backend import TorchBackend
from marsad.trainer import DocumentTrainer
from marsad.training import build_model, build_trainer, model_settings, train


def tiny_run(encoder: Path, corpus: Path, output: Path, **sections: Any) -> RunConfig:
    """Return a short run of a tiny joint model; ``sections`` replace or add to its own."""
    return RunConfig.model_validate(
        {
            "name": "tiny",
            "encoder": str(encoder),
            "output": output,
            "data": {s: str(corpus / f"{s}.jsonl") for s in ("train", "dev", "test")},
            "window": {"max_tokens": 96, "overlap": 8},
            "train": {"epochs": 1, "learning_rate": 3e-3},
            **sections,
        }
    )


# The gate of the export open: what a tiny model loses in int8 says nothing.
ANY_LOSS = {"max_entity_loss": 1.0, "max_event_loss": 1.0, "max_flips": 1.0}


def prepare(config: RunConfig) -> DocumentTrainer:
    """Return the trainer of a run, with model and windows."""
    encoder = load_encoder(config.encoder, dropout=config.model.encoder_dropout)
    settings = model_settings(config, encoder)
    tokenizer = encoder.tokenizer.backend_tokenizer
    model = build_model(config, encoder)
    return build_trainer(
        model,
        config,
        encoder,
        load_windows(config.data, tokenizer, settings, config.train),
        Reader(tokenizer, settings, TorchBackend(model)),
        open_benchmark(config.data.dev),
        Checkpoints(config.output / FOLDER),
    )


def file_of(config: RunConfig, folder: Path) -> str:
    path = folder / "config.yaml"
    path.write_text(config.to_yaml(), encoding="utf-8")
    return str(path)


def stamps(folder: Path) -> dict[str, int]:
    """When the weights of each run in a folder were written."""
    return {p.parent.name: p.stat().st_mtime_ns for p in folder.glob("*/model.safetensors")}


def stop_at(scoring: int) -> Callable[[float, float], None]:
    """Return a progress that kills a run at one of its scorings."""
    left = [scoring]

    def progress(epochs: float, score: float) -> None:
        left[0] -= 1
        if not left[0]:
            raise KeyboardInterrupt

    return progress


def train_until(config: RunConfig, scoring: int) -> None:
    with pytest.raises(KeyboardInterrupt):
        train(config, progress=stop_at(scoring))


def killed_in(name: str) -> Callable[..., ModelFolder]:
    """Return a training that is killed after the first epoch of the run of a name."""

    def train_some(config: RunConfig, **options: Any) -> ModelFolder:
        own = {"progress": stop_at(2)} if config.output.name == name else {}
        return train(config, **{**options, **own})

    return train_some


def lines_of_first_epoch(log: Path) -> set[str]:
    """Its scoring and end, with the seconds it took: a second go at it would write others."""
    lines = log.read_text(encoding="utf-8").splitlines()
    return {line for line in lines if '"epoch": 1.0' in line}
