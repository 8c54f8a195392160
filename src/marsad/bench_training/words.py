"""Sentences as words with a label each, and a plain tagger's answers back as mentions."""

import re
from collections.abc import Callable, Iterator, Mapping, Sequence
from dataclasses import dataclass

import numpy as np
import numpy.typing as npt
from transformers import BatchEncoding
from transformers import PreTrainedTokenizerBase as Tokenizer

from marsad.bench_training.material import Material
from marsad.document import Document, Entity, Sentence
from marsad.formats.bio import Tagged, find_chunks
from marsad.losses import IGNORED
from marsad.predictions.answers import answer
from marsad.spans import tag_words
from marsad.text.words import find_words

Ints = npt.NDArray[np.int64]


@dataclass(frozen=True)
class Example:
    """A sentence as a model of transformers takes it.

    ``features`` are its inputs and ``labels``, one a piece. ``words`` has shape (words, 2): offsets
    in the document of the words that the model reads; ``first_piece`` gives where each begins.
    ``unread`` counts the words that were cut off or have no piece.
    """

    document: int
    features: Mapping[str, Sequence[int]]
    words: Ints
    first_piece: Ints
    unread: int


def encode_sentences(
    documents: Sequence[Document],
    tokenizer: Tokenizer,
    material: Material,
    *,
    length: int,
    padded: bool = False,
) -> list[Example]:
    """Encode the sentences of documents, each cut at a number of tokens, and padded to it or not.

    The first piece of a word has the number of its tag for a label, every other piece is ignored.
    """

    def encode(words: list[str]) -> BatchEncoding:
        encoding: BatchEncoding = tokenizer(
            words,
            is_split_into_words=True,
            truncation=True,
            max_length=length,
            padding="max_length" if padded else False,
        )
        return encoding

    return [
        _encode(number, document, words, encode, material.tags)
        for number, document in enumerate(documents)
        for words in _sentences(document, by_blanks=material.source is not None)
        if len(words)
    ]


def _sentences(document: Document, *, by_blanks: bool) -> Iterator[Ints]:
    """Yield the words of each sentence; a corpus of tokens has them parted by blanks."""
    for sentence in document.sentences:
        text = document.text[sentence.start : sentence.end]
        words = _tokens(text) if by_blanks else find_words(text)
        yield words + sentence.start


def _tokens(text: str) -> Ints:
    spans = [match.span() for match in re.finditer(r"\S+", text)]
    return np.array(spans, dtype=np.int64).reshape(-1, 2)


def _encode(
    number: int,
    document: Document,
    words: Ints,
    encode: Callable[[list[str]], BatchEncoding],
    names: Sequence[str],
) -> Example:
    inside = document.entities_in(Sentence(int(words[0, 0]), int(words[-1, 1])))
    tags = tag_words(document.text, words, inside, names)[0].tags
    encoding = encode([document.text[start:end] for start, end in words])
    of_piece = np.array([-1 if word is None else word for word in encoding.word_ids()])
    first_piece = np.flatnonzero((of_piece >= 0) & (of_piece != np.append(-1, of_piece[:-1])))
    read = of_piece[first_piece]
    labels = np.full(len(of_piece), IGNORED)
    labels[first_piece] = tags[read]
    return Example(
        document=number,
        features={**encoding, "labels": labels.tolist()},
        words=words[read],
        first_piece=first_piece,
        unread=len(words) - len(read),
    )


def answer_all(
    documents: Sequence[Document],
    examples: Sequence[Example],
    predicted: Sequence[Ints],
    names: Sequence[str],
) -> list[Document]:
    """Return documents with the mentions that were predicted in their sentences.

    Args:
        documents: those that were encoded.
        examples: all of their sentences.
        predicted: the number of a tag for each piece of each sentence.
        names: the tags.
    """
    found: list[list[Entity]] = [[] for _ in documents]
    read, unread = np.zeros((2, len(documents)))
    for example, row in zip(examples, predicted, strict=True):
        found[example.document] += _read_mentions(example, row, names)
        read[example.document] += len(example.words)
        unread[example.document] += example.unread
    coverage = read / np.maximum(read + unread, 1)
    return [answer(*own) for own in zip(documents, found, coverage.tolist(), strict=True)]


def _read_mentions(example: Example, row: Ints, names: Sequence[str]) -> Iterator[Entity]:
    """Yield mentions; a stray ``I-X`` begins one, as in seqeval's default, the recipe's score."""
    tags = [Tagged("", names[number]) for number in row[example.first_piece]]
    for first, last, label in find_chunks(tags, repaired=[]):
        yield Entity(int(example.words[first, 0]), int(example.words[last, 1]), label)
