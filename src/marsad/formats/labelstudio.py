"""Label Studio tasks, https://labelstud.io/guide/task_format: one task a document, in one array.

A mention is a result of the type ``labels``; a sentence is one with the label ``Sentence``, and its
events are a ``taxonomy`` result on the same region: paths of event type and realis. Offsets are
code points. ``data`` holds ``text``, ``id``, ``meta`` and, of predictions, ``coverage``,
``warnings`` and ``model``.

An annotated document is ``annotations[0]``. What has a model or scores is ``predictions[0]``, with
the ``score`` of each mention, and of the events in the ``meta`` of their result. Of an exported
task the annotation counts, and it is read without scores and model, for a person answers for it.

Label Studio cannot hold a mention that is labelled ``Sentence``. :func:`labelstudio_config` returns
the labelling interface of such a project.
"""

import json
import logging
from collections.abc import Iterable, Iterator
from pathlib import Path
from statistics import fmean
from typing import Any
from xml.etree.ElementTree import Element, SubElement, indent, tostring

from marsad.corpus import Placed
from marsad.document import Document
from marsad.errors import DataError
from marsad.files import atomic_write, read_text
from marsad.formats.records import (
    EXTRAS,
    SENTENCE,
    Record,
    as_annotated,
    check_no_sentence_label,
    extras,
    name_of,
    place,
    with_rest_in_meta,
)
from marsad.labels import scheme

log = logging.getLogger(__name__)

_LABELS = {"from_name": "label", "to_name": "text", "type": "labels"}
_EVENTS = {"from_name": "events", "to_name": "text", "type": "taxonomy"}


def write(documents: Iterable[Document], path: Path) -> None:
    """Write documents as one JSON array, a task a line.

    Raises:
        DataError: a mention is labelled ``Sentence``.
    """
    with atomic_write(path) as out:
        tasks = (json.dumps(_task(document), ensure_ascii=False) for document in documents)
        out.write("[\n" + ",\n".join(tasks) + "\n]\n")


def read(path: Path) -> Iterator[Placed]:
    """Yield the documents of an export, less those that nobody annotated.

    Raises:
        DataError: the file is not an array of tasks, or a task has several annotations (or, without
            any, several predictions), no text, results of other types, or offsets that disagree
            with its text.
    """
    try:
        tasks = json.loads(read_text(path))
    except json.JSONDecodeError as error:
        raise DataError(
            f"{path}:{error.lineno}: not JSON ({error.msg} at column {error.colno})"
        ) from None
    except (ValueError, RecursionError) as error:  # a number of thousands of digits, brackets
        raise DataError(f"{path}: JSON that cannot be read ({error}); mend it") from None
    if not isinstance(tasks, list):
        raise DataError(f"{path}: not an array of tasks; export as JSON, not as JSON-MIN or CSV")
    skipped = empty = unseen = 0
    for number, task in enumerate(tasks, start=1):
        where = f"{path}: task {number}"
        try:
            if _was_skipped(task):
                skipped += 1
                continue
            if not task.get("annotations") and not task.get("predictions"):
                _check_task(task)
                empty += 1
                continue
            unseen += not task.get("annotations")
            record = _record(task, f"{path.stem}-{number}")
        except _Unfit as error:
            raise DataError(f"{where}: {error}") from None
        except (ValueError, KeyError, TypeError, AttributeError) as error:
            raise DataError(f"{where}: not a task of such a project ({error!r}); mend it") from None
        yield place(record, where)
    if unseen and unseen < len(tasks):
        log.warning(
            "%s: %d of %d tasks are as a model read them, for nobody has annotated them; export "
            "the annotated ones alone, or do not take these as right",
            path,
            unseen,
            len(tasks),
        )
    if skipped:
        log.warning("%s: left out %d tasks that were skipped", path, skipped)
    if empty:
        log.warning("%s: left out %d tasks that nobody has annotated", path, empty)


def labelstudio_config() -> str:
    """Return the labelling interface of our labels, in the tags of https://labelstud.io/tags."""
    view = Element("View")
    labels = SubElement(view, "Labels", name=_LABELS["from_name"], toName="text")
    SubElement(labels, "Label", value=SENTENCE)
    for label in scheme().entities:
        SubElement(labels, "Label", value=label.name, hint=label.gloss)
    right_to_left = SubElement(view, "View", style="direction: rtl")
    # Symbols, not words: a mention may begin inside a word.
    SubElement(right_to_left, "Text", name="text", value="$text", granularity="symbol")
    of_sentences = {"perRegion": "true", "whenTagName": "label", "whenLabelValue": SENTENCE}
    taxonomy = SubElement(
        view, "Taxonomy", of_sentences, name="events", toName="text", leafsOnly="true"
    )
    for event in scheme().events:
        choice = SubElement(taxonomy, "Choice", value=event.name, hint=event.gloss)
        for realis in scheme().realis:
            SubElement(choice, "Choice", value=realis.name, hint=realis.gloss)
    indent(view)
    return f"{tostring(view, encoding='unicode')}\n"


