"""What a run refuses before it begins, what it remembers, and what it leaves of an older model."""

from pathlib import Path
from shutil import copytree

import pytest
import torch
from safetensors.torch import load_file
from transformers import (
    ElectraConfig,
    ElectraModel,
    TrainingArguments,
    XLMRobertaConfig,
    XLMRobertaModel,
)

from marsad.arguments import training_arguments
from marsad.cli import run
from marsad.config import RunConfig, with_values
from marsad.encoders.loading import Encoder, load_encoder
from marsad.errors import ConfigError, DataError, ModelError, TrainingError
from marsad.locking import alone
from marsad.model_folder import ModelFolder
from marsad.runtime import open_reader
from marsad.text.batches import make_batch
from marsad.training import build_model, run_record, train
from tests.corpora import write_corpora


def public(config: RunConfig, folder: Path, **values: object) -> RunConfig:
    return with_values(config, {"data.corpora": str(folder), **values})


@pytest.fixture
def corpora(tmp_path: Path) -> Path:
    return write_corpora(tmp_path / "corpora")


@pytest.mark.parametrize(
    ("values", "error", "message"),
    [
        (
            {"task": "ner", "data.dev": "public:assault-dev"},
            DataError,
            "data.dev: public:assault-dev annotates nothing of what task ner learns",
        ),
        (
            {"task": "ner", "data.train": None, "data.mixture": [{"corpus": "public:event_gsr"}]},
            DataError,
            "public:event_gsr: says nothing of what task ner learns; leave it out",
        ),
        (
            {"data.train": None, "data.mixture": [{"corpus": "public:wojood"}]},
            DataError,
            "data: no event is marked in what the run learns from, and task joint learns to find "
            "them; add documents with some, or set task: ner",
        ),
        (
            {"loss.event_weight": 0},
            ConfigError,
            "loss.event_weight: 0 teaches nothing of what task joint learns; raise it, or set "
            "task: ner",
        ),
        (
            {"task": "ner", "loss.entity_weight": 0},
            ConfigError,
            "loss.entity_weight: 0 teaches nothing of what task ner learns; raise it",
        ),
        (
            {"loss.class_balance": 0.9, "data.mixture": [{"corpus": "public:wojood"}]},
            ConfigError,
            "loss.class_balance: the labels of public:wojood do not say how often ours occur; ",
        ),
    ],
)
def test_runs_that_would_learn_nothing_are_refused(
    run_config: RunConfig,
    corpora: Path,
    values: dict[str, object],
    error: type[Exception],
    message: str,
):
    config = public(run_config, corpora, **values)
    with pytest.raises(error) as caught:
        train(config)
    assert str(caught.value).startswith(message)
    assert not (config.output / "model.safetensors").exists()


def test_a_model_that_could_not_be_saved_is_refused_before_it_is_trained(run_config: RunConfig):
    config = with_values(run_config, {"task": "events", "model.pooling": "first"})
    encoder = load_encoder(config.encoder)
    small = ElectraConfig(hidden_size=8, num_hidden_layers=1, num_attention_heads=1)
    other = Encoder(ElectraModel(small), encoder.tokenizer, encoder.cleaning)
    with pytest.raises(ModelError, match="needs a BERT encoder, not Electra"):
        build_model(config, other)


def test_two_trainings_in_one_folder_are_refused(run_config: RunConfig):
    with (
        alone(run_config.output, work="training"),
        pytest.raises(ConfigError, match=f"{run_config.output}: another training is at work here"),
    ):
        train(run_config)


@pytest.mark.parametrize(
    ("overrides", "message"),
    [
        (["train.keep=mean"], "train.keep: mean is of several runs"),
        (["train.seeds=[1,2]", "train.data_seed=3"], "train.data_seed: is of one run"),
        (["seed=5000000000"], "seed: "),
    ],
)
def test_seeds_that_mean_nothing_are_refused(
    run_config: RunConfig, capsys: pytest.CaptureFixture[str], overrides: list[str], message: str
):
    path = run_config.output.with_suffix(".yaml")
    path.write_text(run_config.to_yaml(), encoding="utf-8")
    assert run(["train", str(path), *overrides]) == 2
    assert message in capsys.readouterr().err
    assert not run_config.output.exists()


def test_heads_that_weigh_nothing_are_silent(run_config: RunConfig):
    folder = train(with_values(run_config, {"loss.clitic_weight": 0, "loss.realis_weight": 0}))
    weights = load_file(folder["weights"])
    silent = [name for name in weights if "proclitics" in name or "realis" in name]
    assert len(silent) >= 4
    assert not any(weights[name].any() for name in silent)


@pytest.mark.parametrize("split", ["dev", "test"])
def test_a_copy_of_what_is_learnt_from_is_not_scored_on(
    run_config: RunConfig, tmp_path: Path, split: str
):
    lines = Path(run_config.data.train or "").read_text(encoding="utf-8").splitlines(keepends=True)
    copied = tmp_path / "copy.jsonl"
    copied.write_text(lines[2].replace('"id": "', '"id": "other-'), encoding="utf-8")
    with pytest.raises(ConfigError, match=rf"data\.{split}: {copied} holds document .* too, which"):
        train(with_values(run_config, {f"data.{split}": str(copied)}))
    assert not run_config.output.exists()


