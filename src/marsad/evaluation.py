"""Evaluation: a system's answers on a benchmark, scored, with what makes the scores checkable."""

from collections.abc import Iterator, Sequence

from marsad.benchmarks import Benchmark
from marsad.confidence import measure_trust
from marsad.document import Document
from marsad.errors import DataError
from marsad.labels import scheme
from marsad.metrics import Counted, Evaluation, read_metrics, write_metrics
from marsad.model_folder import ModelFolder
from marsad.reader import Reader, Watch
from marsad.scoring import SCORER_VERSION, Scores, score
from marsad.scoring.entities import paired
from marsad.scoring.events import event_counts
from marsad.scoring.examples import draw_examples
from marsad.scoring.matching import entity_counts
from marsad.scoring.ruler import Floats, Ruler, own_ruler
from marsad.scoring.slices import score_slices
from marsad.scoring.uncertainty import Counts
from marsad.systems import Answers, ask_reader


def score_reader(
    reader: Reader,
    documents: Sequence[Document],
    *,
    ruler: Ruler | None = None,
    watch: Watch = iter,
) -> Scores:
    """Read documents, by default of our own scheme, and score what was read."""
    ruler = ruler or own_ruler()
    answers = ask_reader(reader, documents, ruler=ruler, watch=watch)
    return score(
        documents,
        answers.documents,
        entities=answers.entities and bool(ruler.entities),
        events=answers.events and bool(ruler.events),
        ruler=ruler,
        probabilities=_columns(answers, ruler),
    )


def _columns(answers: Answers, ruler: Ruler) -> list[Floats] | None:
    """Return the probabilities of the events that a ruler scores."""
    if not (ruler.events and answers.probabilities):
        return None
    return [ruler.event_columns(own) for own in answers.probabilities]


def evaluate(answers: Answers, benchmark: Benchmark, *, examples: bool = False) -> Evaluation:
    """Score a system's answers.

    Args:
        answers: to the benchmark's documents.
        benchmark: what is annotated, and by which ruler it is scored.
        examples: also quote what is right and wrong; metrics and card hold text of the data then.

    Raises:
        DataError: they are not of the benchmark's documents, or share no task with it.
    """
    ruler = benchmark.ruler
    if not ((answers.entities and ruler.entities) or (answers.events and ruler.events)):
        raise DataError(
            f"{answers.source}: says nothing of what {benchmark.data} annotates; "
            "take a system or a benchmark of the same task"
        )
    read = benchmark.documents, answers.documents
    entities, events = answers.entities, answers.events
    scores = score(
        *read,
        entities=entities and bool(ruler.entities),
        events=events and bool(ruler.events),
        ruler=ruler,
        probabilities=_columns(answers, ruler),
    )
    return Evaluation(
        data=benchmark.data,
        data_sha256=benchmark.digest,
        unit=benchmark.unit,
        ruler=ruler.name,
        scheme=scheme().digest,
        scorer=SCORER_VERSION,
        read_with=answers.source,
        model=answers.digest,
        overall=scores.overall,
        never_predicted=tuple(scores.never_predicted),
        scores=scores,
        slices=score_slices(*read, ruler, entities=entities, events=events),
        trust=measure_trust(answers, benchmark),
        defects=benchmark.defects,
        documents=tuple(document.id for document in benchmark.documents),
        counts=dict(_count(answers, benchmark)),
        examples=draw_examples(*read, ruler, entities=entities, events=events) if examples else {},
    )


def _count(answers: Answers, benchmark: Benchmark) -> Iterator[tuple[str, Counted]]:
    """Yield the decisions of record of each document, for ``entities`` and ``events``."""
    ruler = benchmark.ruler
    gold, own = ([ruler.read(d) for d in side] for side in (benchmark.documents, answers.documents))
    ids = [document.id for document in gold]
    if answers.entities and ruler.entities:
        mentions = entity_counts(paired(gold, own), ruler.entities, "strict")
        yield "entities", _by_document(mentions, ids, ruler.entities)
    if answers.events and ruler.events:
        yield "events", _by_document(event_counts(gold, own, ruler.events), ids, ruler.events)


def _by_document(counts: Counts, ids: Sequence[str], names: Sequence[str]) -> Counted:
    """Return what is not 0; in a strict count what is found and what is right are the same."""
    numbers = counts[..., [2, 1, 3]].astype(int)  # right, annotated, claimed
    return {
        id_: {name: (*own.tolist(),) for name, own in zip(names, row, strict=True) if own.any()}
        for id_, row in zip(ids, numbers, strict=True)
        if row.any()
    }


def record(folder: ModelFolder, evaluation: Evaluation) -> None:
    """Put an evaluation into a model's ``metrics.json``.

    Raises:
        ModelError: the file that is there is damaged.
    """
    write_metrics(read_metrics(folder).with_evaluation(evaluation), folder)
