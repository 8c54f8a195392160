"""Tables of scores: precision, recall and F1 of each name, and of all together."""

from collections.abc import Mapping, Sequence
from dataclasses import dataclass

from marsad.scoring.uncertainty import Counts, Interval, f1, intervals_of, macro_f1, micro_f1


@dataclass(frozen=True)
class Score:
    """Precision, recall and F1, with the annotated (support) and claimed (predicted) numbers.

    A ratio over nothing is 0.
    """

    precision: float
    recall: float
    f1: float
    support: int
    predicted: int

    @classmethod
    def of(cls, counts: Counts) -> "Score":
        """Score from counts: found, annotated, right, claimed."""
        found, annotated, right, claimed = counts.tolist()
        return cls(
            precision=right / max(claimed, 1),
            recall=found / max(annotated, 1),
            f1=float(f1(counts)),
            support=round(annotated),
            predicted=round(claimed),
        )


@dataclass(frozen=True)
class Table:
    """Scores of each name; micro pools all decisions, macro is the mean over ``averaged`` names.

    Averaged are the names that the annotation holds. Intervals are None where there are too few
    documents.
    """

    per_name: Mapping[str, Score]
    micro: Score
    macro_f1: float
    averaged: int
    micro_interval: Interval | None
    macro_interval: Interval | None

    @classmethod
    def of(cls, counts: Counts, names: Sequence[str]) -> "Table":
        """Tabulate counts of shape (documents, names, 4)."""
        total = counts.sum(axis=0)
        micro_interval, macro_interval = intervals_of(counts, micro_f1, macro_f1)
        return cls(
            per_name={name: Score.of(own) for name, own in zip(names, total, strict=True)},
            micro=Score.of(total.sum(axis=0)),
            macro_f1=float(macro_f1(total)),
            averaged=int((total[:, 1] > 0).sum()),
            micro_interval=micro_interval,
            macro_interval=macro_interval,
        )

    @property
    def never_predicted(self) -> list[str]:
        """Names that the annotation holds and that were never predicted."""
        return [n for n, score in self.per_name.items() if score.support and not score.predicted]
