"""What was measured of one training, and how ours compares with the baseline."""

from collections.abc import Mapping, Sequence
from dataclasses import asdict, dataclass
from statistics import median_low
from typing import Any, NamedTuple


class Point(NamedTuple):
    """A scoring: epochs and seconds of training before it, and the strict micro F1 on dev."""

    epochs: float
    seconds: float
    f1: float


@dataclass(frozen=True)
class Outcome:
    """A training: seconds, tokens, bytes and dev scores.

    ``tokens`` went through the encoder; ``padding`` of them held nothing, ``pieces`` were text, the
    rest opened and closed a row. The first steps are outside of ``warm_pieces`` and
    ``warm_seconds``; no second counts in which the model was scored. ``cores`` is how many
    processors worked for the training on average: where that is less than its threads, others held
    it up. ``memory`` is the largest resident set, ``memory_before`` the largest until it began.
    """

    settings: Mapping[str, Any]
    steps: int
    seconds: float
    scoring_seconds: float
    cores: float
    tokens: int
    padding: int
    pieces: int
    warm_pieces: int
    warm_seconds: float
    memory_before: int
    memory: int
    curve: tuple[Point, ...]

    @property
    def pieces_per_second(self) -> float:
        """Pieces of text that training takes in a second, once it is warm."""
        return self.warm_pieces / self.warm_seconds

    @property
    def padding_share(self) -> float:
        """Share of padding among the tokens."""
        return self.padding / self.tokens

    @property
    def tokens_per_piece(self) -> float:
        """Tokens that go through the encoder for one piece of text."""
        return self.tokens / self.pieces

    @property
    def f1(self) -> float:
        """F1 at the end."""
        return self.curve[-1].f1

    def seconds_until(self, f1: float) -> float | None:
        """Return the seconds of training before the first scoring of at least an F1."""
        return next((point.seconds for point in self.curve if point.f1 >= f1), None)

    def to_record(self) -> dict[str, Any]:
        """Return all of it as JSON values."""
        curve = [point._asdict() for point in self.curve]
        derived = ("pieces_per_second", "padding_share", "tokens_per_piece", "f1")
        return asdict(self) | {"curve": curve} | {name: getattr(self, name) for name in derived}


@dataclass(frozen=True)
class Heat:
    """Both recipes with one seed. Ratios are above 1 where ours is better."""

    seed: int
    ours: Outcome
    baseline: Outcome

    @property
    def target(self) -> float:
        """The F1 that both have to reach: what the baseline has at its end."""
        return self.baseline.f1

    @property
    def ratios(self) -> dict[str, float | None]:
        """Speed, time to the target, memory, tokens computed; None: we never reach the target."""
        ours, theirs = self.ours, self.baseline
        own_time, their_time = ours.seconds_until(self.target), theirs.seconds_until(self.target)
        return {
            "speed": ours.pieces_per_second / theirs.pieces_per_second,
            "time_to_target": their_time / own_time if their_time and own_time else None,
            "memory": theirs.memory / ours.memory,
            "tokens_per_piece": theirs.tokens_per_piece / ours.tokens_per_piece,
        }

    def to_record(self) -> dict[str, Any]:
        """Return all of it as JSON values."""
        sides = {"marsad": self.ours, "baseline": self.baseline}
        return {
            "seed": self.seed,
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
