"""The log of a run: one JSON object a step, in ``metrics.jsonl``."""

import json
import os
import time
from itertools import takewhile
from pathlib import Path
from typing import Any

from transformers import TrainerCallback, TrainerControl, TrainerState, TrainingArguments

from marsad.files import read_records
from marsad.machine import describe_machine
from marsad.metrics import TrainingReport
from marsad.processes import this_process


class RunLog(TrainerCallback):
    """Appends what the trainer logs: loss, gradient norm and learning rate, and dev scores.

    A run that goes on from a checkpoint first drops the steps after it, which it does again.
    ``seconds`` are those of the training that the lines are of, whatever died in between, and
    ``cpu_seconds`` what this process computed in them, all of its threads together.
    """

    def __init__(self, path: Path) -> None:
        self.path = path
        self.started = time.monotonic()
        self.cpu_started = time.process_time()

    def on_train_begin(
        self,
        args: TrainingArguments,
        state: TrainerState,
        control: TrainerControl,
        **kwargs: Any,  # noqa: ANN401
    ) -> None:
        """Keep the lines of the steps that are done; they come first."""
        if state.is_world_process_zero and self.path.exists():
            lines = self.path.read_bytes().splitlines(keepends=True)
            kept = list(takewhile(lambda line: _done(line, state.global_step), lines))
            os.truncate(self.path, sum(map(len, kept)))
            if kept:
                last = json.loads(kept[-1])
                self.started -= last["seconds"]
                self.cpu_started -= last["cpu_seconds"]

    def on_log(
        self,
        args: TrainingArguments,
        state: TrainerState,
        control: TrainerControl,
        **kwargs: Any,  # noqa: ANN401
    ) -> None:
        """Append a line."""
        if state.is_world_process_zero and "train_runtime" not in kwargs["logs"]:
            line = {
                "step": state.global_step,
                "seconds": round(time.monotonic() - self.started, 3),
                "cpu_seconds": round(time.process_time() - self.cpu_started, 3),
                **kwargs["logs"],
            }
            with self.path.open("a", encoding="utf-8") as out:
                out.write(json.dumps(line) + "\n")


def report_training(log: Path) -> TrainingReport:
    """Return what the training took that a log is of."""
    *_, (_, last) = read_records(log)
    return TrainingReport(
        steps=last["step"],
        seconds=last["seconds"],
        cpu_seconds=last["cpu_seconds"],
        processes=this_process().num_processes,
        processor=describe_machine().processor,
    )


def _done(line: bytes, step: int) -> bool:
    """Say whether a line is whole and of a step up to the given one."""
    try:
        record = json.loads(line)
        return line.endswith(b"\n") and bool(
            record["step"] <= step and record["seconds"] >= 0 and record["cpu_seconds"] >= 0
        )
    except (ValueError, KeyError, TypeError):
        return False  # the run was killed while it wrote it, or the file is no log
