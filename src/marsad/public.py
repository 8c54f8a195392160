"""Public corpora as yardsticks: Wojood's sample and the PLOVER-coded event sentences.

They carry other and coarser labels, so only what both schemes share is compared. Nothing of them
is part of this project: a caller names the folder that holds them.
"""

import csv
from collections.abc import Iterator, Mapping, Sequence
from dataclasses import asdict, dataclass
from itertools import groupby
from pathlib import Path
from typing import NamedTuple

import numpy as np
from sklearn.metrics import average_precision_score

from marsad.document import Document, Sentence
from marsad.errors import DataError
from marsad.files import read_text
from marsad.labels import scheme
from marsad.reader import Reader
from marsad.scoring import Score

# What Wojood's labels (Jarrar et al. 2022, "Wojood: Nested Arabic Named Entity Corpus") and ours
# share; the rest (ORDINAL, WEBSITE, CURR, UNIT, PRODUCT, LAW, LANGUAGE) is left out on both sides.
WOJOOD = {
    "PERS": "PER",
    "NORP": "NORP",
    "OCC": "OCC",
    "ORG": "ORG",
    "GPE": "GPE",
    "LOC": "LOC",
    "FAC": "FAC",
    "EVENT": "EVENT",
    "DATE": "DATE",
    "TIME": "DATE",
    "CARDINAL": "NUM",
    "QUANTITY": "NUM",
    "MONEY": "NUM",
    "PERCENT": "NUM",
}
OWN_TO_WOJOOD = {"MIL": "ORG"}  # Wojood has no label for armed sides
_SEPARATOR = "$#$"


class TokenSpan(NamedTuple):
    """A mention as tokens ``[first, last)``: blind to proclitics, as the corpus is."""

    first: int
    last: int
    label: str


@dataclass(frozen=True)
class TokenSentence:
    """A sentence of a token-level corpus and its mentions."""

    tokens: tuple[str, ...]
    spans: frozenset[TokenSpan]


def read_wojood(path: Path) -> list[TokenSentence]:
    """Read a Wojood file: a token and its tags a line, a blank line after a sentence.

    Of nested mentions the longest is kept; separators ``$#$`` are dropped.
    """
    blocks = groupby(read_text(path).split("\n"), key=lambda line: bool(line.strip()))
    sentences = []
    for filled, lines in blocks:
        rows = (
            [line.split() for line in lines if line.split()[:1] != [_SEPARATOR]] if filled else []
        )
        if rows:
            tokens = tuple(row[0] for row in rows)
            nested = _nested_spans([row[1:] for row in rows])
            sentences.append(TokenSentence(tokens, frozenset(_longest(nested))))
    return sentences


def _nested_spans(tags: Sequence[Sequence[str]]) -> Iterator[TokenSpan]:
    """Yield every mention: a ``B-X`` and the ``I-X`` of the same label that follow it."""
    for first, row in enumerate(tags):
        for tag in row:
            if tag.startswith("B-"):
                last = first + 1
                while last < len(tags) and f"I-{tag[2:]}" in tags[last]:
                    last += 1
                yield TokenSpan(first, last, tag[2:])


def _longest(spans: Iterator[TokenSpan]) -> list[TokenSpan]:
    kept: list[TokenSpan] = []
    for span in sorted(spans, key=lambda s: (s.first - s.last, s.first)):
        if all(span.last <= k.first or k.last <= span.first for k in kept):
            kept.append(span)
    return [TokenSpan(s.first, s.last, WOJOOD[s.label]) for s in kept if s.label in WOJOOD]


def score_wojood(reader: Reader, sentences: Sequence[TokenSentence]) -> dict[str, Score]:
    """Score strict token spans on the shared labels; ``micro`` is all of them together."""
    texts = [" ".join(sentence.tokens) for sentence in sentences]
    documents = [
        Document(id=str(i), text=text, sentences=(Sentence(0, len(text)),))
        for i, text in enumerate(texts)
    ]
    pairs = [
        (sentence.spans, frozenset(_token_spans(document, sentence.tokens)))
        for sentence, document in zip(sentences, reader.pipe(documents), strict=True)
    ]
    scores = {label: _score(pairs, label) for label in sorted(set(WOJOOD.values()))}
    return scores | {"micro": _score(pairs, None)}


