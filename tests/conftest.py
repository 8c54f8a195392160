"""Fixtures: a tiny real BERT in a Hugging Face folder, and a handful of annotated documents."""

from dataclasses import replace
from pathlib import Path
from shutil import copytree

import pytest
import torch
from tokenizers import Tokenizer, normalizers, pre_tokenizers, processors
from tokenizers.models import WordPiece
from transformers import BertConfig, BertModel, PreTrainedTokenizerFast

from marsad.config import RunConfig, with_values
from marsad.corpus import read_corpus
from marsad.document import Document
from marsad.formats import jsonl

ROOT = Path(__file__).parent.parent
CORPUS = ROOT / "data" / "corpus"


def tiny_tokenizer(texts: list[str]) -> PreTrainedTokenizerFast:
    """A WordPiece tokenizer of AraBERT's form whose vocabulary is letters and frequent words."""
    counts: dict[str, int] = {}
    for word in " ".join(texts).split():
        counts[word] = counts.get(word, 0) + 1
    letters = sorted({c for text in texts for c in text if not c.isspace()})
    frequent = sorted(w for w, n in counts.items() if n > 2 and w.isalpha())
    specials = ["[PAD]", "[UNK]", "[CLS]", "[SEP]", "[MASK]"]
    pieces = dict.fromkeys([*specials, *letters, *(f"##{c}" for c in letters), *frequent])
    tokenizer = Tokenizer(WordPiece({p: i for i, p in enumerate(pieces)}, unk_token="[UNK]"))
    tokenizer.normalizer = normalizers.BertNormalizer(strip_accents=False, lowercase=False)
    tokenizer.pre_tokenizer = pre_tokenizers.BertPreTokenizer()
    tokenizer.post_processor = processors.TemplateProcessing(
        single="[CLS] $A [SEP]", special_tokens=[("[CLS]", 2), ("[SEP]", 3)]
    )
    return PreTrainedTokenizerFast(
        tokenizer_object=tokenizer,
        cls_token="[CLS]",
        sep_token="[SEP]",
        pad_token="[PAD]",
        unk_token="[UNK]",
        mask_token="[MASK]",
    )


@pytest.fixture(scope="session")
def documents() -> list[Document]:
    """Annotated documents of the corpus."""
    return read_corpus(CORPUS / "dev.jsonl")


@pytest.fixture(scope="session")
def tiny_encoder(tmp_path_factory: pytest.TempPathFactory, documents: list[Document]) -> Path:
    """A folder with a 2-layer BERT, as a hub would give it."""
    folder = tmp_path_factory.mktemp("encoder")
    tokenizer = tiny_tokenizer([document.text for document in documents])
    config = BertConfig(
        vocab_size=len(tokenizer),
        hidden_size=48,
        num_hidden_layers=2,
        num_attention_heads=4,
        intermediate_size=96,
        max_position_embeddings=256,
    )
    torch.manual_seed(0)
    BertModel(config).save_pretrained(folder)
    tokenizer.save_pretrained(folder)
    return folder


def ended_otherwise(document: Document) -> Document:
    """The same document but for its end: the very one could not be learnt from and scored on."""
    *others, last = document.sentences
    end = replace(last, end=last.end + 2)
    return replace(document, text=f"{document.text[: last.end]} …", sentences=(*others, end))


@pytest.fixture(scope="session")
def tiny_corpus(tmp_path_factory: pytest.TempPathFactory, documents: list[Document]) -> Path:
    """A folder with train, dev and test files of a few documents each.

    ``known`` holds those of train: a dev part that a tiny model has something right in.
    """
    folder = tmp_path_factory.mktemp("corpus")
    parts = {"train": documents[:6], "dev": documents[6:9], "test": documents[9:12]}
    parts["known"] = [ended_otherwise(document) for document in parts["train"]]
    for name, part in parts.items():
        lines = "".join(document.to_json() + "\n" for document in part)
        (folder / f"{name}.jsonl").write_text(lines, encoding="utf-8")
    return folder


@pytest.fixture
def run_config(tiny_encoder: Path, tiny_corpus: Path, tmp_path: Path) -> RunConfig:
    """A configuration that trains in seconds."""
    return RunConfig.model_validate(
        {
            "name": "tiny",
            "encoder": str(tiny_encoder),
            "output": tmp_path / "tiny",
            "data": {s: str(tiny_corpus / f"{s}.jsonl") for s in ("train", "dev", "test")},
            "window": {"max_tokens": 96, "overlap": 8},
            "train": {"epochs": 2, "batch_size": 4, "learning_rate": 2e-3},
            "export": {"max_entity_loss": 1.0, "max_event_loss": 1.0, "max_flips": 1.0},
        }
    )


@pytest.fixture
def quick(run_config: RunConfig, documents: list[Document], tmp_path: Path) -> RunConfig:
    """A run of a second that learns something: of what it is scored on it learnt from all.

    Its encoder is the same in every test run.
    """
    encoder = Path(copytree(run_config.encoder, tmp_path / "encoder"))
    torch.manual_seed(1)
    BertModel(BertConfig.from_pretrained(encoder)).save_pretrained(encoder)
    jsonl.write(documents[:3], tmp_path / "train.jsonl")
    jsonl.write(map(ended_otherwise, documents[:2]), tmp_path / "dev.jsonl")
    return with_values(
        run_config,
        {
            "encoder": str(encoder),
            "data.train": str(tmp_path / "train.jsonl"),
            "data.dev": str(tmp_path / "dev.jsonl"),
            "data.test": str(tmp_path / "dev.jsonl"),
            "train.learning_rate": 1e-2,
            "train.precision": "fp32",
        },
    )
