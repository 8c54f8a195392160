"""Options of a run, end to end with a tiny encoder: what each does is seen in what comes out."""

import json
import math
from collections.abc import Mapping, Sequence
from dataclasses import replace
from pathlib import Path

import numpy as np
import pytest
import torch

import marsad
from marsad.checkpoints import FOLDER
from marsad.config import RunConfig, load_config, with_values
from marsad.document import Document, Sentence
from marsad.errors import ConfigError
from marsad.export import export
from marsad.labels import scheme
from marsad.model_folder import ModelFolder, read_settings
from marsad.modeling import MarsadModel, load_model, save_model
from marsad.objective import count_targets
from marsad.onnx_backend import OnnxBackend
from marsad.reader import Reader
from marsad.text.batches import Batch, make_batch
from marsad.torch_backend import TorchBackend
from marsad.trainer import DocumentTrainer
from marsad.training import train
from tests.conftest import ROOT
from tests.runs import prepare

JOINT = ROOT / "configs" / "joint.yaml"
TAGS = scheme().tags
STILL = {"model.dropout": 0.0, "model.encoder_dropout": 0.0, "train.precision": "fp32"}


def changed(config: RunConfig, name: str = "tiny", **sections: Mapping[str, object]) -> RunConfig:
    """Return a configuration with other values, in a folder of its own."""
    values = {f"{s}.{key}": value for s, own in sections.items() for key, value in own.items()}
    return with_values(config, {"output": str(config.output / name), **values})


def ready(config: RunConfig) -> DocumentTrainer:
    torch.manual_seed(0)
    return prepare(config)


def trained(config: RunConfig) -> DocumentTrainer:
    trainer = ready(config)
    trainer.train()
    return trainer


def steps_of(config: RunConfig, name: str) -> list[float]:
    """Return what the log says of each step."""
    logs = (config.output / "metrics.jsonl", config.output / FOLDER / "metrics.jsonl")
    log = next(path for path in logs if path.exists())
    lines = log.read_text(encoding="utf-8").splitlines()
    return [entry[name] for entry in map(json.loads, lines) if name in entry]


@pytest.mark.parametrize(
    ("overrides", "message"),
    [
        (
            ("window.context=16", "model.pooling=first"),
            "window.context: a first token cannot say which sentence of its window is meant; "
            "set window.context: 0, or model.pooling: attention",
        ),
        (
            ("model.crf=true", "loss.focal_gamma=2"),
            "loss.focal_gamma: does not reach the tags of a CRF; set it to 0, or drop model.crf",
        ),
        (("task=ner", "loss.asymmetric={}"), "task ner has no events: leave out"),
        (("task=ner", "model.family_thresholds=true"), "task ner has no events: leave out"),
        (("model.crf=true", "loss.label_smoothing=0.1"), "loss.label_smoothing: does not reach"),
        (("model.crf=true", "loss.class_balance=0.9"), "loss.class_balance: does not reach"),
        (
            ("task=events", "model.pooling=first", "model.crf=true"),
            "model.crf: task events has no tags; set model.crf: false",
        ),
    ],
)
def test_options_that_do_not_go_together_are_refused(overrides: tuple[str, ...], message: str):
    with pytest.raises(ConfigError) as caught:
        load_config(JOINT, overrides=overrides)
    assert str(caught.value).startswith(f"{JOINT}: {message}")
    assert "\n" not in str(caught.value)
    for one in overrides:  # each is well without the others, or with what it needs
        if one not in ("task=events", "model.crf=true"):
            load_config(JOINT, overrides=(one,))


@pytest.fixture(scope="module")
def tiny_config(
    tiny_encoder: Path, tiny_corpus: Path, tmp_path_factory: pytest.TempPathFactory
) -> RunConfig:
    return RunConfig.model_validate(
        {
            "name": "tiny",
            "encoder": str(tiny_encoder),
            "output": tmp_path_factory.mktemp("runs"),
            "data": {s: str(tiny_corpus / f"{s}.jsonl") for s in ("train", "dev", "test")},
            "window": {"max_tokens": 96, "overlap": 8},
            "train": {"epochs": 0.5, "batch_size": 4, "learning_rate": 2e-3},
            "export": {"max_entity_loss": 1.0, "max_event_loss": 1.0, "max_flips": 1.0},
        }
    )


