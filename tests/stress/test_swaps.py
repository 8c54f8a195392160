import random

import pytest

from marsad.stress import STRESSES, swap_groups, swap_names
from marsad.stress.lexicon import lexicon
from marsad.stress.proclitics import attach, has_article, read_after, written_after
from marsad.stress.swaps import swap_factions, swap_places
from tests.stress.marked import marked, read

ONE = random.Random(1)


@pytest.mark.parametrize(
    ("text", "expected"),
    [
        ("وصل في [درعا:GPE]", "وصل ب[درعا:GPE]"),
        ("وفي [دمشق:GPE] تظاهروا", "وب[دمشق:GPE] تظاهروا"),
        ("اعتصام في [ساحة الأمويين:FAC]", "اعتصام ب[ساحة الأمويين:FAC]"),
        ("انفجار في [الغوطة الشرقية:LOC]", "انفجار ب[الغوطة الشرقية:LOC]"),
        ("وصل إلى [القاهرة:GPE]", "وصل ل[لقاهرة:GPE]"),
        ("وصل الى [اللاذقية:GPE]", "وصل ل[لاذقية:GPE]"),
        ("سلّم إلى [الأمم المتحدة:ORG]", "سلّم ل[لأمم المتحدة:ORG]"),
        ("كتب إلى [علي نزار:PER]", "كتب ل[علي نزار:PER]"),
        ("عاد إلى [ألمانيا:GPE]", "عاد ل[ألمانيا:GPE]"),
        ("كتب إلى [الياس حنا:PER]", "كتب ل[الياس حنا:PER]"),
    ],
)
def test_prepositions_are_attached(text: str, expected: str):
    assert marked(attach(read(text), ONE)) == expected


@pytest.mark.parametrize(
    "text",
    [
        "وقع في [آذار:DATE]",
        "وصل إلى [الجسر:FAC]",
        "وصل في [14:NUM]",
        'قال في "[درعا:GPE]"',
        "صافي [درعا:GPE]",
        "[مقاتلون في:MIL] [درعا:GPE]",
        "دخل في مدينة [درعا:GPE]",
    ],
)
def test_other_prepositions_stay(text: str):
    assert attach(read(text), ONE) is None


def test_sentences_are_opened_by_and():
    text = "خرجوا\n[دمشق:GPE] تدين\nوقال\nفي [حلب:GPE] قصف\n12\nفقد\nانتهى\n[واشنطن:GPE] تدين"
    expected = "خرجوا\nو[دمشق:GPE] تدين\nوقال\nوب[حلب:GPE] قصف\n12\nفقد\nوانتهى\nو[واشنطن:GPE] تدين"
    perturbed = attach(read(text), ONE)
    assert marked(perturbed) == expected
    assert perturbed is not None
    second = perturbed.document.sentences[1]
    assert perturbed.document.text[second.start : second.end] == "ودمشق تدين"
    assert perturbed.touched == (1, 3, 6, 7)


@pytest.mark.parametrize(
    ("name", "proclitics", "surface"),
    [
        ("القاهرة", "ل", "لقاهرة"),
        ("القاهرة", "ب", "القاهرة"),
        ("القاهرة", "ول", "لقاهرة"),
        ("اللاذقية", "ل", "لاذقية"),
        ("درعا", "ل", "درعا"),
        ("ألمانيا", "ل", "ألمانيا"),
    ],
)
def test_names_are_written_after_proclitics_and_read_again(name, proclitics, surface):
    assert written_after(name, proclitics) == surface
    assert name in read_after(surface, proclitics)


def test_articles_are_told_from_letters_of_the_name():
    assert has_article("الرقة")
    assert not any(has_article(name) for name in ("ألمانيا", "الياس حنا", "إلب", "درعا", ""))


def test_places_stay_of_their_kind():
    places = lexicon().places
    for seed in range(30):
        perturbed = swap_places(
            read("من [دمشق:GPE] إلى [درعا:GPE] و[مدينة درعا:GPE] ب[العراق:GPE]"),
            random.Random(seed),
        )
        assert perturbed is not None
        capital, city, kept, country = (
            perturbed.document.mention(e) for e in perturbed.document.entities
        )
        assert capital in places["capitals"]
        assert city in places["cities"]
        assert not city.startswith("ال")
        assert country in places["countries_masculine"]
        assert country.startswith("ال")
        assert (kept, capital == "دمشق", city == "درعا") == ("مدينة درعا", False, False)


def test_the_article_stays_with_its_proclitic():
    for seed in range(30):
        text = marked(swap_places(read("عاد ل[لقاهرة:GPE] ول[حلب:GPE]"), random.Random(seed)))
        first, second = text.split(" ول")
        assert first.startswith("عاد ل[ل")
        assert not second.startswith("[ال")


def test_one_place_has_one_filler_and_no_other_has_it():
    for seed in range(30):
        document = read("[درعا:GPE] [حمص:GPE] و[درعا:GPE] [حماة:GPE]")
        perturbed = swap_places(document, random.Random(seed))
        assert perturbed is not None
        names = [perturbed.document.mention(e) for e in perturbed.document.entities]
        assert names[0] == names[2]
        assert len({*names, "درعا", "حمص", "حماة"}) == 6


