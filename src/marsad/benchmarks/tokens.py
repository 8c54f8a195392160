"""Token-level corpora as documents: one a sentence, its tokens joined by spaces."""

from collections.abc import Iterable, Sequence
from dataclasses import replace
from itertools import accumulate

from marsad.document import Document, Entity, Sentence
from marsad.formats.bio import Chunk


def sentence_document(id_: str, tokens: Sequence[str], chunks: Iterable[Chunk]) -> Document:
    """Return a document of one sentence; chunks are mentions as positions of tokens."""
    ends = [end - 1 for end in accumulate(len(token) + 1 for token in tokens)]
    starts = [end - len(token) for end, token in zip(ends, tokens, strict=True)]
    entities = (Entity(starts[c.first], ends[c.last], c.label) for c in chunks)
    text = " ".join(tokens)
    return Document(id_, text, (Sentence(0, len(text)),), tuple(sorted(entities)))


def joined_document(id_: str, documents: Iterable[Document]) -> Document:
    """Return one document of several, each on a line of its own."""
    text, sentences, entities = "", [], []
    for document in documents:
        shift = len(text)
        text += f"{document.text}\n"
        sentences += [
            replace(s, start=s.start + shift, end=s.end + shift) for s in document.sentences
        ]
        entities += [
            replace(e, start=e.start + shift, end=e.end + shift) for e in document.entities
        ]
    return Document(id_, text, tuple(sentences), tuple(entities))
