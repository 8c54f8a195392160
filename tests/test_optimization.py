"""The optimizer's groups, on the encoder families that a run may name."""

from collections.abc import Mapping

import pytest
import torch
from torch import nn
from transformers import (
    AutoModel,
    BertConfig,
    DistilBertConfig,
    ElectraConfig,
    ModernBertConfig,
    PreTrainedConfig,
    XLMRobertaConfig,
)

from marsad.errors import ConfigError
from marsad.lora import add_adapters
from marsad.modeling import MarsadModel, without_pooler
from marsad.optimization import build_optimizer, freeze
from marsad.sections import Lora, ModelConfig, TrainConfig

LAYERS = 3
SIZES = {
    "vocab_size": 30,
    "hidden_size": 16,
    "num_hidden_layers": LAYERS,
    "num_attention_heads": 2,
    "intermediate_size": 24,
    "max_position_embeddings": 32,
    "pad_token_id": 0,
}
FAMILIES: Mapping[str, PreTrainedConfig] = {
    "bert": BertConfig(**SIZES),
    "roberta": XLMRobertaConfig(**SIZES),
    "electra": ElectraConfig(**SIZES, embedding_size=8),  # with a projection of its embeddings
    "distilbert": DistilBertConfig(
        vocab_size=30, dim=16, n_layers=LAYERS, n_heads=2, hidden_dim=24
    ),
    "modernbert": ModernBertConfig(**SIZES),  # with a norm above its last layer
}
OPTIONS = TrainConfig(
    learning_rate=1e-3, head_learning_rate=2e-2, layer_decay=0.5, weight_decay=0.1
)


def build(family: str = "bert", **options: object) -> MarsadModel:
    encoder = without_pooler(AutoModel.from_config(FAMILIES[family]))
    return MarsadModel(encoder, "joint", ModelConfig(**options))


def layers_of(model: MarsadModel) -> nn.ModuleList:
    """The encoder's layers, found by their number and not by a name."""
    lists = [m for m in model.encoder.modules() if isinstance(m, nn.ModuleList)]
    return next(own for own in lists if len(own) == LAYERS)


def rates_and_decays(model: MarsadModel, options: TrainConfig) -> dict[str, tuple[float, float]]:
    """Return what each parameter is given; each learns in one group at most."""
    names = {id(parameter): name for name, parameter in model.named_parameters()}
    given = [
        (names[id(parameter)], (group["lr"], group["weight_decay"]))
        for group in build_optimizer(model, options).param_groups
        for parameter in group["params"]
    ]
    assert len(given) == len(dict(given))
    return dict(given)


@pytest.mark.parametrize("family", FAMILIES)
def test_each_layer_learns_slower_than_the_one_above(family: str):
    model = build(family)
    below = {
        id(parameter): LAYERS - 1 - number
        for number, layer in enumerate(layers_of(model))
        for parameter in layer.parameters()
    }
    embeddings = model.encoder.embeddings
    below |= dict.fromkeys(map(id, embeddings.parameters()), LAYERS)
    if family == "electra":
        below |= dict.fromkeys(map(id, model.encoder.embeddings_project.parameters()), LAYERS)
    rates = rates_and_decays(model, OPTIONS)
    assert set(rates) == {name for name, _ in model.named_parameters()}
    for name, parameter in model.named_parameters():
        expected = 2e-2
        if name.startswith("encoder."):
            expected = 1e-3 * 0.5 ** below.get(id(parameter), 0)
        assert rates[name][0] == pytest.approx(expected), name
    assert len({rate for rate, _ in rates.values()}) == LAYERS + 2


def test_without_decay_the_whole_encoder_learns_at_one_rate():
    rates = rates_and_decays(build(), OPTIONS.model_copy(update={"layer_decay": 1.0}))
    assert {rate for name, (rate, _) in rates.items() if name.startswith("encoder.")} == {1e-3}


@pytest.mark.parametrize("family", FAMILIES)
def test_matrices_of_linear_layers_and_embeddings_alone_are_decayed(family: str):
    """The transitions of a CRF and the realis bias of each type have two dimensions, too."""
    model = build(family, crf=True)
    matrices = {
        f"{name}.weight"
        for name, module in model.named_modules()
        if isinstance(module, (nn.Linear, nn.Embedding))
    }
    decays = rates_and_decays(model, OPTIONS)
    assert {name for name, (_, decay) in decays.items() if decay} == matrices
    assert {decay for _, decay in decays.values()} == {0.0, 0.1}
    assert decays["crf.transitions"] == (2e-2, 0.0)
    assert decays["events.realis_bias"] == (2e-2, 0.0)


@pytest.mark.parametrize("family", FAMILIES)
def test_what_is_frozen_is_in_no_group(family: str):
    model = build(family)
    options = OPTIONS.model_copy(update={"freeze_embeddings": True, "freeze_layers": 2})
    freeze(model, options)
    *low, last = layers_of(model)
    frozen = {id(p) for layer in low for p in layer.parameters()}
    frozen |= {id(p) for p in model.encoder.embeddings.parameters()}
    if family == "electra":
        frozen |= {id(p) for p in model.encoder.embeddings_project.parameters()}
    names = {id(p): name for name, p in model.named_parameters()}
    rates = rates_and_decays(model, options)
    assert set(rates) == {name for own, name in names.items() if own not in frozen}
    assert {rates[names[id(p)]][0] for p in last.parameters()} == {1e-3}


@pytest.mark.parametrize("family", FAMILIES)
def test_nothing_is_taken_back_through_frozen_layers(family: str):
    model = build(family)
    freeze(model, TrainConfig(freeze_layers=2))
    ids = torch.ones(1, 4, dtype=torch.long)
    hidden = model.encoder(input_ids=ids, output_hidden_states=True).hidden_states
    assert [states.requires_grad for states in hidden] == [False] * 3 + [True] * (LAYERS - 2)


def test_piece_vectors_alone_can_be_frozen():
    model = build()
    freeze(model, TrainConfig(freeze_embeddings=True))
    still = {name for name, p in model.named_parameters() if not p.requires_grad}
    assert still == {"encoder.embeddings.word_embeddings.weight"}


def test_rates_cannot_fall_by_layers_that_are_not_there():
    model = build()
    model.encoder.encoder.layer = nn.ModuleList()
    with pytest.raises(ConfigError, match=r"train\.layer_decay"):
        build_optimizer(model, OPTIONS)


@pytest.mark.parametrize("family", FAMILIES)
def test_more_layers_than_there_are_cannot_be_frozen(family: str):
    with pytest.raises(ConfigError, match=f"the encoder has {LAYERS} layers"):
        freeze(build(family), TrainConfig(freeze_layers=LAYERS + 1))


def test_adapters_learn_at_the_rate_of_their_layer():
    pytest.importorskip("peft")
    model = build()
    add_adapters(model, Lora(rank=2))
    rates = rates_and_decays(model, OPTIONS)
    in_encoder = {name for name in rates if name.startswith("encoder.")}
    assert in_encoder
    assert all("lora_" in name for name in in_encoder)
    for name in in_encoder:
        layer = int(name.partition(".layer.")[2].partition(".")[0])
        assert rates[name] == (pytest.approx(1e-3 * 0.5 ** (LAYERS - 1 - layer)), 0.1)
    assert {n for n, p in model.named_parameters() if p.requires_grad} == set(rates)
