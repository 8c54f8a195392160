import itertools

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from marsad.document import Document, Entity
from marsad.labels import scheme
from marsad.spans import best_legal_tags, legal_transitions, read_entities, tag_words
from marsad.text.words import MAX_PROCLITIC, find_words

TAGS = ("O", "B-X", "I-X", "B-Y", "I-Y")


def perfect_logits(document: Document) -> tuple[np.ndarray, np.ndarray, np.ndarray]:
    words = find_words(document.text)
    targets, misfits = tag_words(document.text, words, document.entities, scheme().tags)
    assert not misfits
    tags = np.full((len(words), len(scheme().tags)), -9, dtype=np.float32)
    tags[np.arange(len(words)), targets.tags] = 9
    proclitics = np.full((len(words), MAX_PROCLITIC + 1), -9, dtype=np.float32)
    proclitics[np.arange(len(words)), targets.proclitics.clip(0)] = 9
    return words, tags, proclitics


def test_perfect_logits_give_back_every_annotated_mention(documents: list[Document]):
    for document in documents:
        found = read_entities(document.text, *perfect_logits(document), scheme().tags)
        assert [(e.start, e.end, e.label) for e in found] == [
            (e.start, e.end, e.label) for e in sorted(document.entities)
        ]
        assert all(e.score is not None and e.score > 0.99 for e in found)


@pytest.mark.parametrize(
    ("entity", "reason"),
    [
        (Entity(0, 3, "GPE"), "ends inside a word"),
        (Entity(5, 7, "GPE"), "starts more than"),
        (Entity(7, 8, "GPE"), "holds no word"),
    ],
)
def test_mention_that_words_cannot_express_is_given_back(entity: Entity, reason: str):
    text = "للمتحد  سوريا"
    _, misfits = tag_words(text, find_words(text), [entity], scheme().tags)
    assert [m.entity for m in misfits] == [entity]
    assert reason in misfits[0].reason


def test_two_mentions_in_one_word_cannot_both_be_expressed():
    text = "وسوريا"
    entities = [Entity(0, 6, "GPE"), Entity(1, 6, "GPE")]
    _, misfits = tag_words(text, find_words(text), entities, scheme().tags)
    assert [m.reason for m in misfits] == ["shares a word with another mention"]


@settings(max_examples=150)
@given(st.integers(1, 5), st.integers(0, 2**32 - 1))
def test_decoding_finds_the_best_legal_sequence(length: int, seed: int):
    scores = np.random.default_rng(seed).normal(size=(length, len(TAGS))).astype(np.float32)
    allowed = legal_transitions(TAGS)

    def total(path: tuple[int, ...]) -> float:
        legal = TAGS[path[0]][0] != "I" and all(allowed[a, b] for a, b in itertools.pairwise(path))
        return float(sum(scores[i, t] for i, t in enumerate(path))) if legal else -np.inf

    best = max(itertools.product(range(len(TAGS)), repeat=length), key=total)
    assert tuple(best_legal_tags(scores, TAGS)) == best


def test_inside_tag_without_a_beginning_is_never_decoded():
    scores = np.zeros((3, len(TAGS)), dtype=np.float32)
    scores[:, 2] = 5  # I-X everywhere
    tags = [TAGS[t] for t in best_legal_tags(scores, TAGS)]
    assert tags == ["B-X", "I-X", "I-X"]


def test_proclitic_never_swallows_the_word():
    words = find_words("و")
    tags = np.zeros((1, len(scheme().tags)), dtype=np.float32)
    tags[0, 1] = 9
    proclitics = np.zeros((1, MAX_PROCLITIC + 1), dtype=np.float32)
    proclitics[0, 4] = 9
    found = read_entities("و", words, tags, proclitics, scheme().tags)
    assert [(e.start, e.end) for e in found] == [(0, 1)]
