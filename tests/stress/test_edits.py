from itertools import pairwise

import pytest
from hypothesis import given
from hypothesis import strategies as st

from marsad.stress.edits import Edit, apply_edits


@st.composite
def texts_with_edits(draw) -> tuple[str, list[Edit]]:
    text = draw(st.text("ابتث ج", max_size=30))
    borders = draw(st.lists(st.integers(0, len(text)), max_size=10).map(sorted))
    spans = zip(borders[::2], borders[1::2], strict=False)
    return text, [Edit(start, end, draw(st.text("xyz", max_size=4))) for start, end in spans]


def naive(text: str, edits: list[Edit]) -> str:
    for edit in sorted(edits, key=lambda e: (e.start, e.end))[::-1]:
        text = text[: edit.start] + edit.text + text[edit.end :]
    return text


@given(texts_with_edits())
def test_edits_at_once_are_edits_from_the_end(case):
    text, edits = case
    assert apply_edits(text, edits).text == naive(text, edits)


@given(texts_with_edits())
def test_offsets_follow_their_characters(case):
    text, edits = case
    edited = apply_edits(text, edits)
    assert edited.starts.shape == edited.ends.shape == (len(text) + 1,)
    for moved in (edited.starts, edited.ends):
        assert (moved[1:] >= moved[:-1]).all()
        assert moved[0] >= 0
        assert moved[-1] <= len(edited.text)
    replaced = {i for e in edits for i in range(e.start, e.end)}
    for i in set(range(len(text))) - replaced:
        start, end = edited.mention(i, i + 1)
        assert edited.text[start:end] == text[i]


@given(texts_with_edits())
def test_what_is_replaced_maps_to_the_whole_replacement(case):
    text, edits = case
    edited = apply_edits(text, edits)
    for edit in edits:
        if edit.start < edit.end:
            for start in range(edit.start, edit.end):
                for end in range(start + 1, edit.end + 1):
                    a, b = edited.mention(start, end)
                    assert edited.text[a:b] == edit.text


@given(texts_with_edits())
def test_stretches_that_do_not_overlap_still_do_not(case):
    text, edits = case
    edited = apply_edits(text, edits)
    cuts = [0, len(text) // 3, len(text)]
    pieces = [edited.stretch(a, b) for a, b in pairwise(cuts)]
    assert all(a <= b for a, b in pieces)
    assert pieces[0][1] <= pieces[1][0]


def test_an_insertion_is_outside_a_mention_and_inside_a_sentence():
    edited = apply_edits("درعا", [Edit(0, 0, "و"), Edit(4, 4, "!")])
    assert edited.text == "ودرعا!"
    assert edited.mention(0, 4) == (1, 5)
    assert edited.stretch(0, 4) == (0, 5)


def test_a_preposition_may_end_where_a_mention_loses_its_first_letter():
    edited = apply_edits("إلى القاهرة", [Edit(0, 4, "ل"), Edit(4, 5, "")])
    start, end = edited.mention(4, 11)
    assert (edited.text, edited.text[start:end]) == ("للقاهرة", "لقاهرة")


def test_an_insertion_comes_before_what_is_replaced_there():
    edited = apply_edits("أب", [Edit(0, 1, "ج"), Edit(0, 0, "1"), Edit(0, 0, "2")])
    assert edited.text == "12جب"
    assert edited.mention(0, 1) == (2, 3)


@pytest.mark.parametrize(
    "edits", [[Edit(0, 2, ""), Edit(1, 3, "")], [Edit(3, 9, "")], [Edit(2, 1, "")]]
)
def test_edits_that_overlap_or_leave_the_text_are_refused(edits: list[Edit]):
    with pytest.raises(ValueError, match="overlaps another edit or leaves the text"):
        apply_edits("درعا", edits)
