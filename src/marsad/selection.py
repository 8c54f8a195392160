"""What to annotate next: the documents of a pool that a model is least sure of, unlike each other.

Uncertainty sampling (Lewis and Gale 1994, "A Sequential Algorithm for Training Text Classifiers";
for sequences Settles and Craven 2008, "An Analysis of Active Learning Strategies for Sequence
Labeling Tasks") picks near-copies of one hard text; so the least sure are grouped by their words,
and each group gives one (Nguyen and Smeulders 2004, "Active Learning Using Pre-clustering").
"""

import random
import warnings
from collections.abc import Callable, Iterable, Sequence
from dataclasses import dataclass
from typing import TypeVar

import numpy as np
import numpy.typing as npt
from sklearn.cluster import KMeans
from sklearn.decomposition import TruncatedSVD
from sklearn.exceptions import ConvergenceWarning
from sklearn.feature_extraction.text import TfidfVectorizer

from marsad.calibration import Calibration
from marsad.corpus import words_of
from marsad.decisions import Judgement
from marsad.document import Document
from marsad.labels import scheme

T = TypeVar("T")

_CANDIDATES = 4  # times as many of the least sure are grouped as are wanted
# More texts than that are grouped by so many directions of their words (latent semantic analysis,
# Deerwester et al. 1990), and not by each word.
_MANY, _DIRECTIONS = 400, 100

Probabilities = npt.NDArray[np.float64]


@dataclass(frozen=True)
class Candidate:
    """A document as the model reads it, and how unsure it is of it, in nats a decision."""

    document: Document
    uncertainty: float


def doubt(judgement: Judgement, calibration: Calibration) -> Candidate:
    """Return a document with the model's uncertainty.

    That is the mean entropy of its words being in a mention or not, plus the mean entropy of its
    sentences reporting each type or not, so that neither length nor the number of types counts.

    Args:
        judgement: what the model says of the document.
        calibration: the model's; what is reported follows from it.
    """
    events = calibration.events(judgement.events, scheme().event_names)
    parts = (judgement.outside, events)
    uncertainty = sum(float(binary_entropy(own).mean()) for own in parts if own.size)
    return Candidate(judgement.decide(calibration), uncertainty)


def binary_entropy(probabilities: npt.ArrayLike) -> Probabilities:
    """Return the entropy of yes or no, in nats."""
    p = np.clip(np.asarray(probabilities, dtype=np.float64), 1e-12, 1 - 1e-12)
    entropy: Probabilities = -(p * np.log(p) + (1 - p) * np.log(1 - p))
    return entropy


def select(pool: Iterable[Candidate], count: int, *, seed: int) -> list[Candidate]:
    """Return the documents to annotate next, the least sure first.

    Args:
        pool: at least one document.
        count: so many, or all there are; of several with the same words one counts.
        seed: of the grouping.
    """
    ranked = sorted(pool, key=lambda own: -own.uncertainty)
    nearest = _once(ranked, key=lambda own: own.document)[: _CANDIDATES * count]
    if len(nearest) <= count:
        return nearest
    groups = _group([own.document.text for own in nearest], count, seed)
    first = {group: place for place, group in reversed(list(enumerate(groups)))}.values()
    rest = sorted(set(range(len(nearest))).difference(first))
    chosen = sorted([*first, *rest[: count - len(first)]])
    return [nearest[place] for place in chosen]


def _once(given: Iterable[T], *, key: Callable[[T], Document]) -> list[T]:
    """Return the first of all whose documents have the same words."""
    first: dict[str, T] = {}
    for own in given:
        first.setdefault(words_of(key(own)), own)
    return [*first.values()]


def _group(texts: Sequence[str], count: int, seed: int) -> list[int]:
    """Return the group of each text, of at most ``count`` groups by their words."""
    words = TfidfVectorizer(token_pattern=r"\S+", sublinear_tf=True)
    vectors = words.fit_transform(texts)
    if len(texts) > _MANY and vectors.shape[1] > _DIRECTIONS:  # all words would take hours
        vectors = TruncatedSVD(_DIRECTIONS, random_state=seed).fit_transform(vectors)
    with warnings.catch_warnings():  # fewer texts that differ than groups are no fault
        warnings.simplefilter("ignore", ConvergenceWarning)
        groups = KMeans(count, n_init=4, random_state=seed).fit_predict(vectors)
    return list(map(int, groups))


def select_by_chance(documents: Sequence[Document], count: int, *, seed: int) -> list[Document]:
    """Return documents drawn at random, as a control of what selecting buys."""
    once = _once(documents, key=lambda own: own)
    return random.Random(seed).sample(once, min(count, len(once)))
