import itertools
from functools import lru_cache

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from marsad.document import Document, Entity
from marsad.labels import scheme
from marsad.spans import (
    TagReading,
    best_legal_tags,
    legal_transitions,
    log_softmax,
    read_entities,
    tag_log_marginals,
    tag_words,
)
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


@lru_cache
def legal_paths(length: int, *, opens: bool = True) -> np.ndarray:
    """All tag sequences that BIO allows, (paths, length); opens: they are at a sentence's start."""

    def is_legal(path: tuple[int, ...]) -> bool:
        names = [TAGS[t] for t in path]
        before = [*(["O"] if opens else []), *names]
        return all(
            previous in (f"B-{name[2:]}", name)
            for previous, name in itertools.pairwise(before)
            if name.startswith("I-")
        )

    paths = itertools.product(range(len(TAGS)), repeat=length)
    return np.array([path for path in paths if is_legal(path)])


def path_scores(logits: np.ndarray, transitions: np.ndarray, paths: np.ndarray) -> np.ndarray:
    """The unnormalised log-probability of each path in a linear-chain CRF."""
    of_words = logits[np.arange(len(logits)), paths].astype(np.float64).sum(axis=1)
    return of_words + transitions[paths[:, :-1], paths[:, 1:]].astype(np.float64).sum(axis=1)


def marginals_by_hand(logits: np.ndarray, transitions: np.ndarray) -> np.ndarray:
    """Sum the probabilities of all legal paths by the tag that they hold at each word."""
    paths = legal_paths(len(logits))
    scores = path_scores(logits, transitions, paths)
    weights = np.exp(scores - scores.max())
    sums = [np.bincount(at, weights, minlength=len(TAGS)) for at in paths.T]
    return np.array(sums) / weights.sum()


def draw_chain(length: int, seed: int, scale: float = 2) -> tuple[np.ndarray, np.ndarray]:
    """Random logits and transitions."""
    rng = np.random.default_rng(seed)
    logits = rng.normal(scale=scale, size=(length, len(TAGS)))
    transitions = rng.normal(scale=scale, size=(len(TAGS), len(TAGS)))
    return logits.astype(np.float32), transitions.astype(np.float32)


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


@settings(max_examples=150, deadline=None)
@given(st.integers(1, 5), st.integers(0, 2**32 - 1))
def test_marginals_are_sums_over_all_legal_sequences(length: int, seed: int):
    logits, transitions = draw_chain(length, seed)
    found = tag_log_marginals(logits, transitions, TAGS)
    assert found.dtype == np.float32
    assert np.allclose(np.exp(found), marginals_by_hand(logits, transitions), atol=1e-6)


def test_marginals_of_a_chain_counted_by_hand():
    names = ("O", "B-X", "I-X")
    logits = np.zeros((2, 3), dtype=np.float32)
    transitions = np.zeros((3, 3), dtype=np.float32)
    transitions[1, 2] = np.log(3)  # O O, O B, B O, B B weigh 1 each, and B I weighs 3
    found = np.exp(tag_log_marginals(logits, transitions, names))
    assert np.allclose(found * 7, [[2, 5, 0], [2, 2, 3]], atol=1e-5)


def test_marginals_without_transitions_judge_each_word_by_itself():
    logits, _ = draw_chain(4, seed=0)
    assert np.array_equal(tag_log_marginals(logits, None, TAGS), log_softmax(logits))


def test_inside_tag_at_the_beginning_has_no_probability():
    logits, transitions = draw_chain(3, seed=0)
    logits[0, 2] = 50
    found = tag_log_marginals(logits, transitions, TAGS)
    assert list(np.isneginf(found[0])) == [False, False, True, False, True]
    assert np.isfinite(found[1:]).all()


def test_score_of_an_illegal_transition_is_not_read():
    logits, transitions = draw_chain(4, seed=1)
    raised = np.where(legal_transitions(TAGS), transitions, 80).astype(np.float32)
    found = tag_log_marginals(logits, raised, TAGS)
    assert np.array_equal(found, tag_log_marginals(logits, transitions, TAGS))


@pytest.mark.parametrize("scale", [300, 1e4])
@pytest.mark.parametrize("seed", range(5))
def test_marginals_stand_logits_whose_exponentials_overflow(scale: float, seed: int):
    logits, transitions = draw_chain(5, seed, scale)
    found = tag_log_marginals(logits, transitions, TAGS)
    assert np.allclose(np.exp(found), marginals_by_hand(logits, transitions), atol=1e-5)


def test_marginals_of_a_long_sentence_are_probabilities():
    logits, transitions = draw_chain(2000, seed=0, scale=10)
    found = tag_log_marginals(logits, transitions, TAGS)
    assert np.allclose(np.exp(found).sum(axis=1), 1, atol=1e-5)
    assert np.isfinite(found[1:]).all()