@pytest.fixture(scope="module")
def crf_folder(tiny_config: RunConfig) -> ModelFolder:
    """A model with a CRF and context, its transitions as strong as a long run makes them."""
    config = changed(
        tiny_config,
        "crf",
        model={"crf": True},
        window={"context": 12},
        loss={"asymmetric": {"gamma_negative": 2.0}},
        train={"heads_first": {"epochs": 2}},
    )
    folder = train(config)
    settings = read_settings(folder)
    model = load_model(folder, settings)
    assert model.crf is not None
    assert model.crf.transitions.any()  # it learnt
    torch.manual_seed(0)
    with torch.no_grad():
        model.crf.transitions.add_(2 * torch.randn(len(TAGS), len(TAGS)))
        model.tags.bias[0] -= 2  # else nearly all is O
    save_model(model, folder, settings)
    folder.write_checksums()
    export(folder, int8=False)
    return folder


def test_transitions_leave_the_onnx_graph_as_they_are(crf_folder: ModelFolder):
    settings = read_settings(crf_folder)
    model = load_model(crf_folder, settings)
    batch = make_batch([[1] * 30, [2] * 12], [[(1, 9), (9, 29)], [(1, 11)]], settings.special)
    one, two = TorchBackend(model)(batch), OnnxBackend(crf_folder["onnx"])(batch)
    assert set(one) == set(two) == {"tags", "proclitics", "events", "realis", "transitions"}
    assert np.array_equal(two["transitions"], model.crf.transitions.detach().numpy())
    real = batch.attention_mask == 1
    assert np.abs(one["tags"] - two["tags"])[real].max() < 1e-4
    assert np.abs(one["events"] - two["events"])[:, :1].max() < 1e-4


class WithoutTransitions:
    """A backend that keeps its transitions to itself."""

    def __init__(self, backend: OnnxBackend) -> None:
        self.backend = backend
        self.batch_tokens = backend.batch_tokens
        self.workers = backend.workers

    def __call__(self, batch: Batch) -> dict[str, np.ndarray]:
        return {n: value for n, value in self.backend(batch).items() if n != "transitions"}


def mentions(read: Sequence[Document]) -> list[tuple[int, int, str]]:
    return [(e.start, e.end, e.label) for document in read for e in document.entities]


def test_a_crf_reads_by_its_transitions_and_alike_in_both_runtimes(
    crf_folder: ModelFolder, documents: list[Document]
):
    texts = [document.text for document in documents[:4]]
    torch_reader, onnx_reader = (
        marsad.load(crf_folder.path, file=file) for file in ("weights", "onnx")
    )
    one, two = list(torch_reader.pipe(texts)), list(onnx_reader.pipe(texts))
    assert len(mentions(one)) > 20
    assert mentions(one) == mentions(two)
    scores = [[e.score for d in read for e in d.entities] for read in (one, two)]
    assert np.allclose(*scores, atol=1e-3)
    by_words = list(onnx_reader.over(WithoutTransitions(onnx_reader.backend)).pipe(texts))
    assert mentions(by_words) != mentions(two)


def test_a_window_sees_what_its_neighbour_begins_with(
    crf_folder: ModelFolder, documents: list[Document]
):
    """Of two sentences too long for one window, the second sways the first by context alone."""
    settings = read_settings(crf_folder)
    assert settings.context == 12
    reader = marsad.load(crf_folder.path, file="weights")
    sentences = [d.text[s.start : s.end] for d in documents for s in d.sentences]
    first, *others = [s for s in sentences if 50 < len(reader.tokenizer.encode(s).ids) < 65][:4]
    pairs = [
        Document(
            "a",
            f"{first} {o}",
            (Sentence(0, len(first)), Sentence(len(first) + 1, len(first) + 1 + len(o))),
        )
        for o in others
    ]
    without = Reader(reader.tokenizer, replace(settings, context=0), reader.backend)
    for own, swayed in ((reader, True), (without, False)):
        one, *rest = [judged.events[0] for judged in own.judge(pairs)]
        assert [not np.allclose(one, other, atol=1e-6) for other in rest] == [swayed] * len(rest)
    assert all(read.coverage == 1.0 for read in reader.pipe(pairs))


@pytest.fixture(scope="module")
def regularised(tiny_config: RunConfig) -> tuple[DocumentTrainer, RunConfig, float]:
    """A run with all that may go together against skewed labels and for smooth weights."""
    config = changed(
        tiny_config,
        "regularised",
        loss={
            "rdrop": 0.5,
            "adversarial": 0.5,
            "class_balance": 0.99,
            "focal_gamma": 1.0,
            "label_smoothing": 0.05,
        },
        train={
            "ema": 0.8,
            "layer_decay": 0.5,
            "oversample": 0.5,
            "schedule": "cosine",
            "warmup": 0.2,
            "head_learning_rate": 5e-3,
        },
    )
    trainer = ready(config)
    at_first = loss_of(trainer)
    trainer.train()
    return trainer, config, at_first


