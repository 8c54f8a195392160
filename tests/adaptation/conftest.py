"""A small encoder with SentencePiece unigram pieces, and text to adapt it with."""

from pathlib import Path

import pytest
import torch
import yaml
from tokenizers import Tokenizer, pre_tokenizers, processors, trainers
from tokenizers.models import Unigram
from transformers import BertConfig, BertModel, PreTrainedTokenizerFast

from marsad.document import Document

SPECIAL = ["<s>", "<pad>", "</s>", "<unk>", "<mask>"]


@pytest.fixture(scope="session")
def unigram_encoder(tmp_path_factory: pytest.TempPathFactory, documents: list[Document]) -> Path:
    """A folder with a 3-layer BERT over 600 pieces of our own corpus."""
    folder = tmp_path_factory.mktemp("unigram")
    tokenizer = Tokenizer(Unigram())
    tokenizer.pre_tokenizer = pre_tokenizers.Metaspace(prepend_scheme="always")
    trainer = trainers.UnigramTrainer(
        vocab_size=600, special_tokens=SPECIAL, unk_token="<unk>", show_progress=False
    )
    tokenizer.train_from_iterator([d.text for d in documents], trainer)
    tokenizer.post_processor = processors.TemplateProcessing(
        single="<s> $A </s>", special_tokens=[("<s>", 0), ("</s>", 2)]
    )
    PreTrainedTokenizerFast(
        tokenizer_object=tokenizer,
        bos_token="<s>",
        cls_token="<s>",
        eos_token="</s>",
        sep_token="</s>",
        pad_token="<pad>",
        unk_token="<unk>",
        mask_token="<mask>",
        model_max_length=256,
    ).save_pretrained(folder)
    config = BertConfig(
        vocab_size=tokenizer.get_vocab_size(),
        hidden_size=32,
        num_hidden_layers=3,
        num_attention_heads=4,
        intermediate_size=64,
        max_position_embeddings=256,
        pad_token_id=1,
    )
    torch.manual_seed(0)
    BertModel(config, add_pooling_layer=False).save_pretrained(folder)
    return folder


@pytest.fixture(scope="session")
def text_file(tmp_path_factory: pytest.TempPathFactory, documents: list[Document]) -> Path:
    """Articles between blank lines."""
    path = tmp_path_factory.mktemp("text") / "articles.txt"
    path.write_text("\n\n".join(d.text for d in documents), encoding="utf-8")
    return path


@pytest.fixture
def probe_run(tiny_corpus: Path, tmp_path: Path) -> Path:
    """The configuration of a run whose heads probe."""
    own = {
        "name": "probe",
        "encoder": "unused",
        "output": "unused",
        "data": {k: str(tiny_corpus / f"{k}.jsonl") for k in ("train", "dev", "test")},
        "window": {"max_tokens": 64, "overlap": 8},
        "train": {"heads_first": {"epochs": 2}, "freeze_embeddings": True},
    }
    path = tmp_path / "probe.yaml"
    path.write_text(yaml.safe_dump(own), encoding="utf-8")
    return path
