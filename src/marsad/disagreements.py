"""Disagreements of a system and the annotation, the surest first.

Of a model on unseen text they show what it gets wrong with confidence; of a model on its own
training data, read out of fold, which annotations are likely wrong (Northcutt et al. 2021,
"Confident Learning: Estimating Uncertainty in Dataset Labels").
"""

from collections.abc import Iterator, Mapping, Sequence
from dataclasses import asdict, dataclass
from typing import Any, Literal

from marsad.benchmarks import Benchmark
from marsad.decisions import Judgement
from marsad.document import Document, Sentence
from marsad.scoring.matching import pair_mentions
from marsad.scoring.mistakes import Kind, Mistake, find_mistakes
from marsad.systems import Answers

EventKind = Literal["missed", "spurious", "realis"]


@dataclass(frozen=True)
class Disagreement:
    """One place where a system says something else than the annotation.

    ``start`` and ``end`` are offsets in the document of the sentence, ``mark`` of what is meant in
    it, None for events. ``gold`` and ``own`` say what either side has there, None for nothing.
    ``confidence`` is the system's probability for its own view, None where it gives none; of a
    realis it gives none.
    """

    document: str
    start: int
    end: int
    mark: tuple[int, int] | None
    kind: Kind | EventKind
    gold: str | None
    own: str | None
    confidence: float | None
    text: str

    def to_record(self) -> dict[str, Any]:
        """Return the JSON record."""
        return asdict(self)


def rank_entities(answers: Answers, benchmark: Benchmark) -> list[Disagreement]:
    """Return disagreements on mentions, the surest first."""
    found = [
        _of_mention(mistake, own.sentences, judgement)
        for gold, own, judgement in _read(answers, benchmark)
        for mistake in find_mistakes(gold, pair_mentions(gold, own))
    ]
    return surest_first(found)


def rank_events(answers: Answers, benchmark: Benchmark) -> list[Disagreement]:
    """Return disagreements on event types and their realis, the surest first."""
    ruler = benchmark.ruler
    probabilities = answers.probabilities
    found: list[Disagreement] = []
    for i, (gold, own, _) in enumerate(_read(answers, benchmark)):
        rows = ruler.event_columns(probabilities[i]).tolist() if probabilities else None
        for j, (truth, claim) in enumerate(zip(gold.sentences, own.sentences, strict=True)):
            chances = dict(zip(ruler.events, rows[j], strict=True)) if rows else {}
            found += _of_sentence(gold, truth, claim, chances, realis=ruler.realis)
    return surest_first(found)


def _read(
    answers: Answers, benchmark: Benchmark
) -> Iterator[tuple[Document, Document, Judgement | None]]:
    judgements: Sequence[Judgement | None] = answers.judgements or [None] * len(answers.documents)
    for gold, own, judgement in zip(
        benchmark.documents, answers.documents, judgements, strict=True
    ):
        yield benchmark.ruler.read(gold), benchmark.ruler.read(own), judgement


def _of_mention(
    mistake: Mistake, sentences: Sequence[Sentence], judgement: Judgement | None
) -> Disagreement:
    gold, own, document = mistake.gold, mistake.own, mistake.document
    sides = [e for e in (gold, own) if e]
    start, end = min(e.start for e in sides), max(e.end for e in sides)
    sentence = next((s for s in sentences if s.start <= start < s.end), Sentence(start, end))
    return Disagreement(
        document=document.id,
        start=sentence.start,
        end=max(sentence.end, end),
        mark=(start, end),
        kind=mistake.kind,
        gold=f"{document.mention(gold)} {gold.label}" if gold else None,
        own=f"{document.mention(own)} {own.label}" if own else None,
        confidence=own.score if own else _silence(start, end, judgement),
        text=document.text[sentence.start : max(sentence.end, end)],
    )


def _silence(start: int, end: int, judgement: Judgement | None) -> float | None:
    """Return the model's probability that none of the words of a span is in a mention."""
    if judgement is None or not len(judgement.words):
        return None
    starts, ends = judgement.words.T
    inside = (starts < end) & (ends > start)
    return float(judgement.outside[inside].prod()) if inside.any() else None


def _of_sentence(
    document: Document,
    gold: Sentence,
    own: Sentence,
    chances: Mapping[str, float],
    *,
    realis: bool,
) -> Iterator[Disagreement]:
    truth, claims = {e.type: e for e in gold.events}, {e.type: e for e in own.events}
    text = document.text[gold.start : gold.end]
    for name in {**truth, **claims}:
        a, b = truth.get(name), claims.get(name)
        if a and b and (a.realis == b.realis or not realis):
            continue
        kind: EventKind = "realis" if a and b else "missed" if a else "spurious"
        sure: float | None = None
        if not a and b:
            sure = b.score
        elif not b and name in chances:
            sure = 1 - chances[name]
        yield Disagreement(
            document=document.id,
            start=gold.start,
            end=gold.end,
            mark=None,
            kind=kind,
            gold=f"{name} {a.realis}" if a else None,
            own=f"{name} {b.realis}" if b else None,
            confidence=sure,
            text=text,
        )


def surest_first(found: Sequence[Disagreement]) -> list[Disagreement]:
    """Order disagreements by confidence; those without any come last."""
    return sorted(found, key=lambda d: (d.confidence is None, -(d.confidence or 0.0)))
