"""Encoders in the folder form that the hub gives: vocab.txt, and no tokenizer.json."""

import json
import os
from pathlib import Path

import pytest
import torch
from safetensors.torch import load_file, save_file
from transformers import (
    BertConfig,
    BertModel,
    DistilBertConfig,
    DistilBertModel,
    ElectraConfig,
    ElectraModel,
    PreTrainedModel,
)

from marsad.config import RunConfig
from marsad.document import Document
from marsad.encoders.loading import load_encoder
from marsad.errors import ConfigError, ModelError
from marsad.model_folder import read_settings
from marsad.reader import Reader
from marsad.runtime import load
from marsad.text.cleaning import CLEANINGS, PLACEHOLDERS
from marsad.text.words import find_words
from marsad.training import train
from tests.conftest import tiny_tokenizer
from tests.oracle import Oracle, oracle_settings

SPECIALS = ("[PAD]", "[UNK]", "[CLS]", "[SEP]", "[MASK]")


def hub_folder(folder: Path, pieces: list[str], family: type[PreTrainedModel] = BertModel) -> Path:
    """Write a small encoder of AraBERT's architecture as its repository on the hub has it."""
    folder.mkdir(parents=True)
    sizes = {
        "vocab_size": len(pieces),
        "hidden_size": 32,
        "num_hidden_layers": 2,
        "num_attention_heads": 2,
        "intermediate_size": 64,
        "max_position_embeddings": 512,
        "pad_token_id": pieces.index("[PAD]"),
    }
    config = (BertConfig if family is BertModel else ElectraConfig)(**sizes)
    torch.manual_seed(0)
    family(config).save_pretrained(folder)
    (folder / "vocab.txt").write_text("\n".join(pieces) + "\n", encoding="utf-8")
    tokenizer = {
        "tokenizer_class": "BertTokenizer",
        "do_lower_case": False,
        "max_len": 512,
        "never_split": list(PLACEHOLDERS),
        **{f"{name}_token": f"[{name.upper()}]" for name in ("pad", "unk", "cls", "sep", "mask")},
    }
    (folder / "tokenizer_config.json").write_text(json.dumps(tokenizer), encoding="utf-8")
    return folder


def own_pieces(documents: list[Document]) -> list[str]:
    vocabulary = tiny_tokenizer([d.text for d in documents]).get_vocab()
    return [*sorted(vocabulary, key=vocabulary.__getitem__), *PLACEHOLDERS]


def arabert_pieces() -> list[str]:
    corpora = os.environ.get("MARSAD_CORPORA")
    if corpora is None:
        pytest.skip("MARSAD_CORPORA names no folder with arabert_vocab/")
    path = Path(corpora) / "arabert_vocab" / "vocab_v02_style.txt"
    return path.read_text(encoding="utf-8").splitlines()


@pytest.fixture(params=["own", "real"])
def arabert(request: pytest.FixtureRequest, tmp_path: Path, documents: list[Document]) -> Path:
    """A small BERT, once with a vocabulary from our texts and once with the real one of 64,000."""
    pieces = own_pieces(documents) if request.param == "own" else arabert_pieces()
    return hub_folder(tmp_path / "bert-base-arabertv02", pieces)


def test_arabert_is_loaded_with_its_cleaning(arabert: Path):
    encoder = load_encoder(str(arabert))
    assert encoder.cleaning == "arabert"
    pieces = encoder.tokenizer.convert_ids_to_tokens(
        [encoder.special.start, encoder.special.end, encoder.special.pad]
    )
    assert pieces == ["[CLS]", "[SEP]", "[PAD]"]
    tokens = encoder.tokenizer.tokenize("تابعوا [رابط] اليوم")
    assert "[رابط]" in tokens
    assert len(encoder.tokenizer) == encoder.model.config.vocab_size


def test_a_right_model_over_arabert_gives_exact_spans(arabert: Path, documents: list[Document]):
    encoder = load_encoder(str(arabert))
    tokenizer = encoder.tokenizer.backend_tokenizer
    limits = oracle_settings(encoder.special, CLEANINGS[encoder.cleaning])
    reader = Reader(tokenizer, limits, Oracle(documents, tokenizer, limits))
    for gold, own in zip(documents, reader.pipe(documents), strict=True):
        assert [(e.start, e.end, e.label) for e in own.entities] == [
            (e.start, e.end, e.label) for e in gold.entities
        ]


