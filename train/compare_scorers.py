"""Put one model's predictions through several scorers: ``compare_scorers.py MODEL DATA``.

Needs nervaluate (``pip install 'marsad[dev]'``). docs/scoring.md reads its table.
"""

import sys
import warnings
from collections.abc import Iterator, Sequence
from pathlib import Path

from nervaluate.entities import Entity
from nervaluate.strategies import (
    EntityTypeEvaluation,
    EvaluationStrategy,
    ExactEvaluation,
    PartialEvaluation,
    StrictEvaluation,
)
from seqeval.metrics import f1_score
from seqeval.scheme import IOB2

from marsad.benchmarks import open_benchmark
from marsad.document import Document
from marsad.errors import MarsadError
from marsad.scoring import own_ruler, score
from marsad.scoring.tokens import word_tags
from marsad.systems import ask_system
from marsad.text.words import find_words

STRATEGIES: dict[str, EvaluationStrategy] = {
    "strict": StrictEvaluation(),
    "exact": ExactEvaluation(),
    "partial": PartialEvaluation(),
    "type": EntityTypeEvaluation(),
}
LENGTHS = (16, 32, 64)  # words that a tagger of cut sentences reads

Documents = Sequence[Document]


def main(model: str, data: str) -> int:
    """Print a row a scorer; return the exit code."""
    try:
        benchmark = open_benchmark(data)
        own = ask_system(Path(model), benchmark.documents).documents
    except MarsadError as error:
        print(f"marsad: {error}", file=sys.stderr)
        return 2
    for row in _rows(benchmark.documents, own):
        print(row)
    return 0


def _rows(gold: Documents, own: Documents) -> Iterator[str]:
    entities = score(gold, own, entities=True, events=False).entities
    assert entities is not None
    yield "| scorer | micro F1 |\n|---|---:|"
    for mode, table in entities.modes.items():
        yield f"| marsad, {mode} | {table.micro.f1:.4f} |"
    for name, strategy in STRATEGIES.items():
        yield f"| nervaluate, {name} | {_nervaluate(strategy, gold, own):.4f} |"
    tags = [[tags for d in side for tags in _sentence_tags(d)] for side in (gold, own)]
    yield f"| seqeval, strict | {f1_score(*tags, mode='strict', scheme=IOB2):.4f} |"
    with warnings.catch_warnings():
        warnings.simplefilter("ignore")
        yield f"| seqeval, default | {f1_score(*tags):.4f} |"
    for length in LENGTHS:
        cut = [[sentence[:length] for sentence in side] for side in tags]
        figure = f1_score(*cut, mode="strict", scheme=IOB2)
        yield f"| seqeval, strict, labels cut to {length} words | {figure:.4f} |"
        unread = [_cut(document, length) for document in own]
        honest = score(gold, unread, entities=True, events=False).tables["entities"].micro.f1
        yield f"| marsad, strict, the same predictions | {honest:.4f} |"


def _nervaluate(strategy: EvaluationStrategy, gold: Documents, own: Documents) -> float:
    """Return the micro F1 over all documents; its ends are inclusive."""
    correct = partial = actual = possible = 0
    names = list(own_ruler().entities)
    for pair in zip(gold, own, strict=True):
        sides = [[Entity(e.label, e.start, e.end - 1) for e in d.entities] for d in pair]
        result, _ = strategy.evaluate(*sides, names)
        correct += result.correct
        partial += result.partial
        possible += len(sides[0])
        actual += len(sides[1])
    return 2 * (correct + 0.5 * partial) / max(actual + possible, 1)


def _sentence_tags(document: Document) -> Iterator[list[str]]:
    words, tags = find_words(document.text), word_tags(document)
    for sentence in document.sentences:
        inside = (words[:, 0] >= sentence.start) & (words[:, 1] <= sentence.end)
        yield [tag for tag, is_inside in zip(tags, inside, strict=True) if is_inside]


def _cut(document: Document, length: int) -> Document:
    """Drop the mentions that end behind the first words of their sentence."""
    words = find_words(document.text)
    kept = []
    for sentence in document.sentences:
        own = words[(words[:, 0] >= sentence.start) & (words[:, 1] <= sentence.end)]
        limit = own[:length][-1, 1] if len(own) else sentence.end
        kept += [e for e in document.entities_in(sentence) if e.end <= limit]
    return Document(document.id, document.text, document.sentences, tuple(kept))


if __name__ == "__main__":
    if len(sys.argv) != 3:
        sys.exit("usage: python train/compare_scorers.py MODEL DATA")
    sys.exit(main(*sys.argv[1:]))
