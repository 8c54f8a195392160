"""Training: annotated documents in, the checkpoint with the best dev score out."""

import shutil
from collections.abc import Callable, Mapping
from contextlib import ExitStack
from pathlib import Path

import numpy as np
import torch
from datasets import Dataset
from torch import Tensor
from transformers import set_seed

from marsad import __version__
from marsad.adversary import Adversary
from marsad.arguments import curves, training_arguments
from marsad.averaging import WeightAverage
from marsad.benchmarks import PREFIX, Benchmark, open_benchmark
from marsad.calibrating import fit_on
from marsad.calibration import CHECKPOINT, Calibration, write_calibration
from marsad.checkpoints import FOLDER, Checkpoints
from marsad.config import RunConfig
from marsad.encoders.loading import Encoder, encoder_digests, load_encoder
from marsad.errors import ConfigError, DataError
from marsad.evaluation import score_reader
from marsad.failures import failures_explained
from marsad.files import sha256, system_errors
from marsad.frequencies import tag_counts, type_counts, untold
from marsad.heads import train_heads
from marsad.labels import SCHEME_FILE, scheme
from marsad.locking import alone
from marsad.lora import add_adapters, merge_adapters
from marsad.losses import effective_number_weights
from marsad.metrics import Metrics, write_metrics
from marsad.mixture import check_corpora, check_taught, load_windows
from marsad.model_folder import ModelFolder, ModelSettings
from marsad.modeling import MarsadModel, plain_names, save_model, without_pooler
from marsad.objective import Objective
from marsad.optimization import build_optimizer, freeze
from marsad.processes import main_first, this_process
from marsad.reader import Reader
from marsad.run_log import RunLog, report_training
from marsad.sampling import EpochSampler
from marsad.targets import Collator
from marsad.tasks import Task
from marsad.text.cleaning import CLEANINGS
from marsad.torch_backend import TorchBackend
from marsad.trainer import DocumentTrainer, Progress
from marsad.word_dropout import WordDropout


def train(
    config: RunConfig,
    *,
    restart: bool = False,
    progress: Progress | None = None,
    begun: Callable[[], None] | None = None,
) -> ModelFolder:
    """Run a configuration from data to a model folder, and return the folder.

    A run that was killed goes on from its last checkpoint when it is started again.

    Args:
        config: the run, of one seed.
        restart: forget an unfinished run in the same folder.
        progress: is told of each scoring on dev; what it raises ends the run.
        begun: is called, in the main process, once nothing is refused any more.

    Raises:
        ConfigError: the folder holds an unfinished run of another configuration, or files that are
            of no run, or another process trains there.
        DataError: a corpus is missing, has an error, or says nothing of what the run learns.
        ModelError: the encoder cannot be loaded.
        TrainingError: the loss became no number, or memory or disk ran out.
    """
    ModelFolder(config.output).refuse_strangers(config.encoder)
    check_weights(config)
    dev = open_benchmark(config.data.dev, source=config.data.corpora)
    check_dev(dev, config.task)
    record = run_record(config)
    checkpoints = Checkpoints(config.output / FOLDER)
    with failures_explained(checkpoints), ExitStack() as held:
        with main_first():
            if this_process().is_main_process:
                held.enter_context(alone(config.output, work="training"))
                if restart:
                    checkpoints.remove()
            last = checkpoints.open(record)
        return _train(config, dev, checkpoints, last, progress, begun)


def _train(
    config: RunConfig,
    dev: Benchmark,
    checkpoints: Checkpoints,
    last: Path | None,
    progress: Progress | None,
    begun: Callable[[], None] | None,
) -> ModelFolder:
    set_seed(config.seed)
    encoder = load_encoder(config.encoder, dropout=config.model.encoder_dropout)
    tokenizer, settings = encoder.tokenizer.backend_tokenizer, model_settings(config, encoder)
    with main_first():
        windows = load_windows(config.data, tokenizer, settings, config.train)
        check_taught(windows, config.task)
    model = build_model(config, encoder)
    reader = Reader(tokenizer, settings, TorchBackend(model))
    trainer = build_trainer(model, config, encoder, windows, reader, dev, checkpoints, progress)
    with main_first():
        if begun and this_process().is_main_process:
            begun()
    if config.train.heads_first.epochs and last is None:
        train_heads(trainer, config)
    if config.train.data_seed is not None:  # from here on; the heads are those of any other
        set_seed(config.train.data_seed)
    trainer.go_on(last)
    with main_first(), failures_explained(checkpoints):  # in words that the others hear
        if this_process().is_main_process:
            if trainer.is_fsdp_enabled:  # the parameters are shards; the best weights are whole
                model = build_model(config, load_encoder(config.encoder))
                reader = Reader(tokenizer, settings, TorchBackend(model))
            model.load_state_dict(checkpoints.best_weights())
            merge_adapters(model)
            calibration = fit_on(dev, list(reader.judge(dev.documents)), config)
            save_run(model, config, settings, encoder, calibration, checkpoints)
            checkpoints.remove()
    return ModelFolder(config.output)


def check_weights(config: RunConfig) -> None:
    """Refuse weights under which a head that the task needs would learn nothing.

    Raises:
        ConfigError: one is 0.
    """
    for key, other in (("entity_weight", "events"), ("event_weight", "ner")):
        if config.task != other and not getattr(config.loss, key):
            hint = f", or set task: {other}" if config.task == "joint" else ""
            raise ConfigError(
                f"loss.{key}: 0 teaches nothing of what task {config.task} learns; raise it{hint}"
            )


