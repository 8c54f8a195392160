"""The trainer: transformers' own, with our batches, loss, dev score and checkpoints."""

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

from marsad.adversary import Adversary
from marsad.averaging import WeightAverage
from marsad.checkpoints import Checkpoints
from marsad.errors import TrainingError
from marsad.objective import Objective, count_targets
from marsad.sampling import EpochSampler
from marsad.text.windows import Batch

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
        average: WeightAverage | None = None,
        adversary: Adversary | None = None,
        progress: Progress | None = None,
        **kwargs: Any,  # noqa: ANN401
    ) -> None:
        super().__init__(eval_dataset=[], **kwargs)
        self.objective: Objective = objective.to(self.args.device)
        self.sampler = sampler
        self.dev_score = dev_score
        self.checkpoints = checkpoints
        self.average = average
        self.adversary = adversary
        self.progress = progress
        self.loss_is_scaled_for_ga = True
        self.add_callback(_Steps(self))
        self.remove_callback(ProgressCallback)
        self.add_callback(_Bar)

    def go_on(self, last: Path | None) -> None:
        """Train to the end, from a sealed checkpoint where there is one."""
        if last is not None and self.average:
            self.average.restore(self.checkpoints.sealed_average(last))
        self.train(resume_from_checkpoint=None if last is None else str(last))

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
        """Take the loss back, and once more where an adversary moved the input."""
        loss = super().training_step(model, inputs, num_items_in_batch)
        if self.adversary:
            with self.adversary.attacking():
                super().training_step(model, inputs, num_items_in_batch)
        return loss

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
            weights = self.accelerator.get_state_dict(self.model_wrapped)
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
        if self.args.should_save:
            average = self.average.state() if self.average else {}
            self.checkpoints.seal(self.state.global_step, average)


class _Steps(TrainerCallback):
    """What happens between steps: the epoch's windows, the running mean, a look at the loss."""

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
        sampler = self.trainer.sampler
        sampler.set_epoch(state.global_step // (len(sampler) // sampler.batch_size))

    def on_step_end(
        self,
        args: TrainingArguments,
        state: TrainerState,
        control: TrainerControl,
        **kwargs: Any,  # noqa: ANN401
    ) -> None:
        """Take the new weights into the running mean."""
        if self.trainer.average:
            self.trainer.average.update()

    def on_log(
        self,
        args: TrainingArguments,
        state: TrainerState,
        control: TrainerControl,
        **kwargs: Any,  # noqa: ANN401
    ) -> None:
        """Stop a run whose loss is no number any more, before anything is saved."""
        loss = kwargs["logs"].get("loss", 0.0)
        if loss != loss or abs(loss) == float("inf"):
            raise TrainingError(
                f"step {state.global_step}: the loss is {loss}; lower train.learning_rate or raise "
                f"train.warmup{self.trainer.checkpoints.last_words()}"
            )


class _Bar(ProgressCallback):
    """The progress bar, with a line a scoring instead of one a step."""

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
