"""Examining a model file: what it does on the dev split, and how far that is from another's."""

import time
from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from pathlib import Path

from marsad.benchmarks import Benchmark
from marsad.calibrating import fit_on
from marsad.calibration import Calibration
from marsad.config import RunConfig
from marsad.decisions import Judgement
from marsad.metrics import FileReport
from marsad.reader import Reader, Watch
from marsad.scoring import Scores, score
from marsad.text.words import count_words


@dataclass(frozen=True)
class Examination:
    """What a model file says of the dev split, the calibration fitted to that, and its scores.

    Thresholds that were fitted to another file's scores would count against this one.
    """

    judgements: Sequence[Judgement]
    calibration: Calibration
    scores: Scores
    words_per_second: float

    @property
    def entities(self) -> float | None:
        """Strict micro F1, if entities are read."""
        table = self.scores.tables.get("entities")
        return table.micro.f1 if table else None

    @property
    def events(self) -> float | None:
        """Macro F1, if events are read."""
        events = self.scores.events
        return events.types.macro_f1 if events else None

    def flips(self, reference: "Examination") -> float:
        """Return the share of what either reports, under one calibration, that only one does."""
        one, other = (set(self._reported(reference.calibration)) for self in (self, reference))
        return len(one ^ other) / len(one | other) if one | other else 0.0

    def report(self, path: Path, reference: "Examination") -> FileReport:
        """Return the record of the file, set against a reference."""
        return FileReport(
            size=path.stat().st_size,
            overall=self.scores.overall,
            entities=self.entities,
            events=self.events,
            flips=self.flips(reference),
            words_per_second=self.words_per_second,
        )

    def _reported(self, calibration: Calibration) -> Iterator[tuple[str, int, int, str]]:
        for judgement in self.judgements:
            document = judgement.decide(calibration)
            for entity in document.entities:
                yield document.id, entity.start, entity.end, entity.label
            for sentence in document.sentences:
                for event in sentence.events:
                    yield document.id, sentence.start, sentence.end, event.type


def examine(reader: Reader, run: RunConfig, dev: Benchmark, *, watch: Watch = iter) -> Examination:
    """Let a reader read the dev split of a run."""
    begin = time.perf_counter()
    judgements = list(reader.under(dev.ruler.tag_reading()).judge(watch(dev.documents)))
    seconds = time.perf_counter() - begin
    calibration = fit_on(dev, judgements, run)
    scores = score(
        dev.documents,
        [judgement.decide(calibration) for judgement in judgements],
        entities=run.task != "events" and bool(dev.ruler.entities),
        events=run.task != "ner" and bool(dev.ruler.events),
        ruler=dev.ruler,
    )
    words = sum(count_words(document.text) for document in dev.documents)
    return Examination(judgements, calibration, scores, words / seconds)