def _token_spans(document: Document, tokens: Sequence[str]) -> Iterator[TokenSpan]:
    ends = np.cumsum([len(token) + 1 for token in tokens]) - 1
    for entity in document.entities:
        first = int(np.searchsorted(ends, entity.start, side="right"))
        last = int(np.searchsorted(ends, entity.end, side="left")) + 1
        label = OWN_TO_WOJOOD.get(entity.label, entity.label)
        if label in WOJOOD.values():
            yield TokenSpan(first, last, label)


def _score(
    pairs: Sequence[tuple[frozenset[TokenSpan], frozenset[TokenSpan]]], label: str | None
) -> Score:
    chosen = [
        tuple({s for s in side if label in (None, s.label)} for side in pair) for pair in pairs
    ]
    return Score.of_counts(
        right=sum(len(gold & own) for gold, own in chosen),
        support=sum(len(gold) for gold, _ in chosen),
        predicted=sum(len(own) for _, own in chosen),
    )


class VotedSentence(NamedTuple):
    """A sentence and whether most annotators voted that it reports the event class."""

    text: str
    positive: bool


def read_event_gsr(path: Path) -> list[VotedSentence]:
    """Read a file of the Open Event Data Alliance's Arabic gold standard.

    Sentences with as many votes for as against are left out; of a text given twice the votes are
    added up.
    """
    votes: dict[str, int] = {}
    for row in csv.DictReader(read_text(path).splitlines(keepends=True)):
        try:
            balance = int(row["accept"]) - int(row["reject"])
            votes[row["text"]] = votes.get(row["text"], 0) + balance
        except (KeyError, ValueError):
            raise DataError(f"{path}: no file of the event gold standard; give its CSV") from None
    return [VotedSentence(text, balance > 0) for text, balance in votes.items() if balance]


@dataclass(frozen=True)
class Ranking:
    """Average precision of a PLOVER class, with the share of positives that chance would give."""

    average_precision: float
    positives: int
    sentences: int


def types_of(plover: str) -> list[str]:
    """Return our event types that the crosswalk puts into a PLOVER class."""
    return [event.name for event in scheme().events if plover in event.plover]


def rank_events(
    reader: Reader, sentences: Sequence[VotedSentence], classes: Mapping[str, Sequence[str]]
) -> dict[str, Ranking]:
    """Rank sentences by their likeliest type among those of a class, for each class by name."""
    documents = [
        Document(id=str(i), text=s.text, sentences=(Sentence(0, len(s.text)),))
        for i, s in enumerate(sentences)
    ]
    scores = np.stack([probabilities[0] for probabilities in reader.probabilities(documents)])
    positive = [sentence.positive for sentence in sentences]
    rankings = {}
    for name, types in classes.items():
        columns = [scheme().event_names.index(type_) for type_ in types]
        precision = average_precision_score(positive, scores[:, columns].max(axis=1))
        rankings[name] = Ranking(float(precision), sum(positive), len(sentences))
    return rankings


def measure(reader: Reader, folder: Path) -> Mapping[str, object]:
    """Measure a joint model on the public corpora in a folder.

    Raises:
        DataError: a corpus is not there.
    """
    wojood = score_wojood(reader, read_wojood(folder / "wojood_sample" / "val.txt"))
    events = folder / "arabic_event_gsr"
    assault, protest = types_of("ASSAULT"), types_of("PROTEST")
    # The annotators voted kidnappings into ASSAULT, which the crosswalk, as PLOVER, does not.
    classes = {"assault": assault, "assault_with_abduction": [*assault, "abduction"]}
    rankings = rank_events(reader, read_event_gsr(events / "assault_gsr.csv"), classes)
    rankings |= rank_events(
        reader, read_event_gsr(events / "protest_gsr.csv"), {"protest": protest}
    )
    return {
        "wojood_validation": {label: asdict(score) for label, score in wojood.items()},
        **{name: asdict(ranking) for name, ranking in rankings.items()},
    }
