"""Which format a file of predictions has: by its ending and, for JSON, by the fields in it."""

from collections.abc import Iterator
from pathlib import Path

from marsad.predictions.json_values import read_json

_ENDINGS = {
    ".jsonl": "jsonl",
    ".conll": "conll",
    ".txt": "conll",
    ".tsv": "conll",
    ".bio": "conll",
    ".iob": "conll",
}
# The first object that has all fields of a row is of its format.
_FIELDS = (
    ("hf", {"entity_group"}),
    ("hf", {"entity"}),
    ("gliner", {"start", "end", "label"}),
    ("spacy", {"text", "ents"}),
    ("jsonl", {"id", "text"}),
    ("spacy", {"text", "entities"}),
)


def detect(path: Path) -> str | None:
    """Return the name of the format, or None where nothing tells.

    Raises:
        DataError: the file ends in ``.json`` and cannot be read as JSON.
    """
    ending = path.suffix.lower()
    return _name_shape(read_json(path)) if ending == ".json" else _ENDINGS.get(ending)


def _name_shape(value: object) -> str | None:
    for record in _objects(value):
        for name, fields in _FIELDS:
            if fields <= record.keys():
                return name
    # Lists without a single mention say the same in every format that has them.
    lists = list(value.values()) if isinstance(value, dict) else value
    empty = isinstance(lists, list) and all(part == [] for part in lists)
    return "hf" if empty else None


def _objects(value: object) -> Iterator[dict[str, object]]:
    """Yield the object itself, then those one and two levels down."""
    if isinstance(value, dict):
        yield value
    for part in _parts(value):
        for item in (part, *_parts(part)):
            if isinstance(item, dict):
                yield item


def _parts(value: object) -> list[object]:
    if isinstance(value, dict):
        return list(value.values())
    return value if isinstance(value, list) else []
