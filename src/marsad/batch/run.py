"""A run over parts: which are to do, and what is there when all are done.

Parts are files of their own, each written whole or not at all, so a run that broke off goes on with
those that are missing, and it does not matter who reads which, or twice.
"""

import json
from collections.abc import Callable, Iterable, Sequence
from functools import partial
from itertools import chain
from pathlib import Path

from marsad.batch.parts import Part, cut
from marsad.batch.table import count_problems, write_part
from marsad.checkpoints import differing
from marsad.errors import ConfigError, DataError
from marsad.files import remove_leftovers, write_json
from marsad.input_files import Found
from marsad.locking import alone
from marsad.predicting import read_groups, record_of
from marsad.reader import Reader

PLAN = "_plan.json"  # a name that readers of parquet folders pass over
_LOCK = ".lock"
_FILE, _FILES = "part-{:06d}.parquet", "part-*.parquet"

# Reads parts, in any order, and yields the number of each when its file is there.
Engine = Callable[[Sequence[Part]], Iterable[int]]
# Passes on what is done, of so many, and may show how far that is.
Watch = Callable[[Iterable[int], int], Iterable[int]]


def run(
    files: Sequence[Found],
    output: Path,
    reader: Reader,
    engine: Engine,
    *,
    size: int,
    restart: bool = False,
    watch: Watch = lambda done, _: done,
) -> None:
    """Read all files into parquet files in a folder, from where an unfinished run of the same was.

    Args:
        files: what is to be read.
        output: the folder.
        reader: the model, as the engine's readers have it.
        engine: reads parts.
        size: documents in a part.
        restart: forget what another run left in the folder.
        watch: passes on what is done, of so many.

    Raises:
        ConfigError: the folder holds something else, or another process writes it.
        DataError: some documents cannot be read; all others are.
    """
    if output.exists() and not output.is_dir():
        raise ConfigError(f"{output}: is a file; name a folder")
    try:
        output.mkdir(parents=True, exist_ok=True)
    except OSError as error:
        raise DataError(f"{output}: cannot be made ({error.strerror}); name another") from None
    with alone(output, work="run", lock=output / _LOCK):
        _open(output, {**record_of(reader, files), "size": size}, restart=restart)
        parts = cut(files, size)
        missing = [part for part in parts if not part_file(output, part.number).exists()]
        for _ in watch(engine(missing), len(missing)):
            pass
        problems = sum(count_problems(part_file(output, part.number)) for part in parts)
    if problems:
        raise DataError(
            f"{output}: {problems} documents cannot be read; "
            "the columns `where` and `problem` say which and why"
        )


def _open(output: Path, record: dict[str, object], *, restart: bool) -> None:
    """Begin in a folder, or go on in it.

    Raises:
        ConfigError: it holds something else.
    """
    plan = output / PLAN
    remove_leftovers(plan)
    theirs = _planned(plan) if plan.exists() else None
    if theirs == record and not restart:
        return
    if theirs is None and any(path.name != _LOCK for path in output.iterdir()):
        raise ConfigError(f"{output}: holds something else; name a new folder")
    if theirs is not None and not restart:
        raise ConfigError(
            f"{output}: holds a run that differs in {', '.join(differing(theirs, record))}; "
            "name another folder, or give --restart"
        )
    for old in (*output.glob(_FILES), *output.glob(f".{_FILES}")):
        old.unlink()
    write_json(plan, record)


def _planned(plan: Path) -> dict[str, object]:
    """Return what a folder is of.

    Raises:
        ConfigError: that is not said in a way that can be read.
    """
    try:
        theirs = json.loads(plan.read_bytes())
    except ValueError:
        theirs = None
    if not isinstance(theirs, dict):
        raise ConfigError(f"{plan}: not a plan of a batch; name a new folder")
    return theirs


def part_file(output: Path, number: int) -> Path:
    """Return the path of a part's file."""
    return output / _FILE.format(number)


def read_part(reader: Reader, output: Path, part: Part) -> int:
    """Read a part into its file, and return its number."""
    path = part_file(output, part.number)
    remove_leftovers(path)  # of a reader that was killed
    write_part(path, chain.from_iterable(read_groups(reader, part.read())))
    return part.number


def locally(reader: Reader, output: Path) -> Engine:
    """Return an engine that reads one part after another in this process, on all of its cores."""
    return partial(map, partial(read_part, reader, output))
