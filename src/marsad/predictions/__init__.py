"""Predictions of other systems, read onto the annotated documents, for the one scorer to judge.

The annotation is never cut or altered to fit a system: where it read nothing it found nothing, and
what stands there counts as missed. Labels are passed on as the system wrote them.
"""

from collections.abc import Callable, Mapping, Sequence
from pathlib import Path
from types import MappingProxyType

from marsad.document import Document
from marsad.errors import DataError, did_you_mean
from marsad.predictions import conll, gliner, hf, own, spacy
from marsad.predictions.detection import detect

Read = Callable[[Path, Sequence[Document]], list[Document]]

PREDICTIONS: Mapping[str, Read] = MappingProxyType(
    {
        "jsonl": own.read_jsonl,
        "conll": conll.read,
        "hf": hf.read,
        "gliner": gliner.read,
        "spacy": spacy.read,
    }
)


def read_predictions(
    path: Path, gold: Sequence[Document], *, name: str | None = None
) -> list[Document]:
    """Read what a system predicted on annotated documents.

    Args:
        path: the file of the system.
        gold: the annotated documents.
        name: the format, a key of :data:`PREDICTIONS`; without it the ending and, of a ``.json``,
            the content tell.

    Returns:
        One document for each of ``gold``, in its order, with its id, text, meta and sentences. The
        entities are the system's, in the order of the text and each once; so are events, warnings
        and model where the file is of our own format. ``coverage`` is the share of the words that
        the system read, 0 where it leaves a document out.

    Raises:
        DataError: the format is unknown, the file is malformed, or it is of other documents; the
            message is one line.
    """
    known = ", ".join(PREDICTIONS)
    if not gold:
        raise DataError(f"{path}: no annotated document to read it onto; give the annotation")
    name = name or detect(path)
    if name is None:
        raise DataError(
            f"{path}: neither its ending nor its content tells the format; name one of {known}"
        )
    if name not in PREDICTIONS:
        near = did_you_mean(name, PREDICTIONS)
        raise DataError(f"{path}: unknown format {name!r}{near}; known are {known}")
    return PREDICTIONS[name](path, gold)
