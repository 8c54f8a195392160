import itertools

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from marsad.text.sentences import split_sentences
from marsad.text.windows import SpecialIds, Window, make_batch, pack_windows, tokenize_sentences
from tests.conftest import tiny_tokenizer

SPECIAL = SpecialIds(start=2, end=3, pad=0)
LETTERS = "ابتدرع لوقسم."
TOKENIZER = tiny_tokenizer([LETTERS]).backend_tokenizer


def windows_of(text: str, **limits: int) -> tuple[list[Window], list[int]]:
    sentences = list(tokenize_sentences(text, split_sentences(text), TOKENIZER))
    limits = {"max_tokens": 24, "overlap": 4, "max_sentences": 100} | limits
    return list(pack_windows(sentences, SPECIAL, **limits)), [len(s.words) for s in sentences]


@settings(max_examples=200)
@given(st.text(alphabet=LETTERS + "\n", max_size=400))
def test_every_word_belongs_to_exactly_one_part(text: str):
    windows, counts = windows_of(text)
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
