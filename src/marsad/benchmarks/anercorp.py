"""ANERcorp in the split of CAMeL Lab: the test file as a benchmark, and the training file.

Benajiba et al. 2007, "ANERsys: An Arabic Named Entity Recognition System Based on Maximum Entropy";
split by Obeid et al. 2020, "CAMeL Tools". https://camel.abudhabi.nyu.edu/anercorp/ . Published
figures differ by points because other splits are in use, so a file of another size is refused; a
training file of another split may hold sentences of the test. One of fewer sentences than the test
file is no split but an excerpt, which is learnt from as it is.
"""

from collections.abc import Iterator, Sequence
from dataclasses import replace
from itertools import groupby
from pathlib import Path

from marsad.benchmarks.benchmark import Annotated, Benchmark, Publication
from marsad.benchmarks.tokens import joined_document, sentence_document
from marsad.document import Document
from marsad.errors import DataError
from marsad.files import read_text, sha256
from marsad.formats.bio import Tagged, find_chunks
from marsad.labels import scheme
from marsad.scoring.ruler import Ruler
from marsad.splits import bucket_of

FOLDER = Path("anercorp")
SENTENCES, TRAINING_SENTENCES = 925, 3973
LABELS = tuple(scheme().sources["anercorp"].entities)
BLOCK = 40  # neighbouring sentences that stay together: the corpus does not say where articles end
DEV_BUCKETS = 10  # blocks in the first of so many are the dev part, which the split lacks

PUBLICATION = Publication(
    title="ANERcorp in the CAMeL Lab split",
    source="anercorp",
    labels=f"named entities ({', '.join(LABELS)})",
    citation="Benajiba et al. 2007; Obeid et al. 2020",
    licence="CC BY-SA 4.0, on request, for that benchmark only",
    url="https://camel.abudhabi.nyu.edu/anercorp/",
    share_alike="cc-by-sa-4.0",
)


def read_benchmark(source: Path) -> Benchmark:
    """Read the test file.

    A stray ``I-X`` begins a mention, as ``conlleval`` and seqeval's default read it.

    Raises:
        DataError: the file is missing or malformed, or is not the CAMeL split.
    """
    path = source / FOLDER / "camel_test.txt"
    stray: list[str] = []
    documents = _read(path, stray)
    if len(documents) != SENTENCES:
        raise DataError(
            f"{path}: {len(documents)} sentences, and the CAMeL split's test file has "
            f"{SENTENCES}; figures on another split cannot be compared"
        )
    defects = {"stray I- tags, read as B-": len(stray)}
    return Benchmark("public:anercorp", documents, ruler(), sha256(path), "sentences", defects)


def in_context(benchmark: Benchmark) -> Benchmark:
    """Return a benchmark of this corpus whose sentences are read among their neighbours.

    Published figures are mostly of sentences read alone.
    """
    blocks = [joined_document(id_, own) for id_, own in _blocks(benchmark.documents)]
    data = f"{benchmark.data}+context"
    return replace(benchmark, data=data, documents=blocks, unit="documents")


def read_dev(source: Path) -> Benchmark:
    """Read the dev part: 15 of the 100 blocks of neighbouring sentences in the training file.

    Raises:
        DataError: the file is missing or malformed, or is not the CAMeL split.
    """
    path = _training_file(source)
    stray: list[str] = []
    documents = [d for d in _read_training(path, stray) if _is_dev(d)]
    defects = {"stray I- tags in the file, read as B-": len(stray)}
    return Benchmark("public:anercorp-dev", documents, ruler(), sha256(path), "sentences", defects)


def read_training(source: Path) -> list[Annotated]:
    """Read the training file without the dev part.

    Raises:
        DataError: the file is missing or malformed, or is not the CAMeL split.
    """
    documents = _read_training(_training_file(source), [])
    return [Annotated(document, "anercorp") for document in documents if not _is_dev(document)]


def read_training_in_context(source: Path) -> list[Annotated]:
    """Read the same in blocks of neighbouring sentences.

    Raises:
        DataError: as from :func:`read_training`.
    """
    documents = [annotated.document for annotated in read_training(source)]
    return [Annotated(joined_document(id_, own), "anercorp") for id_, own in _blocks(documents)]


def _blocks(documents: Sequence[Document]) -> Iterator[tuple[str, Iterator[Document]]]:
    for block, own in groupby(documents, key=_block_of):
        yield f"anercorp-block-{block}", own


def _block_of(document: Document) -> int:
    return (int(document.id.rpartition("-")[2]) - 1) // BLOCK


def _is_dev(document: Document) -> bool:
    return bucket_of(f"anercorp-train-{_block_of(document)}", DEV_BUCKETS) == 0


def _training_file(source: Path) -> Path:
    return source / FOLDER / "camel_train.txt"


def _read_training(path: Path, stray: list[str]) -> list[Document]:
    documents = _read(path, stray)
    if len(documents) >= SENTENCES and len(documents) != TRAINING_SENTENCES:
        raise DataError(
            f"{path}: {len(documents)} sentences, and the CAMeL split's training file has "
            f"{TRAINING_SENTENCES}; that of another split may hold sentences of the test"
        )
    return documents


def _read(path: Path, stray: list[str]) -> list[Document]:
    return [_document(i, rows, stray) for i, rows in enumerate(_sentences(path), start=1)]


def ruler() -> Ruler:
    """Return the ruler: our labels roll up to the corpus's four."""
    names = {name: "PERS" if c == "PER" else c for name, c in scheme().conll_of.items()}
    return Ruler("anercorp", entities=LABELS, entity_map=names, whole_tokens=True)


def _sentences(path: Path) -> Iterator[list[tuple[str, list[str]]]]:
    """Yield the rows of each sentence: place and columns."""
    lines = enumerate(read_text(path).split("\n"), start=1)
    rows = ((f"{path}:{number}", line.split()) for number, line in lines)
    for filled, sentence in groupby(rows, key=lambda row: bool(row[1])):
        if filled:
            yield list(sentence)


def _document(number: int, rows: Sequence[tuple[str, list[str]]], stray: list[str]) -> Document:
    for where, columns in rows:
        if len(columns) != 2:
            raise DataError(
                f"{where}: {len(columns)} columns, not token and tag; take the file anew"
            )
    tags = (Tagged(where, columns[1]) for where, columns in rows)
    tokens = [columns[0] for _, columns in rows]
    return sentence_document(f"anercorp-{number}", tokens, find_chunks(tags, stray))
