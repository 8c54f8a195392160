"""The model: one encoder, two heads on words and two on sentences.

The entity head is a linear layer on every token, exactly ``XForTokenClassification`` of
transformers. The event head pools each sentence's tokens for each type by attention (Mullenbach et
al. 2018, "Explainable Prediction of Medical Codes from Clinical Text"), then applies a dense tanh
layer and a linear one; where a sentence is only its window's first token (``pooling: first``) that
is exactly ``BertForSequenceClassification``. Models of one task are saved under those names, so
any tool can load them; a family whose token classifier has more layers is saved as our own.
"""

import json
import math
from collections.abc import Collection, Mapping
from dataclasses import dataclass

import torch
from safetensors import SafetensorError
from safetensors.torch import load_file
from torch import Tensor, nn
from transformers import AutoConfig, AutoModel, AutoModelForTokenClassification, PreTrainedModel

from marsad.crf import LinearChainCRF
from marsad.errors import ModelError
from marsad.files import atomic_write
from marsad.labels import scheme
from marsad.model_folder import ARCHITECTURE, SETTINGS_KEY, ModelFolder, ModelSettings
from marsad.sections import ModelConfig
from marsad.tasks import Task
from marsad.tensors import PYTORCH, write_tensors
from marsad.text.words import MAX_PROCLITIC

FAR = 1e4  # taken from the score of a token that lies outside a sentence
BASE_RATE = 0.05  # about how often a sentence reports one given event type


class EventHead(nn.Module):
    """Event types of each sentence, and the realis of each type."""

    def __init__(self, width: int, dropout: float) -> None:
        super().__init__()
        types, values = len(scheme().events), len(scheme().realis)
        self.queries = nn.Linear(width, types, bias=False)
        self.dense = nn.Linear(width, width)
        self.dropout = nn.Dropout(dropout)
        self.out = nn.Linear(width, types)
        self.realis = nn.Linear(width, values)
        self.realis_bias = nn.Parameter(torch.zeros(types, values))
        nn.init.normal_(self.queries.weight, std=0.02)  # nearly the mean of the tokens at first
        # Start from "rare" (Lin et al. 2017, "Focal Loss for Dense Object Detection", 3.3).
        nn.init.constant_(self.out.bias, -math.log((1 - BASE_RATE) / BASE_RATE))

    def forward(self, hidden: Tensor, sentence_mask: Tensor) -> tuple[Tensor, Tensor]:
        """Classify sentences.

        Args:
            hidden: (batch, length, width).
            sentence_mask: (batch, sentences, length), 1 for the tokens of each sentence.

        Returns:
            Type logits (batch, sentences, types), realis logits (batch, sentences, types, values).
        """
        scores = self.queries(hidden).transpose(1, 2).unsqueeze(1)  # batch, 1, types, length
        scores = scores + (sentence_mask.unsqueeze(2) - 1) * FAR  # batch, sentences, types, length
        pooled = scores.softmax(-1) @ hidden.unsqueeze(1)  # batch, sentences, types, width
        pooled = self.dropout(torch.tanh(self.dense(pooled)))
        events = (pooled * self.out.weight).sum(-1) + self.out.bias
        return events, self.realis(pooled) + self.realis_bias


class MarsadModel(nn.Module):
    """Encoder and the heads that a task needs."""

    def __init__(self, encoder: PreTrainedModel, task: Task, config: ModelConfig) -> None:
        super().__init__()
        width = encoder.config.hidden_size
        self.encoder = encoder
        self.task = task
        self.dropout = nn.Dropout(config.dropout)
        self.crf: LinearChainCRF | None = None
        if task != "events":
            self.tags = nn.Linear(width, len(scheme().tags))
            self.proclitics = nn.Linear(width, MAX_PROCLITIC + 1)
            self.crf = LinearChainCRF(scheme().tags) if config.crf else None
        if task != "ner":
            self.events = EventHead(width, config.dropout)

    def forward(
        self, input_ids: Tensor, attention_mask: Tensor, sentence_mask: Tensor
    ) -> dict[str, Tensor]:
        """Return logits, as :class:`marsad.reader.Backend` says; see Batch for the inputs."""
        output = self.encoder(input_ids=input_ids, attention_mask=attention_mask)
        return self.judge(output.last_hidden_state, sentence_mask)

    def judge(self, features: Tensor, sentence_mask: Tensor) -> dict[str, Tensor]:
        """Return what the heads say of the encoder's output, (batch, length, width)."""
        hidden = self.dropout(features)
        logits: dict[str, Tensor] = {}
        if self.task != "events":
            logits |= {"tags": self.tags(hidden), "proclitics": self.proclitics(hidden)}
        if self.crf is not None:
            logits["transitions"] = self.crf.transitions * 1  # a value of its own in the graph
        if self.task != "ner":
            events, realis = self.events(hidden, sentence_mask)
            logits |= {"events": events, "realis": realis}
        return logits

    def silence(self, heads: Collection[str]) -> None:
        """Let heads that nothing teaches give their first value, not what chance gave them.

        Args:
            heads: of ``proclitics``, then no mention has one; and ``realis``, then all is actual.
        """
        if self.task != "events" and "proclitics" in heads:
            _zero(self.proclitics)
        if self.task != "ner" and "realis" in heads:
            _zero(self.events.realis)

    def head_parameters(self) -> dict[str, nn.Parameter]:
        """Return the parameters outside the encoder, by name."""
        own = self.named_parameters()
        return {name: p for name, p in own if not name.startswith("encoder.")}


