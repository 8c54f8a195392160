"""The log of a run: one JSON object a step, in ``metrics.jsonl``."""

import json
import time
from pathlib import Path
from typing import Any

from transformers import TrainerCallback, TrainerControl, TrainerState, TrainingArguments

from marsad.files import atomic_write


class RunLog(TrainerCallback):
    """Appends what the trainer logs: loss, gradient norm and learning rate, and dev scores.

    A run that goes on from a checkpoint first drops the steps after it, which it does again.
    """

    def __init__(self, path: Path) -> None:
        self.path = path
        self.started = time.monotonic()

    def on_train_begin(
        self,
        args: TrainingArguments,
        state: TrainerState,
        control: TrainerControl,
        **kwargs: Any,  # noqa: ANN401
    ) -> None:
        """Keep the lines of the steps that are done."""
        if state.is_world_process_zero:
            lines = self.path.read_text(encoding="utf-8").splitlines() if self.path.exists() else []
            with atomic_write(self.path) as out:
                out.writelines(f"{line}\n" for line in lines if _done(line, state.global_step))

    def on_log(
        self,
        args: TrainingArguments,
        state: TrainerState,
        control: TrainerControl,
        **kwargs: Any,  # noqa: ANN401
    ) -> None:
        """Append a line."""
        if state.is_world_process_zero and "train_runtime" not in kwargs["logs"]:
            seconds = round(time.monotonic() - self.started, 3)
            line = {"step": state.global_step, "seconds": seconds, **kwargs["logs"]}
            with self.path.open("a", encoding="utf-8") as out:
                out.write(json.dumps(line) + "\n")


def _done(line: str, step: int) -> bool:
    """Say whether a line is whole and of a step up to the given one."""
    try:
        return bool(json.loads(line)["step"] <= step)
    except (json.JSONDecodeError, KeyError):
        return False  # the run was killed while it wrote it
