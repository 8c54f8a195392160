"""The trainer: transformers' own, with our batches, loss, dev score and checkpoints."""

import math
from collections.abc import Callable, Mapping
from pathlib import Path
from typing import Any

import torch
from torch import Tensor
from torch.utils.data import Sampler
from transformers import (
    ProgressCallback,
    Trainer,
    TrainerCallback,
    TrainerControl,
    TrainerState,
    TrainingArguments,
)
from transformers.trainer import TRAINER_STATE_NAME
from transformers.trainer_utils import IntervalStrategy

from marsad.adversary import Adversary
from marsad.averaging import WeightAverage
from marsad.checkpoints import Checkpoints
from marsad.errors import ConfigError, TrainingError
from marsad.objective import Objective, count_targets
from marsad.sampling import EpochSampler
from marsad.text.batches import Batch
from marsad.word_dropout import WordDropout

# Scores the model as it is on the dev documents: name and value, ``score`` among them.
DevScore = Callable[[], Mapping[str, float]]
# Is told, after each scoring, how many epochs are done and what the dev score is.
Progress = Callable[[float, float], None]


class DocumentTrainer(Trainer):
    """A Trainer that scores dev documents and keeps the best weights."""

    def __init__(
        self,
        *,
        objective: Objective,
        sampler: EpochSampler,
        dev_score: DevScore,
        checkpoints: Checkpoints,
        optimizers: tuple[torch.optim.Optimizer, None],
        average: WeightAverage | None = None,
        adversary: Adversary | None = None,
        word_dropout: WordDropout | None = None,
        progress: Progress | None = None,
        **kwargs: Any,  # noqa: ANN401
    ) -> None:
        super().__init__(eval_dataset=[], **kwargs)
        self.optimizer, _ = optimizers  # refused as an argument where weights are sharded
        if average and self.is_fsdp_enabled:
            raise ConfigError(
                "train.ema: no mean is kept of weights in shards; leave out one of them"
            )
        if self.is_fsdp_enabled and self.accelerator.state.fsdp_plugin.fsdp_version == 1:
            raise ConfigError(
                "FSDP 1 keeps no whole weights to score: launch with --fsdp_version 2 "
                "(docs/training.md)"
            )
        self.objective: Objective = objective.to(self.args.device)
        self.sampler = sampler
        self.dev_score = dev_score
        self.checkpoints = checkpoints
        self.average = average
        self.adversary = adversary
        self.word_dropout = word_dropout
        self.progress = progress
        self.loss_is_scaled_for_ga = True
        self.add_callback(_Steps(self))
        self.remove_callback(ProgressCallback)
        self.bar = _Bar()
        self.add_callback(self.bar)

    def go_on(self, last: Path | None) -> None:
        """Train to the end, from a sealed checkpoint where there is one."""
        if last is not None and is_last(last):
            return  # transformers would train a step more
        if last is not None and self.average:
            self.average.restore(self.checkpoints.sealed_average(last))
        try:
            self.train(resume_from_checkpoint=None if last is None else str(last))
        finally:
            self.bar.close()
            # Without the autocast that accelerate put around its forward pass.
            self.accelerator.unwrap_model(self.model, keep_fp32_wrapper=False)

    def compute_loss(
        self,
        model: torch.nn.Module,
        inputs: dict[str, Tensor],
        return_outputs: bool = False,
        num_items_in_batch: Tensor | int | None = None,
    ) -> Any:  # noqa: ANN401
        """Return the joint loss of a part of a step; summed over all parts it is that of the step.

        Processes take the mean of their gradients, so that each gives its share times their number.
        """
        assert isinstance(num_items_in_batch, Tensor)
        counts, crf = num_items_in_batch, self.accelerator.unwrap_model(model).crf
        logits = model(*(inputs[name] for name in Batch._fields))
        loss = self.objective(logits, inputs, crf, counts)
        if self.objective.options.rdrop:
            other = model(*(inputs[name] for name in Batch._fields))
            loss = (loss + self.objective(other, inputs, crf, counts)) / 2
            loss = loss + self.objective.divergence(logits, other, inputs, counts)
        loss = loss * self.args.world_size
        return (loss, logits) if return_outputs else loss

    def training_step(
        self,
        model: torch.nn.Module,
        inputs: dict[str, Tensor | Any],
        num_items_in_batch: Tensor | int | None = None,
    ) -> Tensor:
        """Take the loss back, and once more where an adversary moved the input.

        Words are hidden here and not where batches are made: those are fetched ahead, and a run
        that goes on would not draw the same.
        """
        if self.word_dropout:
            inputs = self.word_dropout(inputs)
        loss = super().training_step(model, inputs, num_items_in_batch)
        if self.adversary:
            with self.adversary.attacking():
                super().training_step(model, inputs, num_items_in_batch)
        return loss

    def log(self, logs: dict[str, float], start_time: float | None = None) -> None:
        """Stop a run whose loss is no number any more, before anything is logged or saved.

        Raises:
            TrainingError: loss or gradient is infinite or no number.
        """
        for name, words in (("loss", "loss"), ("grad_norm", "norm of the gradient")):
            if not math.isfinite(value := logs.get(name, 0.0)):
                raise TrainingError(
                    f"step {self.state.global_step}: the {words} is {value}; lower "
                    f"train.learning_rate or raise train.warmup{self.checkpoints.last_words()}"
                )
        super().log(logs, start_time)

    def evaluate(self, *_: Any, **__: Any) -> dict[str, float]:  # noqa: ANN401
        """Score the dev documents, keep the weights if they are the best, tell the callbacks."""
        if self.average:
            with self.average.applied():
                metrics = self._score_and_keep()
        else:
            metrics = self._score_and_keep()
        self.log(metrics)
        self.control = self.callback_handler.on_evaluate(
            self.args, self.state, self.control, metrics
        )
        if self.progress:
            self.progress(self.state.epoch or 0.0, metrics["eval_score"])
        return metrics

    def _score_and_keep(self) -> dict[str, float]:
        metrics = {f"eval_{name}": value for name, value in self.dev_score().items()}
        score, step = metrics["eval_score"], self.state.global_step
        if self.checkpoints.is_best(score, step):
            weights = self.accelerator.get_state_dict(self.model)
            if self.args.should_save:
                self.checkpoints.keep_best(weights, score, step)
        return metrics

    def _get_train_sampler(self, train_dataset: Any = None) -> Sampler[int]:  # noqa: ANN401
        return self.sampler

    def _get_num_items_in_batch(
        self, batch_samples: list[dict[str, Tensor]], device: torch.device
    ) -> Tensor | None:
        """Return the counts of a step over its parts and processes, as the objective wants them."""
        if not batch_samples:
            return None
        counts = torch.stack([count_targets(batch) for batch in batch_samples]).sum(0).to(device)
        summed: Tensor = self.accelerator.reduce(counts, reduction="sum")
        return summed

    def _save_checkpoint(self, model: torch.nn.Module, trial: Any) -> None:  # noqa: ANN401
        super()._save_checkpoint(model, trial)
        self.accelerator.wait_for_everyone()  # each process writes a part of it
        if self.args.should_save:
            average = self.average.state() if self.average else {}
            self.checkpoints.seal(self.state.global_step, average)


