"""What transformers' trainer is told of a run."""

from importlib.util import find_spec
from typing import Any

import torch
from transformers import TrainerCallback, TrainingArguments
from transformers.integrations.integration_utils import TensorBoardCallback
from transformers.trainer_utils import SchedulerType

from marsad.checkpoints import FOLDER
from marsad.config import RunConfig
from marsad.errors import ConfigError, MissingExtraError
from marsad.processes import this_process
from marsad.sections import Optimisation, Precision


def curves(config: RunConfig) -> list[TrainerCallback]:
    """Return what draws the curves of a run beside its model, outside of its checkpoints."""
    if "tensorboard" not in config.train.trackers or not this_process().is_main_process:
        return []
    from torch.utils.tensorboard import SummaryWriter

    writer = SummaryWriter(str(config.output / "tensorboard"))
    return [TensorBoardCallback(writer)]  # type: ignore[no-untyped-call]


def training_arguments(config: RunConfig) -> TrainingArguments:
    """Return what transformers' trainer is told.

    Raises:
        ConfigError: the batch cannot be parted among the processes, or GPUs would be left to share
            one process.
        MissingExtraError: a tracker is not installed.
    """
    options = config.train
    for tracker in options.trackers:
        if find_spec(tracker) is None:
            raise MissingExtraError(tracker, "track")
    return optimisation_arguments(
        options,
        "train",
        output_dir=str(config.output / FOLDER),
        seed=config.seed,
        num_train_epochs=options.epochs,
        torch_compile=options.compile,
        eval_strategy="epoch",
        save_strategy="steps" if options.save_steps else "epoch",
        save_steps=options.save_steps or 500,
        report_to=[name for name in options.trackers if name != "tensorboard"],
        run_name=config.name,
        project=config.name,
    )


def optimisation_arguments(
    options: Optimisation,
    section: str,
    *,
    output_dir: str,
    seed: int,
    **others: Any,  # noqa: ANN401
) -> TrainingArguments:
    """Return arguments of a training whose batches are parted among the processes.

    Args:
        options: of the section of a configuration that ``section`` names.
        section: is named in errors.
        output_dir: where checkpoints go.
        seed: of weights and batches.
        others: any other arguments.

    Raises:
        ConfigError: the batch cannot be parted, or GPUs would be left to share one process.
    """
    processes = this_process().num_processes
    parts = processes * options.accumulate
    if options.batch_size % parts:
        raise ConfigError(
            f"{section}.batch_size: {options.batch_size} cannot be parted among {processes} "
            f"processes times {options.accumulate} ({section}.accumulate); give a multiple of "
            f"{parts}"
        )
    arguments = TrainingArguments(
        output_dir=output_dir,
        per_device_train_batch_size=options.batch_size // parts,
        gradient_accumulation_steps=options.accumulate,
        lr_scheduler_type=SchedulerType(
            "constant_with_warmup" if options.schedule == "constant" else options.schedule
        ),
        warmup_steps=options.warmup,
        bf16=use_bf16(options.precision),
        use_cpu=not torch.cuda.is_available(),
        save_total_limit=2,
        logging_steps=1,
        logging_nan_inf_filter=False,
        remove_unused_columns=False,
        seed=seed,
        data_seed=seed,
        dataloader_pin_memory=torch.cuda.is_available(),
        **others,
    )
    if arguments.n_gpu > 1:
        raise ConfigError(
            f"{arguments.n_gpu} GPUs and one process: start the run with torchrun or accelerate "
            "(docs/training.md), or choose a GPU by CUDA_VISIBLE_DEVICES"
        )
    return arguments


def use_bf16(precision: Precision) -> bool:
    """Decide on bf16 autocast: ``auto`` takes it where the device computes in it natively."""
    if precision != "auto":
        return precision == "bf16"
    if torch.cuda.is_available():
        return bool(torch.cuda.is_bf16_supported(including_emulation=False))
    capabilities = torch.cpu.get_capabilities()
    return bool(capabilities.get("avx512_bf16") or capabilities.get("amx_bf16"))
