"""ANERcorp in the split of CAMeL Lab: the test file, scored strictly on tokens.

Benajiba et al. 2007, "ANERsys: An Arabic Named Entity Recognition System Based on Maximum Entropy";
split by Obeid et al. 2020, "CAMeL Tools". https://camel.abudhabi.nyu.edu/anercorp/ . Published
figures differ by points because other splits are in use, so a file of another size is refused.
"""

from collections.abc import Iterator, Sequence
from itertools import groupby
from pathlib import Path

from marsad.benchmarks.benchmark import Benchmark
from marsad.benchmarks.tokens import sentence_document
from marsad.document import Document
from marsad.errors import DataError
from marsad.files import read_text, sha256
from marsad.formats.bio import Tagged, find_chunks
from marsad.labels import scheme
from marsad.scoring.ruler import Ruler

FILE = Path("anercorp") / "camel_test.txt"
SENTENCES = 925
LABELS = ("PERS", "LOC", "ORG", "MISC")


def read_benchmark(source: Path) -> Benchmark:
    """Read the test file.

    A stray ``I-X`` begins a mention, as ``conlleval`` and seqeval's default read it.

    Raises:
        DataError: the file is missing or malformed, or is not the CAMeL split.
    """
    path = source / FILE
    stray: list[str] = []
    documents = [_document(i, rows, stray) for i, rows in enumerate(_sentences(path), start=1)]
    if len(documents) != SENTENCES:
        raise DataError(
            f"{path}: {len(documents)} sentences, and the CAMeL split's test file has "
            f"{SENTENCES}; figures on another split cannot be compared"
        )
    defects = {"stray I- tags, read as B-": len(stray)}
    return Benchmark("public:anercorp", documents, ruler(), sha256(path), "sentences", defects)


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
