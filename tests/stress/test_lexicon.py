from collections import Counter
from itertools import chain

import pytest

from marsad.labels import scheme
from marsad.stress.letters import bare
from marsad.stress.lexicon import lexicon
from marsad.stress.verbs import Verb, verb_table

VERBS = [
    pytest.param(verb, id=f"{name}-{verb.past}")
    for name, verbs in verb_table().types.items()
    for verb in verbs.verbs
]


def repeated(items) -> list[str]:
    return [item for item, count in Counter(items).items() if count > 1]


@pytest.mark.parametrize("section", ["places", "factions"])
def test_no_name_is_in_two_kinds(section: str):
    kinds = getattr(lexicon(), section)
    assert repeated(bare(name) for names in kinds.values() for name in names) == []


def test_places_are_one_word_each():
    assert [n for names in lexicon().places.values() for n in names if len(n.split()) != 1] == []


def test_people_have_two_words_and_one_group():
    people = lexicon().people
    names = [name for group in people.values() for name in (*group.male, *group.female)]
    assert [name for name in names if len(name.split()) != 2] == []
    assert repeated(names) == []
    assert {len(group.male) for group in people.values()} == {12}
    assert {len(group.female) for group in people.values()} == {12}


def test_sound_plurals_have_both_cases():
    groups = lexicon().groups | lexicon().other_groups
    for name, plural in groups.items():
        nominative, oblique = plural.nominative[0], plural.oblique[0]
        sound = nominative.endswith("ون") or oblique.endswith("ين")
        assert sound == (nominative != oblique), name
        assert not sound or nominative.removesuffix("ون") == oblique.removesuffix("ين"), name
        assert repeated(plural.nominative) == repeated(plural.oblique) == [], name
        assert all(form.startswith("ال") for form in (*plural.nominative, *plural.oblique)), name


def test_no_form_names_two_groups():
    groups = (lexicon().groups | lexicon().other_groups).values()
    assert repeated(chain.from_iterable({*g.nominative, *g.oblique} for g in groups)) == []


def test_paired_plurals_of_factions_are_as_many():
    factions = lexicon().factions
    nominative, oblique = factions["plural_nominative"], factions["plural_oblique"]
    as_oblique = [
        n.replace("ون", "ين").replace("لو ", "لي ").replace("حو ", "حي ") for n in nominative
    ]
    assert tuple(as_oblique) == oblique


def test_keyboard_has_every_letter_once():
    keys = list(chain.from_iterable(lexicon().keyboard))
    assert repeated(keys) == []
    assert set("ابتثجحخدرزسشصضطظعغفقكلمنهوي") <= set(keys)


def test_verbs_are_of_types_of_the_scheme_and_all_types_have_some():
    assert set(verb_table().types) == set(scheme().event_names)
    for name, verbs in verb_table().types.items():
        assert len(verbs.verbs) >= 6, name
        assert repeated(bare(verb.past) for verb in verbs.verbs) == [], name
        assert repeated(verbs.signs) == [], name


@pytest.mark.parametrize("verb", VERBS)
def test_weak_verbs_have_their_jussive(verb: Verb):
    assert verb.present.startswith("ي")
    past, present, jussive = bare(verb.past), bare(verb.present), bare(verb.jussive)
    defective = present[-1] in "ىيو"
    hollow = past[-2] == "ا" or (past[-2] == "ي" and present[-2] == "ا")
    if past == "أساء":
        assert jussive == "يسئ"
    elif defective:
        assert jussive == present[:-1]
    elif hollow:
        assert jussive == present[:-2] + present[-1]
    else:
        assert jussive == present


@pytest.mark.parametrize(
    ("past", "feminine", "plural"),
    [
        ("قصف", "لم تقصف", "سيقصفون"),
        ("أخلى", "لم تخل", "سيخلون"),
        ("أصيب", "لم تصب", "سيصابون"),
        ("لقي", "لم تلق", "سيلقون"),
        ("حرّر", "لم تحرّر", "سيحرّرون"),
    ],
)
def test_forms(past: str, feminine: str, plural: str):
    verb = next(v for t in verb_table().types.values() for v in t.verbs if v.past == past)
    persons = list(verb.persons())
    forms = dict(verb.forms())
    assert forms[bare(persons[1][0])].denied == feminine
    assert forms[bare(persons[2][0])].future == plural


def test_present_feminine_of_form_two_is_doubtful():
    forms = verb_table().types["disarmament"].forms
    assert forms["تسلم"].doubtful
    assert not forms["تصادر"].doubtful
    assert not forms["سلمت"].doubtful