def check_dev(dev: Benchmark, task: Task) -> None:
    """Refuse dev documents that a run cannot be scored on.

    Raises:
        DataError: they annotate nothing of what the task learns.
    """
    scored = {"ner": dev.ruler.entities, "events": dev.ruler.events}
    if not any(scored.get(task, (*dev.ruler.entities, *dev.ruler.events))):
        raise DataError(f"data.dev: {dev.data} annotates nothing of what task {task} learns")


def run_record(config: RunConfig) -> dict[str, object]:
    """Return what must be the same for a run to go on: version, configuration, and all it reads.

    What has no part in training is left out: where corpora lie, what is tested, exported, tracked.

    Raises:
        DataError: a corpus is missing, has an error or holds no sentence.
    """
    dev = open_benchmark(config.data.dev, source=config.data.corpora)
    return {
        "version": __version__,
        "labels": sha256(SCHEME_FILE),
        **config.model_dump(
            mode="json",
            exclude={
                "data": {"corpora", "test"},
                "train": {"trackers"},
                "export": True,
                "search": True,
            },
        ),
        "encoder_files": encoder_digests(config.encoder),
        "corpora": {dev.data: dev.digest, **check_corpora(config.data)},
    }


def model_settings(config: RunConfig, encoder: Encoder) -> ModelSettings:
    """Return what the model's reader will have to know."""
    return ModelSettings(
        name=config.name,
        version=__version__,
        task=config.task,
        pooling=config.model.pooling,
        scheme_digest=scheme().digest,
        max_tokens=min(config.window.max_tokens, encoder.most_tokens),
        overlap=config.window.overlap,
        context=config.window.context,
        special=encoder.special,
        cleaning=CLEANINGS[config.cleaning or encoder.cleaning],
    )


def build_model(config: RunConfig, encoder: Encoder) -> MarsadModel:
    """Return encoder and heads as the run trains them.

    Raises:
        ModelError: the model could not be saved for its task.
    """
    plain_names(config.task, encoder.model)
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
    encoder: Encoder,
    windows: Dataset,
    reader: Reader,
    dev: Benchmark,
    checkpoints: Checkpoints,
    progress: Progress | None = None,
) -> DocumentTrainer:
    """Return a trainer over the windows that keeps the best checkpoint by dev score.

    Heads of the model that nothing will teach are silenced.

    Raises:
        ConfigError: words are to be hidden, and the encoder has nothing to hide them behind.
    """
    options, adversarial = config.train, config.loss.adversarial
    model.silence(untold(windows) | config.loss.unweighted)
    return DocumentTrainer(
        objective=build_objective(config, windows),
        sampler=EpochSampler(
            np.asarray(windows["share"]),
            windows["length"],
            batch_size=options.batch_size,
            seed=config.seed if options.data_seed is None else options.data_seed,
        ),
        dev_score=lambda: dev_score(reader, dev),
        checkpoints=checkpoints,
        average=WeightAverage(model, options.ema) if options.ema else None,
        adversary=Adversary(model.encoder.get_input_embeddings(), adversarial)
        if adversarial
        else None,
        word_dropout=build_word_dropout(config, encoder) if options.word_dropout else None,
        progress=progress,
        model=model,
        args=training_arguments(config),
        train_dataset=windows,
        data_collator=Collator(reader.settings.special),
        optimizers=(build_optimizer(model, options), None),
        callbacks=[RunLog(checkpoints.log), *curves(config)],
    )


def build_word_dropout(config: RunConfig, encoder: Encoder) -> WordDropout:
    """Return what hides words, behind the encoder's mask token.

    Raises:
        ConfigError: it has none.
    """
    mask_id = encoder.tokenizer.mask_token_id
    if not isinstance(mask_id, int):
        raise ConfigError(
            f"train.word_dropout: {config.encoder} has no mask token to hide words behind; leave "
            "it out"
        )
    return WordDropout(config.train.word_dropout, mask_id)


def build_objective(config: RunConfig, windows: Dataset) -> Objective:
    """Return the objective, its class weights counted on the training windows.

    Raises:
        ConfigError: the weights ask for counts that coarser labels do not give.
    """
    beta = config.loss.class_balance
    for part in config.data.parts:
        if beta and part.corpus.startswith(PREFIX):
            raise ConfigError(
                f"loss.class_balance: the labels of {part.corpus} do not say how often ours occur; "
                "set it to 0, or learn from files of ours alone"
            )
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


def save_run(
    model: MarsadModel,
    config: RunConfig,
    settings: ModelSettings,
    encoder: Encoder,
    calibration: Calibration,
    checkpoints: Checkpoints,
) -> None:
    """Write the model folder: weights, config, tokenizer, labels, calibration, run and its log.

    All is written among the checkpoints first, so that an older model is whole until there is
    another to take its place.
    """
    made = ModelFolder(checkpoints.path / "model")
    shutil.rmtree(made.path, ignore_errors=True)
    made.path.mkdir(parents=True)
    tokenizer = encoder.tokenizer
    tokenizer.model_max_length = min(tokenizer.model_max_length, encoder.most_tokens)  # for others
    with system_errors(made.path):
        tokenizer.save_pretrained(made.path)
    made["labels"].write_bytes(SCHEME_FILE.read_bytes())
    made["run"].write_text(config.to_yaml(), encoding="utf-8")
    shutil.copyfile(checkpoints.log, made["log"])
    save_model(model, made, settings)
    write_calibration(calibration, made, CHECKPOINT)
    write_metrics(Metrics(training=report_training(checkpoints.log)), made)
    ModelFolder(config.output).replace_with(made)
