"""The reader: texts in, documents with entities and events out, over any backend.

A backend turns a batch of token ids into logits; the same reader runs over onnxruntime in
production and over torch in training, so that what is measured is what is served.
"""

from collections.abc import Callable, Iterable, Iterator, Mapping, Sequence
from copy import copy
from dataclasses import dataclass, field, replace
from functools import partial
from itertools import chain
from typing import Any, NamedTuple, Protocol

import numpy as np
import numpy.typing as npt
from tokenizers import Tokenizer

from marsad.calibration import Calibration, Curve, sigmoid
from marsad.decisions import Judgement, calibrated, report_events, withhold
from marsad.document import Document, Entity, Event, ModelStamp, Sentence
from marsad.labels import scheme
from marsad.model_folder import ModelSettings
from marsad.spans import TagReading, read_entities, tag_log_marginals
from marsad.text.batches import Batch, make_batch
from marsad.text.sentences import split_sentences
from marsad.text.windows import Part, Window, pack_windows, tokenize_sentences
from marsad.text.words import count_words
from marsad.workers import side_by_side

Floats = npt.NDArray[np.float32]
Ints = npt.NDArray[np.int64]

WINDOWS_AT_ONCE = 512
WORD_HEADS = ("tags", "proclitics")
SENTENCE_HEADS = ("events", "realis")


# Passes documents on, and may show how far they are.
Watch = Callable[[Sequence[Document]], Iterable[Document]]


class Backend(Protocol):
    """Runs the encoder and the heads of a model on one batch.

    ``batch_tokens`` is about how many tokens it takes at a time; 0 for one window at a time.
    ``workers`` is how many batches it answers side by side.
    """

    batch_tokens: int
    workers: int

    def __call__(self, batch: Batch) -> Mapping[str, Floats]:
        """Return logits.

        Returns:
            Of a model that reads entities, for every token: ``tags`` (rows, length, tags) and
            ``proclitics`` (rows, length, lengths). Of one that reads events, for every sentence:
            ``events`` (rows, sentences, types) and ``realis`` (rows, sentences, types, values).
            Of one with a CRF: ``transitions`` (tags, tags).
        """
        ...


# What is kept of a sentence's ``events`` and ``realis`` logits.
Judge = Callable[[Mapping[str, Floats]], Any]


class _Answer(NamedTuple):
    """What a backend said of one part of a sentence: of its words, and of the part.

    ``transitions`` are the model's.
    """

    part: Part
    words: Mapping[str, Floats]
    sentence: Mapping[str, Floats]
    transitions: Floats | None


@dataclass
class _Job:
    """A document on its way: windows to come, answers not yet decoded, and what was decoded.

    ``outside`` keeps, where it is wanted, the words that were read and each one's probability of
    lying in no mention.
    """

    document: Document
    windows: Iterator[Window]
    judge: Judge
    answers: list[_Answer] = field(default_factory=list)
    entities: list[Entity] = field(default_factory=list)
    verdicts: dict[int, Any] = field(default_factory=dict)
    words_read: int = 0
    outside: list[tuple[Ints, Floats]] | None = None


