import random
import re
from dataclasses import replace

import pytest

from marsad.stress.punctuation import drop_punctuation
from marsad.stress.spelling import STRETCHED_SHARE, drop_hamzas, stretch, swap_digits
from marsad.stress.typos import mistype, neighbours
from marsad.stress.vocalisation import vocalise
from tests.stress.marked import marked, read, write

ONE = random.Random(1)
STRETCHING = [seed for seed in range(100) if random.Random(seed).random() < STRETCHED_SHARE]


@pytest.mark.parametrize(
    ("text", "expected"),
    [
        ("أعلنت [الهيئة:ORG] إخلاء [قرية آفس:GPE]", "اعلنت [الهييه:ORG] اخلاء [قريه افس:GPE]"),
        ("مسؤول في [ٱلرقة:GPE] على عجل", "مسوول في [الرقه:GPE] علي عجل"),
        ("وبـ[إدلب:GPE] مُؤَنٌ", "وبـ[ادلب:GPE] مُوَنٌ"),
    ],
)
def test_hamzas_are_dropped(text: str, expected: str):
    assert marked(drop_hamzas(read(text), ONE)) == expected


def test_text_without_hamzas_has_nothing_to_drop():
    assert drop_hamzas(read("قصف قرب [درعا:GPE]"), ONE) is None


@pytest.mark.parametrize(
    ("text", "expected"),
    [
        ("قتل [12:NUM] في [آذار 2014:DATE]", "قتل [١٢:NUM] في [آذار ٢٠١٤:DATE]"),
        ("الساعة [14.30:DATE] و[1,200:NUM]", "الساعة [١٤.٣٠:DATE] و[١,٢٠٠:NUM]"),
        ("ب[٩٠٠ دولار:NUM] وال[218:NUM]", "ب[900 دولار:NUM] وال[٢١٨:NUM]"),
        ("[طريق M4:LOC] و[30:NUM] F-16", "[طريق M4:LOC] و[٣٠:NUM] F-16"),
        ("[اللواء 137:MIL] على @user_1", "[اللواء ١٣٧:MIL] على @user_1"),
    ],
)
def test_digits_change_sides(text: str, expected: str):
    assert marked(swap_digits(read(text), ONE)) == expected


def test_digits_of_names_alone_are_nothing_to_change():
    assert swap_digits(read("[طريق M4:LOC]"), ONE) is None


def test_tatweel_stands_between_letters_that_join():
    document = read("وصلت [قوات الأمن:MIL] بـ[حلب:GPE] لا إلى [دارة عزة:GPE] بَعْدَ سلام")
    joined = {
        match[0]
        for seed in range(100)
        if (perturbed := stretch(document, random.Random(seed)))
        for match in re.finditer(r"\w[َْ]?ـ+\w", write(perturbed.document))
    }
    pairs = {re.sub("[ـَْ]", "", pair) for pair in joined}
    assert pairs >= {"صل", "لت", "قو", "من", "حل", "لب", "بع", "عد", "سل"}
    assert pairs.isdisjoint({"لا", "لأ", "وص", "ات", "دا", "زة", "ام"})


def test_tatweel_before_a_mention_stays_outside_it():
    document = read("ب[حلب:GPE]")
    seen = {marked(stretch(document, random.Random(seed))) for seed in STRETCHING}
    assert {text.replace("ـ", "") for text in seen} == {"ب[حلب:GPE]"}
    assert any(text.startswith("بـ") and "[ح" in text for text in seen)


def test_marks_are_put_where_they_may_stand():
    document = read("قصفت [القوات الحكومية:MIL] بِ[درعا:GPE] و[الشام:LOC] إلى الآن")
    for seed in range(40):
        perturbed = vocalise(document, random.Random(seed))
        assert perturbed is not None
        text = perturbed.document.text
        assert "بِ" in text
        assert not any(mark + letter in text for mark in "ًٌٍ" for letter in "قصفتالوحكمية")
        assert "اَ" not in text
        assert "ْْ" not in text
        assert text.count("الشّ") == 1
        assert "الْق" in text


def test_marks_belong_to_the_letter_before_them():
    perturbed = vocalise(read("[درعا:GPE]"), random.Random(3))
    assert perturbed is not None
    entity = perturbed.document.entities[0]
    assert (entity.start, entity.end) == (0, len(perturbed.document.text))


@pytest.mark.parametrize(
    ("text", "expected"),
    [
        ("قال: [درعا:GPE]، و[حلب:GPE].", "قال [درعا:GPE] و[حلب:GPE]"),
        ("الساعة [14.30:DATE].", "الساعة [14.30:DATE]"),
        ("[خط كركوك - جيهان:FAC] (مغلق)", "[خط كركوك جيهان:FAC] مغلق"),
        ("يوم [22/4/2015:DATE] فاز 3-0!", "يوم [22/4/2015:DATE] فاز 3-0"),
        ("[كتائب/ألوية:MIL] في المنطقة.دخلت", "[كتائب ألوية:MIL] في المنطقة دخلت"),
        ('عُرف ب"[الجمعة الدامية:EVENT]".', "عُرف ب[الجمعة الدامية:EVENT]"),
        ("وال«[قاعدة:MIL]» و (هم)", "وال[قاعدة:MIL] و هم"),
        ("#[البصرة:GPE] #دير_الزور [80%:NUM]", "[البصرة:GPE] دير_الزور [80%:NUM]"),
        ("[القاهرة:GPE] ـ [أ ش أ:ORG]: فاز", "[القاهرة:GPE] [أ ش أ:ORG] فاز"),
        ("سطر أول؟\n«سطر ثان»...\n.", "سطر أول\nسطر ثان\n."),
    ],
)
def test_punctuation_is_dropped(text: str, expected: str):
    assert marked(drop_punctuation(read(text), ONE)) == expected


def test_sentences_that_touch_are_parted_by_a_space():
    document = read("انسحبوا.أما [درعا:GPE].")
    first, second = (0, 8), (8, len(document.text))
    sentence = document.sentences[0]
    cut = tuple(replace(sentence, start=a, end=b) for a, b in (first, second))
    perturbed = drop_punctuation(replace(document, sentences=cut), ONE)
    assert perturbed is not None
    assert perturbed.document.text == "انسحبوا أما درعا"
    assert [(s.start, s.end) for s in perturbed.document.sentences] == [(0, 7), (8, 16)]


def test_keys_have_their_neighbours():
    assert neighbours()["ق"] == "ثف"
    assert neighbours()["ا"] == "لت"
    assert neighbours()["ر"] == "ؤ"
    assert neighbours()["ط"] == "ك"


def test_slips_spare_proclitics_first_letters_and_short_words():
    document = read("وبال[مدينة:GPE] [حمص:GPE] من إلى (والمعارضة [الشمالية:NORP])")
    seen = set()
    for seed in range(300):
        perturbed = mistype(document, random.Random(seed))
        if perturbed:
            text = marked(perturbed)
            seen.add(text)
            assert text.startswith("وبال[م")
            assert " [حمص:GPE] من إلى (" in text
            assert " [ا" in text
    assert {len(text) - len(write(document)) for text in seen} >= {-1, 0, 1}
