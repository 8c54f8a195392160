import pytest
from hypothesis import given
from hypothesis import strategies as st

from marsad.corpus import read_corpus
from marsad.text.sentences import MOST_CHARACTERS, split_sentences
from tests.conftest import CORPUS, ROOT
from tests.measure_sentences import score_splitter


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
        (
            "المقطع على https://youtu.be/watch?v=30 وقال إن الهدف مخزن. وأضاف أنه دمر كليا",
            ["المقطع على https://youtu.be/watch?v=30 وقال إن الهدف مخزن.", "وأضاف أنه دمر كليا"],
        ),
        (
            "راسلونا اليوم على أحمد.محمد@example.org. وتابعوا قناتنا t.me/x.Report أو t.me/y.",
            ["راسلونا اليوم على أحمد.محمد@example.org.", "وتابعوا قناتنا t.me/x.Report أو t.me/y."],
        ),
        (
            "صرح وزير الصحة \u200fد. صالح بأن الوضع مستقر",
            ["صرح وزير الصحة \u200fد. صالح بأن الوضع مستقر"],
        ),
        ("", []),
        ("  \n ", []),
    ],
)
def test_split(text: str, expected: list[str]):
    assert split(text) == expected


@pytest.mark.parametrize(
    "end",
    [
        *(".\u200f ", "\u200f.\u200f", "؟\u202c ", ".\u200f» "),
        *(".💔 ", "!🇸🇾 ", ".⭐", ".\u2764\ufe0f\u200d\U0001f525 "),
        *(".[1] ", ".<br>", " https://example.org.<br>", ".(@army) ", ".«@sana» "),
    ],
)
def test_what_is_not_seen_or_only_decorates_hides_no_stop(end: str):
    own = ["سيطر الجيش على البلدة أمس", "وخطف مسلحون ثلاثة من سكانها", "وتصل المساعدات إليها غدا"]
    assert len(split(end.join(own))) == 3


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


def test_most_annotated_sentences_are_found():
    assert score_splitter(read_corpus(CORPUS / "train.jsonl")).f1 > 0.97


def test_a_text_without_stops_is_cut_at_spaces():
    text = "قال شهود إن القصف استمر " * 2_000
    sentences = split_sentences(text)
    assert len(sentences) > 10
    assert all(b - a <= MOST_CHARACTERS for a, b in sentences)
    assert " ".join(text[a:b] for a, b in sentences) == text.strip()


def test_one_endless_word_stays_whole():
    assert split_sentences("ه" * 10_000) == [(0, 10_000)]


@pytest.mark.parametrize("end", ["\n", "\r\n", "\r", "\f", "\v", "\x85", "\u2028", "\u2029"])
def test_every_line_end_ends_a_sentence(end: str):
    """Those of str.splitlines: pdftotext puts a form feed between pages."""
    text = f"بيان{end}انسحب الجيش من المدينة"
    assert [text[a:b] for a, b in split_sentences(text)] == text.splitlines()


def test_hostile_texts_are_split_in_time_that_grows_with_their_length():
    """Each of them took hours where it was tried anew from every sign."""
    many = 200_000
    assert split_sentences("." * many + "-") == [(0, many + 1)]
    short = "كلمة. " * many
    assert split_sentences(short)[-1][1] == len(short) - 1
    address = "http://" + ".(" * many
    assert split_sentences(address)[-1][1] == len(address)
