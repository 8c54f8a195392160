"""The course of a training: seconds, tokens, words and dev scores, taken alike of every recipe."""

import time
from collections.abc import Callable, Iterator, Mapping
from contextlib import contextmanager
from math import ceil
from typing import Any, NamedTuple, cast

import torch
from torch import Tensor
from transformers import Trainer, TrainerCallback, TrainerControl, TrainerState, TrainingArguments

from marsad.bench_training.outcome import Outcome, Point
from marsad.bench_training.recipe import Recipe
from marsad.losses import IGNORED
from marsad.machine import peak_memory

WARMING_UP = 20  # first steps, which are slower; at most half of them

Collate = Callable[[list[Any]], dict[str, Any]]


Now = Callable[[], float]  # a time, in seconds


class Clock:
    """Counts seconds, but for those in which it stands still."""

    def __init__(self, now: Now) -> None:
        self.now = now
        self.started = now()
        self.still = 0.0

    @property
    def seconds(self) -> float:
        """Seconds that it ran."""
        return self.now() - self.started - self.still

    @contextmanager
    def stopped(self) -> Iterator[None]:
        """Stand still during a block."""
        begin = self.now()
        try:
            yield
        finally:
            self.still += self.now() - begin


class Load(NamedTuple):
    """A batch: all of its tokens, those that are padding, and the words that are judged."""

    tokens: int
    padding: int
    words: int


class Step(NamedTuple):
    """The end of a step: seconds of training so far, and batches that steps took."""

    seconds: float
    batches: int


class Course(TrainerCallback):
    """Follows one call of a trainer's ``train``, and scores the model between its steps."""

    def __init__(
        self,
        score: Callable[[], float],
        *,
        labels: str,
        scorings: int,
        now: Now = time.perf_counter,
        worked: Now = time.process_time,
    ) -> None:
        """Prepare; the clocks run from here on.

        Args:
            score: returns the dev score of the model as it is.
            labels: what batches call the tags of their words.
            scorings: how many an epoch has; there is one at the end in any case.
            now: the time.
            worked: the time that processors worked for this process, all together.
        """
        self.score = score
        self.labels = labels
        self.scorings = scorings
        self.memory_before = peak_memory()
        self.due: frozenset[int] = frozenset()
        self.loads: list[Load] = []
        self.batches = 0
        self.begin = Step(0.0, 0)
        self.steps: list[Step] = []
        self.curve: list[Point] = []
        self.clock, self.work = Clock(now), Clock(worked)

    def follow(self, trainer: Trainer) -> None:
        """Be told of a trainer's batches and steps."""
        trainer.data_collator = self._noting(cast(Collate, trainer.data_collator))
        trainer.add_callback(self)

    def _noting(self, collate: Collate) -> Collate:
        def collate_and_note(rows: list[Any]) -> dict[str, Any]:
            batch = collate(rows)
            self.loads.append(measure_load(batch["attention_mask"], batch[self.labels]))
            return batch

        return collate_and_note

    def on_train_begin(
        self,
        args: TrainingArguments,
        state: TrainerState,
        control: TrainerControl,
        **kwargs: Any,  # noqa: ANN401
    ) -> None:
        """Spread the scorings over the steps; the last is after the last step."""
        self.begin = Step(self.clock.seconds, 0)
        count = min(max(ceil(self.scorings * args.num_train_epochs), 1), state.max_steps)
        self.due = frozenset(round(i * state.max_steps / count) for i in range(1, count + 1))

    def on_substep_end(
        self,
        args: TrainingArguments,
        state: TrainerState,
        control: TrainerControl,
        **kwargs: Any,  # noqa: ANN401
    ) -> None:
        """Count a batch that ends no step."""
        self.batches += 1

    def on_step_end(
        self,
        args: TrainingArguments,
        state: TrainerState,
        control: TrainerControl,
        **kwargs: Any,  # noqa: ANN401
    ) -> None:
        """Note the time, and score where a scoring is due."""
        self.batches += 1
        due = state.global_step in self.due
        if due and torch.cuda.is_available():
            torch.cuda.synchronize()  # what is still to be computed is no part of the scoring
        self.steps.append(Step(self.clock.seconds, self.batches))
        if due:
            with self.clock.stopped(), self.work.stopped():
                f1 = self.score()
            self.curve.append(Point(state.epoch or 0.0, self.steps[-1].seconds, f1))

    def outcome(self, recipe: Recipe, settings: Mapping[str, Any]) -> Outcome:
        """Return what was measured.

        Batches are drawn ahead of their step, so those that no step took are left out.
        """
        last, cold = self.steps[-1], min(WARMING_UP, len(self.steps) // 2)
        first = self.steps[cold - 1] if cold else self.begin
        used, warm = self.loads[: last.batches], self.loads[first.batches : last.batches]
        return Outcome(
            recipe=recipe,
            settings=settings,
            steps=len(self.steps),
            seconds=last.seconds,
            scoring_seconds=self.clock.still,
            cores=self.work.seconds / self.clock.seconds,
            tokens=sum(load.tokens for load in used),
            padding=sum(load.padding for load in used),
            words=sum(load.words for load in used),
            warm_words=sum(load.words for load in warm),
            warm_seconds=last.seconds - first.seconds,
            memory_before=self.memory_before,
            memory=peak_memory(),
            curve=tuple(self.curve),
        )


def measure_load(attention_mask: Tensor, labels: Tensor) -> Load:
    """Return what a batch holds; its mask and labels have shape (rows, length).

    One token of each word that the model is to judge has a label. What a row shows of its
    neighbours has none, so that no word counts twice an epoch, and a word that was cut off never.
    """
    tokens, real = attention_mask.numel(), int(attention_mask.sum())
    return Load(tokens, tokens - real, int((labels != IGNORED).sum()))
