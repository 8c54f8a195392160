"""A joint model as folders of one task each, which transformers loads by itself.

The entity half is any token classifier. An event head that reads a sentence's first token alone
(``model.pooling: first``) is a text classifier too; one that weighs all tokens of a sentence for
each type has no class in transformers.
"""

import shutil
from dataclasses import replace
from pathlib import Path

from marsad.errors import ModelError
from marsad.files import new_folder
from marsad.model_folder import ModelFolder, read_settings
from marsad.modeling import MarsadModel, load_model, save_model
from marsad.sections import ModelConfig
from marsad.tasks import Task

HALVES: dict[str, Task] = {"entities": "ner", "events": "events"}
COPIED = ("labels", "tokenizer", "tokenizer_config", "calibration")


def split(folder: ModelFolder, target: Path) -> list[ModelFolder]:
    """Write ``target/entities`` and, where transformers can say the same, ``target/events``.

    Each is a model folder of ours as well, with the weights alone; all or nothing is written.

    Raises:
        DataError: the target exists and is not an empty folder.
        ModelError: the model is not joint, or its encoder has no class for a half.
    """
    tasks = dict(HALVES)
    if read_settings(folder).pooling != "first":
        del tasks["events"]
    with new_folder(target) as scratch:
        for name, task in tasks.items():
            write_half(folder, task, scratch / name)
    return [ModelFolder(target / name) for name in tasks]


def write_half(folder: ModelFolder, task: Task, path: Path) -> None:
    """Write one task of a joint model as a folder.

    Events whose head weighs all tokens are written too, and read by us as ever; transformers would
    read the first token with the same matrices: the same work, but other answers.

    Raises:
        ModelError: the model is not joint, or transformers has no class for its encoder and task.
    """
    settings = read_settings(folder)
    if settings.task != "joint":
        raise ModelError(f"{folder.path}: reads {settings.task} alone; there is nothing to split")
    whole = load_model(folder, settings)
    half = MarsadModel(whole.encoder, task, ModelConfig(crf=whole.crf is not None))
    own = half.state_dict()
    half.load_state_dict({name: v for name, v in whole.state_dict().items() if name in own})
    made = ModelFolder(path)
    path.mkdir(parents=True)
    save_model(half, made, replace(settings, task=task))
    for role in COPIED:
        if folder[role].exists():
            shutil.copyfile(folder[role], made[role])
    made.write_checksums()
