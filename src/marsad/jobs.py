"""Jobs: documents on their way through a reader; what a model answers goes in, a record comes out.

Answers are on parts of sentences, in order. Those on one sentence are decoded when all are in.
"""

from collections.abc import Callable, Iterator, Mapping, Sequence
from dataclasses import dataclass, field, replace
from typing import Any, NamedTuple

import numpy as np
import numpy.typing as npt

from marsad.calibration import Calibration, sigmoid
from marsad.decisions import Judgement, calibrated, report_events, withhold
from marsad.document import Document, Entity, Event
from marsad.labels import scheme
from marsad.spans import TagReading, read_entities, tag_log_marginals
from marsad.tasks import Task
from marsad.text.windows import Part, Window
from marsad.text.words import count_words

Floats = npt.NDArray[np.float32]
Ints = npt.NDArray[np.int64]

WORD_HEADS = ("tags", "proclitics")
SENTENCE_HEADS = ("events", "realis")

# What is kept of a sentence's ``events`` and ``realis`` logits.
Judge = Callable[[Mapping[str, Floats]], Any]


class Answer(NamedTuple):
    """What a backend said of one part of a sentence: of its words, and of the part.

    ``transitions`` are the model's.
    """

    part: Part
    words: Mapping[str, Floats]
    sentence: Mapping[str, Floats]
    transitions: Floats | None


@dataclass
class Job:
    """A document on its way: windows to come, answers not yet decoded, and what was decoded.

    ``document`` has its sentences and names the model. ``reading`` names the entities by coarser
    labels than the model's own. ``outside`` keeps, where it is wanted, the words that were read and
    each one's probability of lying in no mention.
    """

    document: Document
    windows: Iterator[Window]
    task: Task
    judge: Judge
    reading: TagReading | None = None
    outside: list[tuple[Ints, Floats]] | None = None
    answers: list[Answer] = field(default_factory=list)
    entities: list[Entity] = field(default_factory=list)
    verdicts: dict[int, Any] = field(default_factory=dict)
    words_read: int = 0

    def hear(self, answer: Answer) -> None:
        """Take the next answer; one on another sentence than the last says that that is whole."""
        if self.answers and self.answers[0].part.sentence != answer.part.sentence:
            self.decode()
        self.answers.append(answer)

    def decode(self) -> None:
        """Turn the answers on one sentence, all of them in, into entities and event scores."""
        if not self.answers:
            return
        heard = ~np.concatenate([answer.part.silent for answer in self.answers])
        self.words_read += len(heard)
        if self.task != "events":
            self._read_words(heard)
        if self.task != "ner" and heard.any():
            sentence = self.answers[0].part.sentence
            self.verdicts[sentence] = self.judge(surest([a.sentence for a in self.answers]))
        self.answers = []

    def _read_words(self, heard: npt.NDArray[np.bool_]) -> None:
        words = np.concatenate([answer.part.words for answer in self.answers])[heard]
        tags, proclitics = (
            np.concatenate([answer.words[name] for answer in self.answers])[heard]
            for name in WORD_HEADS
        )
        names, transitions = scheme().tags, self.answers[0].transitions
        self.entities += read_entities(
            self.document.text,
            words,
            tags,
            proclitics,
            names,
            transitions=transitions,
            reading=self.reading,
        )
        if self.outside is not None:
            scores = tag_log_marginals(tags, transitions, names)
            outside = self.reading(scores) if self.reading else scores
            self.outside.append((words, np.exp(outside[:, 0])))

    def record(self, calibration: Calibration) -> Document:
        """Return the record, of verdicts that are a sentence's events."""
        sentences = (
            replace(sentence, events=self.verdicts[i]) if self.verdicts.get(i) else sentence
            for i, sentence in enumerate(self.document.sentences)
        )
        return withhold(
            replace(
                self._read(),
                sentences=tuple(sentences),
                entities=calibrated(self.entities, calibration),
            ),
            calibration,
        )

    def judgement(self) -> Judgement:
        """Return what the model said, of verdicts that are a sentence's logits."""
        shape = len(self.document.sentences), len(scheme().events)
        events, realis = np.zeros(shape, np.float32), np.zeros(shape, np.int64)
        for i, logits in self.verdicts.items():
            events[i], realis[i] = sigmoid(logits["events"]), logits["realis"].argmax(axis=-1)
        words, outside = zip(*self.outside, strict=True) if self.outside else ((), ())
        return Judgement(
            replace(self._read(), entities=tuple(self.entities)),
            events,
            realis,
            np.concatenate([np.empty((0, 2), np.int64), *words]),
            np.concatenate([np.empty(0, np.float32), *outside]),
        )

    def _read(self) -> Document:
        """Return the document with how much of it was read, and nothing that was found."""
        total = count_words(self.document.text)
        return replace(
            self.document,
            entities=(),
            # Sentences that are given may cut a word in two, and each half counts.
            coverage=min(self.words_read / total, 1.0) if total else 1.0,
            warnings=() if total else ("no words in the text",),
        )


def surest(parts: Sequence[Mapping[str, Floats]]) -> Mapping[str, Floats]:
    """Join what was said of the parts of a sentence: each type as the part surest of it has it."""
    events = np.stack([part["events"] for part in parts])
    best, types = events.argmax(axis=0), np.arange(events.shape[1])
    realis = np.stack([part["realis"] for part in parts])
    return {"events": events[best, types], "realis": realis[best, types]}


def read_events(logits: Mapping[str, Floats], *, calibration: Calibration) -> tuple[Event, ...]:
    """Decode the events of one sentence.

    Args:
        logits: ``events`` (types) and ``realis`` (types, values).
        calibration: probabilities and thresholds.
    """
    scores = sigmoid(logits["events"]).astype(np.float32)
    return report_events(scores, logits["realis"].argmax(axis=-1), calibration)
