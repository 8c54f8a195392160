import json
from pathlib import Path

import pytest
import torch
from safetensors.torch import load_file
from transformers import (
    AutoModelForSequenceClassification,
    AutoModelForTokenClassification,
    ModernBertConfig,
    ModernBertModel,
)

from marsad.config import RunConfig
from marsad.encoders.loading import load_encoder
from marsad.errors import ModelError
from marsad.labels import SCHEME_FILE, scheme
from marsad.model_folder import ARCHITECTURE, ModelFolder, ModelSettings, read_settings
from marsad.modeling import MarsadModel, load_model, plain_names, save_model, without_pooler
from marsad.sections import ModelConfig
from marsad.training import model_settings


def build(config: RunConfig, **changes: object) -> tuple[MarsadModel, ModelSettings]:
    config = RunConfig.model_validate(config.model_dump() | changes)
    encoder = load_encoder(config.encoder)
    model = MarsadModel(without_pooler(encoder.model), config.task, config.model).eval()
    return model, model_settings(config, encoder)


def saved(model: MarsadModel, settings: ModelSettings, path: Path) -> ModelFolder:
    folder = ModelFolder(path)
    path.mkdir()
    folder["labels"].write_bytes(SCHEME_FILE.read_bytes())
    save_model(model, folder, settings)
    return folder


@pytest.fixture
def batch() -> tuple[torch.Tensor, ...]:
    ids = torch.tensor([[2, 9, 10, 11, 12, 3], [2, 9, 14, 3, 0, 0]])
    sentences = torch.tensor(
        [[[0, 1, 1, 0, 0, 0], [0, 0, 0, 1, 1, 0]], [[0, 1, 1, 0, 0, 0], [0] * 6]]
    )
    return ids, (ids != 0).long(), sentences.float()


def test_heads_have_the_announced_shapes(run_config: RunConfig, batch: tuple[torch.Tensor, ...]):
    model, _ = build(run_config)
    shapes = {head: tuple(value.shape) for head, value in model(*batch).items()}
    assert shapes == {
        "tags": (2, 6, 25),
        "proclitics": (2, 6, 5),
        "events": (2, 2, 23),
        "realis": (2, 2, 23, 3),
    }


def test_a_sentence_is_classified_by_its_own_tokens(
    run_config: RunConfig, batch: tuple[torch.Tensor, ...]
):
    model, _ = build(run_config)
    hidden = torch.randn(1, 6, 48)
    mask = batch[2][:1]
    before, _ = model.events(hidden, mask)
    hidden[0, 3:5] = 7  # the tokens of the second sentence
    after, _ = model.events(hidden, mask)
    assert torch.equal(before[0, 0], after[0, 0])
    assert not torch.allclose(before[0, 1], after[0, 1])


@pytest.mark.parametrize("task", ["joint", "ner", "events"])
def test_saved_model_gives_the_same_logits(
    run_config: RunConfig, batch: tuple[torch.Tensor, ...], tmp_path: Path, task: str
):
    pooling = {"pooling": "first" if task == "events" else "attention"}
    model, settings = build(run_config, task=task, model=pooling)
    folder = saved(model, settings, tmp_path / "model")
    assert read_settings(folder) == settings
    again = load_model(folder, settings)
    expected, found = model(*batch), again(*batch)
    assert expected.keys() == found.keys()
    assert all(torch.equal(expected[head], found[head]) for head in expected)


def test_entity_model_is_a_plain_token_classifier(
    run_config: RunConfig, batch: tuple[torch.Tensor, ...], tmp_path: Path
):
    model, settings = build(run_config, task="ner")
    folder = saved(model, settings, tmp_path / "model")
    plain, report = AutoModelForTokenClassification.from_pretrained(
        folder.path, output_loading_info=True
    )
    assert not any(report[key] for key in ("missing_keys", "unexpected_keys", "mismatched_keys"))
    assert plain.config.id2label[1] == "B-PER"
    logits = plain.eval()(input_ids=batch[0], attention_mask=batch[1]).logits
    assert torch.allclose(logits, model(*batch)["tags"], atol=1e-5)


def test_a_family_with_more_layers_on_tokens_is_saved_as_our_own(
    run_config: RunConfig, batch: tuple[torch.Tensor, ...], tmp_path: Path
):
    sizes = {"hidden_size": 16, "num_attention_heads": 2, "intermediate_size": 32}
    special = {"pad_token_id": 0, "bos_token_id": 2, "eos_token_id": 3}
    config = ModernBertConfig(vocab_size=2000, num_hidden_layers=1, **sizes, **special)
    _, settings = build(run_config, task="ner")
    model = MarsadModel(ModernBertModel(config), "ner", ModelConfig()).eval()
    folder = saved(model, settings, tmp_path / "model")
    assert json.loads(folder["config"].read_text())["architectures"] == [ARCHITECTURE]
    assert not folder["heads"].exists()
    again = load_model(folder, settings)
    assert torch.equal(again(*batch)["tags"], model(*batch)["tags"])
    # As it was saved before, under a name of transformers' that has more layers.
    names = plain_names("ner", model.encoder)
    assert names is not None
    assert names.architecture == "ModernBertForTokenClassification"


def test_event_model_is_a_plain_sequence_classifier(
    run_config: RunConfig, batch: tuple[torch.Tensor, ...], tmp_path: Path
):
    model, settings = build(run_config, task="events", model={"pooling": "first"})
    folder = saved(model, settings, tmp_path / "model")
    plain, report = AutoModelForSequenceClassification.from_pretrained(
        folder.path, output_loading_info=True
    )
    assert not any(report[key] for key in ("missing_keys", "unexpected_keys", "mismatched_keys"))
    assert plain.config.problem_type == "multi_label_classification"
    assert plain.config.id2label[0] == scheme().event_names[0]
    logits = plain.eval()(input_ids=batch[0], attention_mask=batch[1]).logits
    first = torch.zeros(2, 1, 6)
    first[:, 0, 0] = 1
    own = model(batch[0], batch[1], first)["events"][:, 0]
    assert torch.allclose(logits, own, atol=1e-5)


def test_damaged_weights_are_refused(run_config: RunConfig, tmp_path: Path):
    model, settings = build(run_config)
    folder = saved(model, settings, tmp_path / "model")
    whole = folder["weights"].read_bytes()
    folder["weights"].write_bytes(whole[:1000])
    with pytest.raises(ModelError, match="does not fit its config"):
        load_model(folder, settings)


def test_weights_hold_tensors_only(run_config: RunConfig, tmp_path: Path):
    model, settings = build(run_config)
    folder = saved(model, settings, tmp_path / "model")
    assert set(load_file(folder["weights"])) == set(model.state_dict())


@pytest.mark.parametrize("task", ["joint", "ner"])
def test_a_crf_is_saved_and_found_again(
    run_config: RunConfig, batch: tuple[torch.Tensor, ...], tmp_path: Path, task: str
):
    model, settings = build(run_config, task=task, model={"crf": True})
    torch.nn.init.normal_(model.crf.transitions)
    again = load_model(saved(model, settings, tmp_path / "model"), settings)
    assert torch.equal(again(*batch)["transitions"], model.crf.transitions)
