"""How far the probabilities of a system's answers can be trusted, on a benchmark."""

from collections.abc import Iterator, Mapping, Sequence
from dataclasses import replace

import numpy as np
import numpy.typing as npt

from marsad.benchmarks import Benchmark
from marsad.calibration import Abstention
from marsad.document import Document
from marsad.scoring.reliability import Reliability, Trust, reliability, risk_curve
from marsad.systems import Answers

Floats = npt.NDArray[np.float64]
Bools = npt.NDArray[np.bool_]
Claims = tuple[Floats, Bools]  # probabilities, and whether they hold: shapes (claims,)


def measure_trust(answers: Answers, benchmark: Benchmark) -> Mapping[str, Trust]:
    """Return the trust in ``entities`` and in ``events``, each where there are probabilities.

    Of entities the decisions are the claimed mentions. Of events they are all types of all
    sentences, as far as their probabilities are known; a claim is a type that is reported.
    """
    answers = _without_silence(answers)
    trust: dict[str, Trust] = {}
    if answers.entities and benchmark.ruler.entities:
        trust |= _entity_trust(answers, benchmark)
    if answers.events and benchmark.ruler.events:
        trust |= _event_trust(answers, benchmark)
    return trust


def _without_silence(answers: Answers) -> Answers:
    """Return the answers as they are without abstention: risk is measured at every level."""
    calibration = answers.calibration
    if answers.judgements is None or calibration is None or calibration.abstain == Abstention():
        return answers
    calibration = calibration.abstaining(0.0)
    documents = [judgement.decide(calibration) for judgement in answers.judgements]
    return replace(answers, documents=documents, calibration=calibration)


def _entity_trust(answers: Answers, benchmark: Benchmark) -> dict[str, Trust]:
    given = _mention_claims(answers.documents, benchmark)
    raw = (
        _mention_claims([j.document for j in answers.judgements], benchmark)
        if answers.judgements is not None
        else None
    )
    return _trust("entities", raw, given, given)


def _event_trust(answers: Answers, benchmark: Benchmark) -> dict[str, Trust]:
    reported = _type_claims(answers.documents, benchmark)
    if answers.judgements is None:
        return _trust("events", None, reported, reported)
    raw = _type_decisions([j.events for j in answers.judgements], benchmark)
    given = _type_decisions(answers.probabilities or (), benchmark)
    return _trust("events", raw, given, reported)


def _trust(
    task: str, raw: Claims | None, given: Claims | None, claims: Claims | None
) -> dict[str, Trust]:
    if given is None or claims is None or not len(claims[0]):
        return {}
    before: Reliability | None = reliability(*raw) if raw is not None else None
    return {task: Trust(before, reliability(*given), reliability(*claims), risk_curve(*claims))}


def _mention_claims(documents: Sequence[Document], benchmark: Benchmark) -> Claims | None:
    """Return claimed mentions; None where one has no probability."""
    scores, right = [], []
    for own, gold in _read(documents, benchmark):
        truth = {(e.start, e.end, e.label) for e in gold.entities}
        scores += [e.score for e in own.entities]
        right += [(e.start, e.end, e.label) in truth for e in own.entities]
    return _claims(scores, right)


def _type_claims(documents: Sequence[Document], benchmark: Benchmark) -> Claims | None:
    """Return reported types; None where one has no probability."""
    scores, right = [], []
    for own, gold in _read(documents, benchmark):
        for claimed, annotated in zip(own.sentences, gold.sentences, strict=True):
            truth = {event.type for event in annotated.events}
            scores += [event.score for event in claimed.events]
            right += [event.type in truth for event in claimed.events]
    return _claims(scores, right)


def _type_decisions(
    probabilities: Sequence[npt.NDArray[np.float32]], benchmark: Benchmark
) -> Claims:
    """Return all scored types of all sentences."""
    ruler = benchmark.ruler
    columns = np.concatenate([ruler.event_columns(own) for own in probabilities])
    sentences = [s for d in benchmark.documents for s in ruler.read(d).sentences]
    holds = [[name in {e.type for e in s.events} for name in ruler.events] for s in sentences]
    return columns.astype(np.float64).ravel(), np.array(holds, dtype=bool).ravel()


def _read(
    documents: Sequence[Document], benchmark: Benchmark
) -> Iterator[tuple[Document, Document]]:
    for own, gold in zip(documents, benchmark.documents, strict=True):
        yield benchmark.ruler.read(own), benchmark.ruler.read(gold)


def _claims(scores: Sequence[float | None], right: Sequence[bool]) -> Claims | None:
    if None in scores:
        return None
    return np.array(scores, dtype=np.float64), np.array(right, dtype=bool)
