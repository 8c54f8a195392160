"""Figures of CoNLL files, against seqeval's own on the columns."""

import random
import warnings
from collections.abc import Iterable, Sequence
from dataclasses import replace
from pathlib import Path

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from seqeval.metrics import f1_score
from seqeval.scheme import IOB2

from marsad.benchmarks.tokens import sentence_document
from marsad.document import Document, Entity
from marsad.formats import FORMATS, mending
from marsad.formats.bio import Tagged, find_chunks
from marsad.labels import scheme
from marsad.predictions import read_predictions
from marsad.scoring import score
from marsad.scoring.tokens import TokenScore, score_tags, word_tags
from tests.predictions.systems import blocks_of, conll, write

Tags = list[str]

# Tokens of corpora need not be words: these hold several, or marks only.
TOKENS = (
    ["(رويترز)", "-", "قال", "أحمد-علي", "في", "14:30", "."],
    ["دخلت", "القوات", "«درعا»", "و", "حمص", "/", "حماة", "..."],
    ["بدرعا"],
)


def repaired(tags: Iterable[str]) -> Tags:
    """Return tags in which an ``I-X`` that continues nothing is a ``B-X``."""
    legal, before = [], "O"
    for tag in tags:
        stray = tag[0] == "I" and before[2:] != tag[2:]
        legal.append(f"B-{tag[2:]}" if stray else tag)
        before = tag
    return legal


def random_tags(length: int, chance: random.Random) -> Tags:
    """Return tags as a bad tagger writes them, legal or not."""
    tags = ["O", *(f"{kind}-{label}" for label in ("PER", "GPE", "MIL") for kind in "BI")]
    return chance.choices(tags, weights=[4, 1, 2, 1, 2, 1, 2], k=length)


def shifted(tags: Tags, chance: random.Random) -> Tags:
    """Return tags of a sentence as a careless system has them."""
    if chance.random() < 0.2:
        tags = [*tags[1:], "O"]
    names = scheme().entity_names
    return [
        "O"
        if chance.random() < 0.05
        else f"{tag[:2]}{chance.choice(names)}"
        if tag != "O" and chance.random() < 0.1
        else tag
        for tag in tags
    ]


def seqeval_strict(gold: Sequence[Tags], own: Sequence[Tags]) -> float:
    return float(f1_score(list(gold), list(own), mode="strict", scheme=IOB2, zero_division=0))


def figures(gold: Sequence[Document], own: Sequence[Document]) -> tuple[float, TokenScore]:
    entities = score(gold, own, entities=True, events=False).entities
    assert entities is not None
    return entities.strict.micro.f1, entities.seqeval


def check_figures(
    gold: Sequence[Document], own: Sequence[Document], truth: list[Tags], claim: list[Tags]
) -> None:
    """Check both of our figures against seqeval's on the columns that the documents are of."""
    legal = [repaired(tags) for tags in truth], [repaired(tags) for tags in claim]
    expected = seqeval_strict(*legal)
    spans, tokens = figures(gold, own)
    assert spans == pytest.approx(expected)
    assert tokens.f1 == pytest.approx(expected)
    assert tokens.support == sum(tag[0] == "B" for tags in legal[0] for tag in tags)
    # Read like this, stray tags count as conlleval and seqeval's default count them.
    assert f1_score(truth, claim, zero_division=0) == pytest.approx(expected)


def with_tags(blocks: Iterable, tags: Iterable[Tags]) -> list:
    """Return blocks of rows with other tags."""
    return [
        [(token, tag) for (token, _), tag in zip(block, own, strict=True)]
        for block, own in zip(blocks, tags, strict=True)
    ]


def columns(parts: Iterable) -> str:
    """Return the blocks of each document as a CoNLL file."""
    return "".join(f"-DOCSTART- O\n\n{conll(blocks)}\n" for blocks in parts)


