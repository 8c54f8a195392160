"""Predicting: inputs through a reader into files, in groups, so that a run may break off anywhere.

Every input has one line in a journal, read or rejected. When all are there, the outputs are made of
it, each whole or not at all.
"""

import hashlib
import json
from collections.abc import Callable, Iterable, Iterator, Sequence
from dataclasses import asdict
from itertools import islice
from pathlib import Path

from marsad import __version__
from marsad.document import Document
from marsad.errors import DataError
from marsad.files import atomic_write
from marsad.inputs import STANDARD_INPUT, Found, Given, Rejected, read_inputs
from marsad.journal import Journal
from marsad.outputs import writer_of
from marsad.reader import Reader

GROUP = 32  # inputs that are read together
_REJECTED = "rejected"
_OPENING = f'{{"{_REJECTED}":'  # a document's line opens with its id

Answer = Document | Rejected
# Is shown each document as it is read.
Show = Callable[[Document], None]
# Passes groups of answers on, after a number of inputs that were answered before.
Watch = Callable[[Iterable[list[Answer]], int], Iterable[list[Answer]]]


def predict_into(
    outputs: Sequence[Path],
    reader: Reader,
    files: Sequence[Found],
    *,
    restart: bool = False,
    show: Show = lambda _: None,
    watch: Watch = lambda groups, _: groups,
) -> None:
    """Read all files into the outputs, from where an unfinished run of the same was.

    Args:
        outputs: each is written in the format that its ending names; at least one.
        reader: the model.
        files: what is to be read.
        restart: forget an unfinished run.
        show: is shown the documents that are read now.
        watch: passes on what is read, and may show how far it is.

    Raises:
        ConfigError: the journal is of another run.
        DataError: some input cannot be read; the others are, and the outputs written, unless none
            can.
    """
    journal = Journal(outputs[0], _record(reader, files), group=GROUP)
    done = journal.open(restart=restart or any(str(path) == STANDARD_INPUT for path, _ in files))
    inputs = islice(read_inputs(files), done, None)
    for group in watch(read_groups(reader, inputs), done):
        journal.append(map(_line, group))
        _show(group, show)
    rejected = list(_rejected_in(journal))
    if rejected and next(_documents_in(journal), None) is None:
        journal.remove()
        raise _refusal(rejected)
    for path in outputs:
        writer_of(path)(lambda: _documents_in(journal), path)
    aside = outputs[0].with_name(f"{outputs[0].name}.rejected.jsonl")
    _write_rejected(rejected, aside)
    journal.remove()
    if rejected:
        raise _refusal(rejected, f"; the reasons are in {aside}")


def predict_onto(show: Show, reader: Reader, files: Sequence[Found]) -> None:
    """Show what is read of all files.

    Raises:
        DataError: some input cannot be read; the others are.
    """
    rejected: list[Rejected] = []
    for group in read_groups(reader, read_inputs(files)):
        _show(group, show)
        rejected += (answer for answer in group if isinstance(answer, Rejected))
    if rejected:
        raise _refusal(rejected)


def read_groups(reader: Reader, inputs: Iterable[Given]) -> Iterator[list[Answer]]:
    """Yield the inputs in groups, what can be read as the reader reads it, in order."""
    rest = iter(inputs)
    while group := list(islice(rest, GROUP)):
        documents = [given for given in group if isinstance(given, Document)]
        read = reader.pipe(documents, batch_size=GROUP)
        yield [next(read) if isinstance(given, Document) else given for given in group]


def _show(group: Iterable[Answer], show: Show) -> None:
    for answer in group:
        if isinstance(answer, Document):
            show(answer)


def _line(answer: Answer) -> str:
    """Return an answer as a line of a journal."""
    if isinstance(answer, Document):
        return answer.to_json()
    return json.dumps({_REJECTED: asdict(answer)}, ensure_ascii=False)


def _documents_in(journal: Journal) -> Iterator[str]:
    """Yield the lines of the documents that were read."""
    return (line for line in journal.answers() if not line.startswith(_OPENING))


def _rejected_in(journal: Journal) -> Iterator[Rejected]:
    for line in journal.answers():
        if line.startswith(_OPENING):
            yield Rejected(**json.loads(line)[_REJECTED])


def _write_rejected(rejected: Sequence[Rejected], path: Path) -> None:
    """Write what was rejected, one a line; a file of an earlier run goes."""
    path.unlink(missing_ok=True)
    if rejected:
        with atomic_write(path) as out:
            out.writelines(f"{json.dumps(asdict(own), ensure_ascii=False)}\n" for own in rejected)


def _refusal(rejected: Sequence[Rejected], where: str = "") -> DataError:
    first, *others = rejected
    more = f" (and {len(others)} more that cannot be read)" if others else ""
    return DataError(f"{first.where}: {first.reason}{more}{where}")


def _record(reader: Reader, files: Sequence[Found]) -> dict[str, object]:
    """Return what must be the same for a run to go on.

    Standard input, which cannot be read twice, is named alone; such a run never goes on.
    """
    return {
        "version": __version__,
        "model": asdict(reader.stamp),
        "calibration": hashlib.sha256(repr(reader.calibration).encode()).hexdigest(),
        "inputs": [_identity(path) for path, _ in files],
    }


def _identity(path: Path) -> list[object]:
    if str(path) == STANDARD_INPUT:
        return [STANDARD_INPUT]
    state = path.stat()
    return [str(path), state.st_size, state.st_mtime_ns]
