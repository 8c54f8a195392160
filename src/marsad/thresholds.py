"""Fitting thresholds: the probability from which on a type, or a type of a family, is reported."""

from dataclasses import dataclass

import numpy as np
import numpy.typing as npt
from sklearn.model_selection import GroupKFold

from marsad.calibration import family_names
from marsad.decisions import families_of, family_probabilities, likeliest_types

Floats = npt.NDArray[np.float64]
Ints = npt.NDArray[np.int64]
Bools = npt.NDArray[np.bool_]

FOLDS = 5
BORROWED = 50  # decisions that a type's threshold borrows from all types together
THRESHOLDS = np.arange(0.05, 0.951, 0.025)
_NOTHING = 1e-12  # a gain of F1 that is only a matter of rounding


def fit_thresholds(probabilities: Floats, holds: Bools) -> Floats:
    """Return the probability from which on reporting each type scores best.

    A type is annotated a dozen times in a small dev split, so each borrows the counts of all types
    together, scaled to ``BORROWED`` annotated ones. Of thresholds that score alike the middle one
    is taken; without any annotated event it is 0.5.

    Args:
        probabilities: (sentences, types).
        holds: (sentences, types).
    """
    if not holds.any():
        return np.full(probabilities.shape[1], 0.5)
    claimed = probabilities[None] >= THRESHOLDS[:, None, None]
    right = (claimed & holds).sum(axis=1)  # thresholds, types
    sizes = claimed.sum(axis=1) + holds.sum(axis=0)
    share = BORROWED / max(holds.sum(), 1)
    borrowed, size = (v.sum(axis=1, keepdims=True) * share for v in (right, sizes))
    f1 = 2 * (right + borrowed) / np.maximum(sizes + size, 1e-9)
    return np.array([_middle(own >= own.max() - _NOTHING) for own in f1.T])


def _middle(best: Bools) -> float:
    """Return the middle of the most neighbours among the thresholds that score best."""
    at = np.flatnonzero(best)
    runs = np.split(at, np.flatnonzero(np.diff(at) > 1) + 1)
    return float(np.median(THRESHOLDS[max(runs, key=len)]))


@dataclass(frozen=True)
class _Room:
    """What thresholds of families could add to what is reported.

    ``chances`` are the families' probabilities, 0 where a type is reported, and ``right`` is
    whether the most probable type is annotated, (sentences, families). ``counts`` are the right,
    the claimed and the annotated types without them, (sentences, 3).
    """

    chances: Floats
    right: Bools
    counts: Ints

    def at(self, sentences: Ints) -> "_Room":
        """Return what some sentences have of it."""
        return _Room(self.chances[sentences], self.right[sentences], self.counts[sentences])

    def gains(self, right: Floats, claimed: Floats) -> Floats:
        """Return by how much claims beside those that there are raise the micro F1."""
        before, *sizes = self.counts.sum(axis=0)
        size = max(sum(sizes), 1)
        gains: Floats = 2 * (before + right) / (size + claimed) - 2 * before / size
        return gains

    def gains_from(self, thresholds: Floats) -> Floats:
        """Return what thresholds, (families,) or (sentences, families), gain; (families,)."""
        added = self.chances >= thresholds
        return self.gains((added & self.right).sum(axis=0), added.sum(axis=0))


def fit_families(
    probabilities: Floats, holds: Bools, thresholds: Floats, *, documents: Ints
) -> dict[str, float]:
    """Return the probability from which on a family without a reported type should get one.

    A family has one only where that raises the micro F1 of types, both on all documents and on
    documents that the family's threshold was not fitted on.

    Args:
        probabilities: (sentences, types).
        holds: (sentences, types).
        thresholds: those of the types, (types,); they stay.
        documents: which document each sentence is of, (sentences,).
    """
    folds = min(FOLDS, len(np.unique(documents)))
    if folds < 2:
        return {}
    room = _room(probabilities, holds, thresholds)
    fitted, held_out = _fit_room(room), np.empty_like(room.chances)
    for train, test in GroupKFold(folds).split(documents, groups=documents):
        held_out[test] = _fit_room(room.at(train))
    gained = np.minimum(room.gains_from(fitted), room.gains_from(held_out))
    return {
        name: float(threshold)
        for name, threshold, gain in zip(family_names(), fitted, gained, strict=True)
        if gain > _NOTHING
    }


def _room(probabilities: Floats, holds: Bools, thresholds: Floats) -> _Room:
    reported = probabilities >= thresholds
    return _Room(
        np.where(families_of(reported), 0.0, family_probabilities(probabilities)),
        np.take_along_axis(holds, likeliest_types(probabilities), axis=1),
        np.stack([side.sum(axis=1) for side in (reported & holds, reported, holds)], axis=1),
    )


def _fit_room(room: _Room) -> Floats:
    """Return the threshold of each family that gains most, infinite where none gains; (families,).

    Families borrow from each other as types do: what all of them would add, scaled to ``BORROWED``
    annotated types, counts beside what one would. Of those that gain alike the highest is taken.
    """
    falling = THRESHOLDS[::-1].round(3)
    added = room.chances >= falling[:, None, None]
    share = BORROWED / max(room.counts[:, 2].sum(), 1)
    gains = room.gains(  # thresholds, families
        *(
            own + share * own.sum(axis=1, keepdims=True)
            for own in ((added & room.right).sum(axis=1), added.sum(axis=1))
        )
    )
    return np.where(gains.max(axis=0) > _NOTHING, falling[gains.argmax(axis=0)], np.inf)
