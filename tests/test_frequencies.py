"""Counts of labels in windows: only what an annotation surely says counts."""

import numpy as np
import pytest
from datasets import Dataset

from marsad.frequencies import labels_held, tag_counts, type_counts, untold
from marsad.label_sets import label_sets
from marsad.labels import scheme
from marsad.losses import IGNORED

TAGS, TYPES = scheme().tags, scheme().event_names
GROUPS = label_sets().group["event_gsr"]


def number(corpus: str, tag: str) -> int:
    """Return the set that a tag of a corpus leaves possible."""
    return int(label_sets().tag_set[corpus][scheme().sources[corpus].tags.index(tag)])


def sentence(**found: int) -> list[int]:
    """Return event targets: 0 where nothing is said of a type."""
    return [found.get(name, 0) for name in TYPES]


def votes(**found: int) -> list[int]:
    own = [IGNORED] * len(GROUPS)
    for name, value in found.items():
        own[GROUPS[name]] = value
    return own


UNSAID = [IGNORED] * len(TYPES)


@pytest.fixture(scope="module")
def windows() -> Dataset:
    own = [IGNORED, 0, TAGS.index("B-GPE"), TAGS.index("I-GPE"), TAGS.index("B-WEA"), IGNORED]
    coarse = [
        number("anercorp", "B-LOC"),  # any place
        number("anercorp", "B-PERS"),  # our PER for sure
        number("anercorp", "I-PERS"),
        number("anercorp", "O"),  # perhaps a weapon
        number("wojood", "B-LAW"),  # anything
    ]
    return Dataset.from_list(
        [
            {
                "tags": own,
                "events": [sentence(protest=1), sentence(protest=3, siege=2), UNSAID],
                "groups": [votes()] * 3,
                "share": 1.0,
            },
            {"tags": coarse, "events": [UNSAID], "groups": [votes()], "share": 1.0},
            {
                "tags": [IGNORED] * 4,
                "events": [UNSAID, sentence(aid=IGNORED)],
                "groups": [votes(PROTEST=1), votes(ASSAULT=1)],  # one type alone, and one of eight
                "share": 1.0,
            },
        ]
    )


def test_labels_that_windows_surely_hold(windows: Dataset):
    held = labels_held(windows)
    assert held == [{"GPE", "WEA", "protest", "siege"}, {"PER"}, {"protest"}]


def test_tags_that_words_surely_have(windows: Dataset):
    counts = dict(zip(TAGS, tag_counts(windows).tolist(), strict=True))
    expected = dict.fromkeys(("O", "B-GPE", "I-GPE", "B-WEA", "B-PER", "I-PER"), 1)
    assert counts == {tag: expected.get(tag, 0) for tag in TAGS}


def test_types_that_sentences_surely_report(windows: Dataset):
    counts = dict(zip(TYPES, type_counts(windows).tolist(), strict=True))
    assert counts == {name: {"protest": 3, "siege": 1}.get(name, 0) for name in TYPES}


def test_counts_of_many_windows_are_sums_by_their_shares():
    rng = np.random.default_rng(0)
    rows = [
        {
            "tags": rng.choice([IGNORED, *range(len(label_sets().tags))], n).tolist(),
            "events": rng.choice([IGNORED, 0, 1, 2, 3], (m, len(TYPES))).tolist(),
            "groups": [votes()] * m,
            "share": float(rng.choice([0.25, 1.0, 2.0])),
        }
        for n, m in rng.integers(1, 30, (50, 2)).tolist()
    ]
    windows = Dataset.from_list(rows)
    words = [(tag, row["share"]) for row in rows for tag in row["tags"]]
    expected = [sum(share for tag, share in words if tag == i) for i in range(len(TAGS))]
    assert tag_counts(windows).tolist() == expected
    said = [(own, row["share"]) for row in rows for own in row["events"]]
    expected = [sum(share for own, share in said if own[i] > 0) for i in range(len(TYPES))]
    assert type_counts(windows).tolist() == expected
    for row, held in zip(rows, labels_held(windows), strict=True):
        entities = {TAGS[t][2:] for t in row["tags"] if 0 < t < len(TAGS)}
        assert held == entities | {
            name for own in row["events"] for name, e in zip(TYPES, own, strict=True) if e > 0
        }


@pytest.mark.parametrize(
    ("lengths", "events", "left"),
    [
        ([IGNORED, 0, IGNORED], sentence(protest=2), set()),
        ([IGNORED, 1, IGNORED], sentence(), {"realis"}),
        ([IGNORED] * 3, sentence(siege=1), {"proclitics"}),
        ([IGNORED] * 3, UNSAID, {"proclitics", "realis"}),
    ],
)
def test_what_no_window_says_of_proclitics_and_realis(
    lengths: list[int], events: list[int], left: set[str]
):
    nothing = {"proclitics": [IGNORED], "events": [UNSAID]}
    rows = [nothing, {"proclitics": lengths, "events": [UNSAID, events]}, nothing]
    assert untold(Dataset.from_list(rows)) == left