class _Steps(TrainerCallback):
    """What happens between steps: the epoch's windows, the running mean, when dev is scored."""

    def __init__(self, trainer: DocumentTrainer) -> None:
        self.trainer = trainer

    def on_epoch_begin(
        self,
        args: TrainingArguments,
        state: TrainerState,
        control: TrainerControl,
        **kwargs: Any,  # noqa: ANN401
    ) -> None:
        """Choose the epoch's windows, also where a run goes on in the middle of one."""
        self.trainer.sampler.set_epoch(state.global_step // self._steps)

    def on_step_end(
        self,
        args: TrainingArguments,
        state: TrainerState,
        control: TrainerControl,
        **kwargs: Any,  # noqa: ANN401
    ) -> None:
        """Take the new weights into the running mean, and score those that an epoch ends with.

        They are scored before a checkpoint of them is saved, so that a run that goes on from it
        has not missed the scoring.
        """
        if self.trainer.average:
            self.trainer.average.update()
        ends = state.global_step % self._steps == 0 or control.should_training_stop
        if ends and args.eval_strategy == IntervalStrategy.EPOCH:
            control.should_evaluate = True

    def on_epoch_end(
        self,
        args: TrainingArguments,
        state: TrainerState,
        control: TrainerControl,
        **kwargs: Any,  # noqa: ANN401
    ) -> None:
        """Score no weights twice; those of the last step have been."""
        control.should_evaluate = False

    @property
    def _steps(self) -> int:
        """How many an epoch has."""
        return len(self.trainer.sampler) // self.trainer.sampler.batch_size


def is_last(checkpoint: Path) -> bool:
    """Say whether a checkpoint is of the run's last step."""
    state = TrainerState.load_from_json(str(checkpoint / TRAINER_STATE_NAME))
    return bool(state.global_step >= state.max_steps)


class _Bar(ProgressCallback):
    """The progress bar, with a line a scoring instead of one a step."""

    def close(self) -> None:
        """End its line, so that what follows has one of its own."""
        if self.training_bar is not None:
            self.training_bar.close()

    def on_log(
        self,
        args: TrainingArguments,
        state: TrainerState,
        control: TrainerControl,
        logs: dict[str, float] | None = None,
        **kwargs: Any,  # noqa: ANN401
    ) -> None:
        """Print dev scores."""
        if logs and "eval_score" in logs:
            super().on_log(args, state, control, logs=logs, **kwargs)  # type: ignore[no-untyped-call]
