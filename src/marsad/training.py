"""Training: annotated documents in, the checkpoint with the best dev score out."""

import errno
import logging
import shutil
from collections.abc import Iterator, Mapping
from contextlib import contextmanager
from pathlib import Path

import numpy as np
import torch
from datasets import Dataset
from safetensors import SafetensorError
from torch import Tensor
from transformers import TrainingArguments, set_seed
from transformers.trainer_utils import SchedulerType

from marsad import __version__
from marsad.adversary import Adversary
from marsad.averaging import WeightAverage
from marsad.benchmarks import PREFIX, Benchmark, open_benchmark
from marsad.calibrating import fit_on
from marsad.calibration import CHECKPOINT, Calibration, write_calibration
from marsad.checkpoints import FOLDER, Checkpoints
from marsad.config import RunConfig
from marsad.encoders.loading import Encoder, load_encoder
from marsad.errors import ConfigError, TrainingError
from marsad.evaluation import score_reader
from marsad.files import atomic_path, atomic_write, sha256
from marsad.frequencies import labels_held, tag_counts, type_counts
from marsad.heads import train_heads
from marsad.labels import SCHEME_FILE, scheme
from marsad.lora import add_adapters, merge_adapters
from marsad.losses import effective_number_weights
from marsad.mixture import check_corpora, load_windows
from marsad.model_folder import ModelFolder, ModelSettings
from marsad.modeling import MarsadModel, save_model, without_pooler
from marsad.objective import Objective
from marsad.optimization import build_optimizer, freeze
from marsad.processes import this_process
from marsad.reader import Reader
from marsad.run_log import RunLog
from marsad.sampling import EpochSampler, repeat_factors
from marsad.sections import Precision
from marsad.targets import Collator
from marsad.text.cleaning import CLEANINGS
from marsad.torch_backend import TorchBackend
from marsad.trainer import DocumentTrainer, Progress

log = logging.getLogger(__name__)

# How the libraries that write checkpoints put it when a disk is full.
_DISK_FULL = (
    "No space left on device",
    "File too large",
    "PytorchStreamWriter failed",
    "iostream error",
    "inline_container.cc",
)


def train(
    config: RunConfig, *, restart: bool = False, progress: Progress | None = None
) -> ModelFolder:
    """Run a configuration from data to a model folder, and return the folder.

    A run that was killed goes on from its last checkpoint when it is started again.

    Args:
        config: the run, of one seed.
        restart: forget an unfinished run in the same folder.
        progress: is told of each scoring on dev; what it raises ends the run.

    Raises:
        ConfigError: the folder holds an unfinished run of another configuration.
        DataError: a corpus file is missing or has an error.
        ModelError: the encoder cannot be loaded.
        TrainingError: the loss became no number, or memory or disk ran out.
    """
    dev = open_benchmark(config.data.dev, source=config.data.corpora)
    check_corpora(config.data)
    checkpoints = Checkpoints(config.output / FOLDER)
    with failures_explained(checkpoints):
        with this_process().main_process_first():
            if restart and this_process().is_main_process:
                checkpoints.remove()
            last = checkpoints.open(run_record(config))
        return _train(config, dev, checkpoints, last, progress)


def _train(
    config: RunConfig,
    dev: Benchmark,
    checkpoints: Checkpoints,
    last: Path | None,
    progress: Progress | None,
) -> ModelFolder:
    set_seed(config.seed)
    encoder = load_encoder(config.encoder, dropout=config.model.encoder_dropout)
    tokenizer, settings = encoder.tokenizer.backend_tokenizer, model_settings(config, encoder)
    with this_process().main_process_first():
        windows = load_windows(config.data, tokenizer, settings)
    model = build_model(config, encoder)
    reader = Reader(tokenizer, settings, TorchBackend(model))
    trainer = build_trainer(model, config, windows, reader, dev, checkpoints, progress)
    if config.train.heads_first.epochs and last is None:
        train_heads(trainer, config)
    trainer.go_on(last)
    if not this_process().is_main_process:
        return ModelFolder(config.output)
    model.load_state_dict(checkpoints.best_weights())
    merge_adapters(model)
    calibration = fit_on(dev, list(reader.judge(dev.documents)), config)
    folder = save_run(model, config, settings, encoder, calibration, log=checkpoints.log)
    checkpoints.remove()
    return folder


def run_record(config: RunConfig) -> dict[str, object]:
    """Return what must be the same for a run to go on: configuration, version and data."""
    files = [config.data.dev, *(part.corpus for part in config.data.parts)]
    return {
        "version": __version__,
        "scheme": scheme().digest,
        **config.model_dump(mode="json", exclude={"data": {"corpora"}, "search": True}),
        "files": {path: sha256(Path(path)) for path in files if not path.startswith(PREFIX)},
    }


def model_settings(config: RunConfig, encoder: Encoder) -> ModelSettings:
    """Return what the model's reader will have to know."""
    return ModelSettings(
        name=config.name,
        version=__version__,
        task=config.task,
        pooling=config.model.pooling,
        scheme_digest=scheme().digest,
        max_tokens=min(config.window.max_tokens, encoder.model.config.max_position_embeddings),
        overlap=config.window.overlap,
        context=config.window.context,
        special=encoder.special,
        cleaning=CLEANINGS[config.cleaning or encoder.cleaning],
    )


