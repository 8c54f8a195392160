"""A vocabulary for Arabic: of a multilingual one what Arabic text needs, and its frequent words.

The base's pieces keep their places in words and their vectors, so rare names are cut as before; a
word that Arabic news is full of becomes one piece where it was several. A vocabulary learnt from
nothing needs no more pieces a word, but vectors for nearly all of them (docs/experiments.md,
2026-11-28).
"""

import json
from collections import Counter
from collections.abc import Iterable, Iterator, Mapping
from itertools import islice

import regex
from tokenizers import Tokenizer, processors
from tokenizers.models import Unigram
from transformers import PreTrainedTokenizerBase, PreTrainedTokenizerFast

from marsad.adaptation.settings import VocabularyConfig
from marsad.errors import ConfigError

WORD_START = "▁"

_WORD = regex.compile(r"(?<!\S)\p{Script=Arabic}{2,}(?!\w)")  # as it follows a blank
_TOGETHER = 2048
_EDGE = 0.1  # by how much a word's score is above that of the pieces that it replaces
_MORE = 0.01  # and by how much more for each piece, that it beats a shorter word and the rest of it
_ROLES = ("bos", "cls", "eos", "sep", "pad", "unk", "mask")


def learn_vocabulary(
    paragraphs: Iterable[str], base: PreTrainedTokenizerBase, config: VocabularyConfig
) -> PreTrainedTokenizerFast:
    """Return the base's tokenizer with other pieces.

    Kept are special pieces, single characters, and what the text needs often enough; of the words
    that would save most pieces as many are added as there is room for.

    Args:
        paragraphs: the text, cleaned.
        base: a SentencePiece unigram tokenizer.
        config: the size, and how often a piece or word must be seen.

    Raises:
        ConfigError: the base is of another kind, or what is kept alone is more than the size.
    """
    own = json.loads(base.backend_tokenizer.to_str())["model"]
    if own["type"] != "Unigram":
        raise ConfigError(
            "vocabulary: the base has no unigram pieces to keep; leave vocabulary and vectors out"
        )
    scores = {piece: float(score) for piece, score in own["vocab"]}
    pieces, words = _count(paragraphs, base.backend_tokenizer)
    kept = [
        piece
        for piece in scores
        if piece in base.all_special_tokens
        or len(piece.removeprefix(WORD_START)) <= 1
        or pieces[piece] >= config.least
    ]
    room = config.size - len(kept)
    if room < 0:
        raise ConfigError(f"vocabulary.size: {len(kept)} pieces are kept; give at least that")
    added = _worth_most(words, scores, base.backend_tokenizer, config.least, room)
    vocabulary = [(piece, scores[piece]) for piece in kept] + list(added.items())
    return _with_pieces(base, vocabulary)


def _count(paragraphs: Iterable[str], tokenizer: Tokenizer) -> tuple[Counter[str], Counter[str]]:
    """Return how often each piece of a tokenizer is seen, and each Arabic word."""
    pieces: Counter[str] = Counter()
    words: Counter[str] = Counter()
    rest = iter(paragraphs)
    while some := list(islice(rest, _TOGETHER)):
        for text, encoding in zip(
            some, tokenizer.encode_batch(some, add_special_tokens=False), strict=True
        ):
            pieces.update(encoding.tokens)
            words.update(_WORD.findall(text))
    return pieces, words


def _worth_most(
    words: Counter[str],
    scores: Mapping[str, float],
    tokenizer: Tokenizer,
    least: int,
    room: int,
) -> dict[str, float]:
    """Return the words that save most pieces, as pieces, with their scores."""
    frequent = sorted(word for word, count in words.items() if count >= least)
    cut = dict(zip(frequent, _pieces(frequent, tokenizer), strict=True))
    saved = {
        word: words[word] * (len(own) - 1)
        for word, own in cut.items()
        if len(own) > 1 and all(piece in scores for piece in own)  # an unknown one has no score
    }
    best = sorted(saved, key=lambda word: (-saved[word], word))[:room]
    return {
        WORD_START + word: sum(scores[piece] for piece in cut[word])
        + _EDGE
        + _MORE * len(cut[word])
        for word in best
    }


def _pieces(words: list[str], tokenizer: Tokenizer) -> Iterator[list[str]]:
    for first in range(0, len(words), _TOGETHER):
        some = words[first : first + _TOGETHER]
        yield from (e.tokens for e in tokenizer.encode_batch(some, add_special_tokens=False))


def _with_pieces(
    base: PreTrainedTokenizerBase, vocabulary: list[tuple[str, float]]
) -> PreTrainedTokenizerFast:
    """Return a tokenizer that does all as the base does, with other pieces."""
    old = base.backend_tokenizer
    ids = {piece: number for number, (piece, _) in enumerate(vocabulary)}
    tokenizer = Tokenizer(Unigram(vocabulary, unk_id=ids[base.unk_token], byte_fallback=False))
    for part in ("normalizer", "pre_tokenizer", "decoder"):
        if getattr(old, part) is not None:
            setattr(tokenizer, part, getattr(old, part))
    start, end = base.cls_token, base.sep_token
    tokenizer.post_processor = processors.TemplateProcessing(
        single=f"{start} $A {end}",
        pair=f"{start} $A {end} {end} $B {end}",
        special_tokens=[(name, ids[name]) for name in (start, end)],
    )
    return PreTrainedTokenizerFast(  # type: ignore[no-untyped-call]
        tokenizer_object=tokenizer,
        model_max_length=base.model_max_length,
        **{f"{role}_token": getattr(base, f"{role}_token") for role in _ROLES},
    )