def test_arabert_is_trained_and_read_through_its_cleaning(arabert: Path, run_config: RunConfig):
    folder = train(run_config.model_copy(update={"encoder": str(arabert)}))
    assert read_settings(folder).cleaning == CLEANINGS["arabert"]
    reader = load(folder.path, file="weights")
    plain, dressed = "قصفت الطائرات مدينة درعا.", "قَصَفَتِ الطَّائراتُ مدينــةَ دَرْعَا."
    on_words = []
    for text in (plain, dressed):
        ends = find_words(text)[:, 1].tolist()
        on_words.append([(ends.index(e.end), e.label, e.score) for e in reader(text).entities])
    assert on_words[0] == on_words[1]


@pytest.mark.parametrize(
    ("name", "cleaning"),
    [
        ("araelectra-base-discriminator", "arabert"),
        ("bert-base-arabic-camelbert-msa", "marks"),
        ("MARBERTv2", "marks"),
        ("bert-base-of-somebody", "none"),
    ],
)
def test_cleaning_follows_from_the_name(
    name: str, cleaning: str, tmp_path: Path, documents: list[Document]
):
    family = ElectraModel if "electra" in name else BertModel
    folder = hub_folder(tmp_path / name, own_pieces(documents), family)
    assert load_encoder(str(folder)).cleaning == cleaning


@pytest.mark.parametrize(
    "name", ["aubmindlab/bert-base-arabert", "aubmindlab/bert-large-arabertv2", "x/arabertv1/"]
)
def test_encoders_of_segmented_text_are_refused_by_name(name: str):
    with pytest.raises(ModelError, match=r"Farasa has cut into morphemes.*arabertv02"):
        load_encoder(name)


def test_encoders_of_segmented_text_are_refused_by_their_pieces(
    tmp_path: Path, documents: list[Document]
):
    folder = hub_folder(tmp_path / "mine", [*own_pieces(documents), "ال+", "+ها"])
    with pytest.raises(ModelError, match="Farasa has cut into morphemes"):
        load_encoder(str(folder))


def test_encoder_without_safetensors_is_not_unpickled(tmp_path: Path, documents: list[Document]):
    folder = hub_folder(tmp_path / "bert-base-arabertv02", own_pieces(documents))
    torch.save({}, folder / "pytorch_model.bin")
    (folder / "model.safetensors").unlink()
    with pytest.raises(ModelError, match=r"cannot be loaded .*model\.safetensors"):
        load_encoder(str(folder))


def test_the_encoder_of_a_joint_model_of_ours_is_its_own(run_config: RunConfig):
    folder = train(run_config)
    encoder = load_encoder(str(folder.path))
    weights = load_file(folder["weights"])
    assert CLEANINGS[encoder.cleaning] == read_settings(folder).cleaning
    for name, value in encoder.model.state_dict().items():
        if not name.startswith("pooler."):
            assert torch.equal(value, weights[f"encoder.{name}"]), name


def test_an_encoder_without_a_padding_token_is_refused(tmp_path: Path):
    folder = hub_folder(tmp_path / "encoder", [*SPECIALS, "a"])
    config = folder / "tokenizer_config.json"
    own = json.loads(config.read_text(encoding="utf-8"))
    config.write_text(json.dumps({**own, "pad_token": None}), encoding="utf-8")
    with pytest.raises(ModelError, match=r"has no pad token; take one that reads as BERT does"):
        load_encoder(str(folder))


def test_dropout_that_lies_elsewhere_is_not_set_in_vain(tmp_path: Path):
    folder = hub_folder(tmp_path / "encoder", [*SPECIALS, "a"])
    config = DistilBertConfig(vocab_size=6, dim=32, n_layers=1, n_heads=2, hidden_dim=64)
    DistilBertModel(config).save_pretrained(folder)
    load_encoder(str(folder))
    with pytest.raises(ConfigError, match=r"model\.encoder_dropout: an encoder of type distilbert"):
        load_encoder(str(folder), dropout=0.0)


def test_weights_that_are_not_there_are_not_left_to_chance(tmp_path: Path):
    folder = hub_folder(tmp_path / "encoder", [*SPECIALS, "a"])
    weights = load_file(folder / "model.safetensors")
    lost = next(name for name in weights if "layer.1.output.dense.weight" in name)
    del weights[lost]
    save_file(weights, folder / "model.safetensors", metadata={"format": "pt"})
    with pytest.raises(ModelError, match=r"lacks 1 weights, encoder\.layer\.1\.output\.dense"):
        load_encoder(str(folder))