def _zero(layer: nn.Linear) -> None:
    """Let a layer give zeros; what no loss reaches stays so."""
    nn.init.zeros_(layer.weight)
    nn.init.zeros_(layer.bias)


@dataclass(frozen=True)
class PlainNames:
    """How transformers names the parts of a model of one task."""

    architecture: str
    rename: Mapping[str, str]


def plain_names(task: Task, encoder: PreTrainedModel) -> PlainNames | None:
    """Return transformers' own names, or None for a joint model, which it has no class for.

    Raises:
        ModelError: transformers' class of the task has no place for the encoder's heads.
    """
    family = type(encoder).__name__.removesuffix("Model")
    base = f"{encoder.base_model_prefix}."
    if task == "ner":
        rename = {"encoder.": base, "tags.": "classifier."}
        return PlainNames(f"{family}ForTokenClassification", rename)
    if task == "events":
        if family != "Bert":
            raise ModelError(f"task events needs a BERT encoder, not {family}; use task joint")
        rename = {
            "encoder.": base,
            "events.dense.": f"{base}pooler.dense.",
            "events.out.": "classifier.",
        }
        return PlainNames(f"{family}ForSequenceClassification", rename)
    return None


def _is_linear_on_tokens(encoder: PreTrainedModel) -> bool:
    """Say whether transformers' token classifier is the encoder and a linear layer, not more."""
    try:
        with torch.device("meta"):
            theirs = AutoModelForTokenClassification.from_config(encoder.config)  # type: ignore[no-untyped-call]
    except ValueError:  # it has none for this family
        return False
    base = f"{encoder.base_model_prefix}."
    apart = {name for name, _ in theirs.named_parameters() if not name.startswith(base)}
    return apart == {"classifier.weight", "classifier.bias"}


def save_model(model: MarsadModel, folder: ModelFolder, settings: ModelSettings) -> None:
    """Write weights and ``config.json``; the heads that transformers has no name for go apart."""
    plain = plain_names(model.task, model.encoder)
    if model.task == "ner" and not _is_linear_on_tokens(model.encoder):
        plain = None
    state = {name: value.contiguous().cpu() for name, value in model.state_dict().items()}
    config = model.encoder.config.to_dict() | {SETTINGS_KEY: settings.to_config()}
    if plain is None:
        config["architectures"] = [ARCHITECTURE]
        write_tensors(state, folder["weights"], metadata=PYTORCH)
    else:
        named = {_renamed(n, plain.rename): v for n, v in state.items() if _has(n, plain.rename)}
        apart = {n: v for n, v in state.items() if not _has(n, plain.rename)}
        config |= {"architectures": [plain.architecture], **_label_names(model.task)}
        write_tensors(named, folder["weights"], metadata=PYTORCH)
        write_tensors(apart, folder["heads"], metadata=PYTORCH)
    with atomic_write(folder["config"]) as out:
        json.dump(config, out, ensure_ascii=False, indent=2, sort_keys=True)
        out.write("\n")


def load_model(folder: ModelFolder, settings: ModelSettings) -> MarsadModel:
    """Load a model that :func:`save_model` wrote.

    Raises:
        ModelError: weights are missing, damaged or of another shape.
    """
    weights = folder.require("weights", "train it, or load one of its ONNX files")
    config = AutoConfig.from_pretrained(folder.path)
    encoder = without_pooler(AutoModel.from_config(config))  # type: ignore[no-untyped-call]
    own = config.architectures == [ARCHITECTURE]
    plain = None if own else plain_names(settings.task, encoder)
    try:
        state = load_file(weights)
        if plain is not None:
            back = {new: old for old, new in sorted(plain.rename.items(), key=lambda p: len(p[1]))}
            back = dict(reversed(back.items()))  # longer prefixes first
            state = {_renamed(name, back): value for name, value in state.items()}
            state |= load_file(folder.require("heads", "take the folder anew"))
        options = ModelConfig(crf=any(name.startswith("crf.") for name in state))
        model = MarsadModel(encoder, settings.task, options)
        model.load_state_dict(state)
    except (SafetensorError, RuntimeError) as error:
        reason = str(error).strip().split("\n")[0]
        raise ModelError(f"{weights}: does not fit its config ({reason}); take it anew") from None
    return model.eval()


def without_pooler(encoder: PreTrainedModel) -> PreTrainedModel:
    """Drop the pooling layer that some encoders carry and no head of ours reads."""
    if getattr(encoder, "pooler", None) is not None:
        setattr(encoder, "pooler", None)  # noqa: B010 - a module attribute, unknown to its type
    return encoder


def _has(name: str, prefixes: Mapping[str, str]) -> bool:
    return any(name.startswith(prefix) for prefix in prefixes)


def _renamed(name: str, prefixes: Mapping[str, str]) -> str:
    old = next(prefix for prefix in prefixes if name.startswith(prefix))
    return prefixes[old] + name.removeprefix(old)


def _label_names(task: Task) -> dict[str, object]:
    names = scheme().tags if task == "ner" else scheme().event_names
    labels: dict[str, object] = {
        "id2label": {str(i): name for i, name in enumerate(names)},
        "label2id": {name: i for i, name in enumerate(names)},
    }
    if task == "events":
        labels["problem_type"] = "multi_label_classification"
    return labels
