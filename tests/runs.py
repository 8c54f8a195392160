"""Runs that are made ready but not started."""

from marsad.benchmarks import open_benchmark
from marsad.checkpoints import FOLDER, Checkpoints
from marsad.config import RunConfig
from marsad.encoders.loading import load_encoder
from marsad.mixture import load_windows
from marsad.reader import Reader
from marsad.torch_backend import TorchBackend
from marsad.trainer import DocumentTrainer
from marsad.training import build_model, build_trainer, model_settings


def prepare(config: RunConfig) -> DocumentTrainer:
    """Return the trainer of a run, with model and windows."""
    encoder = load_encoder(config.encoder, dropout=config.model.encoder_dropout)
    settings = model_settings(config, encoder)
    tokenizer = encoder.tokenizer.backend_tokenizer
    model = build_model(config, encoder)
    return build_trainer(
        model,
        config,
        load_windows(config.data, tokenizer, settings, oversample=config.train.oversample),
        Reader(tokenizer, settings, TorchBackend(model)),
        open_benchmark(config.data.dev),
        Checkpoints(config.output / FOLDER),
    )
