"""What corpora teach of our labels."""

import pytest

from marsad.benchmarks import TRAINING
from marsad.benchmarks.teaching import (
    Teaching,
    teach_realis,
    teaching_of_entities,
    teaching_of_events,
)
from marsad.labels import scheme

OWN = "data/corpus/train.jsonl"
PLACES, ORGANISATIONS, OTHERS = ("GPE", "LOC", "FAC"), ("ORG", "MIL"), ("NORP", "EVENT")


@pytest.mark.parametrize(
    ("corpora", "taught", "groups", "never"),
    [
        (
            ["public:anercorp"],
            ["PER"],
            [PLACES, ORGANISATIONS, OTHERS],
            ["OCC", "WEA", "DATE", "NUM"],
        ),
        # What one leaves open the other may tell apart.
        (
            ["public:anercorp+context", "public:wojood"],
            ["PER", "NORP", "OCC", "GPE", "LOC", "FAC", "EVENT", "DATE", "NUM"],
            [ORGANISATIONS],
            ["WEA"],
        ),
        (["public:event_gsr"], [], [], list(scheme().entity_names)),
        (["public:anercorp", OWN], list(scheme().entity_names), [], []),
    ],
)
def test_labels_are_taught_by_themselves_in_groups_or_never(
    corpora: list[str], taught: list[str], groups: list[tuple[str, ...]], never: list[str]
):
    assert teaching_of_entities(corpora) == Teaching((*taught,), (*groups,), (*never,))


def test_votes_teach_one_type_and_leave_a_class_open():
    own = teaching_of_events(["public:event_gsr", "public:wojood"])
    assert own.taught == ("protest",)
    assert own.open == (scheme().sources["event_gsr"].events["ASSAULT"],)
    assert {*own.taught, *own.open[0], *own.never} == {*scheme().event_names}
    assert teaching_of_events([OWN, "public:event_gsr"]).never == ()


def test_files_of_ours_alone_teach_realis():
    assert teach_realis(["public:event_gsr", OWN])
    assert not teach_realis([*TRAINING])


@pytest.mark.parametrize(
    ("teaching", "expected"),
    [
        (Teaching(("a", "b"), (), ()), ""),
        (Teaching((), (), ("a", "b")), "None of the 2 xs was taught: do not rely on what it says"),
        (
            Teaching(("a", "b"), (), ("c", "d")),
            "Of the 4 xs, a and b were taught. Never taught, and not to be relied on: c, d.",
        ),
        (
            Teaching((), (("a", "b", "c"),), ("d",)),
            "Of the 4 xs, none was taught by itself, but only as one of a group, never told apart "
            "(a, b or c). Never taught, and not to be relied on: d.",
        ),
        (
            Teaching(("a",), (("a", "b"),), ()),
            "Of the 2 xs, a was taught, and others only as one of a group, never told apart "
            "(a or b).",
        ),
    ],
)
def test_caveat_says_what_was_not_taught_by_itself(teaching: Teaching, expected: str):
    assert teaching.caveat("xs").startswith(expected)
    assert bool(teaching.caveat("xs")) == bool(expected)