def test_marginals_of_no_words_are_none():
    logits, transitions = draw_chain(0, seed=0)
    assert tag_log_marginals(logits, transitions, TAGS).shape == (0, len(TAGS))


def test_perfect_logits_outweigh_transitions_that_say_nothing(documents: list[Document]):
    nothing = np.zeros((len(scheme().tags), len(scheme().tags)), dtype=np.float32)
    for document in documents[:10]:
        found = read_entities(
            document.text, *perfect_logits(document), scheme().tags, transitions=nothing
        )
        assert [(e.start, e.end, e.label) for e in found] == [
            (e.start, e.end, e.label) for e in sorted(document.entities)
        ]
        assert all(e.score is not None and e.score > 0.99 for e in found)


@settings(max_examples=150, deadline=None)
@given(st.integers(1, 5), st.integers(0, 2**32 - 1))
def test_reading_with_transitions_takes_the_legal_sequence_of_highest_marginals(
    length: int, seed: int
):
    logits, transitions = draw_chain(length, seed)
    text = " ".join("س" * length)  # one letter each: no word can carry a proclitic
    proclitics = np.zeros((length, MAX_PROCLITIC + 1), dtype=np.float32)
    words = find_words(text)
    found = read_entities(text, words, logits, proclitics, TAGS, transitions=transitions)

    marginals = marginals_by_hand(logits, transitions)
    paths = legal_paths(length)
    best = paths[marginals[np.arange(length), paths].prod(axis=1).argmax()]
    tags, misfits = tag_words(text, words, found, TAGS)
    assert not misfits
    assert tuple(tags.tags) == tuple(best)
    for entity in found:
        first, last = entity.start // 2, entity.end // 2
        certain = np.prod([marginals[i, best[i]] for i in range(first, last + 1)])
        inside = TAGS.index(f"I-{entity.label}")
        goes_on = marginals[last + 1, inside] if last + 1 < length else 0
        assert entity.score == pytest.approx(certain * (1 - goes_on), abs=1e-5)


def test_transitions_decide_a_word_that_says_nothing_itself():
    text, names = "قوات النظام", ("O", "B-X", "I-X")
    logits = np.array([[0, 9, 0], [0, 0, 0]], dtype=np.float32)
    proclitics = np.zeros((2, MAX_PROCLITIC + 1), dtype=np.float32)
    proclitics[:, 0] = 9
    for towards, end in (("I-X", 11), ("O", 4)):
        transitions = np.zeros((3, 3), dtype=np.float32)
        transitions[names.index("B-X"), names.index(towards)] = 4
        found = read_entities(
            text, find_words(text), logits, proclitics, names, transitions=transitions
        )
        assert [(e.start, e.end) for e in found] == [(0, end)]


def test_a_coarse_tag_is_as_likely_as_all_that_it_sums_up():
    names = ("O", "B-GPE", "I-GPE", "B-LOC", "I-LOC", "B-DATE", "I-DATE")
    coarse = ("O", "B-LOC", "I-LOC")
    targets = ["O", "B-LOC", "I-LOC", "B-LOC", "I-LOC", "O", "O"]
    reading = TagReading(coarse, np.array([[t == c for c in coarse] for t in targets]))
    shares = np.array([[0.25, 0.2, 0.05, 0.3, 0.05, 0.1, 0.05]], dtype=np.float32)
    assert np.exp(reading(np.log(shares)))[0] == pytest.approx([0.4, 0.5, 0.1])

    text, words = "درعا", np.array([[0, 4]])
    surely_none = np.array([[9.0, 0, 0, 0, 0]], dtype=np.float32)
    (fine,) = read_entities(text, words, np.log(shares), surely_none, names)
    (summed,) = read_entities(text, words, np.log(shares), surely_none, names, reading=reading)
    assert (fine.label, summed.label) == ("LOC", "LOC")
    assert fine.score == pytest.approx(0.3, abs=0.01)
    assert summed.score == pytest.approx(0.5, abs=0.01)


def test_a_mention_whose_fine_labels_share_its_probability_is_found():
    names = ("O", "B-GPE", "I-GPE", "B-LOC", "I-LOC")
    coarse = ("O", "B-LOC", "I-LOC")
    targets = ["O", "B-LOC", "I-LOC", "B-LOC", "I-LOC"]
    reading = TagReading(coarse, np.array([[t == c for c in coarse] for t in targets]))
    logits = np.log(np.array([[0.4, 0.3, 0.0, 0.3, 0.0]], dtype=np.float32) + 1e-9)
    text, words, cut = "درعا", np.array([[0, 4]]), np.zeros((1, 5), dtype=np.float32)
    assert read_entities(text, words, logits, cut, names) == []
    (found,) = read_entities(text, words, logits, cut, names, reading=reading)
    assert (found.start, found.end, found.label) == (0, 4, "LOC")