def loss_of(trainer: DocumentTrainer) -> float:
    """Return the loss over all windows at once."""
    batch = trainer.data_collator(list(trainer.train_dataset))
    trainer.model.eval()
    with torch.no_grad():
        logits = trainer.model(*(batch[name] for name in Batch._fields))
        return float(trainer.objective(logits, batch, trainer.model.crf, count_targets(batch)))


def test_all_regularisers_together_learn(regularised):
    trainer, _, at_first = regularised
    with trainer.average.applied():
        assert loss_of(trainer) < 0.9 * at_first


def test_rates_follow_the_cosine_from_each_layers_own(regularised):
    """Loshchilov & Hutter 2017, "SGDR", one half period, after a linear rise."""
    trainer, config, _ = regularised
    found = steps_of(config, "learning_rate")
    steps = len(found)
    rise = math.ceil(0.2 * steps)
    expected = [
        step / rise if step < rise else (1 + math.cos(math.pi * (step - rise) / (steps - rise))) / 2
        for step in range(steps)
    ]
    first, *others = trainer.optimizer.param_groups
    assert found == pytest.approx([first["initial_lr"] * share for share in expected])
    rates = {group["initial_lr"] for group in (first, *others)}
    assert rates == {2e-3, 1e-3, 5e-4, config.train.head_learning_rate}


def test_running_mean_is_what_is_scored_and_kept(regularised):
    trainer, config, _ = regularised
    best = trainer.checkpoints.best_weights()
    last = dict(trainer.model.named_parameters())
    for name, mean in trainer.average.mean.items():
        assert torch.equal(best[name], mean), name
    assert not torch.equal(best["tags.weight"], last["tags.weight"].detach())
    score, step = trainer.checkpoints.best()
    assert step == trainer.average.updates == len(steps_of(config, "loss"))
    with trainer.average.applied():
        assert trainer.dev_score()["score"] == pytest.approx(score)


def test_windows_with_rare_labels_come_more_often(regularised):
    """Gupta et al. 2019: a label held by the share f asks for max(1, sqrt(0.5 / f))."""
    trainer, *_ = regularised
    held = []
    for row in trainer.train_dataset:
        labels = {TAGS[t][2:] for t in row["tags"] if t > 0}
        present = [i for own in row["events"] for i, value in enumerate(own) if value > 0]
        held.append(labels | {scheme().event_names[i] for i in present})
    share = {label: sum(label in own for own in held) / len(held) for own in held for label in own}
    expected = [max([1.0, *((0.5 / share[label]) ** 0.5 for label in own)]) for own in held]
    assert trainer.sampler.shares == pytest.approx(expected)
    assert max(expected) > 2


def test_classes_weigh_by_their_effective_number(regularised):
    """Cui et al. 2019: in proportion to (1 - beta) / (1 - beta ** n), with a mean of 1."""
    trainer, *_ = regularised
    tags, types = np.zeros(len(TAGS)), np.zeros(len(scheme().events))
    for row in trainer.train_dataset:
        for tag in row["tags"]:
            if tag >= 0:
                tags[tag] += row["share"]
        types += row["share"] * (np.array(row["events"]) > 0).sum(axis=0)
    for counts, found in (
        (tags, trainer.objective.tag_weights),
        (types, trainer.objective.type_weights),
    ):
        weights = 0.01 / (1 - 0.99 ** np.maximum(counts, 1))
        assert found.numpy() == pytest.approx(weights / weights.mean(), rel=1e-5)


def test_parts_of_a_step_learn_what_the_whole_would(tiny_config: RunConfig):
    """With an adversary, whose steps are of single windows, and means over unequal parts."""
    runs = {}
    for parts in (1, 4):
        config = changed(
            with_values(tiny_config, {**STILL, "loss.adversarial": 0.5}),
            f"parts-{parts}",
            train={"accumulate": parts, "epochs": 0.3},
            model={"crf": True},
        )
        runs[parts] = (trained(config), steps_of(config, "loss"), steps_of(config, "grad_norm"))
    (one, losses, norms), (other, its_losses, its_norms) = runs[1], runs[4]
    assert len(losses) == 5
    assert its_losses == pytest.approx(losses, rel=1e-3)
    assert its_norms == pytest.approx(norms, rel=1e-2)
    for name, parameter in one.model.named_parameters():
        its = other.model.get_parameter(name)
        assert torch.allclose(parameter, its, atol=2e-3), name


