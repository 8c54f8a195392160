import itertools
import weakref
from collections.abc import Iterable, Iterator
from typing import Any

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from marsad.errors import ConfigError
from marsad.text.batches import make_batch
from marsad.text.sentences import split_sentences
from marsad.text.windows import (
    Part,
    SpecialIds,
    TokenizedSentence,
    Window,
    pack_windows,
    tokenize_sentences,
)
from tests.conftest import tiny_tokenizer

SPECIAL = SpecialIds(start=2, end=3, pad=0)
LETTERS = "ابتدرع لوقسم."
TOKENIZER = tiny_tokenizer([LETTERS]).backend_tokenizer


def windows_of(text: str, **limits: int) -> tuple[list[Window], list[int]]:
    sentences = list(tokenize_sentences(text, split_sentences(text), TOKENIZER))
    limits = {"max_tokens": 24, "overlap": 4, "max_sentences": 100} | limits
    return list(pack_windows(sentences, SPECIAL, **limits)), [len(s.words) for s in sentences]


@settings(max_examples=200)
@given(st.text(alphabet=LETTERS + "\n", max_size=400), st.integers(0, 8))
def test_every_word_belongs_to_exactly_one_part(text: str, context: int):
    windows, counts = windows_of(text, context=context)
    seen = [np.zeros(count, dtype=int) for count in counts]
    for window in windows:
        assert len(window.ids) <= 24
        assert window.ids[0] == SPECIAL.start
        assert window.ids[-1] == SPECIAL.end
        for part in window.parts:
            seen[part.sentence][part.first_word : part.last_word] += 1
            assert len(part.positions) == part.last_word - part.first_word
            assert ((part.begin <= part.positions) & (part.positions < part.end)).all()
    assert all((count == 1).all() for count in seen)


def test_positions_are_first_pieces():
    windows, _ = windows_of("درعا بلد. قسم")
    ids = [TOKENIZER.id_to_token(i) for i in windows[0].ids]
    firsts = [ids[p] for part in windows[0].parts for p in part.positions]
    assert firsts == ["د", "ب", ".", "ق"]


def test_long_sentence_is_cut_with_context_on_both_sides():
    windows, _ = windows_of("دع " * 40)
    assert len(windows) > 2
    for before, after in itertools.pairwise(windows):
        assert before.parts[0].last_word == after.parts[0].first_word
        assert not after.parts[0].whole
    inner = windows[1].parts[0]
    assert inner.positions[0] > inner.begin
    assert inner.positions[-1] < inner.end - 2


def test_word_longer_than_a_window_is_read_by_its_beginning():
    windows, counts = windows_of("ا" * 100)
    assert counts == [1]
    assert len(windows) == 1
    assert len(windows[0].ids) == 24


def test_first_pooling_reads_one_sentence_a_window():
    windows, _ = windows_of("دع\nقم\nبت", max_sentences=1)
    assert [len(w.parts) for w in windows] == [1, 1, 1]
    assert windows[0].spans("first") == [(0, 1)]


def test_batch_masks_padding_and_sentences():
    batch = make_batch([[2, 7, 8, 3], [2, 7, 3]], [[(1, 2), (2, 3)], [(1, 2)]], SPECIAL)
    assert batch.input_ids.tolist() == [[2, 7, 8, 3], [2, 7, 3, 0]]
    assert batch.attention_mask.tolist() == [[1, 1, 1, 1], [1, 1, 1, 0]]
    assert batch.sentence_mask[0].tolist() == [[0, 1, 0, 0], [0, 0, 1, 0]]
    assert batch.sentence_mask[1].tolist() == [[0, 1, 0, 0], [0, 0, 0, 0]]


@pytest.mark.parametrize("text", ["\u0651", "ّ درعا", "درعا \u200f"])
def test_word_that_the_tokenizer_loses_still_has_a_position(text: str):
    windows, counts = windows_of(text)
    assert sum(p.last_word - p.first_word for w in windows for p in w.parts) == sum(counts)


# Context. Sentences are made of the sizes of their words in pieces, and a piece's id is SHIFT more
# than its number in the text, so that ids say where in the text they come from.

SHIFT = 10
ORDINARY = st.integers(0, 4)
WILD = ORDINARY | st.integers(5, 60)


def texts(sizes: st.SearchStrategy[int]) -> st.SearchStrategy[list[list[int]]]:
    return st.lists(st.lists(sizes, max_size=40), max_size=15)


LIMITS = st.fixed_dictionaries(
    {
        "max_tokens": st.integers(10, 30),
        "overlap": st.integers(0, 8),
        "max_sentences": st.sampled_from([1, 2, 100]),
    }
)


def made_of(text: Iterable[list[int]]) -> Iterator[TokenizedSentence]:
    shift = SHIFT
    for sizes in text:
        count = sum(sizes)
        firsts = np.cumsum([0, *sizes])[:-1]
        words = np.arange(2 * len(sizes)).reshape(-1, 2)
        silent = np.array(sizes, dtype=int) == 0
        pieces = np.arange(shift, shift + count)
        yield TokenizedSentence(words, pieces, np.minimum(firsts, max(count - 1, 0)), silent)
        shift += count