def build_model(config: RunConfig, encoder: Encoder) -> MarsadModel:
    """Return encoder and heads as the run trains them."""
    model = MarsadModel(without_pooler(encoder.model), config.task, config.model)
    if not torch.cuda.is_available():
        model.encoder.set_attn_implementation("eager")  # its backward pass is faster on CPUs
    if config.train.gradient_checkpointing:
        model.encoder.gradient_checkpointing_enable()  # type: ignore[no-untyped-call]
    if config.train.lora:
        add_adapters(model, config.train.lora)
    freeze(model, config.train)
    return model


def build_trainer(
    model: MarsadModel,
    config: RunConfig,
    windows: Dataset,
    reader: Reader,
    dev: Benchmark,
    checkpoints: Checkpoints,
    progress: Progress | None = None,
) -> DocumentTrainer:
    """Return a trainer over the windows that keeps the best checkpoint by dev score."""
    options, labels = config.train, labels_held(windows)
    shares = np.asarray(windows["share"]) * repeat_factors(labels, options.oversample)
    adversarial = config.loss.adversarial
    arguments = training_arguments(config)
    return DocumentTrainer(
        objective=build_objective(config, windows),
        sampler=EpochSampler(
            shares, windows["length"], batch_size=options.batch_size, seed=config.seed
        ),
        dev_score=lambda: dev_score(reader, dev),
        checkpoints=checkpoints,
        average=WeightAverage(model, options.ema) if options.ema else None,
        adversary=Adversary(model.encoder.get_input_embeddings(), adversarial)
        if adversarial
        else None,
        progress=progress,
        model=model,
        args=arguments,
        train_dataset=windows,
        data_collator=Collator(reader.settings.special),
        optimizers=(build_optimizer(model, options), None),
        callbacks=[RunLog(checkpoints.log)],
    )


def training_arguments(config: RunConfig) -> TrainingArguments:
    """Return what transformers' trainer is told.

    Raises:
        ConfigError: the batch cannot be parted among the processes.
    """
    options, processes = config.train, this_process().num_processes
    parts = processes * options.accumulate
    if options.batch_size % parts:
        raise ConfigError(
            f"train.batch_size: {options.batch_size} windows cannot be parted among {processes} "
            f"processes times {options.accumulate} (train.accumulate); give a multiple of {parts}"
        )
    return TrainingArguments(
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
        report_to=list(options.trackers),
        run_name=config.name,
        project=config.name,
        remove_unused_columns=False,
        seed=config.seed,
        data_seed=config.seed,
        dataloader_pin_memory=torch.cuda.is_available(),
    )


def build_objective(config: RunConfig, windows: Dataset) -> Objective:
    """Return the objective, its class weights counted on the training windows."""
    beta = config.loss.class_balance
    weights: dict[str, Tensor] = {}
    if beta:
        weights = {
            "tag_weights": effective_number_weights(torch.from_numpy(tag_counts(windows)), beta),
            "type_weights": effective_number_weights(torch.from_numpy(type_counts(windows)), beta),
        }
    return Objective(config.loss, **weights)


def dev_score(reader: Reader, dev: Benchmark) -> Mapping[str, float]:
    """Score the model as it is on the dev documents."""
    scores = score_reader(reader, dev.documents, ruler=dev.ruler)
    found = {"score": scores.overall}
    if scores.entities:
        found["entity_f1"] = scores.entities.strict.micro.f1
    if scores.events:
        found["event_f1"] = scores.events.types.micro.f1
    return found


@contextmanager
def failures_explained(checkpoints: Checkpoints) -> Iterator[None]:
    """Turn the failures that a machine may bring about into one line that says what is left.

    Raises:
        TrainingError: memory or disk ran out.
    """
    try:
        yield
    except (MemoryError, OSError, RuntimeError, SafetensorError) as error:
        if (problem := _resource_problem(error)) is None:
            raise
        raise TrainingError(f"{problem}{checkpoints.last_words()}") from error


def _resource_problem(error: Exception) -> str | None:
    text = str(error)
    if isinstance(error, (torch.OutOfMemoryError, MemoryError)) or "can't allocate memory" in text:
        return (
            "memory ran out; lower train.batch_size or window.max_tokens, raise train.accumulate, "
            "or set train.gradient_checkpointing: true"
        )
    full = isinstance(error, OSError) and error.errno in (errno.ENOSPC, errno.EDQUOT, errno.EFBIG)
    if full or any(sign in text for sign in _DISK_FULL):
        return "the disk is full; free some space and run the same command again"
    return None


def use_bf16(precision: Precision) -> bool:
    """Decide on bf16 autocast: ``auto`` takes it where the device computes in it natively."""
    if precision != "auto":
        return precision == "bf16"
    if torch.cuda.is_available():
        return bool(torch.cuda.is_bf16_supported(including_emulation=False))
    capabilities = torch.cpu.get_capabilities()
    return bool(capabilities.get("avx512_bf16") or capabilities.get("amx_bf16"))


def save_run(
    model: MarsadModel,
    config: RunConfig,
    settings: ModelSettings,
    encoder: Encoder,
    calibration: Calibration,
    *,
    log: Path,
) -> ModelFolder:
    """Write the model folder: weights, config, tokenizer, labels, calibration, run and its log."""
    folder = ModelFolder(config.output)
    folder.path.mkdir(parents=True, exist_ok=True)
    folder.remove_leftovers()
    folder.remove_derived()
    encoder.tokenizer.save_pretrained(folder.path)
    folder["labels"].write_bytes(SCHEME_FILE.read_bytes())
    with atomic_write(folder["run"]) as out:
        out.write(config.to_yaml())
    with atomic_path(folder["log"]) as temporary:
        shutil.copyfile(log, temporary)
    save_model(model, folder, settings)
    write_calibration(calibration, folder, CHECKPOINT)
    folder.write_checksums()
    return folder
