"""Agreement of two annotations of the same documents.

Mentions and event types are compared by F1, which for spans equals agreement beyond chance where
the number of true negatives is unbounded (Hripcsak and Rothschild 2005, "Agreement, the F-measure,
and Reliability in Information Retrieval"); realis, a choice of three, by Cohen's kappa.
"""

from collections import Counter
from collections.abc import Iterable, Sequence
from dataclasses import dataclass, replace

from sklearn.metrics import cohen_kappa_score

from marsad.document import Document, Event, Sentence
from marsad.errors import DataError
from marsad.labels import scheme
from marsad.scoring import Scores, score


@dataclass(frozen=True)
class Agreement:
    """Scores of the second annotation against the first, and kappa of realis.

    ``realis_kappa`` is over the ``realis_support`` event types that both found in a sentence.
    """

    scores: Scores
    realis_kappa: float
    realis_support: int
    left_out: int


def agree(first: Sequence[Document], second: Sequence[Document]) -> Agreement:
    """Compare two annotations of the documents that both hold.

    Sentences may be cut differently: events are compared over the finest units that are whole
    sentences on both sides.

    Raises:
        DataError: they share no document, a shared one has another text, or a side has one twice.
    """
    for side in (first, second):
        if twice := [id_ for id_, n in Counter(d.id for d in side).items() if n > 1]:
            raise DataError(f"document id {twice[0]!r} is given twice on one side; leave one out")
    other = {document.id: document for document in second}
    pairs = [(a, other[a.id]) for a in first if a.id in other]
    if not pairs:
        raise DataError(
            "the two annotations share no document id; name files of the same documents"
        )
    for a, b in pairs:
        if a.text != b.text:
            raise DataError(f"document {a.id!r}: the texts differ; annotate the same text twice")
    aligned = [_with_common_sentences(a, b) for a, b in pairs]
    ones, twos = [a for a, _ in aligned], [b for _, b in aligned]
    realis = list(_realis_pairs(ones, twos))
    return Agreement(
        scores=score(ones, twos, entities=True, events=True),
        realis_kappa=_kappa(realis),
        realis_support=len(realis),
        left_out=len(first) + len(second) - 2 * len(pairs),
    )


def _with_common_sentences(a: Document, b: Document) -> tuple[Document, Document]:
    ends = sorted({s.end for s in a.sentences} & {s.end for s in b.sentences})
    if any(s.end > max(ends, default=0) for d in (a, b) for s in d.sentences):
        ends.append(len(a.text))  # what either has behind their last common end
    return _cut(a, ends), _cut(b, ends)


def _cut(document: Document, ends: Sequence[int]) -> Document:
    sentences = []
    start = 0
    for end in ends:
        inside = [s for s in document.sentences if start <= s.start and s.end <= end]
        sentences.append(Sentence(start, end, _union(e for s in inside for e in s.events)))
        start = end
    return replace(document, sentences=tuple(sentences))


def _union(events: Iterable[Event]) -> tuple[Event, ...]:
    """Return each type once; the realis that comes first in the scheme wins."""
    order = {name: i for i, name in enumerate(scheme().realis_names)}
    best: dict[str, Event] = {}
    for event in events:
        known = best.get(event.type)
        if known is None or order[event.realis] < order[known.realis]:
            best[event.type] = event
    return tuple(best.values())


def _realis_pairs(
    first: Sequence[Document], second: Sequence[Document]
) -> Iterable[tuple[str, str]]:
    for a, b in zip(first, second, strict=True):
        for one, two in zip(a.sentences, b.sentences, strict=True):
            other = {event.type: event.realis for event in two.events}
            yield from ((e.realis, other[e.type]) for e in one.events if e.type in other)


def _kappa(pairs: Sequence[tuple[str, str]]) -> float:
    if len(set(pairs)) < 2:
        return 1.0 if all(a == b for a, b in pairs) and pairs else 0.0
    return float(cohen_kappa_score(*zip(*pairs, strict=True)))
