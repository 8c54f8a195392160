"""Finished runs: each is trained once, found again, and may become the model of another folder."""

import json
import logging
from collections.abc import Iterator, Mapping
from contextlib import contextmanager
from functools import partial
from pathlib import Path
from shutil import copyfile, rmtree

from marsad.checkpoints import FOLDER as CHECKPOINTS
from marsad.checkpoints import Checkpoints, differing
from marsad.config import RunConfig, load_config, with_values
from marsad.errors import MarsadError, TrainingError
from marsad.files import atomic_write, read_records, sha256, write_json
from marsad.model_folder import ModelFolder
from marsad.processes import main_first
from marsad.training import run_record, train

log = logging.getLogger(__name__)

Record = dict[str, object]

SCORE = "eval_score"
_TRAINED = [
    role
    for role in ModelFolder.FILES
    if role not in {"card", "metrics", "onnx", "onnx_int8", "onnx_fp16"}
]
_NEEDED = {"run", "log", "config", "weights"}
_STAGED = ".adopted"  # in the folder itself, so that a rename is enough


def train_once(config: RunConfig, *, restart: bool = False) -> ModelFolder:
    """Train a run, unless its folder holds it already: finished, and of the same data.

    What the run is made of is kept beside its folder, ``NAME.json`` beside ``NAME``.

    Args:
        config: the run.
        restart: forget an unfinished run.

    Raises:
        MarsadError: what :func:`marsad.training.train` raises.
        ModelError: the folder holds it, but with a file that was changed since.
    """
    with main_first():
        record, known = run_record(config), _known(config.output)
        finished = known == record and is_finished(config)
        if finished:
            log.info("%s: trained before", config.output)
            Checkpoints(config.output / CHECKPOINTS).remove()  # killed on its very last step
            _restate(ModelFolder(config.output), config)
    if finished:
        return ModelFolder(config.output)
    return train(config, restart=restart, begun=partial(_begin, config.output, known, record))


def _known(output: Path) -> Record:
    """Return what the run of a folder is, or was when it was killed, made of; empty of none."""
    path = _record_of(output)
    known: Record = json.loads(path.read_text(encoding="utf-8")) if path.exists() else {}
    return known


def _record_of(output: Path) -> Path:
    return output.parent / f"{output.name}.json"


def _begin(output: Path, known: Record, record: Record) -> None:
    """Write down that a run begins; what is there of another must not pass for this one."""
    if known == record:
        return
    folder = ModelFolder(output)
    if (sums := folder.path / ModelFolder.CHECKSUMS).exists():
        lost = f"there is no {_record_of(output)}"
        _say_why(folder, _difference(known, record) if known else lost)
        sums.unlink()
    write_json(_record_of(output), record)


def is_finished(config: RunConfig) -> bool:
    """Say whether the folder of a run holds what the run's training ends with, undamaged.

    Values that do not change training may differ. If it holds something else, the log says what.
    """
    folder = ModelFolder(config.output)
    if not (folder.path / ModelFolder.CHECKSUMS).exists():
        return False
    reason = _why_not(folder, config)
    if reason:
        _say_why(folder, reason)
    return not reason


def _why_not(folder: ModelFolder, config: RunConfig) -> str:
    """Return why a model is not what a run's training ends with; nothing if it is."""
    sums = (folder.path / ModelFolder.CHECKSUMS).read_text(encoding="utf-8")
    listed = {line.rpartition("  ")[2] for line in sums.splitlines()}
    wanted = [role for role in _TRAINED if role in _NEEDED or ModelFolder.FILES[role] in listed]
    for path in (folder[role] for role in wanted):
        if not path.exists():
            return f"{path.name} is missing"
    try:
        folder.verify(*wanted)
        return _difference(run_record(load_config(folder["run"])), run_record(config))
    except (MarsadError, OSError) as error:  # also of a corpus that is gone
        return str(error)


def _difference(theirs: Mapping[str, object], ours: Mapping[str, object]) -> str:
    changed = differing(theirs, ours)
    return f"it differs in {', '.join(changed)}" if changed else ""


def _say_why(folder: ModelFolder, reason: str) -> None:
    log.warning("%s: made anew, for %s", folder.path, reason)


def _restate(folder: ModelFolder, config: RunConfig) -> None:
    """Let a finished run's file say the values of today; those that change training are the same.

    Raises:
        ModelError: a file was changed since the checksums were written.
    """
    if folder["run"].read_text(encoding="utf-8") == config.to_yaml():
        return
    folder.verify()
    with atomic_write(folder["run"]) as out:
        out.write(config.to_yaml())
    folder.write_checksums()


def best_scoring(folder: ModelFolder) -> dict[str, float]:
    """Return the figures of the scoring that a run's weights are of: the first of the best.

    Raises:
        DataError: the run's log is missing or damaged.
    """
    lines = [line for _, line in read_records(folder["log"]) if SCORE in line]
    best = max(lines, key=lambda line: float(line[SCORE]))
    return {name: value for name, value in best.items() if name.startswith("eval_")}


def adopt(run: RunConfig, output: Path) -> ModelFolder:
    """Make a finished run the model of another folder, unless it is that already.

    The older model is left as it is until all of the new one has been copied.

    Raises:
        TrainingError: the new one cannot be copied.
    """
    own, folder = ModelFolder(run.output), ModelFolder(output)
    adopted = with_values(run, {"output": str(output)})
    if not _is_adopted(folder, own, adopted):
        with staging(folder) as staged:
            _copy(own, staged, adopted)
            folder.replace_with(staged)
    return folder


def _is_adopted(folder: ModelFolder, own: ModelFolder, adopted: RunConfig) -> bool:
    return (
        is_finished(adopted)
        and folder["run"].read_text(encoding="utf-8") == adopted.to_yaml()
        and sha256(folder["weights"]) == sha256(own["weights"])
    )


def _copy(own: ModelFolder, staged: ModelFolder, adopted: RunConfig) -> None:
    for path in own.present():
        copyfile(path, staged.path / path.name)
    with atomic_write(staged["run"]) as out:
        out.write(adopted.to_yaml())
    staged.write_checksums()


@contextmanager
def staging(folder: ModelFolder) -> Iterator[ModelFolder]:
    """Yield an empty folder within another, for a model that is to replace the other's.

    Raises:
        TrainingError: it cannot be written.
    """
    staged = ModelFolder(folder.path / _STAGED)
    rmtree(staged.path, ignore_errors=True)  # of a process that was killed
    try:
        staged.path.mkdir(parents=True)
        yield staged
    except OSError as error:
        raise TrainingError(
            f"{folder.path}: the model cannot be written ({error.strerror}); "
            "mend that, or free some space, and run the same command again"
        ) from error
    finally:
        rmtree(staged.path, ignore_errors=True)
