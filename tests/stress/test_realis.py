import random

import pytest

from marsad.stress.realis import deny, put_off
from tests.stress.marked import marked, read

ONE = random.Random(1)


@pytest.mark.parametrize(
    ("text", "event", "denied", "future"),
    [
        (
            "قصفت الطائرات [درعا:GPE]",
            "airstrike",
            "لم تقصف الطائرات [درعا:GPE]",
            "ستقصف الطائرات [درعا:GPE]",
        ),
        (
            "وقصفت [القوات الحكومية:MIL] الحي",
            "shelling",
            "ولم تقصف [القوات الحكومية:MIL] الحي",
            "وستقصف [القوات الحكومية:MIL] الحي",
        ),
        (
            "وأصيب المصور في بطنه",
            "killing",
            "ولم يصب المصور في بطنه",
            "وسيصاب المصور في بطنه",
        ),
        (
            "أصابت الشظايا طفلين",
            "killing",
            "لم تصب الشظايا طفلين",
            "ستصيب الشظايا طفلين",
        ),
        (
            "الطيران يشن غارات على الحي",
            "airstrike",
            "الطيران لم يشن غارات على الحي",
            "الطيران سيشن غارات على الحي",
        ),
        (
            "أخلت القوات مواقعها",
            "withdrawal",
            "لم تخل القوات مواقعها",
            "ستخلي القوات مواقعها",
        ),
        (
            "استولى المسلحون على التل",
            "territory_gain",
            "لم يستول المسلحون على التل",
            "سيستولي المسلحون على التل",
        ),
        (
            "جنود سلّموا بنادقهم",
            "disarmament",
            "جنود لم يسلّموا بنادقهم",
            "جنود سيسلّمون بنادقهم",
        ),
        (
            "رجال أُعدموا في الساحة",
            "killing",
            "رجال لم يُعدموا في الساحة",
            "رجال سيُعدمون في الساحة",
        ),
        (
            "واعتُقل نجله",
            "arrest",
            "ولم يُعتقل نجله",
            "وسيُعتقل نجله",
        ),
        (
            "عاد السكان إلى [درعا:GPE]",
            "displacement",
            "لم يعد السكان إلى [درعا:GPE]",
            "سيعود السكان إلى [درعا:GPE]",
        ),
        (
            "فقتل قناص بائعا",
            "killing",
            "فلم يقتل قناص بائعا",
            "فسيقتل قناص بائعا",
        ),
        (
            "ووقّعت الشركة مذكرة تفاهم",
            "agreement",
            "ولم توقّع الشركة مذكرة تفاهم",
            "وستوقّع الشركة مذكرة تفاهم",
        ),
    ],
)
def test_verbs_are_denied_and_put_off(text: str, event: str, denied: str, future: str):
    for perturb, expected, realis in ((deny, denied, "negated"), (put_off, future, "planned")):
        perturbed = perturb(read(text, (event,)), ONE)
        assert marked(perturbed) == expected
        assert perturbed is not None
        assert [e.realis for e in perturbed.document.sentences[0].events] == [realis]


@pytest.mark.parametrize(
    ("text", "events"),
    [
        ("قصفت الطائرات الحي", ("shelling", "killing")),  # two types
        ("قصفت الطائرات الحي", ()),
        ("قصفت الطائرات الحي", ("killing",)),  # a verb of another type
        ("قصفت الطائرات الحي وقصفت السوق", ("shelling",)),  # two forms
        ("قصفت الطائرات الحي ثم قصفوه", ("shelling",)),
        ("قصفت الطائرات الحي بعد غارات", ("airstrike",)),  # told in other words too
        ("شنت غارات بعد ضربات", ("airstrike",)),
        ("[قصفت:ORG] الطائرات الحي", ("shelling",)),  # inside a mention
        ("كانت الطائرات قد قصفت الحي", ("shelling",)),  # governed
        ("ولقد قصفت الحي", ("shelling",)),
        ("بعدما قصفت الطائرات الحي", ("shelling",)),
        ("وما قصفت الطائرات الحي", ("shelling",)),
        ("لا يزال يحاصر المدينة", ("siege",)),
        ("قصف الجيش للحي", ("shelling",)),  # a noun
        ("من قصف مدفعي", ("shelling",)),
        ("تسلّم الجيش", ("displacement",)),
        ("قتلتُ الوقت", ("killing",)),  # first person
        ("انفجرت سيارة فأصيب ثلاثة", ("explosive_device",)),  # its outcome is told
        ("لم يكن مشهد رجال يلقون بنادقهم نهاية", ("disarmament",)),
        ("لم يصب سوى واحد وأصيب", ("killing",)),
    ],
)
def test_other_sentences_are_left_alone(text: str, events: tuple[str, ...]):
    assert deny(read(text, events), ONE) is None
    assert put_off(read(text, events), ONE) is None


@pytest.mark.parametrize(
    "text",
    [
        "قصفت الطائرات الحي أمس",
        "قصفت الطائرات الحي في آذار 2014",
        "قصفت الطائرات الحي الأسبوع الماضي",
        "قصفت الطائرات الحي ولم تتضرر المباني",
    ],
)
def test_what_is_dated_can_be_denied_but_not_put_off(text: str):
    assert deny(read(text, ("shelling",)), ONE) is not None
    assert put_off(read(text, ("shelling",)), ONE) is None


def test_only_sentences_that_report_one_actual_event_are_touched():
    document = read("قصفت الطائرات الحي\nقصفت المدفعية السوق", (), ("shelling",))
    perturbed = deny(document, ONE)
    assert perturbed is not None
    assert perturbed.touched == (1,)
    assert perturbed.document.text == "قصفت الطائرات الحي\nلم تقصف المدفعية السوق"
