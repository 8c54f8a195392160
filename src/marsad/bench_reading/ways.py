"""The ways to read: ours by each model file, and two pipelines of transformers."""

from collections import deque
from collections.abc import Callable, Iterator, Sequence
from dataclasses import dataclass
from functools import partial
from pathlib import Path

from marsad.text.sentences import split_sentences

# Reads texts to the end and keeps nothing.
Read = Callable[[Sequence[str]], None]

BATCHES = (8, 16, 32, 64)  # of sentences, that the pipelines are tried with


@dataclass(frozen=True)
class Way:
    """A way to read: its name, what loads it, and the program that starts it from nothing.

    ``program`` gets a file with the text as its last argument and prints a line when it was read.
    """

    name: str
    load: Callable[[], Read]
    program: tuple[str, ...]


def our_ways(folder: Path, files: Sequence[str], *, bf16: bool) -> Iterator[Way]:
    """Yield ours, one a model file, and the checkpoint in bf16 where the machine computes in it."""
    names = {"onnx_int8": "marsad, ONNX int8", "onnx": "marsad, ONNX fp32"}
    names |= {"weights": "marsad, torch fp32", "onnx_fp16": "marsad, ONNX fp16"}
    for file in files:
        program = ("-c", _OURS, str(folder), file)
        yield Way(names[file], partial(load_ours, folder, file), program)
        if file == "weights" and bf16:
            yield Way("marsad, torch bf16", partial(load_ours, folder, file, bf16=True), program)


def pipelines(entities: Path, events: Path, batch: int) -> Way:
    """Return the two pipelines over the folders that they load."""
    program = ("-c", _PIPELINES, str(entities), str(events))
    return Way(
        f"two pipelines, batch {batch}", partial(load_pipelines, entities, events, batch), program
    )


def load_ours(folder: Path, file: str, *, bf16: bool = False) -> Read:
    """Load a model file as a user would."""
    import marsad

    nlp = marsad.load(folder, file=file)

    def read(texts: Sequence[str]) -> None:
        deque(nlp.pipe(texts), maxlen=0)

    if not bf16:
        return read

    def read_in_bf16(texts: Sequence[str]) -> None:
        import torch

        with torch.autocast("cpu", dtype=torch.bfloat16):
            read(texts)

    return read_in_bf16


def load_pipelines(entities: Path, events: Path, batch: int) -> Read:
    """Load the two pipelines; the sentences are ours, for nothing."""
    from transformers import pipeline

    tokens = pipeline(
        "token-classification", model=str(entities), aggregation_strategy="simple", device=-1
    )
    texts_ = pipeline("text-classification", model=str(events), top_k=None, device=-1)

    def read(texts: Sequence[str]) -> None:
        sentences = [text[a:b] for text in texts for a, b in split_sentences(text)]
        if batch == 1:
            for sentence in sentences:
                tokens(sentence)
                texts_(sentence, truncation=True)
        else:
            tokens(sentences, batch_size=batch)
            texts_(sentences, batch_size=batch, truncation=True)

    return read


_OURS = """
import sys, marsad
with open(sys.argv[3], encoding="utf-8", newline="") as file:
    text = file.read()
marsad.load(sys.argv[1], file=sys.argv[2])(text)
print("read", flush=True)
"""

_PIPELINES = """
import sys
from transformers import pipeline
tokens = pipeline("token-classification", model=sys.argv[1], aggregation_strategy="simple")
texts = pipeline("text-classification", model=sys.argv[2], top_k=None)
with open(sys.argv[3], encoding="utf-8") as file:
    for sentence in file:
        if sentence.strip():
            tokens(sentence)
            texts(sentence, truncation=True)
print("read", flush=True)
"""