@pytest.mark.parametrize("seed", range(3))
def test_files_of_a_careless_system_score_as_seqeval_says(
    documents: list[Document], tmp_path: Path, seed: int
):
    chance = random.Random(seed)
    parts = [blocks_of(d) for d in documents]
    blocks = [block for part in parts for block in part]
    truth = [[tag for _, tag in block] for block in blocks]
    claim = [shifted(tags, chance) for tags in truth]
    gold = list(FORMATS["conll"].read(write(tmp_path / "gold.conll", columns(parts))))
    path = write(tmp_path / "own.conll", conll(with_tags(blocks, claim)))
    own = read_predictions(path, gold)
    assert len(gold) == len(documents)
    assert any(tags != repaired(tags) for tags in claim)
    assert 0.3 < figures(gold, own)[0] < 0.95
    check_figures(gold, own, truth, claim)


@settings(max_examples=20, deadline=None)
@given(st.randoms(use_true_random=False))
def test_any_tags_score_as_seqeval_says(
    documents: list[Document], tmp_path_factory: pytest.TempPathFactory, chance: random.Random
):
    blocks = [block for d in documents[:4] for block in blocks_of(d)]
    truth, claim = ([random_tags(len(b), chance) for b in blocks] for _ in range(2))
    claim = [c if chance.random() < 0.5 else t for t, c in zip(truth, claim, strict=True)]
    folder = tmp_path_factory.getbasetemp()
    path = write(folder / "gold.conll", columns([with_tags(blocks, truth)]))
    mended: list[str] = []
    gold = list(mending(FORMATS["conll"], mended).read(path))
    own = read_predictions(write(folder / "own.conll", conll(with_tags(blocks, claim))), gold)
    assert len(mended) == sum(
        a != b for tags in truth for a, b in zip(tags, repaired(tags), strict=True)
    )
    check_figures(gold, own, truth, claim)


@settings(max_examples=20, deadline=None)
@given(st.randoms(use_true_random=False))
def test_tokens_that_are_no_words_score_as_seqeval_says(
    tmp_path_factory: pytest.TempPathFactory, chance: random.Random
):
    truth, claim = ([random_tags(len(t), chance) for t in TOKENS] for _ in range(2))
    gold = [
        sentence_document(str(i), tokens, find_chunks([Tagged("", tag) for tag in tags], []))
        for i, (tokens, tags) in enumerate(zip(TOKENS, truth, strict=True))
    ]
    rows = [list(zip(*pair, strict=True)) for pair in zip(TOKENS, claim, strict=True)]
    path = write(tmp_path_factory.getbasetemp() / "tokens.conll", conll(rows))
    check_figures(gold, read_predictions(path, gold), truth, claim)


@pytest.mark.parametrize("sentences", [[], [[]], [["O", "O"]], [["O"], []]])
def test_no_entity_at_all_is_0_of_0_without_a_warning(sentences: list[Tags]):
    with warnings.catch_warnings():
        warnings.simplefilter("error")
        assert score_tags(sentences, sentences) == TokenScore(0.0, 0)


def test_one_side_without_entities_is_0():
    empty, full = [["O", "O"]], [["B-PER", "O"]]
    with warnings.catch_warnings():
        warnings.simplefilter("error")
        assert score_tags(empty, full) == TokenScore(0.0, 0)
        assert score_tags(full, empty) == TokenScore(0.0, 1)


def test_runs_of_i_tags_alone_are_no_mentions():
    truth = [["B-PER", "I-PER", "O", "B-GPE"]]
    assert score_tags(truth, [["I-PER", "I-PER", "O", "I-GPE"]]) == TokenScore(0.0, 2)


def test_a_mention_tags_every_word_that_it_touches():
    document = Document(
        "a",
        "وصل وفد بدرعا القديمة، ثم «أحمد»",
        entities=(Entity(9, 21, "GPE"), Entity(27, 31, "PER")),
    )
    tags = ["O", "O", "B-GPE", "I-GPE", "O", "O", "O", "B-PER", "O"]
    assert word_tags(document) == tags


def test_order_of_mentions_in_one_word_changes_nothing():
    document = Document("a", "درعا", entities=(Entity(0, 2, "GPE"), Entity(2, 4, "LOC")))
    turned = replace(document, entities=document.entities[::-1])
    assert word_tags(document) == word_tags(turned)
