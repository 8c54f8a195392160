"""Our recipe, as a run configuration says it, followed as the usual one is."""

from contextlib import nullcontext

from transformers import set_seed
from transformers.trainer_utils import IntervalStrategy, SaveStrategy

from marsad.bench_training.course import Course
from marsad.bench_training.material import Material
from marsad.bench_training.outcome import Outcome
from marsad.bench_training.recipe import BY_BATCH, Recipe
from marsad.checkpoints import FOLDER, Checkpoints
from marsad.config import RunConfig
from marsad.encoders.loading import load_encoder
from marsad.heads import train_heads
from marsad.mixture import load_windows
from marsad.modeling import MarsadModel
from marsad.reader import Reader
from marsad.sections import TrainConfig
from marsad.torch_backend import TorchBackend
from marsad.trainer import DocumentTrainer
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
    windows = load_windows(config.data, tokenizer, settings, config.train)
    model = build_model(config, encoder)
    trainer = build_trainer(
        model,
        config,
        encoder,
        windows,
        Reader(tokenizer, settings, TorchBackend(model)),
        material.read_dev(),
        Checkpoints(config.output / FOLDER),
    )
    trainer.args.eval_strategy, trainer.args.save_strategy = IntervalStrategy.NO, SaveStrategy.NO
    course = Course(lambda: score_now(trainer), labels="tags", scorings=scorings)
    if config.train.heads_first.epochs:
        train_heads(trainer, config)
    course.follow(trainer)
    trainer.train()
    settings_of_run = config.model_dump(
        mode="json", include={"encoder", "seed", "window", "model", "loss", "train"}
    )
    return course.outcome(
        describe_recipe(config.train, model, bf16=trainer.args.bf16),
        settings_of_run | {"windows": len(windows)},
    )


def score_now(trainer: DocumentTrainer) -> float:
    """Return the strict micro F1 of a trainer's model on dev, and write nothing."""
    with trainer.average.applied() if trainer.average else nullcontext():
        return trainer.dev_score()["entity_f1"]


def describe_recipe(options: TrainConfig, model: MarsadModel, *, bf16: bool) -> Recipe:
    """Return how a run trains; under frozen layers the embeddings are frozen too."""
    return Recipe(
        padding=BY_BATCH,
        precision="bf16" if bf16 else "fp32",
        attention=model.encoder.config._attn_implementation,
        batch_size=options.batch_size,
        epochs=options.epochs,
        learning_rate=options.learning_rate,
        head_learning_rate=options.head_learning_rate,
        frozen_layers=options.freeze_layers,
        frozen_embeddings=options.freeze_embeddings or options.freeze_layers > 0,
        heads_first=options.heads_first.epochs,
        lora=options.lora.rank if options.lora else 0,
    )
