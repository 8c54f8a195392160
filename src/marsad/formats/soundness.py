"""Sound documents: what every format may count on, and no more.

Whether the marks follow the guidelines is for :mod:`marsad.corpus` to say. Labels of mentions are
free here, so that the data of others can be brought in and mapped later.
"""

import json
from collections.abc import Iterator
from dataclasses import replace

from marsad.document import Document, place_of
from marsad.errors import DataError
from marsad.labels import scheme


def sound(document: Document, where: str) -> Document:
    """Return the document with sentences and mentions in the order of the text.

    Args:
        document: any document; the order in which it lists its marks means nothing.
        where: opens the message of an error.

    Raises:
        DataError: a mark is outside the text or given twice, sentences overlap, an event is not in
            the label file, or a value cannot be written as JSON.
    """
    ordered = replace(
        document,
        sentences=tuple(sorted(document.sentences, key=lambda s: (s.start, s.end))),
        entities=tuple(sorted(document.entities, key=place_of)),
    )
    for check in (_sentence_faults, _event_faults, _entity_faults, _record_faults):
        for message in check(ordered):
            raise DataError(f"{where}: {message}")
    return ordered


def _sentence_faults(document: Document) -> Iterator[str]:
    position = 0
    for sentence in document.sentences:
        if not position <= sentence.start < sentence.end <= len(document.text):
            yield (
                f"sentence {sentence.start}..{sentence.end} is empty, outside the text or overlaps "
                "the one before it; mend its offsets"
            )
        position = sentence.end


def _event_faults(document: Document) -> Iterator[str]:
    for sentence in document.sentences:
        span = f"sentence {sentence.start}..{sentence.end}"
        seen = set()
        for event in sentence.events:
            for fault in (scheme().check_event(event.type), scheme().check_realis(event.realis)):
                if fault:
                    yield f"{span}: {fault}"
            if event.type in seen:
                yield f"{span}: {event.type} is given twice; one type once per sentence"
            seen.add(event.type)


def _entity_faults(document: Document) -> Iterator[str]:
    seen = set()
    for entity in document.entities:
        span = f"entity {entity.start}..{entity.end}"
        if not 0 <= entity.start < entity.end <= len(document.text):
            yield f"{span} is empty or outside the text of {len(document.text)} characters"
        if not entity.label:
            yield f"{span} has no label; give it one"
        if (entity.start, entity.end, entity.label) in seen:
            yield f"{span} {entity.label} is given twice; remove one"
        seen.add((entity.start, entity.end, entity.label))


def _record_faults(document: Document) -> Iterator[str]:
    if document.model is None and (document.coverage, document.warnings) != (None, None):
        yield "has coverage or warnings but no model; only predictions have them"
    try:
        json.dumps(document.to_record(), ensure_ascii=False, allow_nan=False).encode("utf-8")
    except (TypeError, ValueError) as error:
        yield f"cannot be written as JSON in UTF-8 ({error}); mend that value"