def _task(document: Document) -> Record:
    check_no_sentence_label(document)
    data = {"text": document.text, "id": document.id, **extras(document)}
    result = list(_results(document))
    scores = [mark.score for s in document.sentences for mark in s.events]
    scores += [entity.score for entity in document.entities]
    known = [score for score in scores if score is not None]
    if document.model is None and not known:
        return {"data": data, "annotations": [{"result": result}]}
    prediction: Record = {"result": result}
    if document.model is not None:
        prediction["model_version"] = f"{document.model.name} {document.model.version}"
    if known:
        prediction["score"] = round(fmean(known), 4)  # tasks are sorted by it
    return {"data": data, "predictions": [prediction]}


def _results(document: Document) -> Iterator[Record]:
    record = document.to_record()
    for number, sentence in enumerate(record["sentences"]):
        region = _region(document, sentence, f"s{number}")
        yield region | _LABELS | {"value": {**region["value"], "labels": [SENTENCE]}}
        if events := sentence["events"]:
            paths = [[event["type"], event["realis"]] for event in events]
            scores = {event["type"]: event["score"] for event in events if "score" in event}
            value = {"value": {**region["value"], "taxonomy": paths}}
            yield region | _EVENTS | value | ({"meta": {"scores": scores}} if scores else {})
    for number, entity in enumerate(record["entities"]):
        region = _region(document, entity, f"e{number}")
        score = {"score": entity["score"]} if "score" in entity else {}
        yield region | _LABELS | {"value": {**region["value"], "labels": [entity["label"]]}} | score


def _region(document: Document, mark: Record, id_: str) -> Record:
    start, end = mark["start"], mark["end"]
    return {"id": id_, "value": {"start": start, "end": end, "text": document.text[start:end]}}


def _was_skipped(task: Any) -> bool:  # noqa: ANN401
    """Say whether a person saw a task and gave no answer: the model's guess is none."""
    annotations = task.get("annotations", ())
    return bool(annotations) and all(a.get("was_cancelled") for a in annotations)


class _Unfit(Exception):  # noqa: N818
    """Says what a task lacks, and how to export it."""


def _check_task(task: Any) -> None:  # noqa: ANN401
    """Refuse what is no task, or one without a text.

    Raises:
        _Unfit: it is.
    """
    if "data" not in task:
        raise _Unfit("no `data`; export as JSON, not as JSON-MIN")
    if not isinstance(task["data"].get("text"), str):
        raise _Unfit("no `data.text`; name the field of the texts `text`")


def _record(task: Any, default_id: str) -> Record:  # noqa: ANN401
    _check_task(task)
    data = task["data"]
    annotations = [a for a in task.get("annotations", ()) if not a.get("was_cancelled")]
    marks = annotations or task.get("predictions", ())
    if len(marks) != 1:
        raise _Unfit(f"{len(marks)} annotations or predictions; leave the one that counts")
    id_ = next((own for own in (data.get("id"), task.get("id")) if own is not None), default_id)
    own = {name: data[name] for name in ("text", *EXTRAS) if name in data}
    rest = {name: value for name, value in data.items() if name not in {*own, "id"}}
    record = {**with_rest_in_meta(own, rest), "id": str(id_), "sentences": [], "entities": []}
    regions = {}
    for result in marks[0]["result"]:
        _check_result(result, data["text"])
        if result["type"] == _LABELS["type"]:
            mark = regions[result["id"]] = _mark(result)
            record["sentences" if mark["label"] == SENTENCE else "entities"].append(mark)
    for result in marks[0]["result"]:
        if result["type"] == _EVENTS["type"]:
            _add_events(regions[result["id"]], result)
    return as_annotated(record) if annotations else record


def _check_result(result: Record, text: str) -> None:
    if result["type"] not in (_LABELS["type"], _EVENTS["type"]):
        raise ValueError(f"a result of the type {result['type']}, which has no place here")
    value = result["value"]
    covered = text[value["start"] : value["end"]]
    # Spaces may differ: the tool is free to show line ends in its own way.
    if "".join(value.get("text", covered).split()) != "".join(covered.split()):
        raise ValueError(f"{value['text']!r} is not at {value['start']}..{value['end']}")


def _mark(result: Record) -> Record:
    value = result["value"]
    (label,) = value["labels"]
    mark = {"start": value["start"], "end": value["end"], "label": name_of(label)}
    return mark | ({"score": result["score"]} if "score" in result else {})


def _add_events(region: Record, result: Record) -> None:
    if region["label"] != SENTENCE:
        raise ValueError(f"events on a region labelled {region['label']}, not {SENTENCE}")
    scores = result.get("meta", {}).get("scores", {})
    region["events"] = [
        {"type": kind, "realis": realis, "score": scores.get(kind)}
        for kind, realis in result["value"]["taxonomy"]
    ]
