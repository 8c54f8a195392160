import unicodedata

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from marsad.text.aligned import AlignedText
from marsad.text.cleaning import CLEANINGS, clean, read_cleaning

ARABERT = CLEANINGS["arabert"]

# What arabert 1.0.1 makes of these, as ArabertPreprocessor("bert-base-arabertv02").preprocess.
BY_ARABERT = [
    ("قُصِفَتْ مدينـــة درعا.", "قصفت مدينة درعا ."),
    ("في ١٤/٣/٢٠١١ اندلعت", "في 14 - 3 - 2011 اندلعت"),
    ("اتفاق (برعاية روسية)، و50قتيلا", "اتفاق ( برعاية روسية ) ، و 50 قتيلا"),
    ("تابعونا https://example.org/a?b=1 الآن", "تابعونا [رابط] الآن"),
    ("راسلوا desk@example.org أو @marsad", "راسلوا [رابط] أو [مستخدم]"),
    ("هههههه!!!! رااااائع", "هه ! ! راائع"),
    ("&quot;هدنة&quot;<br />في <b>حلب</b>", '" هدنة " في حلب'),
    ("قال: «لا»… ثم 😀 خرج", "قال : « لا » … ثم خرج"),
    ("\u200fدرعا\u200f & حمص", "درعا حمص"),
    ("", ""),
]


@pytest.mark.parametrize(("text", "expected"), BY_ARABERT)
def test_cleaning_as_arabert_does_it(text: str, expected: str):
    assert clean(text, ARABERT).text == expected


@pytest.mark.parametrize("reference", ["&#" + "1" * 5000 + ";", "&#x" + "f" * 5000 + ";"])
def test_a_reference_to_no_character_is_one_sign(reference: str):
    assert clean(f"خبر {reference} من حلب", ("references",)).text == "خبر \ufffd من حلب"


def test_careless_copy_is_what_training_alone_may_read():
    text = "أُصيبت امرأة وآخرون إلى جوار مستشفى، وسُئل مسؤول"
    cleaned = clean(text, ("marks", "careless"))
    assert cleaned.text == "اصيبت امراه واخرون الي جوار مستشفي، وسيل مسوول"
    at = cleaned.text.index("مستشفي")
    assert text[slice(*cleaned.source(at, at + 6))] == "مستشفى"
    assert not any("careless" in steps for steps in CLEANINGS.values())


def test_every_kept_letter_stands_for_itself():
    text = "قُصِفَتْ «درعــا» في ١٤ آذار: http://example.org ورااااح 3قتلى"
    cleaned = clean(text, ARABERT)
    for character, start, end in zip(cleaned.text, cleaned.starts, cleaned.ends, strict=True):
        source = text[start:end]
        if unicodedata.category(character) == "Lo" and len(source) == 1:
            assert source == character
        elif character.isdigit():
            assert unicodedata.digit(source) == int(character)
    at = cleaned.text.index("درعا")
    assert text[slice(*cleaned.source(at, at + 4))] == "درعــا"
    at = cleaned.text.index("[رابط]")
    assert text[slice(*cleaned.source(at, at + 6))] == "http://example.org"


@settings(max_examples=300)
@given(st.text(st.sampled_from("ابتة ًّـ٤7./<>&;@hw:—«»\n\u200f😀\ud800") | st.characters()))
def test_sources_stay_inside_the_text_and_in_order(text: str):
    for steps in CLEANINGS.values():
        cleaned = clean(text, steps)
        assert len(cleaned.text) == len(cleaned.starts) == len(cleaned.ends)
        assert all(
            0 <= a < b <= len(text) for a, b in zip(cleaned.starts, cleaned.ends, strict=True)
        )
        assert cleaned.starts == sorted(cleaned.starts)
        assert cleaned.ends == sorted(cleaned.ends)


@pytest.mark.parametrize(
    "unit", ["a", "1", "ا", "<", "@", "&", "a@", "http", "ا1", "a.", ".com", "\u064e"]
)
def test_time_is_linear_whatever_the_text(unit: str):
    text = unit * (200_000 // len(unit))
    assert len(clean(text, ARABERT).text) <= 4 * len(text)  # a quadratic pattern would not return


def test_no_cleaning_leaves_the_text():
    assert clean("درعا &amp; ١", ()) == AlignedText.of("درعا &amp; ١")


def test_unknown_step_is_refused():
    with pytest.raises(ValueError, match="unknown cleaning step 'stem'"):
        read_cleaning(["marks", "stem"])
