"""A model as it is passed on: one file of weights, what was measured of it, and its card."""

from pathlib import Path
from shutil import copyfile

from marsad.card_writing import read_search, write_card
from marsad.config import load_config
from marsad.errors import ModelError
from marsad.files import new_folder
from marsad.metrics import read_metrics
from marsad.model_folder import ModelFolder
from marsad.runtime import choose_file

_WEIGHTS = {"weights", "heads", "onnx", "onnx_int8", "onnx_fp16"}


def release(folder: ModelFolder, target: Path, *, file: str | None = None) -> ModelFolder:
    """Copy a model with one of its files of weights into a new folder, and write its card there.

    Training again takes no weights: ``run.yaml`` goes along, and what a search or seeds chose.

    Args:
        folder: the model's, evaluated.
        target: does not exist, or is an empty folder; all or nothing is written.
        file: the role of the file that is kept, as of :func:`marsad.load`.

    Raises:
        DataError: the target holds something, or cannot be written.
        ModelError: a file is missing or was changed, or figures are of a file that stays behind.
    """
    folder.verify()
    role = choose_file(folder, file)
    _check_figures(folder, role)
    run = load_config(folder.require("run", "name a folder that `marsad train` wrote"))
    kept = {role, "heads"} if role == "weights" else {role}
    left = {folder[name] for name in _WEIGHTS - kept} | {folder["card"], folder["search"]}
    with new_folder(target) as scratch:
        for path in {*folder.present()} - left:
            copyfile(path, scratch / path.name)
        if found := read_search(folder, run):
            copyfile(found, ModelFolder(scratch)["search"])
        write_card(ModelFolder(scratch))
    return ModelFolder(target)


def _check_figures(folder: ModelFolder, role: str) -> None:
    """Refuse to state figures that the folder cannot show again.

    Raises:
        ModelError: an evaluation was read with another file.
    """
    name = ModelFolder.FILES[role]
    for evaluation in read_metrics(folder).evaluations.values():
        if evaluation.read_with != name:
            raise ModelError(
                f"{folder['metrics']}: the figures on {evaluation.data} are of "
                f"{evaluation.read_with}, not of {name}; evaluate the model on it again, "
                "or keep the other by --file"
            )
