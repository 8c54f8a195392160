"""The mean of the weights of several runs, in place of the best of them.

Wortsman et al. 2022, "Model soups: averaging weights of multiple fine-tuned models improves
accuracy without increasing inference time". Runs that began with other heads do not mix: their
sentences' events are found by other means. Runs that differ in the order of their windows do.
"""

from collections.abc import Mapping, Sequence
from shutil import copyfile

import torch
from torch import Tensor

from marsad.benchmarks import open_benchmark
from marsad.calibrating import fit_on
from marsad.calibration import CHECKPOINT, write_calibration
from marsad.config import RunConfig
from marsad.errors import TrainingError
from marsad.metrics import Metrics, TrainingReport, read_metrics, write_metrics
from marsad.model_folder import ModelFolder, read_settings
from marsad.modeling import load_model, save_model
from marsad.reader import Reader
from marsad.runtime import read_tokenizer
from marsad.torch_backend import TorchBackend
from marsad.training import dev_score

_ALIKE = ("labels", "tokenizer", "tokenizer_config")


def write_mean(
    runs: Sequence[ModelFolder], config: RunConfig, made: ModelFolder
) -> dict[str, float]:
    """Write the mean of trained models as a model folder, and return its dev figures.

    Args:
        runs: of one configuration but for what chance decides.
        config: what the folder's ``run.yaml`` is to say.
        made: an empty folder.

    Raises:
        DataError: the dev split is missing or has an error.
        ModelError: the weights of a run are missing or damaged.
    """
    settings = read_settings(runs[0])
    models = [load_model(run, settings).state_dict() for run in runs]
    model = load_model(runs[0], settings)
    model.load_state_dict(mean_of(models))
    dev = open_benchmark(config.data.dev, source=config.data.corpora)
    reader = Reader(read_tokenizer(runs[0]["tokenizer"]), settings, TorchBackend(model))
    for role in _ALIKE:
        copyfile(runs[0][role], made[role])
    made["run"].write_text(config.to_yaml(), encoding="utf-8")
    save_model(model, made, settings)
    calibration = fit_on(dev, list(reader.judge(dev.documents)), config)
    write_calibration(calibration, made, CHECKPOINT)
    write_metrics(Metrics(training=_together(runs)), made)
    return {f"eval_{name}": value for name, value in dev_score(reader, dev).items()}


def mean_of(states: Sequence[Mapping[str, Tensor]]) -> dict[str, Tensor]:
    """Return the mean of each tensor of models of one shape.

    Raises:
        TrainingError: they have other tensors.
    """
    first = states[0]
    if any(state.keys() != first.keys() for state in states):
        raise TrainingError("the runs have other tensors; train them anew from one configuration")
    return {name: torch.stack([state[name] for state in states]).mean(0) for name in first}


def _together(runs: Sequence[ModelFolder]) -> TrainingReport | None:
    """Return what all of the trainings took, one after the other."""
    reports = [report for run in runs if (report := read_metrics(run).training)]
    if len(reports) < len(runs):
        return None
    return TrainingReport(
        steps=sum(report.steps for report in reports),
        seconds=sum(report.seconds for report in reports),
        cpu_seconds=sum(report.cpu_seconds for report in reports),
        processes=reports[0].processes,
        processor=reports[0].processor,
    )