class Reader:
    """Reads documents: ``reader(text)``, or ``reader.pipe(texts)`` for many."""

    def __init__(
        self,
        tokenizer: Tokenizer,
        settings: ModelSettings,
        backend: Backend,
        *,
        calibration: Calibration | None = None,
        role: str = "",
        source: str = "",
        digest: str = "",
        reading: TagReading | None = None,
    ) -> None:
        """Join a tokenizer, a backend and the settings of a model.

        Without a ``calibration`` the scores stay as they are. ``role`` and ``source`` name the file
        that the backend runs; ``digest`` goes into each record. ``reading`` names the entities by
        coarser labels than the model's own.
        """
        self.tokenizer = tokenizer
        self.settings = settings
        self.backend = backend
        self.calibration = calibration or Calibration()
        self.role = role
        self.source = source
        self.reading = reading
        self.stamp = ModelStamp(settings.name, settings.version, digest)

    def over(self, backend: Backend) -> "Reader":
        """Return a reader over another backend of the same model."""
        return Reader(self.tokenizer, self.settings, backend, calibration=self.calibration)

    def calibrated(self, calibration: Calibration) -> "Reader":
        """Return the reader with another calibration."""
        other = copy(self)
        other.calibration = calibration
        return other

    def under(self, reading: TagReading | None) -> "Reader":
        """Return the reader with other entity labels, whose probabilities sum up the model's own.

        A label's calibration is that of the labels it sums up, on average.
        """
        if reading is None:
            return self
        other = copy(self)
        other.reading = reading
        other.calibration = replace(
            self.calibration, entities=_summed_up(self.calibration.entities, reading)
        )
        return other

    def __call__(self, text: str | Document) -> Document:
        """Read one text, or one document whose sentences are given."""
        return next(self.pipe([text]))

    def pipe(self, texts: Iterable[str | Document], *, batch_size: int = 32) -> Iterator[Document]:
        """Read many texts; results come in order.

        At most ``batch_size`` documents and ``WINDOWS_AT_ONCE`` windows are in work at a time, so
        the memory needed does not grow with the number of texts, nor, beside text and record
        themselves, with their length.
        """
        if isinstance(texts, str):
            raise TypeError("pipe reads many texts, and this is one; call the reader with it")
        judge = partial(read_events, calibration=self.calibration)
        return (self._record(job) for job in self._jobs(texts, batch_size, judge))

    def judge(
        self, texts: Iterable[str | Document], *, batch_size: int = 32
    ) -> Iterator[Judgement]:
        """Yield what the model says of each text, before calibration and thresholds."""
        for job in self._jobs(texts, batch_size, lambda logits: logits, detailed=True):
            yield self._judgement(job)

    def _jobs(
        self,
        texts: Iterable[str | Document],
        batch_size: int,
        judge: Judge,
        *,
        detailed: bool = False,
    ) -> Iterator[_Job]:
        """Yield documents, in order, when the last of their windows was answered."""
        jobs: list[_Job] = []
        todo: list[tuple[_Job, Window]] = []
        for i, text in enumerate(texts):
            if not isinstance(text, (str, Document)):
                raise TypeError(f"text {i} is a {type(text).__name__}, not a str or a Document")
            document = text if isinstance(text, Document) else Document(id=str(i), text=text)
            job = self._open(document, judge)
            job.outside = [] if detailed else None
            jobs.append(job)
            for window in job.windows:
                todo.append((job, window))
                if len(todo) == WINDOWS_AT_ONCE:
                    self._run(todo)
                    todo = []
                    yield from self._close(jobs[:-1])
                    jobs = [job]
            if len(jobs) == batch_size:
                self._run(todo)
                todo = []
                yield from self._close(jobs)
                jobs = []
        self._run(todo)
        yield from self._close(jobs)

    def _close(self, jobs: Iterable[_Job]) -> Iterator[_Job]:
        """Decode the last sentence of documents whose windows are all answered."""
        for job in jobs:
            if job.answers:
                self._decode(job)
            yield job

    def _open(self, document: Document, judge: Judge) -> _Job:
        settings = self.settings
        spans = [(s.start, s.end) for s in document.sentences] or split_sentences(document.text)
        windows = pack_windows(
            tokenize_sentences(document.text, spans, self.tokenizer, settings.cleaning),
            settings.special,
            max_tokens=settings.max_tokens,
            overlap=settings.overlap,
            max_sentences=settings.max_sentences,
            context=settings.context,
        )
        sentences = tuple(Sentence(start, end) for start, end in spans)
        return _Job(replace(document, sentences=sentences), windows, judge)

    def _run(self, todo: Sequence[tuple[_Job, Window]]) -> None:
        """Answer windows, longest first in the backend's batches, and decode the answers."""
        rest = sorted(range(len(todo)), key=lambda i: -len(todo[i][1].ids))
        batches = []
        while rest:
            rows = max(1, self.backend.batch_tokens // len(todo[rest[0]][1].ids))
            batches.append(rest[:rows])
            rest = rest[rows:]
        windows = [[todo[i][1] for i in batch] for batch in batches]
        found = side_by_side(self._answer, windows, self.backend.workers)
        answers = dict(zip(chain(*batches), chain(*found), strict=True))
        for i, (job, _) in enumerate(todo):
            for answer in answers[i]:
                if job.answers and job.answers[0].part.sentence != answer.part.sentence:
                    self._decode(job)
                job.answers.append(answer)

    def _answer(self, windows: Sequence[Window]) -> list[list[_Answer]]:
        """Return what the backend says of each window's parts."""
        spans = [window.spans(self.settings.pooling) for window in windows]
        batch = make_batch([window.ids for window in windows], spans, self.settings.special)
        logits = self.backend(batch)
        of_words = {name: logits[name] for name in WORD_HEADS if name in logits}
        of_sentences = {name: logits[name] for name in SENTENCE_HEADS if name in logits}
        return [
            [
                _Answer(
                    part,
                    {name: value[row, part.positions] for name, value in of_words.items()},
                    {name: value[row, column] for name, value in of_sentences.items()},
                    logits.get("transitions"),
                )
                for column, part in enumerate(window.parts)
            ]
            for row, window in enumerate(windows)
        ]

    def _decode(self, job: _Job) -> None:
        """Turn the answers on one sentence, all of them in, into entities and event scores."""
        parts = [answer.part for answer in job.answers]
        heard = ~np.concatenate([part.silent for part in parts])
        job.words_read += len(heard)
        if self.settings.task != "events":
            words = np.concatenate([part.words for part in parts])[heard]
            tags, proclitics = (
                np.concatenate([answer.words[name] for answer in job.answers])[heard]
                for name in WORD_HEADS
            )
            names, transitions = scheme().tags, job.answers[0].transitions
            text = job.document.text
            job.entities += read_entities(
                text,
                words,
                tags,
                proclitics,
                names,
                transitions=transitions,
                reading=self.reading,
            )
            if job.outside is not None:
                scores = tag_log_marginals(tags, transitions, names)
                outside = self.reading(scores) if self.reading else scores
                job.outside.append((words, np.exp(outside[:, 0])))
        if self.settings.task != "ner" and heard.any():
            sentence = parts[0].sentence
            logits = surest([answer.sentence for answer in job.answers])
            job.verdicts[sentence] = job.judge(logits)
        job.answers = []

    def _record(self, job: _Job) -> Document:
        sentences = (
            replace(sentence, events=job.verdicts[i]) if job.verdicts.get(i) else sentence
            for i, sentence in enumerate(job.document.sentences)
        )
        return withhold(
            replace(
                self._unjudged(job),
                sentences=tuple(sentences),
                entities=calibrated(job.entities, self.calibration),
            ),
            self.calibration,
        )

    def _judgement(self, job: _Job) -> Judgement:
        shape = len(job.document.sentences), len(scheme().events)
        events, realis = np.zeros(shape, np.float32), np.zeros(shape, np.int64)
        for i, logits in job.verdicts.items():
            events[i], realis[i] = sigmoid(logits["events"]), logits["realis"].argmax(axis=-1)
        words, outside = zip(*job.outside, strict=True) if job.outside else ((), ())
        return Judgement(
            replace(self._unjudged(job), entities=tuple(job.entities)),
            events,
            realis,
            np.concatenate([np.empty((0, 2), np.int64), *words]),
            np.concatenate([np.empty(0, np.float32), *outside]),
        )

    def _unjudged(self, job: _Job) -> Document:
        total = count_words(job.document.text)
        return replace(
            job.document,
            entities=(),
            # Sentences that are given may cut a word in two, and each half counts.
            coverage=min(job.words_read / total, 1.0) if total else 1.0,
            warnings=() if total else ("no words in the text",),
            model=self.stamp,
        )


def _summed_up(curve: Curve, reading: TagReading) -> Curve:
    own = scheme().tags
    shifts = {
        name[2:]: float(
            np.mean([curve.shifts.get(own[i][2:], 0.0) for i in np.flatnonzero(chosen)])
        )
        for name, chosen in zip(reading.names, reading.members.T, strict=True)
        if name.startswith("B-") and chosen.any()
    }
    return replace(curve, shifts=shifts)


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
