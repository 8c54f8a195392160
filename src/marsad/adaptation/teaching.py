"""Self-training, second half: a model of ours learns the labels, and its encoder is kept."""

import shutil
from collections.abc import Mapping
from pathlib import Path

import torch
from torch import nn

from marsad.adaptation.labelling import LABELS, label_texts, teachers_of
from marsad.adaptation.settings import TeachingConfig
from marsad.adaptation.texts import TextSource
from marsad.benchmarks import open_benchmark
from marsad.config import RunConfig, load_config, with_values
from marsad.encoders.loading import CLEANING_KEY, Encoder, load_encoder
from marsad.files import sha256, system_errors
from marsad.finished_runs import train_once
from marsad.model_folder import ModelFolder
from marsad.modeling import without_pooler
from marsad.processes import main_first
from marsad.training import check_dev

STUDENT = "student"


def learn_labels(
    options: TeachingConfig, encoder: Encoder, source: TextSource, folder: Path
) -> None:
    """Let an encoder learn what models say of texts; what is killed goes on when called again.

    Args:
        options: the models, and the run that learns from them.
        encoder: begins it, and has the weights that come of it when it is done.
        source: the texts.
        folder: of the stage.

    Raises:
        DataError: a text is missing or cannot be read.
        ModelError: a model cannot be loaded.
        TrainingError: the loss became no number, or memory or disk ran out.
    """
    with main_first():
        begun = _saved(encoder, folder)
        labelled = label_texts(options, source, folder / LABELS)
    run = student_run(options, encoder=begun, labelled=labelled, output=folder / STUDENT)
    student = load_encoder(str(train_once(run).path))
    interpolate(encoder.model, without_pooler(student.model), options.interpolation)


def student_run(
    options: TeachingConfig, *, encoder: Path, labelled: Path, output: Path
) -> RunConfig:
    """Return the run that learns from a file of labels."""
    return with_values(
        load_config(options.run),
        {
            "encoder": str(encoder),
            "cleaning": None,
            "output": str(output),
            "data.train": str(labelled),
            "data.mixture": [],
            "train.epochs": options.epochs,
            "train.heads_first.windows": options.heads_windows,
            "train.seeds": [],
            "search": None,
        },
    )


def interpolate(model: nn.Module, other: nn.Module, share: float) -> None:
    """Move the weights of a model a share of the way to those of another that began as it did.

    What a model learns of one task costs it some of another; between the two lie models that have
    most of both (Wortsman et al. 2022, "Robust fine-tuning of zero-shot models").
    """
    before, after = model.state_dict(), other.state_dict()
    model.load_state_dict(
        {
            name: torch.lerp(own, after[name], share) if own.is_floating_point() else after[name]
            for name, own in before.items()
        }
    )


def taught_by(options: TeachingConfig) -> Mapping[str, object]:
    """Return what the stage's weights depend on, besides base and texts."""
    recipe = load_config(options.run).model_dump(mode="json", exclude={"output", "encoder"})
    teachers = teachers_of(options.models)
    files = (ModelFolder(own).require("calibration", "take it anew") for own in options.models)
    return {"teachers": teachers, "calibrations": [*map(sha256, files)], "recipe": recipe}


def check_learner(options: TeachingConfig) -> None:
    """Refuse a run whose dev documents it cannot be scored on.

    Raises:
        ConfigError: the run has an error.
        DataError: they are missing, have an error, or annotate nothing of what it learns.
    """
    run = load_config(options.run)
    check_dev(open_benchmark(run.data.dev, source=run.data.corpora), run.task)


def _saved(encoder: Encoder, folder: Path) -> Path:
    """Return the folder of an encoder as it begins, written once."""
    begun, staged = folder / "encoder", folder / "saving"
    if not begun.exists():
        shutil.rmtree(staged, ignore_errors=True)
        setattr(encoder.model.config, CLEANING_KEY, encoder.cleaning)
        with system_errors(staged):
            encoder.model.save_pretrained(staged)
            encoder.tokenizer.save_pretrained(staged)
        staged.rename(begun)
    return begun
