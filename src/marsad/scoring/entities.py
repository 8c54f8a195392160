"""Scores of entities: four ways to count, our labels and CoNLL's, and what kind of mistakes."""

from collections.abc import Mapping, Sequence
from dataclasses import dataclass

from marsad.document import Document
from marsad.labels import scheme
from marsad.scoring.matching import MODES, Mode, Pair, entity_counts, pair_mentions
from marsad.scoring.mistakes import Confusion, Kind, count_confusions, count_mistakes
from marsad.scoring.ruler import Ruler, conll_ruler
from marsad.scoring.tables import Table
from marsad.scoring.tokens import TokenScore, score_tokens


@dataclass(frozen=True)
class EntityScores:
    """Tables by way of counting, token-level seqeval beside them, mistakes and confusions.

    ``conll`` is rolled up to CoNLL-2003's labels, None where other labels than ours are scored.
    """

    modes: Mapping[Mode, Table]
    conll: Mapping[Mode, Table] | None
    seqeval: TokenScore
    mistakes: Mapping[Kind, int]
    confusion: Confusion

    @property
    def strict(self) -> Table:
        """The figures of record: start, end and label are equal."""
        return self.modes["strict"]


def score_entities(
    gold: Sequence[Document], own: Sequence[Document], *, names: Sequence[str]
) -> EntityScores:
    """Score mentions whose labels are among the names."""
    pairs = paired(gold, own)
    return EntityScores(
        modes=_tables(pairs, names),
        conll=_roll_up(gold, own) if set(names) <= set(scheme().entity_names) else None,
        seqeval=score_tokens(gold, own),
        mistakes=count_mistakes(gold, pairs),
        confusion=count_confusions(pairs, names),
    )


def paired(gold: Sequence[Document], own: Sequence[Document]) -> list[list[Pair]]:
    """Pair the mentions of each document."""
    return [pair_mentions(a, b) for a, b in zip(gold, own, strict=True)]


def _roll_up(gold: Sequence[Document], own: Sequence[Document]) -> Mapping[Mode, Table]:
    ruler: Ruler = conll_ruler()
    sides = ([ruler.read(document) for document in side] for side in (gold, own))
    return _tables(paired(*sides), ruler.entities)


def _tables(pairs: Sequence[Sequence[Pair]], names: Sequence[str]) -> Mapping[Mode, Table]:
    return {mode: Table.of(entity_counts(pairs, names, mode), names) for mode in MODES}