def with_and_without(
    text: list[list[int]], limits: dict[str, int], context: int
) -> tuple[list[Window], list[Window]]:
    """Pack with context, and with as much room for sentences but no context."""
    larger = limits | {"max_tokens": limits["max_tokens"] + 2 * context}
    shown = list(pack_windows(made_of(text), SPECIAL, **larger, context=context))
    assert all(len(window.ids) <= larger["max_tokens"] for window in shown)
    return shown, list(pack_windows(made_of(text), SPECIAL, **limits))


def inside(window: Window) -> list[int]:
    """Return the ids between the start and the end token."""
    ids: list[int]
    start, *ids, end = window.ids.tolist()
    assert (start, end) == (SPECIAL.start, SPECIAL.end)
    return ids


def moved(part: Part, by: int) -> dict[str, Any]:
    """Return all that is to know of a part that stands so much further right."""
    shifts = {"begin": by, "end": by, "positions": by}
    fields = {name: value + shifts.get(name, 0) for name, value in vars(part).items()}
    return {
        name: value.tolist() if isinstance(value, np.ndarray) else value
        for name, value in fields.items()
    }


@given(texts(WILD), LIMITS, st.integers(0, 12))
def test_context_changes_no_part(text: list[list[int]], limits: dict[str, int], context: int):
    shown, bare = with_and_without(text, limits, context)
    for window, own in zip(shown, bare, strict=True):
        by = window.parts[0].begin - 1
        assert [moved(p, 0) for p in window.parts] == [moved(p, by) for p in own.parts]
        assert inside(window)[by : by + len(inside(own))] == inside(own)


@given(texts(WILD), LIMITS, st.integers(1, 12))
def test_context_is_what_the_windows_on_either_side_hold_besides(
    text: list[list[int]], limits: dict[str, int], context: int
):
    shown, bare = with_and_without(text, limits, context)
    own = [inside(window) for window in bare]
    for window, before, ids, after in zip(shown, [[], *own], own, [*own[1:], []], strict=False):
        by = window.parts[0].begin - 1
        left, right = inside(window)[:by], inside(window)[by + len(ids) :]
        if ids:
            assert left == sorted({i for i in before if i < min(ids)})[-context:]
            assert right == sorted({i for i in after if i > max(ids)})[:context]


@given(texts(ORDINARY), LIMITS, st.integers(0, 12))
def test_a_window_with_its_context_is_a_stretch_of_the_text(
    text: list[list[int]], limits: dict[str, int], context: int
):
    shown, bare = with_and_without(text, limits, context)
    own = [inside(window) for window in bare]
    for window, before, ids, after in zip(shown, [[], *own], own, [*own[1:], []], strict=False):
        if ids:
            begin = max(ids[0] - context, min([*before, ids[0]]))
            end = min(ids[-1] + context, max([*after, ids[-1]]))
            assert inside(window) == list(range(begin, end + 1))


def test_a_cut_sentence_is_its_own_context_beyond_what_its_parts_share():
    limits = {"max_tokens": 28, "overlap": 8, "max_sentences": 9}
    first, inner, *_ = pack_windows(made_of([[1] * 60]), SPECIAL, **limits, context=3)
    assert inside(first) == list(range(10, 33))
    assert inside(inner) == list(range(19, 45))
    part = inner.parts[0]
    assert (part.begin, part.end) == (4, 24)
    assert part.positions.tolist() == list(range(8, 20))


def test_neighbouring_sentences_are_context_and_not_pooled_over():
    limits = {"max_tokens": 20, "overlap": 0, "max_sentences": 9}
    windows = list(pack_windows(made_of([[1] * 10] * 3), SPECIAL, **limits, context=4))
    stretches = [(10, 24), (16, 34), (26, 40)]
    assert list(map(inside, windows)) == [list(range(*stretch)) for stretch in stretches]
    assert [w.spans("attention") for w in windows] == [[(1, 11)], [(5, 15)], [(5, 15)]]


def test_context_may_leave_little_room_but_not_none():
    windows, _ = windows_of("دع قم", context=10)
    assert [len(window.ids) for window in windows] == [6, 6]
    with pytest.raises(ConfigError, match=r"11 tokens on either side .* a window of 24"):
        windows_of("دع قم", context=11)


@pytest.mark.parametrize("context", [0, 5])
def test_sentences_are_taken_one_window_ahead_and_let_go(context: int):
    room = 18
    taken: list[weakref.ref[TokenizedSentence]] = []

    def source() -> Iterator[TokenizedSentence]:
        for sentence in made_of(itertools.repeat([1], 5_000)):
            taken.append(weakref.ref(sentence))
            yield sentence

    limits = {"max_tokens": room + 2 + 2 * context, "overlap": 4, "max_sentences": 100}
    windows = pack_windows(source(), SPECIAL, **limits, context=context)
    for number, _ in enumerate(itertools.islice(windows, 100), start=1):
        assert len(taken) <= (number + 1) * room + 1
        assert sum(sentence() is not None for sentence in taken) <= 4 * room
    assert number == 100
