"""Calibration: what makes a model's scores probabilities, and from which of them on it reports.

A score ``p`` becomes ``sigmoid(scale * logit(p) + shift)``, with a shift for each name: vector
scaling with one common scale (Guo et al. 2017, "On Calibration of Modern Neural Networks"; Platt
1999). The parameters are fitted on annotated documents that the model was not trained on
(:mod:`marsad.calibrating`), lie in ``calibration.json`` and act wherever the model is read.
"""

from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field, replace
from functools import cache, cached_property
from typing import Annotated, Any

import numpy as np
import numpy.typing as npt
from pydantic import Field, TypeAdapter

from marsad.closed import parse_closed
from marsad.errors import ConfigError, ModelError
from marsad.files import atomic_write
from marsad.labels import scheme
from marsad.model_folder import ModelFolder

Floats = npt.NDArray[np.float64]
Probability = Annotated[float, Field(ge=0, le=1)]
Reachable = Annotated[float, Field(gt=0, le=1)]  # every sentence reaches 0

CHECKPOINT = "weights"  # whose calibration serves files that have none of their own
_NEAREST = 1e-6  # to 0 and 1 that a score is taken


@dataclass(frozen=True)
class Curve:
    """Leads from the scores of a kind to probabilities; names without a shift have none."""

    scale: float = 1.0
    shifts: Mapping[str, float] = field(default_factory=dict)

    def __call__(self, scores: npt.ArrayLike, names: Sequence[str]) -> Floats:
        """Return probabilities; ``names`` are those of the scores, along the last axis."""
        shifts = np.array([self.shifts.get(name, 0.0) for name in names])
        return sigmoid(self.scale * logit(np.asarray(scores, dtype=np.float64)) + shifts)


@dataclass(frozen=True)
class Abstention:
    """Probabilities below which mentions and events are withheld; 0 withholds nothing."""

    entities: Probability = 0.0
    events: Probability = 0.0


@dataclass(frozen=True)
class Calibration:
    """Curves for mentions and event types, the threshold of each type, and when to be silent.

    ``families`` are thresholds of families of types, see :func:`marsad.decisions.decide_types`; a
    family without one leaves its types to theirs. ``fitted_on`` names the documents' file; None
    for the scores as they are.
    """

    entities: Curve = field(default_factory=Curve)
    events: Curve = field(default_factory=Curve)
    thresholds: Mapping[str, Probability] = field(default_factory=dict)
    families: Mapping[str, Reachable] = field(default_factory=dict, kw_only=True)
    abstain: Abstention = field(default_factory=Abstention)
    fitted_on: str | None = None

    def check_names(self) -> None:
        """Check that every name is in the label file.

        Raises:
            ValueError: one is not; the message is the name.
        """
        own = scheme()
        events = {*self.events.shifts, *self.thresholds}
        for given, known in (
            (self.entities.shifts, own.entity_names),
            (events, own.event_names),
            (self.families, family_names()),
        ):
            for name in {*given} - {*known}:
                raise ValueError(name)

    @cached_property
    def threshold_row(self) -> Floats:
        """The probability from which each type is reported, (types,), in the scheme's order."""
        return np.array([self.thresholds.get(name, 0.5) for name in scheme().event_names])

    @cached_property
    def family_row(self) -> Floats:
        """The probability from which each family wants a type, (families,); infinite for never."""
        return np.array([self.families.get(name, np.inf) for name in family_names()])

    def abstaining(self, level: float | None) -> "Calibration":
        """Return the calibration with one level for both kinds; None changes nothing.

        Raises:
            ConfigError: the level is no probability.
        """
        if level is None:
            return self
        if not 0 <= level <= 1:
            raise ConfigError(f"abstain level {level:g}: give a probability from 0 to 1")
        return replace(self, abstain=Abstention(level, level))


@cache
def family_names() -> tuple[str, ...]:
    """Return the families of event types, in the order of their first types."""
    return tuple(dict.fromkeys(scheme().family_of.values()))


def logit(probabilities: Floats) -> Floats:
    """Return log-odds."""
    clipped = np.clip(probabilities, _NEAREST, 1 - _NEAREST)
    odds: Floats = np.log(clipped) - np.log1p(-clipped)
    return odds


def sigmoid(values: npt.NDArray[Any]) -> Floats:
    """Return the probabilities of log-odds."""
    return np.exp(-np.logaddexp(0, -values.astype(np.float64)))


@cache
def _adapter() -> TypeAdapter[dict[str, Calibration]]:
    return TypeAdapter(dict[str, Calibration])


def read_calibrations(folder: ModelFolder) -> dict[str, Calibration]:
    """Read ``calibration.json``: a calibration for each model file that has its own.

    Raises:
        ModelError: it is missing or damaged.
    """
    path = folder.require("calibration", f"run: marsad calibrate {folder.path}")
    try:
        calibrations = parse_closed(_adapter(), path.read_bytes())
        for calibration in calibrations.values():
            calibration.check_names()
    except ValueError as error:
        raise ModelError(
            f"{path}: not a calibration (at {str(error)!r}); run: marsad calibrate {folder.path}"
        ) from None
    return calibrations


def read_calibration(folder: ModelFolder, role: str) -> Calibration:
    """Return the calibration of a model file, or the checkpoint's where it has none of its own.

    Raises:
        ModelError: there is neither, or the file is missing or damaged.
    """
    known = read_calibrations(folder)
    if role not in known and CHECKPOINT not in known:
        raise ModelError(
            f"{folder['calibration']}: none for {role}; run: marsad calibrate {folder.path}"
        )
    return known[role] if role in known else known[CHECKPOINT]


def write_calibration(calibration: Calibration, folder: ModelFolder, role: str) -> None:
    """Put the calibration of a model file into ``calibration.json``; a damaged one is replaced."""
    try:
        others = read_calibrations(folder)
    except ModelError:
        others = {}
    text = _adapter().dump_json({**others, role: calibration}, indent=2).decode()
    with atomic_write(folder["calibration"]) as out:
        out.write(text + "\n")
