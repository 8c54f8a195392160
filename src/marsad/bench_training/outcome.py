"""What was measured of one training, and how ours compares with the baseline."""

from collections.abc import Mapping, Sequence
from dataclasses import asdict, dataclass
from statistics import median_low
from typing import Any, NamedTuple

from marsad.bench_training.recipe import Recipe


class Point(NamedTuple):
    """A scoring: epochs and seconds of training before it, and the strict micro F1 on dev."""

    epochs: float
    seconds: float
    f1: float


@dataclass(frozen=True)
class Outcome:
    """A training: seconds, tokens, words, bytes and dev scores.

    ``tokens`` went through the encoder; ``padding`` of them held nothing. ``words`` were judged, in
    all epochs together: those with a piece of their own that were not cut off. Ours are words of
    :mod:`marsad.text.words`; the baseline's are the same on our files, and on ANERcorp its tokens,
    of which there are a quarter of a percent fewer.

    The first steps are outside of ``warm_words`` and ``warm_seconds``; no second counts in which
    the model was scored. ``seconds`` hold the epochs of heads alone, whose words count nowhere.
    ``cores`` is how many processors worked for the training on average: where that is less than its
    threads, others held it up. ``memory`` is the peak resident memory of the process, or on a GPU
    the peak of what torch allocated there, loading and scoring included; ``memory_before`` is the
    peak until the training began, so the most that loading and Python took.
    """

    recipe: Recipe
    settings: Mapping[str, Any]
    steps: int
    seconds: float
    scoring_seconds: float
    cores: float
    tokens: int
    padding: int
    words: int
    warm_words: int
    warm_seconds: float
    memory_before: int
    memory: int
    curve: tuple[Point, ...]

    @property
    def words_per_second(self) -> float:
        """Words that training reads in a second, once it is warm."""
        return self.warm_words / self.warm_seconds

    @property
    def words_per_epoch(self) -> float:
        """Words that training reads in an epoch."""
        return self.words / self.curve[-1].epochs

    @property
    def padding_share(self) -> float:
        """Share of padding among the tokens."""
        return self.padding / self.tokens

    @property
    def tokens_per_word(self) -> float:
        """Tokens that go through the encoder for one word."""
        return self.tokens / self.words

    @property
    def f1(self) -> float:
        """F1 at the end."""
        return self.curve[-1].f1

    def seconds_until(self, f1: float) -> float | None:
        """Return the seconds of training before the first scoring of at least an F1.

        It may have been reached since the scoring before; that holds for both recipes.
        """
        return next((point.seconds for point in self.curve if point.f1 >= f1), None)

    def to_record(self) -> dict[str, Any]:
        """Return all of it as JSON values."""
        curve = [point._asdict() for point in self.curve]
        derived = ("words_per_second", "words_per_epoch", "padding_share", "tokens_per_word", "f1")
        return asdict(self) | {"curve": curve} | {name: getattr(self, name) for name in derived}


@dataclass(frozen=True)
class Heat:
    """Both recipes with one seed. Ratios are above 1 where ours is better."""

    seed: int
    ours: Outcome
    baseline: Outcome
    ours_first: bool = False

    @property
    def target(self) -> float:
        """The F1 that both have to reach: what the baseline has at its end."""
        return self.baseline.f1

    @property
    def first(self) -> str:
        """Which recipe ran first."""
        return "marsad" if self.ours_first else "baseline"

    @property
    def ratios(self) -> dict[str, float | None]:
        """Speed, time to the target, memory, tokens computed; None: we never reach the target."""
        ours, theirs = self.ours, self.baseline
        own_time, their_time = ours.seconds_until(self.target), theirs.seconds_until(self.target)
        return {
            "speed": ours.words_per_second / theirs.words_per_second,
            "time_to_target": their_time / own_time if their_time and own_time else None,
            "memory": theirs.memory / ours.memory,
            "tokens_per_word": theirs.tokens_per_word / ours.tokens_per_word,
        }

    def to_record(self) -> dict[str, Any]:
        """Return all of it as JSON values."""
        sides = {"marsad": self.ours, "baseline": self.baseline}
        return {
            "seed": self.seed,
            "first": self.first,
            "target_f1": self.target,
            "ratios": self.ratios,
            **{
                name: side.to_record() | {"seconds_to_target": side.seconds_until(self.target)}
                for name, side in sides.items()
            },
        }


def median_ratios(heats: Sequence[Heat]) -> dict[str, float | None]:
    """Return the median of each ratio; of two in the middle the lower, and None is the lowest."""
    names = heats[0].ratios
    return {name: median_low([h.ratios[name] or 0.0 for h in heats]) or None for name in names}