def test_rdrop_costs_nothing_without_dropout_and_something_with_it(tiny_config: RunConfig):
    losses = {}
    for dropout in (0.0, 0.3):
        for weight in (0.0, 1.0, 2.0):
            config = with_values(
                tiny_config,
                {**STILL, "model.dropout": dropout, "loss.rdrop": weight},
            )
            trainer = ready(config)
            batch = trainer.data_collator(list(trainer.train_dataset)[:4])
            trainer.model.train()
            torch.manual_seed(1)
            loss = trainer.compute_loss(
                trainer.model, batch, num_items_in_batch=count_targets(batch)
            )
            losses[dropout, weight] = loss.item()
    assert losses[0.0, 1.0] == pytest.approx(losses[0.0, 0.0], rel=1e-6)
    more = losses[0.3, 2.0] - losses[0.3, 1.0]
    assert more > 0.01
    assert losses[0.3, 1.0] - more > 0  # what is left is the mean loss of the two passes
    assert more > 100 * abs(losses[0.0, 2.0] - losses[0.0, 1.0])


def test_checkpointed_gradients_are_the_same_and_computed_anew(tiny_config: RunConfig):
    found, passes = {}, {}
    for anew in (False, True):
        config = with_values(tiny_config, {**STILL, "train.gradient_checkpointing": anew})
        trainer = ready(config)
        batch = trainer.data_collator(list(trainer.train_dataset)[:4])
        seen: list[object] = []
        layer = trainer.model.encoder.encoder.layer[0].attention
        layer.register_forward_hook(lambda *_, seen=seen: seen.append(None))
        loss = trainer.training_step(trainer.model, batch, count_targets(batch))
        passes[anew] = len(seen)
        found[anew] = [loss, *(p.grad for p in trainer.model.parameters())]
    assert passes == {False: 1, True: 2}
    for one, other in zip(found[False], found[True], strict=True):
        assert torch.allclose(one, other, atol=1e-6)


def test_bf16_computes_coarser_and_keeps_whole_weights(tiny_config: RunConfig):
    losses = {}
    for precision in ("fp32", "bf16"):
        config = changed(
            with_values(tiny_config, STILL),
            precision,
            train={"precision": precision, "epochs": 0.2},
            model={"crf": True},
            loss={"rdrop": 0.5},
        )
        trainer = trained(config)
        losses[precision] = steps_of(config, "loss")
        assert {p.dtype for p in trainer.model.parameters()} == {torch.float32}
        assert {v.dtype for v in trainer.checkpoints.best_weights().values()} == {torch.float32}
    assert losses["bf16"] != losses["fp32"]
    assert losses["bf16"] == pytest.approx(losses["fp32"], rel=0.05)


def test_what_is_calibrated_is_the_model_in_fp32(tiny_config: RunConfig):
    """A reader of the saved model has no bf16: its calibration must be of what it sees."""
    config = changed(tiny_config, "scored", train={"precision": "bf16", "epochs": 0.1})
    trainer = ready(config)
    trainer.go_on(None)
    plain = MarsadModel(trainer.model.encoder, "joint", config.model)
    plain.load_state_dict(trainer.model.state_dict())
    row = trainer.train_dataset[0]
    batch = make_batch([row["input_ids"]], [row["sentences"]], trainer.data_collator.special)
    one, other = TorchBackend(trainer.model)(batch), TorchBackend(plain)(batch)
    assert all(np.array_equal(one[head], other[head]) for head in one)


@pytest.mark.slow
def test_a_compiled_run_is_the_same_run(tiny_config: RunConfig, monkeypatch: pytest.MonkeyPatch):
    """Traced by torch.compile, but left to eager kernels, which need no minutes to build."""
    own = torch.compile
    monkeypatch.setattr(torch, "compile", lambda model, **_: own(model, backend="eager"))
    runs = {}
    for compiled in (False, True):
        config = changed(
            with_values(tiny_config, STILL),
            f"compiled-{compiled}",
            train={"compile": compiled, "epochs": 0.3, "ema": 0.9},
            loss={"adversarial": 0.5},
            model={"crf": True},
        )
        folder = train(config)
        model = load_model(folder, read_settings(folder))
        runs[compiled] = (steps_of(config, "loss"), steps_of(config, "grad_norm"), model)
    (losses, norms, model), (its_losses, its_norms, other) = runs[False], runs[True]
    assert its_losses == pytest.approx(losses, rel=1e-4)
    assert its_norms == pytest.approx(norms, rel=1e-3)
    for name, value in model.state_dict().items():
        assert torch.allclose(value, other.state_dict()[name], atol=1e-4), name


def test_a_crf_keeps_its_score_in_int8(crf_folder: ModelFolder, documents: list[Document]):
    export(crf_folder)
    transitions = load_model(crf_folder, read_settings(crf_folder)).crf.transitions
    reader = marsad.load(crf_folder.path, file="onnx_int8")
    special = read_settings(crf_folder).special
    found = reader.backend(make_batch([[1] * 9], [[(1, 8)]], special))["transitions"]
    assert np.array_equal(found, transitions.detach().numpy())
    assert mentions([reader(documents[0].text)])
