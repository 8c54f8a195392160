"""A model as it is passed on: one file of weights, what was measured of it, and its card."""

from dataclasses import replace
from pathlib import Path
from shutil import copyfile

from marsad.card_writing import write_card
from marsad.choosing import read_choice
from marsad.config import load_config
from marsad.errors import ModelError
from marsad.files import new_folder, sha256
from marsad.metrics import Evaluation, Metrics, StressReport, read_metrics, write_metrics
from marsad.model_folder import ModelFolder
from marsad.runtime import PREFERENCE, choose_file


def release(folder: ModelFolder, target: Path, *, file: str | None = None) -> ModelFolder:
    """Copy a model with one of its files of weights into a new folder, and write its card there.

    Training again takes no weights: ``run.yaml`` goes along, and how the run was chosen.

    Args:
        folder: the model's, evaluated.
        target: does not exist, or is an empty folder; all or nothing is written.
        file: the role of the file that is kept, as of :func:`marsad.load`.

    Raises:
        DataError: the target holds something, or cannot be written.
        ModelError: a file is missing or was changed, or figures are of a file that stays behind.
    """
    run = load_config(folder.require("run", "name a folder that `marsad train` wrote"))
    role = choose_file(folder, file)
    folder.verify()
    metrics = read_metrics(folder)
    _check_figures(folder, metrics, role)
    kept = {role, "heads"} if role == "weights" else {role}
    left = {folder[name] for name in {*PREFERENCE, "heads"} - kept}
    with new_folder(target) as scratch:
        made = ModelFolder(scratch)
        for path in {*folder.present()} - left:
            copyfile(path, scratch / path.name)
        write_metrics(replace(metrics, choice=read_choice(folder, run, metrics.choice)), made)
        write_card(made)
    return ModelFolder(target)


def _check_figures(folder: ModelFolder, metrics: Metrics, role: str) -> None:
    """Refuse to state figures of a model that the folder cannot show again.

    Those over seeds are of several models by their nature, and say so.

    Raises:
        ModelError: there are no figures, or some are of another file.
    """
    if not metrics.evaluations:
        raise ModelError(f"{folder.path}: holds no figures yet; evaluate it with `marsad evaluate`")
    name, digest = ModelFolder.FILES[role], sha256(folder[role])
    measured: list[Evaluation | StressReport] = [*metrics.evaluations.values()]
    for own in (*measured, *metrics.stress.values()):
        if own.read_with != name or not digest.startswith(own.model or "none"):
            raise ModelError(
                f"{folder['metrics']}: the figures on {own.data} are of another file than this "
                f"{name}, read with {own.read_with}; evaluate the model on it again, or keep the "
                "other by --file"
            )
