"""The reader: texts in, documents with entities and events out, over any backend.

A backend turns a batch of token ids into logits; the same reader runs over onnxruntime in
production and over torch in training, so that what is measured is what is served.
"""

from collections.abc import Callable, Iterable, Iterator, Mapping, Sequence
from copy import copy
from dataclasses import replace
from functools import partial
from itertools import chain
from typing import Protocol

import numpy as np
from tokenizers import Tokenizer

from marsad.calibration import Calibration, Curve
from marsad.decisions import Judgement
from marsad.document import Document, ModelStamp, Sentence
from marsad.jobs import SENTENCE_HEADS, WORD_HEADS, Answer, Floats, Job, Judge, read_events
from marsad.labels import scheme
from marsad.model_folder import ModelSettings
from marsad.spans import TagReading
from marsad.text.batches import Batch, make_batch
from marsad.text.sentences import split_sentences
from marsad.text.windows import Window, pack_windows, tokenize_sentences
from marsad.workers import side_by_side

WINDOWS_AT_ONCE = 512

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
        return (job.record(self.calibration) for job in self._jobs(texts, batch_size, judge))

    def judge(
        self, texts: Iterable[str | Document], *, batch_size: int = 32
    ) -> Iterator[Judgement]:
        """Yield what the model says of each text, before calibration and thresholds."""
        for job in self._jobs(texts, batch_size, lambda logits: logits, detailed=True):
            yield job.judgement()

    def _jobs(
        self,
        texts: Iterable[str | Document],
        batch_size: int,
        judge: Judge,
        *,
        detailed: bool = False,
    ) -> Iterator[Job]:
        """Yield documents, in order, when the last of their windows was answered."""
        jobs: list[Job] = []
        todo: list[tuple[Job, Window]] = []
        for i, text in enumerate(texts):
            if not isinstance(text, (str, Document)):
                raise TypeError(f"text {i} is a {type(text).__name__}, not a str or a Document")
            document = text if isinstance(text, Document) else Document(id=str(i), text=text)
            job = self._open(document, judge, detailed=detailed)
            jobs.append(job)
            for window in job.windows:
                todo.append((job, window))
                if len(todo) == WINDOWS_AT_ONCE:
                    self._run(todo)
                    todo = []
                    yield from _close(jobs[:-1])
                    jobs = [job]
            if len(jobs) == batch_size:
                self._run(todo)
                todo = []
                yield from _close(jobs)
                jobs = []
        self._run(todo)
        yield from _close(jobs)

    def _open(self, document: Document, judge: Judge, *, detailed: bool) -> Job:
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
        return Job(
            replace(document, sentences=sentences, model=self.stamp),
            windows,
            settings.task,
            judge,
            self.reading,
            outside=[] if detailed else None,
        )

    def _run(self, todo: Sequence[tuple[Job, Window]]) -> None:
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
                job.hear(answer)

    def _answer(self, windows: Sequence[Window]) -> list[list[Answer]]:
        """Return what the backend says of each window's parts."""
        spans = [window.spans(self.settings.pooling) for window in windows]
        batch = make_batch([window.ids for window in windows], spans, self.settings.special)
        logits = self.backend(batch)
        of_words = {name: logits[name] for name in WORD_HEADS if name in logits}
        of_sentences = {name: logits[name] for name in SENTENCE_HEADS if name in logits}
        return [
            [
                Answer(
                    part,
                    {name: value[row, part.positions] for name, value in of_words.items()},
                    {name: value[row, column] for name, value in of_sentences.items()},
                    logits.get("transitions"),
                )
                for column, part in enumerate(window.parts)
            ]
            for row, window in enumerate(windows)
        ]


def _close(jobs: Iterable[Job]) -> Iterator[Job]:
    """Decode the last sentence of documents whose windows are all answered."""
    for job in jobs:
        job.decode()
        yield job


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
