"""What transformers' trainer is told of a run."""

from importlib.util import find_spec

import torch
from transformers import TrainerCallback, TrainingArguments
from transformers.integrations.integration_utils import TensorBoardCallback
from transformers.trainer_utils import SchedulerType

from marsad.checkpoints import FOLDER
from marsad.config import RunConfig
from marsad.errors import ConfigError, MissingExtraError
from marsad.processes import this_process
from marsad.sections import Precision


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
    options, processes = config.train, this_process().num_processes
    parts = processes * options.accumulate
    if options.batch_size % parts:
        raise ConfigError(
            f"train.batch_size: {options.batch_size} windows cannot be parted among {processes} "
            f"processes times {options.accumulate} (train.accumulate); give a multiple of {parts}"
        )
    for tracker in options.trackers:
        if find_spec(tracker) is None:
            raise MissingExtraError(tracker, "track")
    arguments = TrainingArguments(
        output_dir=str(config.output / FOLDER),
        num_train_epochs=options.epochs,
        per_device_train_batch_size=options.batch_size // parts,
        gradient_accumulation_steps=options.accumulate,
        lr_scheduler_type=SchedulerType(
            "constant_with_warmup" if options.schedule == "constant" else options.schedule
        ),
        warmup_steps=options.warmup,
        bf16=use_bf16(options.precision),
        use_cpu=not torch.cuda.is_available(),
        torch_compile=options.compile,
        eval_strategy="epoch",
        save_strategy="steps" if options.save_steps else "epoch",
        save_steps=options.save_steps or 500,
        save_total_limit=2,
        logging_steps=1,
        logging_nan_inf_filter=False,
        report_to=[name for name in options.trackers if name != "tensorboard"],
        run_name=config.name,
        project=config.name,
        remove_unused_columns=False,
        seed=config.seed,
        data_seed=config.seed,
        dataloader_pin_memory=torch.cuda.is_available(),
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
