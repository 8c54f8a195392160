"""Training: annotated documents in, the checkpoint with the best dev score out."""

import logging
import shutil
from collections.abc import Mapping, Sequence
from typing import Any

import torch
from datasets import Dataset, load_dataset
from torch import Tensor
from transformers import Trainer, TrainingArguments, set_seed
from transformers.trainer_utils import SchedulerType

from marsad import __version__
from marsad.calibrating import fit_calibration
from marsad.calibration import CHECKPOINT, Calibration, write_calibration
from marsad.config import Precision, RunConfig, TrainConfig
from marsad.corpus import read_corpus
from marsad.document import Document, parse_document
from marsad.encoders.loading import Encoder, load_encoder
from marsad.errors import ConfigError, DataError
from marsad.evaluation import score_reader
from marsad.files import atomic_write
from marsad.heads import train_heads
from marsad.labels import SCHEME_FILE, scheme
from marsad.model_folder import ModelFolder, ModelSettings
from marsad.modeling import MarsadModel, save_model, without_pooler
from marsad.reader import Reader
from marsad.targets import Collator, training_rows
from marsad.text.cleaning import CLEANINGS
from marsad.text.windows import Batch
from marsad.torch_backend import TorchBackend

log = logging.getLogger(__name__)

CHECKPOINTS = "checkpoints"


def train(config: RunConfig) -> ModelFolder:
    """Run a configuration from data to a model folder, and return the folder.

    Raises:
        DataError: a corpus file is missing or has an error.
        ModelError: the encoder cannot be loaded.
    """
    dev = read_corpus(config.data.dev)
    read_corpus(config.data.train)  # checked before hours are spent on it
    set_seed(config.seed)
    encoder = load_encoder(config.encoder, dropout=config.model.encoder_dropout)
    settings = model_settings(config, encoder)
    windows = load_windows(config, encoder, settings)
    model = MarsadModel(without_pooler(encoder.model), config.task, config.model)
    if config.train.heads_first.epochs:
        train_heads(model, windows, Collator(settings.special), config)
    freeze(model, config.train)
    trainer = build_trainer(model, config, settings, encoder, windows, dev)
    trainer.train()
    reader = Reader(encoder.tokenizer.backend_tokenizer, settings, TorchBackend(model))
    judgements = list(reader.judge(dev))
    calibration = fit_calibration(judgements, dev, task=config.task, fitted_on=str(config.data.dev))
    folder = save_run(model, config, settings, encoder, calibration)
    shutil.rmtree(config.output / CHECKPOINTS)
    return folder


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
        special=encoder.special,
        cleaning=CLEANINGS[config.cleaning or encoder.cleaning],
    )


def load_windows(config: RunConfig, encoder: Encoder, settings: ModelSettings) -> Dataset:
    """Load the training documents and map them to windows of token ids and targets."""
    rows = load_dataset("json", data_files=str(config.data.train), split="train")
    tokenizer = encoder.tokenizer.backend_tokenizer

    def to_windows(batch: Mapping[str, list[Any]]) -> dict[str, list[Any]]:
        keys = list(batch)
        records = (dict(zip(keys, row, strict=True)) for row in zip(*batch.values(), strict=True))
        documents = [parse_document(record, str(config.data.train)) for record in records]
        return training_rows(documents, tokenizer, settings)

    windows = rows.map(
        to_windows, batched=True, remove_columns=rows.column_names, desc="cutting windows"
    )
    if not len(windows):
        raise DataError(f"{config.data.train}: no sentence to train on")
    return windows


class DevScoringTrainer(Trainer):
    """A Trainer whose evaluation reads the dev documents and scores them as any prediction is."""

    def __init__(self, *, reader: Reader, dev: Sequence[Document], **kwargs: Any) -> None:  # noqa: ANN401
        super().__init__(eval_dataset=dev, **kwargs)
        self.reader = reader
        self.dev = dev

    def compute_loss(
        self,
        model: torch.nn.Module,
        inputs: dict[str, Tensor],
        return_outputs: bool = False,
        num_items_in_batch: Tensor | int | None = None,
    ) -> Any:  # noqa: ANN401
        """Return the joint loss of a batch."""
        logits = model(*(inputs[name] for name in Batch._fields))
        loss = self.accelerator.unwrap_model(model).loss(logits, inputs)
        return (loss, logits) if return_outputs else loss

    def evaluate(self, *_: Any, **__: Any) -> dict[str, float]:  # noqa: ANN401
        """Score the dev documents and tell the callbacks."""
        scores = score_reader(self.reader, self.dev)
        metrics = {"eval_score": scores.overall}
        if scores.entities:
            metrics["eval_entity_f1"] = scores.entities.strict.micro.f1
        if scores.events:
            metrics["eval_event_f1"] = scores.events.types.micro.f1
        self.log(metrics)
        self.control = self.callback_handler.on_evaluate(
            self.args, self.state, self.control, metrics
        )
        return metrics


