"""Statistics of a corpus: what it holds, counted from the files."""

from collections import Counter
from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass
from itertools import combinations

import numpy as np

from marsad.document import Document, Event
from marsad.labels import scheme
from marsad.text.words import follows_letter

PLACES = ("GPE", "LOC")


@dataclass(frozen=True)
class CorpusStats:
    """Counts over documents. ``lengths`` are words (by white space) of each sentence."""

    documents: int
    lengths: tuple[int, ...]
    entities: Mapping[str, int]
    distinct: Mapping[str, int]
    behind_proclitic: int
    events: Mapping[str, Mapping[str, int]]
    together: Mapping[tuple[str, str], int]
    without_event: int
    meta: Mapping[str, Mapping[str, int]]

    @property
    def sentences(self) -> int:
        """Number of sentences."""
        return len(self.lengths)

    @property
    def event_labels(self) -> int:
        """Number of event labels."""
        return sum(sum(counts.values()) for counts in self.events.values())

    def of_type(self, name: str) -> int:
        """Return in how many sentences a type is reported."""
        return sum(self.events[name].values())

    def realis_share(self, *values: str) -> float:
        """Return the share of event labels with one of these realis values."""
        chosen = sum(counts[v] for counts in self.events.values() for v in values)
        return chosen / self.event_labels if self.event_labels else 0.0

    def to_record(self) -> dict[str, object]:
        """Return the figures as JSON values."""
        return {
            "documents": self.documents,
            "sentences": self.sentences,
            "words": sum(self.lengths),
            "words_per_sentence": {
                name: float(np.quantile(self.lengths or (0,), share))
                for name, share in (("min", 0), ("median", 0.5), ("max", 1))
            },
            "without_event": self.without_event,
            "entities": dict(self.entities),
            "distinct_mentions": dict(self.distinct),
            "mentions_behind_proclitic": self.behind_proclitic,
            "events": {name: dict(counts) for name, counts in self.events.items()},
            "meta": {key: dict(counts) for key, counts in self.meta.items()},
        }


def count(documents: Sequence[Document]) -> CorpusStats:
    """Count what documents hold."""
    entities: Counter[str] = Counter()
    surfaces: dict[str, set[str]] = {name: set() for name in scheme().entity_names}
    behind = 0
    for document in documents:
        for entity in document.entities:
            entities[entity.label] += 1
            surfaces[entity.label].add(document.mention(entity))
            behind += follows_letter(document.text, entity.start)
    sentences = [(document, s) for document in documents for s in document.sentences]
    events: dict[str, Counter[str]] = {name: Counter() for name in scheme().event_names}
    for _, sentence in sentences:
        for event in sentence.events:
            events[event.type][event.realis] += 1
    return CorpusStats(
        documents=len(documents),
        lengths=tuple(len(d.text[s.start : s.end].split()) for d, s in sentences),
        entities={name: entities[name] for name in scheme().entity_names},
        distinct={name: len(found) for name, found in surfaces.items()},
        behind_proclitic=behind,
        events={n: {r: c[r] for r in scheme().realis_names} for n, c in events.items()},
        together=_count_pairs(sentence.events for _, sentence in sentences),
        without_event=sum(not sentence.events for _, sentence in sentences),
        meta={key: _count_meta(documents, key) for key in ("country", "place", "genre", "year")},
    )


def _count_pairs(event_sets: Iterable[Iterable[Event]]) -> Counter[tuple[str, str]]:
    pairs: Counter[tuple[str, str]] = Counter()
    for events in event_sets:
        pairs.update(combinations(sorted(event.type for event in events), 2))
    return pairs


def _count_meta(documents: Iterable[Document], key: str) -> dict[str, int]:
    """Count sentences by a field of the documents' metadata, the most frequent first."""
    counts: Counter[str] = Counter()
    for document in documents:
        if key in document.meta:
            counts[str(document.meta[key])] += len(document.sentences)
    return dict(counts.most_common())
