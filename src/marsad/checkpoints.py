"""Checkpoints of a run: what it needs to go on, and the best weights so far.

A checkpoint counts once it is sealed: whatever kills a run in the middle of writing one leaves the
one before it. A run goes on only from checkpoints of the same configuration and data.
"""

import json
import shutil
from dataclasses import dataclass
from pathlib import Path

from safetensors import safe_open
from safetensors.torch import load_file
from torch import Tensor

from marsad.errors import ConfigError
from marsad.files import write_json
from marsad.tensors import write_tensors

FOLDER = "checkpoints"
_SEAL = "sealed.safetensors"  # written last; holds the running mean of the weights, if there is one
_BEST = "best.safetensors"
_RUN = "run.json"
_LOG = "metrics.jsonl"


@dataclass(frozen=True)
class Checkpoints:
    """The folder of a run's checkpoints."""

    path: Path

    @property
    def log(self) -> Path:
        """The log of the run; the model folder has it when it is done."""
        return self.path / _LOG

    def open(self, run: dict[str, object]) -> Path | None:
        """Start or go on: return the newest sealed checkpoint, None where there is none.

        Args:
            run: what the run is made of, as JSON values.

        Raises:
            ConfigError: the folder holds checkpoints of another run.
        """
        record, changed = self.path / _RUN, list[str]()
        if record.exists():
            theirs = json.loads(record.read_text(encoding="utf-8"))
            changed = differing(theirs, run)
            if changed and any(path != record for path in self.path.iterdir()):
                raise ConfigError(
                    f"{self.path}: an unfinished run that differs in {', '.join(changed)}; "
                    "finish it as it was, or start anew with --restart"
                )
        if not record.exists() or changed:
            self.remove()
            write_json(record, run)
        self._remove_torn()
        return self.last()

    def _remove_torn(self) -> None:
        """Remove what was being written when a run ended; a full disk has no room for it twice."""
        for folder in self.path.glob("checkpoint-*"):
            if not (folder / _SEAL).exists():
                shutil.rmtree(folder)
        for temporary in self.path.glob(".*"):
            temporary.unlink()

    def last(self) -> Path | None:
        """Return the newest sealed checkpoint, None where there is none."""
        sealed = [seal.parent for seal in self.path.glob(f"checkpoint-*/{_SEAL}")]
        return max(sealed, key=step_of, default=None)

    def last_words(self) -> str:
        """Say what is left of a run that failed."""
        last = self.last()
        if last is None:
            return "; nothing was saved before it"
        return f"; the checkpoint of step {step_of(last)} is whole: {last}"

    def seal(self, step: int, average: dict[str, Tensor]) -> None:
        """Declare the checkpoint of a step whole."""
        write_tensors(average, self.path / f"checkpoint-{step}" / _SEAL)

    def sealed_average(self, checkpoint: Path) -> dict[str, Tensor]:
        """Return the running mean of a sealed checkpoint, empty where the run has none."""
        return load_file(checkpoint / _SEAL)

    def is_best(self, score: float, step: int) -> bool:
        """Say whether a dev score is higher than the best so far, of an earlier step."""
        if not (self.path / _BEST).exists():
            return True
        best, best_step = self.best()
        return step > best_step and score > best

    def keep_best(self, weights: dict[str, Tensor], score: float, step: int) -> None:
        """Keep weights as the best so far."""
        own = {name: value.contiguous().cpu() for name, value in weights.items()}
        known = {"score": repr(score), "step": str(step)}
        write_tensors(own, self.path / _BEST, metadata=known)

    def best(self) -> tuple[float, int]:
        """Return score and step of the best weights."""
        with safe_open(self.path / _BEST, framework="pt") as file:
            metadata = file.metadata()
        return float(metadata["score"]), int(metadata["step"])

    def best_weights(self) -> dict[str, Tensor]:
        """Return the best weights."""
        return load_file(self.path / _BEST)

    def remove(self) -> None:
        """Remove all checkpoints; a run starts anew once the first file of them is gone."""
        (self.path / _RUN).unlink(missing_ok=True)
        shutil.rmtree(self.path, ignore_errors=True)


def step_of(checkpoint: Path) -> int:
    """Return the step that a checkpoint was made after."""
    return int(checkpoint.name.rpartition("-")[2])


def differing(theirs: object, ours: object) -> list[str]:
    """Return the dotted names of the values that differ in two records of runs."""
    return sorted({name for name, _ in _leaves(theirs) ^ _leaves(ours)})


def _leaves(value: object, name: str = "") -> set[tuple[str, str]]:
    """Return name and JSON of the values in nested objects."""
    if not isinstance(value, dict) or not value:
        return {(name, json.dumps(value))}
    inner = (_leaves(own, f"{name}.{key}" if name else key) for key, own in value.items())
    return {leaf for leaves in inner for leaf in leaves}