def build_trainer(
    model: MarsadModel,
    config: RunConfig,
    settings: ModelSettings,
    encoder: Encoder,
    windows: Dataset,
    dev: Sequence[Document],
) -> Trainer:
    """Return a Trainer over the windows that keeps the best checkpoint by dev score."""
    options = config.train
    arguments = TrainingArguments(
        output_dir=str(config.output / CHECKPOINTS),
        num_train_epochs=options.epochs,
        per_device_train_batch_size=options.batch_size,
        train_sampling_strategy="group_by_length",
        lr_scheduler_type=SchedulerType.LINEAR,
        warmup_steps=options.warmup,
        bf16=use_bf16(options.precision),
        use_cpu=not torch.cuda.is_available(),
        eval_strategy="epoch",
        save_strategy="epoch",
        save_total_limit=1,
        save_only_model=True,
        load_best_model_at_end=True,
        metric_for_best_model="score",
        greater_is_better=True,
        logging_steps=20,
        report_to=[],
        remove_unused_columns=False,
        seed=config.seed,
        data_seed=config.seed,
        dataloader_pin_memory=torch.cuda.is_available(),
    )
    reader = Reader(encoder.tokenizer.backend_tokenizer, settings, TorchBackend(model))
    return DevScoringTrainer(
        reader=reader,
        dev=dev,
        model=model,
        args=arguments,
        train_dataset=windows,
        data_collator=Collator(settings.special),
        optimizers=(build_optimizer(model, config), None),
    )


def freeze(model: MarsadModel, options: TrainConfig) -> None:
    """Keep the encoder's piece vectors and lowest layers as they are, where the options say so.

    Raises:
        ConfigError: layers shall be kept that the encoder has not, or not where BERT has them.
    """
    if options.freeze_embeddings:
        model.encoder.get_input_embeddings().requires_grad_(False)
    if options.freeze_layers:
        layers = getattr(getattr(model.encoder, "encoder", None), "layer", [])
        if options.freeze_layers > len(layers):
            raise ConfigError(
                f"train.freeze_layers: {options.freeze_layers}, but the encoder has {len(layers)} "
                "layers that can be kept; give at most that"
            )
        for layer in layers[: options.freeze_layers]:
            layer.requires_grad_(False)


def build_optimizer(model: MarsadModel, config: RunConfig) -> torch.optim.Optimizer:
    """Return AdamW with one learning rate for the encoder and one for the heads."""
    options = config.train
    groups = []
    for of_encoder, rate in ((True, options.learning_rate), (False, options.head_learning_rate)):
        for decayed in (True, False):
            parameters = [
                parameter
                for name, parameter in model.named_parameters()
                if name.startswith("encoder.") == of_encoder and (parameter.ndim > 1) == decayed
            ]
            decay = options.weight_decay if decayed else 0.0
            groups.append({"params": parameters, "lr": rate, "weight_decay": decay})
    return torch.optim.AdamW(groups, fused=True)


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
) -> ModelFolder:
    """Write the model folder: weights, config, tokenizer, labels, calibration and exact run."""
    folder = ModelFolder(config.output)
    folder.path.mkdir(parents=True, exist_ok=True)
    folder.remove_derived()
    encoder.tokenizer.save_pretrained(folder.path)
    folder["labels"].write_bytes(SCHEME_FILE.read_bytes())
    with atomic_write(folder["run"]) as out:
        out.write(config.to_yaml())
    save_model(model, folder, settings)
    write_calibration(calibration, folder, CHECKPOINT)
    folder.write_checksums()
    return folder
