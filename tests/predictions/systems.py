"""What other systems would write of annotated documents, if they found just what people did."""

import json
from collections.abc import Callable, Iterable, Sequence
from itertools import pairwise
from pathlib import Path

import pytest

from marsad.document import Document, Entity, Sentence
from marsad.errors import DataError
from marsad.predictions import read_predictions
from marsad.text.words import find_words

Row = tuple[str, str]
Block = list[Row]

TEXT = "قصفت الطائرات مدينة درعا. وقال أحمد الشرع إن القصف تواصل."
GOLD = Document(
    id="sy-001",
    text=TEXT,
    sentences=(Sentence(0, 25), Sentence(26, 57)),
    entities=(Entity(20, 24, "GPE"), Entity(31, 41, "PER")),
)
OTHER = Document(id="sy-002", text="عاد الهدوء.", sentences=(Sentence(0, 11),))


def write(path: Path, content: object) -> Path:
    """Write text as it is and anything else as JSON."""
    text = content if isinstance(content, str) else json.dumps(content, ensure_ascii=False)
    path.write_text(text, encoding="utf-8")
    return path


def refusal(path: Path, gold: Sequence[Document], name: str | None = None) -> str:
    """Return what is said of a file that must be refused, without its path."""
    with pytest.raises(DataError) as caught:
        read_predictions(path, gold, name=name)
    message = str(caught.value)
    assert "\n" not in message
    assert message.startswith(str(path))
    return message.removeprefix(str(path))


def same_documents(found: Sequence[Document], gold: Sequence[Document]) -> bool:
    """Return whether ids, texts and the offsets of sentences are the annotated ones."""
    sides = (
        [(d.id, d.text, [(s.start, s.end) for s in d.sentences]) for d in side]
        for side in (found, gold)
    )
    return next(sides) == next(sides)


def widened(document: Document) -> list[Entity]:
    """Return the entities as a system of whole words claims them: with their proclitics."""
    words = find_words(document.text).tolist()
    return [
        Entity(max(start for start, _ in words if start <= e.start), e.end, e.label)
        for e in sorted(document.entities)
    ]


def blocks_of(document: Document) -> list[Block]:
    """Return each sentence as words with tags."""
    tags = {}
    words = [tuple(word) for word in find_words(document.text).tolist()]
    for entity in widened(document):
        inside = [word for word in words if entity.start <= word[0] < entity.end]
        tags |= {w: f"{'I' if i else 'B'}-{entity.label}" for i, w in enumerate(inside)}
    return [
        [
            (document.text[slice(*word)], tags.get(word, "O"))
            for word in words
            if sentence.start <= word[0] < sentence.end
        ]
        for sentence in document.sentences
    ]


def conll(blocks: Iterable[Block]) -> str:
    """Return blocks as a CoNLL file."""
    return "\n".join("".join(f"{token} {tag}\n" for token, tag in block) for block in blocks)


def aggregated(document: Document) -> list[dict[str, object]]:
    """Return what a Hugging Face pipeline says with an aggregation strategy."""
    return [
        {"entity_group": e.label, "score": 0.75, "start": e.start, "end": e.end, "word": "##x"}
        for e in document.entities
    ]


def pieces(document: Document) -> list[dict[str, object]]:
    """Return what it says without one: three-letter pieces of words, B- on the first of them."""
    items = []
    for index, (start, end) in enumerate(_pieces(document), start=1):
        for entity in document.entities:
            if entity.start <= start < entity.end:
                tag = f"{'B' if start == entity.start else 'I'}-{entity.label}"
                item = {"entity": tag, "score": 0.75, "index": index, "start": start, "end": end}
                items.append(item)
    return items


def _pieces(document: Document) -> list[tuple[int, int]]:
    cuts = {edge for e in document.entities for edge in (e.start, e.end)}
    found = []
    for start, end in find_words(document.text).tolist():
        edges = sorted({start, end, *range(start, end, 3), *(c for c in cuts if start < c < end)})
        found += pairwise(edges)
    return found


def gliner(document: Document) -> list[dict[str, object]]:
    """Return what GLiNER says."""
    return [
        {"start": e.start, "end": e.end, "text": document.mention(e), "label": e.label, "score": 1}
        for e in document.entities
    ]


def spacy(document: Document) -> dict[str, object]:
    """Return what spaCy's Doc.to_json() gives."""
    ents = [{"start": e.start, "end": e.end, "label": e.label} for e in document.entities]
    return {"text": document.text, "ents": ents, "tokens": []}


def spacy_training(document: Document) -> dict[str, object]:
    """Return the document as spaCy's training data."""
    entities = [[e.start, e.end, e.label] for e in document.entities]
    return {"text": document.text, "entities": entities}


JSON_SYSTEMS: dict[str, tuple[str, Callable[[Document], object]]] = {
    "hf": ("hf", aggregated),
    "hf pieces": ("hf", pieces),
    "gliner": ("gliner", gliner),
    "spacy": ("spacy", spacy),
    "spacy training": ("spacy", spacy_training),
}
