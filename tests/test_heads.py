from pathlib import Path

import pytest
import torch

from marsad.config import RunConfig
from marsad.encoders.loading import load_encoder
from marsad.errors import ConfigError
from marsad.heads import encode_windows, train_heads
from marsad.objective import count_targets
from marsad.optimization import freeze
from marsad.text.batches import Batch
from marsad.trainer import DocumentTrainer
from tests.runs import prepare


@pytest.fixture
def ready(run_config: RunConfig) -> tuple[DocumentTrainer, RunConfig]:
    heads_first = {"epochs": 6, "learning_rate": 0.01}
    train = run_config.train.model_copy(update={"freeze_layers": 1, "freeze_embeddings": True})
    changes = {"train": train.model_dump() | {"heads_first": heads_first}}
    config = RunConfig.model_validate(
        run_config.model_dump() | changes | {"model": {"encoder_dropout": 0.0}}
    )
    torch.manual_seed(0)
    return prepare(config), config


def loss_of(trainer: DocumentTrainer) -> float:
    batch = trainer.data_collator(list(trainer.train_dataset))
    trainer.model.eval()
    with torch.no_grad():
        logits = trainer.model(*(batch[name] for name in Batch._fields))
        return float(trainer.objective(logits, batch, None, count_targets(batch)))


def test_heads_learn_while_the_encoder_stands_still(ready):
    trainer, config = ready
    encoder = trainer.model.encoder
    before = {name: value.clone() for name, value in encoder.state_dict().items()}
    at_first = loss_of(trainer)
    train_heads(trainer, config)
    assert loss_of(trainer) < 0.8 * at_first
    assert all(torch.equal(before[n], v) for n, v in encoder.state_dict().items())


def test_features_are_what_the_encoder_says_of_each_window_alone(ready):
    trainer, _ = ready
    model, rows = trainer.model, list(trainer.train_dataset)
    features = encode_windows(model, rows, trainer.data_collator)
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
    trainer, _ = ready
    learning = {name for name, p in trainer.model.encoder.named_parameters() if p.requires_grad}
    assert not any(name.startswith("encoder.layer.0.") for name in learning)
    assert not any("word_embeddings" in name for name in learning)
    assert any(name.startswith("encoder.layer.1.") for name in learning)


def test_more_layers_than_there_are_cannot_be_frozen(ready):
    trainer, config = ready
    options = config.train.model_copy(update={"freeze_layers": 3})
    with pytest.raises(ConfigError, match=r"train\.freeze_layers: 3, but the encoder has 2 layers"):
        freeze(trainer.model, options)
