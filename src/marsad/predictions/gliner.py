"""Predictions of GLiNER, https://github.com/urchade/GLiNER: ``predict_entities`` as JSON.

A mention is ``{"start": 5, "end": 9, "text": "درعا", "label": "GPE", "score": 0.9}``;
:func:`marsad.predictions.containers.read_lists` says how the mentions of documents are kept.
"""

from collections.abc import Iterator, Sequence
from pathlib import Path

from marsad.document import Document, Entity
from marsad.predictions.containers import PlacedItem, read_lists
from marsad.predictions.mentions import parse_mention


def read(path: Path, gold: Sequence[Document]) -> list[Document]:
    """Read a file of mentions.

    Raises:
        DataError: the file is malformed or of other documents, or a mention's ``text`` is not what
            stands at its offsets.
    """
    return read_lists(path, gold, _entities)


def _entities(items: Sequence[PlacedItem], document: Document) -> Iterator[Entity]:
    return (parse_mention(item, document, where) for where, item in items)
