"""What an annotation leaves possible, against the label file read by other means."""

from collections.abc import Iterable
from dataclasses import replace

import numpy as np
import pytest
import yaml

from marsad.label_sets import LabelSets, label_sets, number_sets
from marsad.labels import SCHEME_FILE, EntityLabel, EventType, Scheme, Source, bio_tags, scheme

RAW = yaml.safe_load(SCHEME_FILE.read_text(encoding="utf-8"))
TAGS = {"O", *(f"{kind}-{name}" for name in RAW["entities"] for kind in "BI")}
CORPORA = list(RAW["sources"])


def named(sets: LabelSets, own: Scheme) -> list[set[str]]:
    """Return the members of each set."""
    return [{tag for tag, held in zip(own.tags, row, strict=True) if held} for row in sets.tags]


def possible(lists: dict[str, list[str]], every: Iterable[str], tag: str) -> set[str]:
    """Return what a tag of a corpus may be; ``lists`` are its section of the label file."""
    if tag == "O":
        unheard = set(every)
        for labels in lists.values():
            unheard -= {f"{kind}-{label}" for label in labels for kind in "BI"}
        return unheard
    kind, label = tag.split("-")
    return {f"{kind}-{own}" for own in lists[label]} or set(every)


@pytest.mark.parametrize("corpus", CORPORA)
def test_each_tag_of_a_corpus_may_be_what_the_label_file_says(corpus: str):
    lists = RAW["sources"][corpus].get("entities", {})
    sets, members = label_sets(), named(label_sets(), scheme())
    tags = ["O", *(f"{kind}-{name}" for name in lists for kind in "BI")]
    assert [members[n] for n in sets.tag_set[corpus]] == [possible(lists, TAGS, t) for t in tags]
    assert list(scheme().sources[corpus].tags) == tags


@pytest.mark.parametrize(
    ("corpus", "tag", "expected"),
    [
        ("anercorp", "B-LOC", {"B-GPE", "B-LOC", "B-FAC"}),
        ("anercorp", "I-ORG", {"I-ORG", "I-MIL"}),
        ("anercorp", "B-PERS", {"B-PER"}),
        (
            "anercorp",
            "O",
            {"O", "B-OCC", "I-OCC", "B-WEA", "I-WEA", "B-DATE", "I-DATE", "B-NUM", "I-NUM"},
        ),
        ("wojood", "O", {"O", "B-WEA", "I-WEA"}),
        ("wojood", "I-TIME", {"I-DATE"}),
        ("wojood", "B-MONEY", {"B-NUM"}),
        ("wojood", "B-LAW", TAGS),
        ("wojood", "I-LAW", TAGS),
        ("event_gsr", "O", TAGS),
    ],
)
def test_sets_of_the_corpora_by_hand(corpus: str, tag: str, expected: set[str]):
    number = label_sets().tag_set[corpus][scheme().sources[corpus].tags.index(tag)]
    assert named(label_sets(), scheme())[number] == expected


def test_first_sets_are_the_single_tags_in_the_order_of_models():
    count = len(scheme().tags)
    assert count == 25
    assert (label_sets().tags[:count] == np.eye(count, dtype=bool)).all()
    assert label_sets().tags.dtype == bool


def test_groups_are_the_event_classes_of_the_corpora():
    sets = label_sets()
    numbers = []
    for corpus in CORPORA:
        classes = RAW["sources"][corpus].get("events", {})
        assert sets.group[corpus].keys() == classes.keys()
        for name, types in classes.items():
            row = sets.groups[sets.group[corpus][name]]
            assert {scheme().event_names[i] for i in np.flatnonzero(row)} == set(types)
            numbers.append(sets.group[corpus][name])
    assert sorted(numbers) == list(range(len(sets.groups)))
    assert sets.groups.shape == (2, 23)


def any_scheme(rng: np.random.Generator) -> Scheme:
    """Return a few labels and types, and corpora that divide them otherwise."""
    labels = [f"L{i}" for i in range(rng.integers(1, 6))]
    types = [f"t{i}" for i in range(rng.integers(1, 6))]

    def some(names: list[str], count: int, least: int) -> dict[str, tuple[str, ...]]:
        sizes = rng.integers(least, len(names) + 1, count)
        return {f"X{i}": tuple(rng.permutation(names)[:n].tolist()) for i, n in enumerate(sizes)}

    sources = {
        f"c{i}": Source(
            f"c{i}", some(labels, rng.integers(0, 5), 0), some(types, rng.integers(0, 4), 1)
        )
        for i in range(rng.integers(0, 4))
    }
    return Scheme(
        version=1,
        entities=tuple(EntityLabel(name, "", "O", "") for name in labels),
        events=tuple(EventType(name, "f", "", None, (), ()) for name in types),
        realis=(),
        families=(),
        sources=sources,
    )


@pytest.mark.parametrize("seed", range(60))
def test_any_scheme_is_numbered_without_loss(seed: int):
    own = any_scheme(np.random.default_rng(seed))
    sets = number_sets(own)
    members = named(sets, own)
    assert members[: len(own.tags)] == [{tag} for tag in own.tags]
    assert all(members)
    for name, source in own.sources.items():
        lists = {label: list(labels) for label, labels in source.entities.items()}
        expected = [possible(lists, own.tags, tag) for tag in bio_tags(source.entities)]
        assert [members[n] for n in sets.tag_set[name]] == expected
        rows = {c: sets.groups[sets.group[name][c]] for c in source.events}
        held = {c: {own.event_names[i] for i in np.flatnonzero(row)} for c, row in rows.items()}
        assert held == {c: set(types) for c, types in source.events.items()}
    assert len(sets.groups) == sum(len(source.events) for source in own.sources.values())


def test_a_label_that_is_just_one_of_ours_has_the_number_of_our_own_tag():
    tags = scheme().sources["wojood"].tags
    numbers = dict(zip(tags, label_sets().tag_set["wojood"].tolist(), strict=True))
    assert numbers["B-PERS"] == scheme().tags.index("B-PER")
    assert numbers["I-TIME"] == numbers["I-DATE"] == scheme().tags.index("I-DATE")
    assert numbers["B-ORG"] == label_sets().tag_set["anercorp"][5]  # B-ORG there, too


def test_a_corpus_that_annotates_everything_says_o_by_o():
    whole = Source("whole", {name: (name,) for name in scheme().entity_names}, {})
    sets = number_sets(replace(scheme(), sources={"whole": whole}))
    assert sets.tag_set["whole"].tolist() == list(range(25))
    assert sets.anything == 25  # and the set of a word of which nothing is known
    assert sets.tags[25].all()
    assert len(sets.tags) == 26


def test_scheme_without_corpora_has_its_own_tags_alone():
    sets = number_sets(replace(scheme(), sources={}))
    assert (sets.tags == np.vstack([np.eye(25, dtype=bool), np.ones(25, dtype=bool)])).all()
    assert (sets.groups.shape, dict(sets.group), dict(sets.tag_set)) == ((0, 23), {}, {})
