import unicodedata

import pytest
from hypothesis import given
from hypothesis import strategies as st

from marsad.text.words import count_words, find_words, letter_starts


def words(text: str) -> list[str]:
    return [text[a:b] for a, b in find_words(text)]


@pytest.mark.parametrize(
    ("text", "expected"),
    [
        ("قصف درعا.", ["قصف", "درعا", "."]),
        ("قُصِفَتْ دَرْعَا", ["قُصِفَتْ", "دَرْعَا"]),
        ("عــاجل: بدرعا", ["عــاجل", ":", "بدرعا"]),
        ("الساعة 14.30", ["الساعة", "14.30"]),
        ("1,200 قتيل", ["1,200", "قتيل"]),
        ("٪٤٠ و35%", ["٪", "٤٠", "و35", "%"]),
        ("#درعا_البلد", ["#", "درعا", "_", "البلد"]),
        ("المنطقة.دخلت", ["المنطقة", ".", "دخلت"]),
        ("طريق M4 (قسد)", ["طريق", "M4", "(", "قسد", ")"]),
        ("لـ50 شخصا", ["لـ50", "شخصا"]),
        ("\u200fدرعا\u200f و\u202bحلب\u202c", ["درعا", "و\u202bحلب"]),
        ("—\u0301 नमस्ते", ["—\u0301", "नमस्ते"]),
        ("👨‍👩‍👧 🇸🇾!", ["👨‍👩‍👧", "🇸🇾", "!"]),
        ("", []),
    ],
)
def test_words(text: str, expected: list[str]):
    assert words(text) == expected


@given(st.text())
def test_words_cover_what_can_be_seen_and_never_overlap(text: str):
    covered: set[int] = set()
    for start, end in find_words(text):
        assert start < end
        assert covered.isdisjoint(range(start, end))
        covered.update(range(start, end))
        assert end == len(text) or not unicodedata.category(text[end]).startswith("M")
    unseen = {
        i for i, c in enumerate(text) if unicodedata.category(c) in {"Cc", "Cf", "Zl", "Zp", "Zs"}
    }
    assert covered | unseen == set(range(len(text)))


def test_letters_begin_before_their_marks():
    assert letter_starts("بِدَرْعَا") == [0, 2, 4, 6, 8]
    assert letter_starts("لـــ50") == [0, 4, 5]
    assert letter_starts("ّ") == [0]
    assert letter_starts("👩‍🚀") == [0]


def test_flags_are_two_letters_each_and_many_are_counted_in_no_time():
    assert len(find_words("🇸🇾🇱🇧 🇮🇶")) == 3
    assert [tuple(w) for w in find_words("🇸🇾\u200d🇱")] == [(0, 3), (3, 4)]
    assert count_words("🇸🇾" * 200_000) == 200_000


def test_counting_ends_where_it_is_told_to():
    assert count_words("قتل ثلاثة جنود", most=2) == 2
    assert count_words("قتل ثلاثة جنود", most=9) == 3
