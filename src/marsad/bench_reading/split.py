"""One model as two folders that transformers loads by itself.

A linear layer on every token is the entity model exactly. The event model there reads the first
token where ours weighs all tokens of a sentence for each type: the same matrices and the same work,
but not the same answers, so it serves to be timed and for nothing else.
"""

from pathlib import Path

from torch import Tensor
from transformers import (
    BertConfig,
    BertForSequenceClassification,
    BertForTokenClassification,
    PretrainedConfig,
    PreTrainedTokenizerFast,
)

from marsad.errors import ModelError
from marsad.labels import scheme
from marsad.model_folder import ModelFolder, read_settings
from marsad.modeling import load_model


def split_model(folder: ModelFolder, entities: Path, events: Path) -> None:
    """Write a joint model's two halves.

    Raises:
        ModelError: the model is not joint, or its encoder no BERT.
    """
    settings = read_settings(folder)
    if settings.task != "joint":
        raise ModelError(f"{folder.path}: reads {settings.task} alone; the benchmark splits both")
    model = load_model(folder, settings)
    if type(model.encoder).__name__ != "BertModel":
        raise ModelError(f"{folder.path}: its encoder is no BERT, which the split is written for")
    state = model.state_dict()
    encoder = {
        name.replace("encoder.", "bert.", 1): value
        for name, value in state.items()
        if name.startswith("encoder.")
    }
    tokenizer = PreTrainedTokenizerFast.from_pretrained(folder.path)
    config = model.encoder.config
    tokens = BertForTokenClassification(_labelled(config, scheme().tags))
    tokens.load_state_dict(encoder | _named(state, {"tags.": "classifier."}))
    texts = BertForSequenceClassification(_labelled(config, scheme().event_names))
    texts.load_state_dict(
        encoder
        | _named(state, {"events.dense.": "bert.pooler.dense.", "events.out.": "classifier."})
    )
    for half, path in ((tokens, entities), (texts, events)):
        half.save_pretrained(path)
        tokenizer.save_pretrained(path)


def _labelled(config: PretrainedConfig, names: tuple[str, ...]) -> BertConfig:
    values = config.to_dict() | {
        "id2label": dict(enumerate(names)),
        "label2id": {name: number for number, name in enumerate(names)},
        "problem_type": "multi_label_classification",
    }
    return BertConfig.from_dict(values)


def _named(state: dict[str, Tensor], prefixes: dict[str, str]) -> dict[str, Tensor]:
    return {
        new + name.removeprefix(old): value
        for old, new in prefixes.items()
        for name, value in state.items()
        if name.startswith(old)
    }
