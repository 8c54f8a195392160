import pytest
from hypothesis import given
from hypothesis import strategies as st

from marsad.text.words import find_words


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
        ("", []),
    ],
)
def test_words(text: str, expected: list[str]):
    assert words(text) == expected


@given(st.text())
def test_words_cover_what_can_be_seen_and_never_overlap(text: str):
    spans = find_words(text)
    covered = set()
    for start, end in spans:
        assert start < end
        assert covered.isdisjoint(range(start, end))
        covered.update(range(start, end))
    assert all(i in covered for i, c in enumerate(text) if not c.isspace())
