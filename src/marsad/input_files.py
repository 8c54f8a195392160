"""Which files are to be read: those that are named, and those of folders.

A folder gives no file that marsad wrote: answers would be read as articles.
"""

import json
import logging
from collections.abc import Iterable, Set
from pathlib import Path

from marsad.errors import DataError

log = logging.getLogger(__name__)

STANDARD_INPUT = "-"
LINES, PARQUET = ".jsonl", ".parquet"
ENDINGS = (".txt", LINES, PARQUET)  # of the files that are read in a folder
REJECTED = ".rejected.jsonl"  # ends the names of files of reasons, which no folder gives
_OF_ANSWERS = {"problem", "where", "coverage"}  # columns by which rows of ours are known

Found = tuple[Path, str]  # a file, and the id of the text in it


def find_files(paths: Iterable[Path], *, apart: Iterable[Path] = ()) -> list[Found]:
    """Return the files of the paths, folders opened, each with the id of the text in it.

    A folder does not give what is hidden in it, nor files of reasons or answers of earlier runs.

    Args:
        paths: files, folders and ``-``.
        apart: files and folders that are to be written, and so no folder gives.

    Raises:
        DataError: a path does not exist, a folder has no file that can be read, or one that is to
            be written and holds no answers; or two texts would have one id, or one is given twice.
    """
    found: list[Found] = []
    skipped = {path.resolve() for path in apart}
    for path in paths:
        if path.is_dir():
            inside = _inside(path, skipped)
            if not inside:
                raise DataError(f"{path}: no {', '.join(ENDINGS)} file in this folder")
            found += [(own, own.relative_to(path).with_suffix("").as_posix()) for own in inside]
        elif str(path) == STANDARD_INPUT:
            found.append((path, "stdin"))
        elif not path.exists():
            raise DataError(f"{path}: no such file; check the path")
        else:
            found.append((path, path.stem))
    _check_ids(found)
    return found


def _check_ids(found: Iterable[Found]) -> None:
    """Refuse texts that would have one id: nobody could tell their records apart."""
    known: dict[str, Path] = {}
    once: set[Path] = set()
    for path, id_ in found:
        if path in once:
            raise DataError(f"{path}: is given twice; name it once")
        once.add(path)
        if is_text(path) and known.setdefault(id_, path) != path:
            raise DataError(
                f"{path}: would have the id {id_!r}, as {known[id_]} has; name the folder above "
                "both, whose names are part of the ids, or rename one"
            )


def _inside(folder: Path, skipped: Set[Path]) -> list[Path]:
    """Return the files of a folder that can be read, in order."""
    resolved = folder.resolve()

    def wanted(path: Path) -> bool:
        own = path.relative_to(folder)
        if own.name.endswith(REJECTED) or any(part.startswith(".") for part in own.parts):
            return False
        place = resolved / own
        return skipped.isdisjoint(place.parents) and path.is_file()

    found = sorted(p for p in folder.rglob("*") if ending_of(p) in ENDINGS and wanted(p))
    answers = {path for path in found if _has_answers(path)}
    for path in found:
        if path.resolve() in skipped and path not in answers:
            raise DataError(
                f"{path}: would be written over, and holds no answers of a model; name another"
            )
    others = [path for path in answers if path.resolve() not in skipped and path.stat().st_size]
    articles = [path for path in found if path not in answers]
    if others and not articles:
        raise DataError(f"{folder}: holds answers of a model alone; name the files to read them")
    if others:
        log.warning("%s: left out %d files of a model's answers", folder, len(others))
    return articles


def _has_answers(path: Path) -> bool:
    """Say whether a file holds documents as a model read them, by the first; or nothing at all."""
    try:
        if ending_of(path) == PARQUET:
            return {*_columns_of(path)} >= _OF_ANSWERS
        if ending_of(path) != LINES:
            return False
        with path.open("rb") as lines:
            line = next(filter(bytes.strip, lines), b'{"model": {}}')
        record = json.loads(line.decode("utf-8-sig"))
    except (OSError, ValueError, RecursionError):  # said when it is read
        return False
    return isinstance(record, dict) and isinstance(record.get("model"), dict)


def _columns_of(path: Path) -> list[str]:
    try:
        from pyarrow import ArrowException
        from pyarrow.parquet import read_schema
    except ModuleNotFoundError:
        return []  # said when it is read
    try:
        names: list[str] = read_schema(path).names
    except (ArrowException, OSError):  # likewise
        return []
    return names


def ending_of(path: Path) -> str:
    """Return what the name of an input ends with, in small letters: it says what the file holds."""
    return path.suffix.lower()


def is_text(path: Path) -> bool:
    """Say whether an input is one text, and not lines or rows with ids of their own."""
    return ending_of(path) not in (LINES, PARQUET)
