"""Token-level corpora as documents: one a sentence, its tokens joined by spaces."""

from collections.abc import Iterable, Sequence
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
