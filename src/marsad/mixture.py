"""What a run learns from: its own corpus and others, as windows with their share of an epoch."""

from collections.abc import Iterator, Sequence
from pathlib import Path
from typing import Any

from datasets import Dataset, concatenate_datasets, load_dataset
from tokenizers import Tokenizer

from marsad.benchmarks import PREFIX, Annotated, open_training
from marsad.config import DataConfig
from marsad.corpus import read_corpus
from marsad.document import parse_document
from marsad.errors import DataError
from marsad.model_folder import ModelSettings
from marsad.targets import Row, training_rows

TOGETHER = 256  # documents of a public corpus that are cut into windows at once


def check_corpora(data: DataConfig) -> None:
    """Read every corpus once, before hours are spent on a run.

    Raises:
        DataError: one is missing or has an error.
    """
    for part in data.parts:
        if part.corpus.startswith(PREFIX):
            open_training(part.corpus, source=data.corpora)
        else:
            read_corpus(Path(part.corpus))


def load_windows(data: DataConfig, tokenizer: Tokenizer, settings: ModelSettings) -> Dataset:
    """Map the corpora of a run to windows; files stay on disk, whatever their size.

    Returns:
        Rows of :func:`training_rows`, each with its ``share`` of an epoch.

    Raises:
        DataError: a corpus is missing, has an error or holds no sentence.
    """
    mapped = []
    for part in data.parts:
        load = _load_public if part.corpus.startswith(PREFIX) else _load_file
        windows = load(part.corpus, data.corpora, tokenizer, settings)
        if not len(windows):
            raise DataError(f"{part.corpus}: no sentence to train on")
        mapped.append(windows.add_column("share", [part.share] * len(windows)))
    return concatenate_datasets(mapped)


def _load_file(path: str, _: Path | None, tokenizer: Tokenizer, settings: ModelSettings) -> Dataset:
    rows = load_dataset("json", data_files=path, split="train")

    def to_windows(batch: dict[str, list[Any]]) -> dict[str, list[Any]]:
        records = (dict(zip(batch, row, strict=True)) for row in zip(*batch.values(), strict=True))
        documents = [Annotated(parse_document(record, path)) for record in records]
        return _columns(training_rows(documents, tokenizer, settings))

    return rows.map(
        to_windows, batched=True, remove_columns=rows.column_names, desc="cutting windows"
    )


def _load_public(
    name: str, source: Path | None, tokenizer: Tokenizer, settings: ModelSettings
) -> Dataset:
    documents = open_training(name, source=source)
    rows = [row for some in _batches(documents) for row in training_rows(some, tokenizer, settings)]
    return Dataset.from_dict(_columns(rows))


def _batches(documents: Sequence[Annotated]) -> Iterator[Sequence[Annotated]]:
    return (documents[i : i + TOGETHER] for i in range(0, len(documents), TOGETHER))


def _columns(rows: Sequence[Row]) -> dict[str, list[Any]]:
    return {key: [row[key] for row in rows] for key in rows[0]} if rows else {}
