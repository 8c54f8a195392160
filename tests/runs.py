"""Runs over a tiny encoder, and runs that are made ready but not started."""

from pathlib import Path
from typing import Any

from marsad.benchmarks import open_benchmark
from marsad.checkpoints import FOLDER, Checkpoints
from marsad.config import RunConfig
from marsad.encoders.loading import load_encoder
from marsad.mixture import load_windows
from marsad.reader import Reader
from marsad.torch_backend import TorchBackend
from marsad.trainer import DocumentTrainer
from marsad.training import build_model, build_trainer, model_settings


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
