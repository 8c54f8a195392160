"""The scorer of record: every figure of the project comes from here (docs/scoring.md)."""

from marsad.scoring.ruler import Ruler, conll_ruler, own_ruler
from marsad.scoring.scores import SCORER_VERSION, Scores, check_same, score
from marsad.scoring.tables import Score, Table

__all__ = [
    "SCORER_VERSION",
    "Ruler",
    "Score",
    "Scores",
    "Table",
    "check_same",
    "conll_ruler",
    "own_ruler",
    "score",
]
