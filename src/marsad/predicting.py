"""Predicting: inputs through a reader into files, in groups, so that a run may break off anywhere.

Every input has one line in a journal, read or rejected. When all are there, the outputs are made of
it, each whole or not at all.
"""

import hashlib
import json
from collections.abc import Callable, Iterable, Iterator, Sequence
from contextlib import ExitStack
from dataclasses import asdict, dataclass
from itertools import islice
from pathlib import Path

from marsad import __version__
from marsad.document import Document, parse_document
from marsad.errors import ConfigError, DataError
from marsad.files import atomic_write
from marsad.formats.brat import INDEX
from marsad.input_files import STANDARD_INPUT, Found
from marsad.inputs import Given, Rejected, read_inputs
from marsad.journal import Journal
from marsad.locking import alone
from marsad.outputs import (
    Fit,
    aside_of,
    is_filled,
    is_folder,
    places_of,
    remove_leftovers,
    writer_of,
)
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
        ConfigError: the journal is of another run, another process writes an output, or a folder
            that is to be written holds something.
        DataError: some input cannot be read; the others are, and the outputs written, unless none
            can.
    """
    with ExitStack() as held:
        for output in outputs:
            held.enter_context(alone(output, work="run"))
        journal = Journal(outputs[0], record_of(reader, files), group=GROUP)
        done = _open(journal, outputs, files, restart=restart)
        inputs = islice(read_inputs(files), done, None)
        try:
            fit = _fit_of(journal, outputs)
            for group in watch(read_groups(reader, inputs), done):
                fitting = [_fitting(answer, fit) for answer in group]
                journal.append(map(_line, fitting))
                _show(fitting, show)
        except ConfigError:  # the same command would fail the same way
            journal.remove()
            raise
        _finish(journal, outputs)


def _fit_of(journal: Journal, outputs: Sequence[Path]) -> Fit:
    """Return what says whether documents fit, told of those that were read before."""
    fit = Fit(outputs)
    for line in _documents_in(journal):
        fit.problem(parse_document(json.loads(line), "journal"))
    return fit


def _fitting(answer: Answer, fit: Fit) -> Answer:
    """Return an answer, or why no output that was asked for can hold it."""
    if isinstance(answer, Document) and (problem := fit.problem(answer)):
        return Rejected(f"document {answer.id!r}", problem)
    return answer


def _open(
    journal: Journal, outputs: Sequence[Path], files: Sequence[Found], *, restart: bool
) -> int:
    """Start or go on, with the leftovers of killed writers gone; return how much is answered.

    Raises:
        ConfigError: the journal is of another run, or a folder that is to be written holds
            something.
        DataError: nothing can be written there.
    """
    once = any(str(path) == STANDARD_INPUT for path, _ in files)
    for path in filter(is_folder, outputs):
        if is_filled(path) and (restart or once or not _is_placed(journal, path)):
            raise ConfigError(f"{path}: exists and is not an empty folder; name a new one")
    done = journal.open(restart=restart)
    if once:  # the same journal, but standard input cannot be read again
        done = journal.open(restart=True)
    for path in places_of(outputs):
        remove_leftovers(path)
    return done


def _finish(journal: Journal, outputs: Sequence[Path]) -> None:
    """Write the reasons, then the outputs.

    Raises:
        ConfigError: a page shall hold no document, or several.
        DataError: some input cannot be read, or an output cannot express a document.
    """
    aside = aside_of(outputs)
    tally = _Tally()
    for answer in _rejected_in(journal):
        tally.add(answer)
    _write_rejected(journal, aside, tally)
    nothing = next(_documents_in(journal), None) is None
    if nothing and tally.first:
        journal.remove()
        raise tally.refusal(f"; nothing was written but the reasons, in {aside}")
    try:
        for path in outputs:
            _write(journal, path)
    except ConfigError:
        if nothing:  # the same command would fail the same way
            journal.remove()
        raise
    journal.remove()
    if tally.first:
        raise tally.refusal(f"; the reasons are in {aside}")


def _write(journal: Journal, path: Path) -> None:
    """Write an output, unless it is a folder and there already."""
    if is_folder(path):
        if _is_placed(journal, path):
            return
        journal.begin(path)
    writer_of(path)(lambda: _documents_in(journal), path)


def _is_placed(journal: Journal, folder: Path) -> bool:
    """Say whether this run has put a folder in place before it was killed; then it is whole."""
    return journal.has_begun(folder) and (folder / INDEX).is_file()


def predict_onto(show: Show, reader: Reader, files: Sequence[Found]) -> None:
    """Show what is read of all files.

    Raises:
        DataError: some input cannot be read; the others are.
    """
    tally = _Tally()
    for group in read_groups(reader, read_inputs(files)):
        _show(group, show)
        for answer in group:
            if isinstance(answer, Rejected):
                tally.add(answer)
    if tally.first:
        raise tally.refusal()


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


def _write_rejected(journal: Journal, path: Path, tally: "_Tally") -> None:
    """Write what was rejected, one a line; a file of an earlier run goes."""
    if not tally.first:
        path.unlink(missing_ok=True)
        return
    with atomic_write(path) as out:
        for own in _rejected_in(journal):
            out.write(f"{json.dumps(asdict(own), ensure_ascii=False)}\n")


@dataclass
class _Tally:
    """How many inputs were rejected, and the first of them."""

    first: Rejected | None = None
    others: int = 0

    def add(self, rejected: Rejected) -> None:
        """Count one more."""
        if self.first is None:
            self.first = rejected
        else:
            self.others += 1

    def refusal(self, where: str = "") -> DataError:
        """Return the error that tells of them; there is one at least."""
        assert self.first is not None
        more = f" (and {self.others} more that cannot be read)" if self.others else ""
        return DataError(f"{self.first.where}: {self.first.reason}{more}{where}")


def record_of(reader: Reader, files: Sequence[Found]) -> dict[str, object]:
    """Return what must be the same for a run to go on.

    Standard input, which cannot be read twice, is named alone; such a run never goes on.
    """
    inputs = hashlib.sha256()
    for file in files:
        inputs.update(f"{json.dumps(_identity(*file))}\n".encode())
    return {
        "version": __version__,
        "model": asdict(reader.stamp),
        "calibration": hashlib.sha256(repr(reader.calibration).encode()).hexdigest(),
        "inputs": inputs.hexdigest(),
    }


def _identity(path: Path, id_: str) -> list[object]:
    if str(path) == STANDARD_INPUT:
        return [STANDARD_INPUT]
    try:
        state = path.stat()
    except OSError:  # gone by now; reading it will tell
        return [str(path), id_]
    return [str(path), id_, state.st_size, state.st_mtime_ns]
