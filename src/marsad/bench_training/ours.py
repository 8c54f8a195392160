"""Our recipe, as a run configuration says it, followed as the usual one is."""

from transformers import set_seed
from transformers.trainer_utils import IntervalStrategy, SaveStrategy

from marsad.bench_training.course import Course
from marsad.bench_training.material import Material
from marsad.bench_training.outcome import Outcome
from marsad.checkpoints import FOLDER, Checkpoints
from marsad.config import RunConfig
from marsad.encoders.loading import load_encoder
from marsad.heads import train_heads
from marsad.mixture import load_windows
from marsad.reader import Reader
from marsad.torch_backend import TorchBackend
from marsad.training import build_model, build_trainer, model_settings


def run_ours(config: RunConfig, material: Material, *, scorings: int) -> Outcome:
    """Train as :func:`marsad.training.train` does, but score more often and save no model.

    Args:
        config: the run; what it learns from is the material.
        material: what to learn from and to be scored on.
        scorings: how many an epoch has.
    """
    set_seed(config.seed)
    encoder = load_encoder(config.encoder, dropout=config.model.encoder_dropout)
    tokenizer, settings = encoder.tokenizer.backend_tokenizer, model_settings(config, encoder)
    windows = load_windows(config.data, tokenizer, settings)
    model = build_model(config, encoder)
    trainer = build_trainer(
        model,
        config,
        windows,
        Reader(tokenizer, settings, TorchBackend(model)),
        material.read_dev(),
        Checkpoints(config.output / FOLDER),
    )
    trainer.args.eval_strategy, trainer.args.save_strategy = IntervalStrategy.NO, SaveStrategy.NO
    course = Course(lambda: trainer.evaluate()["eval_entity_f1"], scorings=scorings)
    if config.train.heads_first.epochs:
        train_heads(trainer, config)
    course.follow(trainer)
    trainer.train()
    settings_of_run = config.model_dump(
        mode="json", include={"encoder", "seed", "window", "model", "loss", "train"}
    )
    attention = model.encoder.config._attn_implementation
    return course.outcome(
        settings_of_run
        | {"attention": attention, "bf16": trainer.args.bf16, "windows": len(windows)}
    )
