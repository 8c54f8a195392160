"""Adapters: they alone learn in the encoder, and end as a part of its weights."""

import sys
import tomllib
from importlib.util import find_spec
from pathlib import Path

import pytest
import torch
from safetensors.torch import load_file
from torch import Tensor, nn
from transformers import AutoModel, AutoModelForTokenClassification

from marsad.config import RunConfig, with_values
from marsad.encoders.loading import load_encoder
from marsad.errors import MissingExtraError
from marsad.lora import add_adapters, merge_adapters
from marsad.model_folder import read_settings
from marsad.modeling import MarsadModel, load_model, without_pooler
from marsad.sections import Lora
from marsad.text.batches import Batch
from marsad.trainer import DocumentTrainer
from marsad.training import train
from tests.conftest import ROOT
from tests.runs import prepare

needs_peft = pytest.mark.skipif(find_spec("peft") is None, reason="peft is not installed")

# A high rate, for adapters to do something in a few steps.
OPTIONS = {
    "train.lora": {"rank": 3, "alpha": 12.0},
    "train.learning_rate": 0.05,
    "train.precision": "fp32",
}


@pytest.fixture(scope="module")
def adapted(tmp_path_factory: pytest.TempPathFactory, tiny_encoder: Path, tiny_corpus: Path):
    """A trainer whose adapters have learnt, and the weights that it began with."""
    raw = {
        "name": "tiny",
        "encoder": str(tiny_encoder),
        "output": str(tmp_path_factory.mktemp("adapted")),
        "data": {s: str(tiny_corpus / f"{s}.jsonl") for s in ("train", "dev", "test")},
        "window": {"max_tokens": 96, "overlap": 8},
        "train": {"epochs": 0.5, "batch_size": 4},
    }
    torch.manual_seed(0)
    trainer = prepare(with_values(RunConfig.model_validate(raw), OPTIONS))
    before = {n: p.detach().clone() for n, p in trainer.model.named_parameters()}
    trainer.train()
    return trainer, before


def logits_of(trainer: DocumentTrainer) -> dict[str, Tensor]:
    batch = trainer.data_collator(list(trainer.train_dataset)[:4])
    with torch.no_grad():
        return trainer.model.eval()(*(batch[name] for name in Batch._fields))


@needs_peft
def test_adapters_and_heads_alone_learn(adapted):
    trainer, before = adapted
    changed = {
        n for n, p in trainer.model.named_parameters() if not torch.equal(p.detach(), before[n])
    }
    assert changed == {
        n for n in before if not n.startswith("encoder.") or ".lora_A." in n or ".lora_B." in n
    }


@needs_peft
def test_every_linear_layer_of_the_encoder_has_an_adapter(adapted, tiny_encoder: Path):
    _, before = adapted
    plain = without_pooler(AutoModel.from_pretrained(tiny_encoder))
    linear = {name for name, module in plain.named_modules() if isinstance(module, nn.Linear)}
    prefix, suffix = "encoder.base_model.model.", ".lora_B.default.weight"
    found = {n.removeprefix(prefix).removesuffix(suffix) for n in before if n.endswith(suffix)}
    assert found == linear


@needs_peft
def test_merged_weights_give_the_adapted_logits(adapted, tiny_encoder: Path):
    """Each matrix gains alpha / rank times the product of its adapter (Hu et al. 2022)."""
    trainer, _ = adapted
    own = {n: p.detach().clone() for n, p in trainer.model.named_parameters()}
    with_adapters = logits_of(trainer)
    with trainer.model.encoder.disable_adapter():
        without = logits_of(trainer)
    merge_adapters(trainer.model)
    merged = logits_of(trainer)
    for head, expected in with_adapters.items():
        assert torch.allclose(merged[head], expected, atol=1e-4), head
        assert (without[head] - expected).abs().max() > 0.1, head
    assert not any("lora" in name for name, _ in trainer.model.named_parameters())
    assert type(trainer.model.encoder) is type(load_encoder(str(tiny_encoder)).model)
    name = "encoder.layer.1.attention.self.query"
    base, down, up = (
        own[f"encoder.base_model.model.{name}.{part}.weight"]
        for part in ("base_layer", "lora_A.default", "lora_B.default")
    )
    assert torch.allclose(
        trainer.model.state_dict()[f"encoder.{name}.weight"], base + 12 / 3 * up @ down, atol=1e-5
    )


@needs_peft
def test_saved_folder_is_a_plain_model(run_config: RunConfig, tiny_encoder: Path):
    options = {"task": "ner", "train.epochs": 0.3, "train.gradient_checkpointing": True}
    folder = train(with_values(run_config, OPTIONS | options))
    plain, report = AutoModelForTokenClassification.from_pretrained(
        folder.path, output_loading_info=True
    )
    assert not any(report[key] for key in ("missing_keys", "unexpected_keys", "mismatched_keys"))
    first = AutoModel.from_pretrained(tiny_encoder).state_dict()
    last = plain.bert.state_dict()
    moved = {name for name, value in last.items() if not torch.equal(value, first[name])}
    linear = {
        f"{n}.weight" for n, module in plain.bert.named_modules() if isinstance(module, nn.Linear)
    }
    assert moved == linear
    assert not any("lora" in name for name in load_file(folder["weights"]))
    ids = torch.tensor([[2, 9, 10, 11, 3]])
    mask = torch.ones_like(ids)
    own = load_model(folder, read_settings(folder))(ids, mask, torch.ones(1, 1, 5))
    theirs = plain.eval()(input_ids=ids, attention_mask=mask).logits
    assert torch.allclose(own["tags"], theirs, atol=1e-5)


def test_a_model_without_adapters_is_left_as_it_is(run_config: RunConfig):
    encoder = load_encoder(run_config.encoder).model
    model = MarsadModel(encoder, "joint", run_config.model)
    merge_adapters(model)
    assert model.encoder is encoder


def test_without_peft_it_says_what_to_install(
    run_config: RunConfig, monkeypatch: pytest.MonkeyPatch
):
    monkeypatch.setitem(sys.modules, "peft", None)
    model = MarsadModel(load_encoder(run_config.encoder).model, "joint", run_config.model)
    with pytest.raises(MissingExtraError, match=r"pip install 'marsad\[peft\]'"):
        add_adapters(model, Lora())
    project = tomllib.loads((ROOT / "pyproject.toml").read_text(encoding="utf-8"))["project"]
    assert any(need.startswith("peft") for need in project["optional-dependencies"]["peft"])
