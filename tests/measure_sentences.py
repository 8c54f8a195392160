"""Measure the sentence splitter: ``python -m tests.measure_sentences``.

The annotated sentences of the corpus and of the Daraa article are what it should find.
"""

from collections.abc import Iterable
from pathlib import Path

import numpy as np

from marsad.corpus import read_corpus
from marsad.document import Document
from marsad.scoring import Score
from marsad.text.sentences import split_sentences
from tests.conftest import CORPUS, ROOT


def score_splitter(documents: Iterable[Document]) -> Score:
    """Score sentences by their exact start and end."""
    right = support = predicted = 0
    for document in documents:
        gold = {(s.start, s.end) for s in document.sentences}
        own = set(split_sentences(document.text))
        right += len(gold & own)
        support += len(gold)
        predicted += len(own)
    return Score.of(np.array([right, support, right, predicted], dtype=np.float64))


def main(paths: Iterable[Path]) -> None:
    """Print a line a file."""
    for path in paths:
        score = score_splitter(read_corpus(path))
        print(
            f"{path.name}: precision {score.precision:.3f}, recall {score.recall:.3f}, "
            f"F1 {score.f1:.3f} on {score.support} sentences"
        )


if __name__ == "__main__":
    main([*sorted(CORPUS.glob("*.jsonl")), ROOT / "data" / "articles" / "daraa.jsonl"])
