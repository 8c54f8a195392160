"""The public sample of Wojood: its validation file as a benchmark on the labels that we share.

Jarrar et al. 2022, "Wojood: Nested Arabic Named Entity Corpus and Recognition using BERT".
https://github.com/SinaLab/ArabicNER
"""

from collections import Counter
from collections.abc import Iterable, Iterator, Sequence
from itertools import groupby
from pathlib import Path

from marsad.benchmarks.benchmark import Annotated, Benchmark, Publication
from marsad.benchmarks.tokens import sentence_document
from marsad.document import Document
from marsad.errors import DataError
from marsad.files import read_text, sha256
from marsad.formats.bio import Chunk
from marsad.labels import OUTSIDE, scheme
from marsad.scoring.ruler import Ruler

FOLDER = Path("wojood_sample")
NAMES = scheme().sources["wojood"].entities
SHARED = {name: own[0] for name, own in NAMES.items() if own}
NOT_SHARED = tuple(name for name, own in NAMES.items() if not own)
_SEPARATOR = "$#$"

PUBLICATION = Publication(
    title="Wojood, the public sample",
    source="wojood",
    labels=f"nested named entities ({len(NAMES)} types)",
    citation="Jarrar, Khalilia and Ghanem 2022",
    licence="MIT",
    url="https://github.com/SinaLab/ArabicNER",
)


def read_benchmark(source: Path) -> Benchmark:
    """Read the validation file; of nested mentions the longest counts.

    Raises:
        DataError: the file is missing or malformed.
    """
    path = source / FOLDER / "val.txt"
    defects: Counter[str] = Counter()
    documents = list(read_documents(path, defects))
    found = dict(defects)  # a plain one, for `dataclasses.asdict` makes other counts of a Counter
    return Benchmark("public:wojood", documents, ruler(), sha256(path), "sentences", found)


def ruler() -> Ruler:
    """Return the ruler: the labels that both schemes share, under our names."""
    names = {**SHARED, **dict.fromkeys(NOT_SHARED, OUTSIDE)}
    own = {"MIL": "ORG", "WEA": OUTSIDE}  # Wojood has no label for armed sides
    shared = tuple(dict.fromkeys(SHARED.values()))
    return Ruler("wojood", entities=shared, entity_map={**names, **own}, whole_tokens=True)


def read_documents(path: Path, defects: Counter[str]) -> Iterator[Document]:
    """Yield a document a sentence, with the mentions that both schemes share, under our names.

    Args:
        path: the file.
        defects: what was left out is counted here.

    Raises:
        DataError: a tag is not of the corpus.
    """
    for id_, tokens, nested in _read_sentences(path, defects):
        shared = [c._replace(label=SHARED[c.label]) for c in nested if c.label in SHARED]
        defects["mentions of labels not shared"] += len(nested) - len(shared)
        yield sentence_document(id_, tokens, _longest(shared, defects))


def read_training(source: Path) -> list[Annotated]:
    """Read the training file, labels as Wojood names them.

    Of nested mentions the longest of a shared label counts; those of labels that are not shared
    stay on the words that lie in none of these.

    Raises:
        DataError: the file is missing or malformed.
    """
    documents = []
    for id_, tokens, nested in _read_sentences(source / FOLDER / "train.txt", Counter()):
        shared = list(_longest([c for c in nested if c.label in SHARED], Counter()))
        others = [c for c in nested if c.label in NOT_SHARED]
        rest = [own for c in _longest(others, Counter()) for own in _outside(c, shared)]
        chunks = [*shared, *rest]
        documents.append(Annotated(sentence_document(id_, tokens, chunks), "wojood"))
    return documents


def _read_sentences(
    path: Path, defects: Counter[str]
) -> Iterator[tuple[str, list[str], list[Chunk]]]:
    """Yield id, tokens and mentions: a token and its tags a line, a blank line after a sentence."""
    lines = [line.split() for line in read_text(path).split("\n")]
    sentences = (list(rows) for filled, rows in groupby(lines, key=bool) if filled)
    for number, sentence in enumerate(sentences, start=1):
        rows = [row for row in sentence if row[0] != _SEPARATOR]
        defects["separators dropped"] += len(sentence) - len(rows)
        if rows:
            nested = list(_mentions([row[1:] for row in rows], path, defects))
            yield f"wojood-{number}", [row[0] for row in rows], nested


def _mentions(tags: Sequence[Sequence[str]], path: Path, defects: Counter[str]) -> Iterator[Chunk]:
    """Yield every mention: a ``B-X`` and the ``I-X`` of the same label that follow it."""
    for first, row in enumerate(tags):
        for tag in row:
            kind, _, label = tag.partition("-")
            if tag != OUTSIDE and label not in (*SHARED, *NOT_SHARED):
                raise DataError(f"{path}: tag {tag!r} is not Wojood's; give its own file")
            if kind == "B":
                last = first
                while last + 1 < len(tags) and f"I-{label}" in tags[last + 1]:
                    last += 1
                yield Chunk(first, last, label)
            elif kind == "I" and not (first and _goes_on(tags[first - 1], label)):
                defects["stray I- tags, dropped"] += 1


def _goes_on(before: Sequence[str], label: str) -> bool:
    return f"B-{label}" in before or f"I-{label}" in before


def _longest(nested: Sequence[Chunk], defects: Counter[str]) -> Iterator[Chunk]:
    """Yield mentions that lie in no other."""
    kept: list[Chunk] = []
    for chunk in sorted(nested, key=lambda c: (c.first - c.last, c.first)):
        if not _touches(chunk, kept):
            kept.append(chunk)
    defects["nested mentions left out"] += len(nested) - len(kept)
    yield from kept


def _outside(chunk: Chunk, others: Sequence[Chunk]) -> Iterator[Chunk]:
    """Yield the runs of a mention's tokens that lie in no other mention."""
    tokens = range(chunk.first, chunk.last + 1)
    for free, run in groupby(tokens, key=lambda i: not _touches(Chunk(i, i, ""), others)):
        if free:
            first, *more = run
            yield Chunk(first, (more or [first])[-1], chunk.label)


def _touches(chunk: Chunk, others: Iterable[Chunk]) -> bool:
    return any(chunk.first <= o.last and o.first <= chunk.last for o in others)