def test_unknown_places_and_other_labels_stay():
    assert swap_places(read("[عين ديوار:GPE] [حلب:ORG] [طريق حلب:LOC]"), ONE) is None


def test_factions_keep_number_gender_and_case():
    factions = lexicon().factions
    text = "هاجم [مقاتلو المعارضة:MIL] [مقاتلي داعش:MIL] و[الجيـش:MIL] ل[لقوات الحكومية:MIL]"
    for seed in range(30):
        perturbed = swap_factions(read(text), random.Random(seed))
        assert perturbed is not None
        people, objects, army, forces = (
            perturbed.document.mention(e) for e in perturbed.document.entities
        )
        assert people in factions["plural_nominative"]
        assert objects in factions["plural_oblique"]
        assert army in factions["masculine"]
        assert f"ا{forces}" in factions["feminine"]


def test_names_of_a_group_fill_in_for_persons():
    people = lexicon().people["druze"]
    text = (
        "قال [بشار حداد:PER] ل[محمد:PER] إن السيدة [رغد سالم:PER] اتصلت ب[حداد:PER] في [درعا:GPE]"
    )
    for seed in range(20):
        perturbed = swap_names(read(text), random.Random(seed), "druze")
        assert perturbed is not None
        assert perturbed.group == "druze"
        full, alone, woman, family, place = (
            perturbed.document.mention(e) for e in perturbed.document.entities
        )
        assert full in people.male
        assert alone in people.male
        assert woman in people.female
        assert family == full.split()[-1]
        assert place == "درعا"


@pytest.mark.parametrize(
    ("text", "woman"),
    [
        ("قالت [أم ليث:PER]", True),
        ("مع [زينب سرور:PER]", True),
        ("[وزيرة العدل:OCC] [رند جفال:PER]", True),
        ("[أستاذ العلوم السياسية:OCC] [خورخي ريس:PER]", False),
        ("[الخليفة:OCC] [هارون:PER]", False),
        ("ابن أختي [معاذ:PER]", False),
        ("أختي [صبا:PER]", True),
        ("وقالت [صبا:PER]", True),
        ("قال [علي:PER]", False),
    ],
)
def test_women_are_told_by_name_office_and_title(text: str, woman: bool):
    for seed in range(5):
        perturbed = swap_names(read(text), random.Random(seed), "russian")
        assert perturbed is not None
        people = lexicon().people["russian"]
        name = perturbed.document.mention(perturbed.document.entities[-1])
        assert name in (people.female if woman else people.male)


def test_all_groups_fill_in_at_the_same_places_of_their_lists():
    document = read("[علي حسن:PER] و[محمد سالم:PER] و[أم ليث:PER]")
    places = set()
    for group, people in lexicon().people.items():
        perturbed = swap_names(document, random.Random(4), group)
        assert perturbed is not None
        first, second, third = (perturbed.document.mention(e) for e in perturbed.document.entities)
        male, female = people.male, people.female
        places.add((male.index(first), male.index(second), female.index(third)))
    assert len(places) == 1


@pytest.mark.parametrize(
    ("text", "group", "expected"),
    [
        ("نزح آلاف من [الدروز:NORP]", "alawite", "نزح آلاف من [العلويين:NORP]"),
        ("[العلويون:NORP] يطالبون", "shia", "[الشيعة:NORP] يطالبون"),
        ("بقي [المسيحيون:NORP] هناك", "yazidi", "بقي [الإيزيديون:NORP] هناك"),
        ("[الروس:NORP] ينسحبون", "israeli", "[الإسرائيليون:NORP] ينسحبون"),
        ("خرج منه [الأكراد:NORP]", "syrian", "خرج منه [السوريون:NORP]"),
        ("قال ل[لعراقيين:NORP]", "kurdish", "قال ل[لأكراد:NORP]"),
        ("بحق [السنّة:NORP]", "druze", "بحق [الدروز:NORP]"),
        ("بين [الأرمن:NORP] و[العرب:NORP]", "turkish", "بين [الأتراك:NORP] و[العرب:NORP]"),
        ("بحق [الدروز:NORP] و[الدروز:NORP]", "shia", "بحق [الشيعة:NORP] و[الشيعة:NORP]"),
    ],
)
def test_groups_fill_in_for_groups(text: str, group: str, expected: str):
    perturbed = swap_groups(read(text), ONE, group)
    assert marked(perturbed) == expected
    assert perturbed is not None
    assert perturbed.group == group


@pytest.mark.parametrize(
    "text",
    [
        "بين [الدروز:NORP] و[العلويين:NORP]",
        "من [الدروز:NORP] ل[لعلويين:NORP]",
        "من [المدنيين اليمنيين:NORP]",
        "في [السنة:DATE]",
    ],
)
def test_groups_are_not_set_against_themselves_nor_found_elsewhere(text: str):
    assert swap_groups(read(text), ONE, "alawite") is None


def test_an_adjective_does_not_name_the_filler():
    perturbed = swap_groups(read("قتال [الدروز:NORP] قرب القاعدة الروسية"), ONE, "russian")
    assert marked(perturbed) == "قتال [الروس:NORP] قرب القاعدة الروسية"


def test_every_group_has_its_stress():
    assert {f"names_{group}" for group in lexicon().people} <= set(STRESSES)
    assert {f"groups_{group}" for group in lexicon().groups} <= set(STRESSES)