def test_several_gpus_want_a_process_each(run_config: RunConfig, monkeypatch: pytest.MonkeyPatch):
    monkeypatch.setattr(TrainingArguments, "n_gpu", 4)
    with pytest.raises(ConfigError, match="4 GPUs and one process: start the run with torchrun"):
        training_arguments(run_config)


def test_heads_that_diverge_are_named(run_config: RunConfig):
    first = {"epochs": 20, "learning_rate": 1e38}
    with pytest.raises(TrainingError, match=r"lower train\.heads_first\.learning_rate"):
        train(with_values(run_config, {"train.heads_first": first}))


def test_positions_behind_the_padding_are_not_all_for_pieces(run_config: RunConfig):
    encoder = load_encoder(run_config.encoder)
    small = {"hidden_size": 8, "num_hidden_layers": 1, "num_attention_heads": 1}
    family = XLMRobertaConfig(max_position_embeddings=34, pad_token_id=1, **small)
    model = XLMRobertaModel(family).eval()
    most = Encoder(model, encoder.tokenizer, encoder.cleaning).most_tokens
    assert most == 32
    model(input_ids=torch.full((1, most), 5))
    with pytest.raises((IndexError, RuntimeError), match="out of"):
        model(input_ids=torch.full((1, most + 1), 5))
    assert encoder.most_tokens == encoder.model.config.max_position_embeddings


def test_a_run_is_known_by_what_it_learns_from(run_config: RunConfig, corpora: Path):
    mixed = {"data.mixture": [{"corpus": "public:wojood"}], "data.dev": "public:anercorp-dev"}
    config = public(run_config, corpora, **mixed)
    before = run_record(config)
    apart = {
        "export.int8": False,
        "data.test": "other.jsonl",
        "train.trackers": ["tensorboard"],
        "data.corpora": str(copytree(corpora, corpora.parent / "moved")),
    }
    assert run_record(with_values(config, apart)) == before
    assert run_record(with_values(config, {"train.epochs": 3})) != before
    for name in ("wojood_sample/train.txt", "anercorp/camel_train.txt"):
        path = corpora / name
        whole = path.read_text(encoding="utf-8")
        path.write_text(whole.replace("B-PERS", "B-ORG"), encoding="utf-8")
        assert run_record(config) != before, name
        path.write_text(whole, encoding="utf-8")
    assert run_record(config) == before


def test_what_a_run_never_learns_it_does_not_make_up(run_config: RunConfig, corpora: Path):
    """Words of ANERcorp are whole, and who voted of an event did not say whether it came to be."""
    parts = [{"corpus": "public:anercorp"}, {"corpus": "public:event_gsr"}]
    mixed = {"data.train": None, "data.mixture": parts, "data.dev": "public:anercorp-dev"}
    config = public(run_config, corpora, **mixed)
    reader = open_reader(train(config))
    logits = reader.backend(make_batch([[5, 6, 7, 8]], [[(1, 4)]], reader.settings.special))
    assert not logits["proclitics"].any()
    assert not logits["realis"].any()
    assert logits["tags"].any()
    assert logits["events"].any()


def test_heads_that_are_kept_apart_are_checked_too(run_config: RunConfig):
    folder = train(with_values(run_config, {"task": "ner"}))
    changed = bytearray(folder["heads"].read_bytes())
    changed[-1] ^= 1
    folder["heads"].write_bytes(changed)
    with pytest.raises(ModelError, match=r"heads\.safetensors: does not match SHA256SUMS"):
        open_reader(folder)


def test_the_older_model_is_whole_until_there_is_another(
    run_config: RunConfig, monkeypatch: pytest.MonkeyPatch
):
    folder = train(run_config)
    before = {path.name: path.read_bytes() for path in folder.path.iterdir()}

    def full(*_: object) -> None:
        raise OSError(28, "No space left on device")

    monkeypatch.setattr("marsad.training.write_calibration", full)
    again = with_values(run_config, {"seed": 14})
    with pytest.raises(TrainingError, match="the disk is full"):
        train(again)
    assert {p.name: p.read_bytes() for p in folder.path.iterdir() if p.is_file()} == before
    folder.verify()
    monkeypatch.undo()
    ModelFolder(train(again).path).verify()
    assert (folder.path / "model.safetensors").read_bytes() != before["model.safetensors"]
    assert {path.name for path in folder.path.iterdir()} == set(before)


def test_what_is_no_run_of_ours_is_not_replaced(run_config: RunConfig, tmp_path: Path):
    notes = run_config.output / "README.md"
    notes.parent.mkdir(parents=True)
    notes.write_text("my own notes", encoding="utf-8")
    for values in ({}, {"train.seeds": [1, 2]}):
        path = tmp_path / "run.yaml"
        path.write_text(with_values(run_config, values).to_yaml(), encoding="utf-8")
        assert run(["train", str(path)]) == 2
    with pytest.raises(ConfigError, match=r"output: .*README\.md would be replaced, .*run\.yaml"):
        train(run_config)
    encoder = Path(copytree(run_config.encoder, tmp_path / "encoder"))
    own = with_values(run_config, {"encoder": str(encoder), "output": f"{encoder}/."})
    with pytest.raises(ConfigError, match=f"output: {encoder} is what the run begins with"):
        train(own)
    assert [*run_config.output.iterdir()] == [notes]
    assert notes.read_text(encoding="utf-8") == "my own notes"
