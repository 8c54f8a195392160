import pytest
from hypothesis import given
from hypothesis import strategies as st

from marsad.corpus import read_corpus
from marsad.text.sentences import split_sentences
from tests.conftest import ROOT


def split(text: str) -> list[str]:
    return [text[a:b] for a, b in split_sentences(text)]


@pytest.mark.parametrize(
    ("text", "expected"),
    [
        ("وصلت حافلتان. غادرت ثالثة؟ نعم!", ["وصلت حافلتان.", "غادرت ثالثة؟", "نعم!"]),
        ("عنوان بلا نقطة\nثم جملة.", ["عنوان بلا نقطة", "ثم جملة."]),
        ("عند 14.30 دخلوا. ثم خرجوا.", ["عند 14.30 دخلوا.", "ثم خرجوا."]),
        ("قال د. سامر وأ.د. ليلى ذلك.", ["قال د. سامر وأ.د. ليلى ذلك."]),
        ("دخلت المنطقة.وقال شاهد", ["دخلت المنطقة.", "وقال شاهد"]),
        ("قال: «لن نغادر.» ثم صمت.", ["قال: «لن نغادر.»", "ثم صمت."]),
        ("مع الأردن وإسرائيل. .\n\nوصرحت", ["مع الأردن وإسرائيل. .", "وصرحت"]),
        ("من طرابلس.. تحية", ["من طرابلس.. تحية"]),
        ("بقي الأمر بلا حلّ جدّي. ثم عاد الجميع.", ["بقي الأمر بلا حلّ جدّي.", "ثم عاد الجميع."]),
        ("انظر example.org الآن", ["انظر example.org الآن"]),
        ("", []),
        ("  \n ", []),
    ],
)
def test_split(text: str, expected: list[str]):
    assert split(text) == expected


@given(st.text(alphabet='ابجد .؟!…\n«»"14د'))
def test_sentences_are_ordered_trimmed_and_lossless(text: str):
    position = 0
    for start, end in split_sentences(text):
        assert position <= start < end
        assert not text[position:start].strip()
        assert text[start:end] == text[start:end].strip()
        position = end
    assert not text[position:].strip()


def test_the_broken_stops_of_the_daraa_article():
    article = read_corpus(ROOT / "data" / "articles" / "daraa.jsonl")[0]
    assert split_sentences(article.text) == [(s.start, s.end) for s in article.sentences]
