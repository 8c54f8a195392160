from pathlib import Path

import pytest
import torch
from datasets import Dataset

from marsad.config import RunConfig
from marsad.encoders.loading import load_encoder
from marsad.errors import ConfigError
from marsad.heads import encode_windows, train_heads
from marsad.modeling import MarsadModel, without_pooler
from marsad.targets import Collator
from marsad.training import freeze, load_windows, model_settings


@pytest.fixture
def ready(run_config: RunConfig) -> tuple[MarsadModel, Dataset, Collator, RunConfig]:
    heads_first = {"epochs": 6, "learning_rate": 0.01}
    train = run_config.train.model_copy(update={"freeze_layers": 1, "freeze_embeddings": True})
    config = RunConfig.model_validate(
        run_config.model_dump() | {"train": train.model_dump() | {"heads_first": heads_first}}
    )
    torch.manual_seed(0)
    encoder = load_encoder(config.encoder, dropout=0.0)
    settings = model_settings(config, encoder)
    windows = load_windows(config, encoder, settings)
    model = MarsadModel(without_pooler(encoder.model), config.task, config.model)
    return model, windows, Collator(settings.special), config


def loss_of(model: MarsadModel, windows: Dataset, collator: Collator) -> float:
    batch = collator(list(windows))
    model.eval()
    with torch.no_grad():
        names = ("input_ids", "attention_mask", "sentence_mask")
        return float(model.loss(model(*(batch[name] for name in names)), batch))


def test_heads_learn_while_the_encoder_stands_still(ready):
    model, windows, collator, config = ready
    before = {name: value.clone() for name, value in model.encoder.state_dict().items()}
    at_first = loss_of(model, windows, collator)
    train_heads(model, windows, collator, config)
    assert loss_of(model, windows, collator) < 0.8 * at_first
    assert all(torch.equal(before[n], v) for n, v in model.encoder.state_dict().items())


def test_features_are_what_the_encoder_says_of_each_window_alone(ready):
    model, windows, collator, _ = ready
    rows = list(windows)
    features = encode_windows(model, rows, collator)
    for row, own in zip(rows[:4], features[:4], strict=True):
        ids = torch.as_tensor(row["input_ids"])[None]
        with torch.no_grad():
            alone = model.encoder(input_ids=ids).last_hidden_state[0]
        assert own.shape == alone.shape
        assert torch.allclose(own, alone, atol=1e-5)


def test_dropout_inside_the_encoder_can_be_switched_off(tiny_encoder: Path):
    assert load_encoder(str(tiny_encoder)).model.config.hidden_dropout_prob == 0.1
    still = load_encoder(str(tiny_encoder), dropout=0.0).model
    assert all(m.p == 0 for m in still.modules() if isinstance(m, torch.nn.Dropout))


def test_frozen_layers_take_no_gradient(ready):
    model, _, _, config = ready
    freeze(model, config.train)
    learning = {name for name, p in model.encoder.named_parameters() if p.requires_grad}
    assert not any(name.startswith("encoder.layer.0.") for name in learning)
    assert not any("word_embeddings" in name for name in learning)
    assert any(name.startswith("encoder.layer.1.") for name in learning)


def test_more_layers_than_there_are_cannot_be_frozen(ready):
    model, _, _, config = ready
    options = config.train.model_copy(update={"freeze_layers": 3})
    with pytest.raises(ConfigError, match=r"train\.freeze_layers: 3, but the encoder has 2 layers"):
        freeze(model, options)
