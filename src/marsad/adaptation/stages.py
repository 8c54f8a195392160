"""A stage of an adaptation: transformers' trainer over blocks of text, with sealed checkpoints."""

from collections.abc import Callable, Mapping, Sequence
from typing import Any, Protocol

import torch
from datasets import Dataset
from safetensors.torch import load_file
from torch import Tensor, nn
from torch.utils.data import DataLoader
from transformers import Trainer, TrainerCallback
from transformers.utils import SAFE_WEIGHTS_NAME

from marsad.adaptation.settings import StageConfig
from marsad.arguments import optimisation_arguments
from marsad.checkpoints import Checkpoints
from marsad.errors import TrainingError
from marsad.failures import failures_explained
from marsad.optimization import adamw
from marsad.run_log import RunLog
from marsad.trainer import is_last


class BlockCollator(Protocol):
    """Makes tensors of blocks, rows with ``text``."""

    def __call__(self, rows: Sequence[Mapping[str, Any]]) -> dict[str, Tensor]:
        """Return what a stage's module takes."""
        ...


class StageTrainer(Trainer):
    """A Trainer whose held-out blocks are always read alike, and whose checkpoints are sealed."""

    def __init__(
        self,
        *,
        checkpoints: Checkpoints,
        held_out_collator: BlockCollator,
        **kwargs: Any,  # noqa: ANN401
    ) -> None:
        super().__init__(**kwargs)
        self.checkpoints = checkpoints
        self.held_out_collator = held_out_collator

    def evaluate(self, *_: Any, **__: Any) -> dict[str, float]:  # noqa: ANN401
        """Measure the loss on the held-out blocks, in every process alike, and log it."""
        rows: Any = self.eval_dataset
        batches = DataLoader(rows, self.args.eval_batch_size, collate_fn=self.held_out_collator)
        module = self.accelerator.unwrap_model(self.model).eval()
        with torch.inference_mode(), self.accelerator.autocast():
            losses = [float(module(**self._prepare_inputs(batch))["loss"]) for batch in batches]
        module.train()
        metrics = {"eval_loss": sum(losses) / len(losses)}
        self.log(metrics)
        self.control = self.callback_handler.on_evaluate(
            self.args, self.state, self.control, metrics
        )
        return metrics

    def _save_checkpoint(self, model: nn.Module, trial: Any) -> None:  # noqa: ANN401
        super()._save_checkpoint(model, trial)
        self.accelerator.wait_for_everyone()  # each process writes a part of it
        if self.args.should_save:
            self.checkpoints.seal(self.state.global_step, {})


def run_stage(
    name: str,
    module: nn.Module,
    options: StageConfig,
    *,
    blocks: Dataset,
    held_out: Dataset,
    collator: BlockCollator,
    held_out_collator: BlockCollator,
    checkpoints: Checkpoints,
    seed: int,
    rate: Callable[[str], float] | None = None,
    callbacks: Sequence[TrainerCallback] = (),
) -> None:
    """Train what of a module learns, from its last checkpoint where there is one.

    Args:
        name: of the stage, its section of the configuration.
        module: returns ``loss`` for what the collators make.
        options: steps, batches and rates.
        blocks: rows with ``text``.
        held_out: likewise; the loss on them is measured at each checkpoint.
        collator: of what is learnt.
        held_out_collator: of what is held out.
        checkpoints: of the stage, opened; ``metrics.jsonl`` lies among them.
        seed: of batches and masks.
        rate: the learning rate of each parameter by its name; by default that of the options.
        callbacks: are told of the steps.

    Raises:
        ConfigError: the batch cannot be parted among the processes.
        TrainingError: the loss became no number, or memory or disk ran out.
    """
    last = checkpoints.last()
    if last is not None and is_last(last):  # transformers would train a step more
        module.load_state_dict(load_file(last / SAFE_WEIGHTS_NAME))
        return
    sparing = f"lower {name}.batch_size or max_tokens, or raise {name}.accumulate"
    with failures_explained(checkpoints, sparing=sparing):
        learning = [(n, p) for n, p in module.named_parameters() if p.requires_grad]
        arguments = optimisation_arguments(
            options,
            name,
            output_dir=str(checkpoints.path),
            seed=seed,
            max_steps=options.steps,
            eval_strategy="steps",
            eval_steps=options.check_steps,
            eval_on_start=last is None,
            save_steps=options.check_steps,
            per_device_eval_batch_size=16,
            report_to=[],
        )
        trainer = StageTrainer(
            checkpoints=checkpoints,
            held_out_collator=held_out_collator,
            model=module,
            args=arguments,
            train_dataset=blocks,
            eval_dataset=held_out,
            data_collator=collator,
            optimizers=(
                adamw(learning, rate or (lambda _: options.learning_rate), options.weight_decay),
                None,
            ),
            callbacks=[RunLog(checkpoints.log), _Finite(), *callbacks],
        )
        trainer.train(resume_from_checkpoint=None if last is None else str(last))


class _Finite(TrainerCallback):
    """Stops a stage whose loss is no number any more."""

    def on_log(self, args: Any, state: Any, control: Any, **kwargs: Any) -> None:  # noqa: ANN401
        """Look at each loss.

        Raises:
            TrainingError: it is infinite or no number.
        """
        loss = kwargs["logs"].get("loss", 0.0)
        if not torch.tensor(loss).isfinite():
            raise TrainingError(
                f"step {state.global_step}: the loss is {loss}; lower learning_rate or raise warmup"
            )
