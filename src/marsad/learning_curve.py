"""What selecting buys: models that learn from ever more documents, chosen by a model or drawn.

Both ways begin with the same drawn documents. Then the model of what is known so far chooses, or
chance draws, as many words more; models are trained anew each time and scored on the test
documents, which neither ever sees.
"""

import random
from collections.abc import Iterable, Iterator, Sequence
from dataclasses import dataclass
from pathlib import Path

from marsad.benchmarks import open_benchmark
from marsad.calibration import CHECKPOINT
from marsad.config import RunConfig, with_values
from marsad.corpus import read_corpus
from marsad.document import Document
from marsad.errors import ConfigError
from marsad.evaluation import score_reader
from marsad.files import atomic_write
from marsad.finished_runs import train_once
from marsad.reader import Reader
from marsad.runtime import load
from marsad.sections import PREFIX
from marsad.selection import doubt, select
from marsad.text.words import count_words

CHOSEN, DRAWN = "chosen", "drawn"


@dataclass(frozen=True)
class Point:
    """What a model scores on the test documents (strict micro F1) after so much was learnt."""

    way: str
    seed: int
    documents: int
    words: int
    entities: float
    events: float


def measure(config: RunConfig, *, rounds: int, share: float, seed: int) -> Iterator[Point]:
    """Yield the points of both ways, as they are measured.

    Runs stand in folders of the run's own; those that are finished are not trained again.

    Args:
        config: how models are trained, and on which documents of ours.
        rounds: how many models each way has; the first is shared.
        share: of the words of all documents, that each round adds.
        seed: of the draws and of the runs.

    Raises:
        ConfigError: the documents do not last for so many rounds, or are none of ours, or the run
            does not learn both entities and events.
        DataError: a corpus is missing or has an error.
    """
    train = config.data.train
    if train is None or train.startswith(PREFIX) or not 0 < rounds * share <= 1:
        raise ConfigError(
            f"data.train {train}, {rounds} rounds of {share:g}: give documents of ours, "
            "and rounds that together need no more than all of them"
        )
    if config.task != "joint":
        raise ConfigError(f"task: {config.task}; entities and events are scored, so give joint")
    pool = read_corpus(Path(train))
    most = share * sum(count_words(document.text) for document in pool)
    start = _upto(most, random.Random(seed).sample(pool, len(pool)))
    for way in (DRAWN, CHOSEN):
        known = start
        for number in range(rounds):
            name = f"{way if number else 'start'}-{seed}-{number}"
            model = train_once(_run(config, name, known, seed))
            reader = load(model.path, file=CHECKPOINT)
            if number or way == DRAWN:
                yield _point(way, seed, known, reader, config)
            if number + 1 < rounds:
                rest = [document for document in pool if document not in known]
                if not rest:
                    raise ConfigError(f"{train}: {len(pool)} documents end in round {number + 1}")
                known = [*known, *_upto(most, _ranked(way, rest, reader, seed + number))]


def _ranked(way: str, rest: Sequence[Document], reader: Reader, seed: int) -> Sequence[Document]:
    """Return documents in the order in which a way takes them."""
    if way == DRAWN:
        return random.Random(seed).sample(rest, len(rest))
    unmarked = [Document(document.id, document.text) for document in rest]
    judged = (doubt(own, reader.calibration) for own in reader.judge(unmarked))
    # groups as many as half of what is left; what is not chosen comes behind, for long rounds
    ranked = select(judged, max(1, len(rest) // 2), seed=seed)
    by_id = {document.id: document for document in rest}
    chosen = [by_id.pop(own.document.id) for own in ranked]
    return [*chosen, *by_id.values()]


def _upto(words: float, documents: Iterable[Document]) -> list[Document]:
    """Return documents until there are enough words."""
    taken: list[Document] = []
    for document in documents:
        if words <= 0:
            break
        taken.append(document)
        words -= count_words(document.text)
    return taken


def _run(config: RunConfig, name: str, known: Sequence[Document], seed: int) -> RunConfig:
    """Write what is known so far, and return the run that learns from it."""
    folder = config.output / name
    data = folder.with_suffix(".jsonl")
    with atomic_write(data) as out:
        out.writelines(f"{document.to_json()}\n" for document in known)
    values = {"output": str(folder), "data.train": str(data), "seed": seed, "train.seeds": []}
    return with_values(config, values)


def _point(
    way: str, seed: int, known: Sequence[Document], reader: Reader, config: RunConfig
) -> Point:
    test = open_benchmark(config.data.test, source=config.data.corpora)
    scores = score_reader(reader, test.documents, ruler=test.ruler)
    assert scores.entities
    assert scores.events
    return Point(
        way=way,
        seed=seed,
        documents=len(known),
        words=sum(count_words(document.text) for document in known),
        entities=scores.entities.strict.micro.f1,
        events=scores.events.types.micro.f1,
    )
