import random
from collections import Counter
from dataclasses import replace

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from nervaluate.entities import Entity as OtherEntity
from nervaluate.evaluator import Evaluator
from nervaluate.strategies import EntityTypeEvaluation

from marsad.document import Document, Entity
from marsad.scoring.entities import paired
from marsad.scoring.matching import MODES, Mode, entity_counts, pair_mentions
from marsad.scoring.mistakes import count_confusions, count_mistakes
from marsad.scoring.tables import Score, Table

LABELS = ("PER", "ORG", "GPE")
OTHER_NAMES: dict[Mode, str] = {
    "strict": "strict",
    "exact": "exact",
    "partial": "partial",
    "type": "ent_type",
}
CELL = 6  # characters that an annotated and a predicted mention may share

labels = st.sampled_from(LABELS)
sides = st.none() | st.tuples(
    st.lists(st.integers(0, CELL), min_size=2, max_size=2, unique=True), labels
)
flat = st.lists(st.tuples(st.integers(0, 3), st.integers(1, 5), labels), max_size=10)


def document(*entities: Entity) -> Document:
    return Document("a", "س" * 200, entities=entities)


def mentions_of(cells: list) -> list[Entity]:
    """Return the mentions of one side, each in its own cell."""
    return [
        Entity(CELL * i + min(edges), CELL * i + max(edges), label)
        for i, cell in enumerate(cells)
        if cell
        for edges, label in [cell]
    ]


def flat_mentions(rows: list[tuple[int, int, str]]) -> list[Entity]:
    """Return mentions from gaps, lengths and labels."""
    mentions, start = [], 0
    for gap, length, label in rows:
        mentions.append(Entity(start + gap, start + gap + length, label))
        start += gap + length
    return mentions


def micro(gold: list[Document], own: list[Document], mode: Mode) -> Score:
    return Table.of(entity_counts(paired(gold, own), LABELS, mode), LABELS).micro


def theirs(documents: list[Document]) -> list[list[dict[str, object]]]:
    """Return mentions as nervaluate takes them: the end is part of the mention."""
    return [
        [{"label": e.label, "start": e.start, "end": e.end - 1} for e in d.entities]
        for d in documents
    ]


@settings(max_examples=60, deadline=None)
@given(st.lists(st.lists(st.tuples(sides, sides), max_size=8), min_size=1, max_size=3))
def test_figures_are_nervaluates_where_pairs_are_clear(cells: list):
    gold, own = (
        [document(*mentions_of([cell[side] for cell in row])) for row in cells] for side in (0, 1)
    )
    results = Evaluator(theirs(gold), theirs(own), tags=[*LABELS], loader="dict").evaluate()
    for mode in MODES:
        ours, other = micro(gold, own, mode), results["overall"][OTHER_NAMES[mode]]
        assert (ours.support, ours.predicted) == (other.possible, other.actual)
        assert ours.precision == pytest.approx(other.precision)
        assert ours.recall == pytest.approx(other.recall)
        assert ours.f1 == pytest.approx(other.f1)


@settings(max_examples=60, deadline=None)
@given(flat, flat)
def test_a_stricter_way_of_counting_never_gives_more(gold: list, own: list):
    sides = [document(*flat_mentions(gold))], [document(*flat_mentions(own))]
    strict, exact, partial, type_ = (micro(*sides, mode) for mode in MODES)
    for figure in ("precision", "recall", "f1"):
        assert getattr(strict, figure) <= getattr(exact, figure) <= getattr(partial, figure)
        assert getattr(strict, figure) <= getattr(type_, figure)
        assert 0 <= getattr(partial, figure) <= 1
    assert {s.support for s in (strict, exact, partial, type_)} == {len(gold)}
    assert {s.predicted for s in (strict, exact, partial, type_)} == {len(own)}


@settings(max_examples=60, deadline=None)
@given(flat, flat)
def test_every_mention_is_in_one_pair_and_pairs_overlap(gold: list, own: list):
    one, other = document(*flat_mentions(gold)), document(*flat_mentions(own))
    pairs = pair_mentions(one, other)
    assert Counter(p.gold for p in pairs if p.gold) == Counter(one.entities)
    assert Counter(p.own for p in pairs if p.own) == Counter(other.entities)
    for pair in pairs:
        if pair.gold and pair.own:
            assert pair.gold.start < pair.own.end
            assert pair.own.start < pair.gold.end


@settings(max_examples=60, deadline=None)
@given(flat, flat)
def test_what_is_equal_is_paired(gold: list, own: list):
    one, other = document(*flat_mentions(gold)), document(*flat_mentions(own))
    pairs = pair_mentions(one, other)
    equal = set(one.entities) & set(other.entities)
    assert {p.gold for p in pairs if p.same_span and p.same_label} == equal
    spans = ({(e.start, e.end) for e in d.entities} for d in (one, other))
    assert sum(p.same_span for p in pairs) == len(set.intersection(*spans))


@settings(max_examples=60, deadline=None)
@given(flat, flat, st.randoms(use_true_random=False))
def test_order_of_mentions_changes_nothing(gold: list, own: list, chance: random.Random):
    sides = document(*flat_mentions(gold)), document(*flat_mentions(own))
    shuffled = [
        replace(side, entities=tuple(chance.sample(side.entities, len(side.entities))))
        for side in sides
    ]
    before, after = (paired([one], [other]) for one, other in (sides, shuffled))
    for mode in MODES:
        counts = (entity_counts(pairs, LABELS, mode) for pairs in (before, after))
        assert np.array_equal(*counts)
    assert count_confusions(before, LABELS) == count_confusions(after, LABELS)
    one, other = shuffled
    kinds = [
        count_mistakes([gold], [pair_mentions(gold, own)]) for gold, own in ((one, other), sides)
    ]
    assert kinds[0] == kinds[1]


def test_nervaluates_type_figure_depends_on_the_order_and_ours_does_not():
    gold = Entity(0, 8, "PER")
    wrong, right = Entity(0, 3, "ORG"), Entity(4, 8, "PER")
    found, ours = [], []
    for own in ([wrong, right], [right, wrong]):
        result, _ = EntityTypeEvaluation().evaluate(
            [OtherEntity(gold.label, gold.start, gold.end - 1)],
            [OtherEntity(e.label, e.start, e.end - 1) for e in own],
            [*LABELS],
        )
        found.append(result.f1)
        ours.append(micro([document(gold)], [document(*own)], "type").f1)
    assert found == [0, pytest.approx(2 / 3)]
    assert ours == [pytest.approx(2 / 3)] * 2


def test_half_a_point_where_an_edge_differs():
    gold = document(Entity(0, 4, "PER"), Entity(5, 9, "GPE"), Entity(10, 14, "ORG"))
    own = document(Entity(0, 4, "ORG"), Entity(6, 9, "GPE"), Entity(20, 24, "ORG"))
    figures = {mode: micro([gold], [own], mode) for mode in MODES}
    assert {mode: s.f1 for mode, s in figures.items()} == pytest.approx(
        {"strict": 0, "exact": 1 / 3, "partial": 1.5 / 3, "type": 1 / 3}
    )


def test_each_side_counts_under_its_own_label():
    gold, own = document(Entity(0, 4, "PER")), document(Entity(0, 4, "ORG"))
    table = Table.of(entity_counts(paired([gold], [own]), LABELS, "exact"), LABELS)
    assert (table.per_name["PER"].recall, table.per_name["PER"].predicted) == (1, 0)
    assert (table.per_name["ORG"].precision, table.per_name["ORG"].support) == (1, 0)
    assert table.micro.f1 == 1
