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
        (
            "وصلت حافلتان من درعا أمس. فهل غادرت معهما حافلة ثالثة؟ نعم غادرت قبل الفجر!",
            ["وصلت حافلتان من درعا أمس.", "فهل غادرت معهما حافلة ثالثة؟", "نعم غادرت قبل الفجر!"],
        ),
        ("عنوان بلا نقطة\nثم جملة.", ["عنوان بلا نقطة", "ثم جملة."]),
        (
            "عند الساعة 14.30 دخلوا البلدة. ثم خرجوا منها مساء.",
            ["عند الساعة 14.30 دخلوا البلدة.", "ثم خرجوا منها مساء."],
        ),
        ("قال د. سامر وأ.د. ليلى ذلك.", ["قال د. سامر وأ.د. ليلى ذلك."]),
        (
            "دخلت الشرطة المنطقة مساء.وقال شاهد إنها غادرت",
            ["دخلت الشرطة المنطقة مساء.", "وقال شاهد إنها غادرت"],
        ),
        (
            "قال: «لن نغادر هذا البيت.» ثم صمت طويلا أمامنا.",
            ["قال: «لن نغادر هذا البيت.»", "ثم صمت طويلا أمامنا."],
        ),
        ("مع الأردن وإسرائيل. .\n\nوصرحت", ["مع الأردن وإسرائيل. .", "وصرحت"]),
        ("إلى مناطق المعارضة في. شمال سوريا.", ["إلى مناطق المعارضة في. شمال سوريا."]),
        ("عاجل! قصف عنيف يطال أحياء المدينة", ["عاجل! قصف عنيف يطال أحياء المدينة"]),
        ("من طرابلس.. تحية", ["من طرابلس.. تحية"]),
        (
            "بقي الأمر بلا حلّ جدّي. ثم عاد الجميع إلى البلدة.",
            ["بقي الأمر بلا حلّ جدّي.", "ثم عاد الجميع إلى البلدة."],
        ),
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
