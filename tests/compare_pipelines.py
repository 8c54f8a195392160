"""Which spans survive? ``python -m tests.compare_pipelines VOCABULARY`` prints a Markdown table.

Twenty sentences, ten of the Daraa article and ten of the corpus with the surface of real copy, go
three ways under a model that is right about every piece: through our reader, through the
token-classification pipeline of transformers with each of its strategies, and through AraBERT's
preprocessing, whose offsets are those of its own output. Then again with vowels and tatweel, and
with a tokenizer that strips them, as those of lower-casing checkpoints do. VOCABULARY is a
``vocab.txt`` of AraBERT's form.
"""

import sys
from collections.abc import Callable, Sequence
from dataclasses import replace
from itertools import islice
from typing import Any

import regex
import torch
from transformers import (
    BertConfig,
    BertForTokenClassification,
    BertTokenizerFast,
    PreTrainedModel,
    PreTrainedTokenizerBase,
    pipeline,
)
from transformers.modeling_outputs import TokenClassifierOutput

from marsad.corpus import read_corpus
from marsad.document import Document, Entity, Sentence
from marsad.labels import scheme
from marsad.reader import Reader
from marsad.text.cleaning import CLEANINGS, clean
from marsad.text.windows import SpecialIds
from tests.conftest import CORPUS, ROOT
from tests.oracle import CERTAIN, Oracle, decorate, oracle_settings

Span = tuple[int, int, str]

STRATEGIES = ("simple", "first", "average", "max")
SURFACE = regex.compile(r"[\u064b-\u0652\u0640٠-٩#@]|\p{Cf}|https?:")


def main(vocabulary: str) -> None:
    """Print the table: how many mentions come out exactly."""
    plain = choose_sentences()
    vowelled = [decorate(document, seed) for seed, document in enumerate(plain)]
    tokenizer = BertTokenizerFast(vocab=vocabulary, do_lower_case=False)
    stripping = BertTokenizerFast(vocab=vocabulary, do_lower_case=False, strip_accents=True)
    ways = survivors(plain, tokenizer)
    print("| sentence | spans |", " | ".join(ways), "|")
    print("|---|" + "---:|" * (len(ways) + 1))
    for i, document in enumerate(plain):
        right = (f"{counts[i]} |" for counts in ways.values())
        print(f"| {document.text[:40]}… | {len(document.entities)} |", *right)
    total = sum(len(d.entities) for d in plain)
    rows = {
        "all": ways,
        "all, vowelled": survivors(vowelled, tokenizer),
        "all, vowelled, marks stripped": survivors(vowelled, stripping),
    }
    for name, row in rows.items():
        print(f"| **{name}** | {total} |", *(f"**{sum(counts)}** |" for counts in row.values()))


def survivors(
    documents: Sequence[Document], tokenizer: PreTrainedTokenizerBase
) -> dict[str, list[int]]:
    """Return, for each way, how many of each document's mentions come out exactly."""
    ways = {"marsad": read_by_marsad(documents, tokenizer)}
    for name in STRATEGIES:
        ways[f"pipeline, {name}"] = read_by_pipeline(documents, tokenizer, name)
    ways["AraBERT's offsets"] = [spans_after_cleaning(d) for d in documents]
    gold = [{(e.start, e.end, e.label) for e in d.entities} for d in documents]
    return {
        name: [len(a & set(b)) for a, b in zip(gold, spans, strict=True)]
        for name, spans in ways.items()
    }


def choose_sentences() -> list[Document]:
    """Return twenty sentences as documents of their own."""
    article = read_corpus(ROOT / "data" / "articles" / "daraa.jsonl")
    train = read_corpus(CORPUS / "train.jsonl")
    plain = (s for d in article for s in sentences_of(d) if s.entities)
    dressed = (
        s for d in train for s in sentences_of(d) if len(s.entities) > 2 and SURFACE.search(s.text)
    )
    return [*islice(plain, 10), *islice(dressed, 0, 40, 4)]


def sentences_of(document: Document) -> list[Document]:
    """Return each sentence as a document."""
    return [
        replace(
            document,
            id=f"{document.id}:{i}",
            text=document.text[s.start : s.end],
            sentences=(Sentence(0, s.end - s.start),),
            entities=tuple(
                Entity(e.start - s.start, e.end - s.start, e.label) for e in document.entities_in(s)
            ),
        )
        for i, s in enumerate(document.sentences)
    ]


def read_by_marsad(
    documents: Sequence[Document], tokenizer: PreTrainedTokenizerBase
) -> list[list[Span]]:
    """Read with AraBERT's cleaning inside."""
    special = SpecialIds(tokenizer.cls_token_id, tokenizer.sep_token_id, tokenizer.pad_token_id)
    settings = oracle_settings(special, CLEANINGS["arabert"])
    pieces = tokenizer.backend_tokenizer
    reader = Reader(pieces, settings, Oracle(documents, pieces, settings))
    return [[(e.start, e.end, e.label) for e in d.entities] for d in reader.pipe(documents)]


def read_by_pipeline(
    documents: Sequence[Document], tokenizer: PreTrainedTokenizerBase, strategy: str
) -> list[list[Span]]:
    """Read the untouched text with transformers' own pipeline."""
    found = []
    for document in documents:
        model = right_model(tokenizer, document)
        read: Callable[[str], Any] = pipeline(
            "token-classification", model=model, tokenizer=tokenizer, aggregation_strategy=strategy
        )
        found.append([(e["start"], e["end"], e["entity_group"]) for e in read(document.text)])
    return found


def right_model(tokenizer: PreTrainedTokenizerBase, document: Document) -> PreTrainedModel:
    """Return a model that tags every piece of one document as its annotation does."""
    names = scheme().tags
    offsets = tokenizer(document.text, return_offsets_mapping=True)["offset_mapping"]
    logits = torch.zeros(1, len(offsets), len(names))
    begun: set[Entity] = set()
    for i, (start, end) in enumerate(offsets):
        inside = [e for e in document.entities if e.start < end and start < e.end]
        tag = "O"
        if inside:
            tag = f"{'I' if inside[0] in begun else 'B'}-{inside[0].label}"
            begun.add(inside[0])
        logits[0, i, names.index(tag)] = CERTAIN
    config = BertConfig(
        vocab_size=len(tokenizer),
        hidden_size=8,
        num_hidden_layers=1,
        num_attention_heads=1,
        intermediate_size=8,
        id2label=dict(enumerate(names)),
        label2id={name: i for i, name in enumerate(names)},
    )
    model = BertForTokenClassification(config)
    model.forward = lambda **_: TokenClassifierOutput(logits=logits)
    return model


def spans_after_cleaning(document: Document) -> list[Span]:
    """Return the mentions' offsets in AraBERT's cleaned text, which a caller takes for his own."""
    cleaned = clean(document.text, CLEANINGS["arabert"])
    spans = []
    for entity in document.entities:
        inside = [
            i
            for i, (a, b) in enumerate(zip(cleaned.starts, cleaned.ends, strict=True))
            if entity.start <= a and b <= entity.end and not cleaned.text[i].isspace()
        ]
        if inside:
            spans.append((inside[0], inside[-1] + 1, entity.label))
    return spans


if __name__ == "__main__":
    main(sys.argv[1])
