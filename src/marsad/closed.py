"""Closed JSON: read into a type, with no key more than the type has."""

import json
from collections.abc import Iterator, Mapping
from typing import Any, TypeVar

from pydantic import TypeAdapter, ValidationError

T = TypeVar("T")


def parse_closed(adapter: TypeAdapter[T], data: bytes) -> T:
    """Parse JSON.

    Raises:
        ValueError: it is not JSON, not of the type, or has a key that the type lacks; the message
            is the place.
    """
    try:
        value = adapter.validate_json(data)
    except ValidationError as error:
        raise ValueError(".".join(str(part) for part in error.errors()[0]["loc"])) from None
    for place in _unknown_keys(json.loads(data), adapter.dump_python(value, mode="json")):
        raise ValueError(place)
    return value


def _unknown_keys(given: Any, known: Any, at: str = "") -> Iterator[str]:  # noqa: ANN401
    if isinstance(given, Mapping) and isinstance(known, Mapping):
        for key, value in given.items():
            place = f"{at}.{key}" if at else str(key)
            if key in known:
                yield from _unknown_keys(value, known[key], place)
            else:
                yield place
    elif isinstance(given, list) and isinstance(known, list):
        for i, (own, other) in enumerate(zip(given, known, strict=True)):
            yield from _unknown_keys(own, other, f"{at}.{i}")


def close_schema(schema: Any) -> Any:  # noqa: ANN401
    """Return a JSON Schema whose objects with named properties allow no others."""
    if isinstance(schema, Mapping):
        closed = {key: close_schema(value) for key, value in schema.items()}
        return {**closed, "additionalProperties": False} if "properties" in closed else closed
    return [close_schema(value) for value in schema] if isinstance(schema, list) else schema
