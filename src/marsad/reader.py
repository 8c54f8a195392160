"""The reader: texts in, documents with entities and events out, over any backend.

A backend turns a batch of token ids into logits; the same reader runs over onnxruntime in
production and over torch in training, so that what is measured is what is served.
"""

from collections.abc import Iterable, Iterator, Mapping, Sequence
from dataclasses import dataclass, replace
from itertools import islice
from typing import NamedTuple, Protocol

import numpy as np
import numpy.typing as npt
from tokenizers import Tokenizer

from marsad.document import Document, Entity, Event, ModelStamp, Sentence
from marsad.labels import scheme
from marsad.model_folder import ModelSettings
from marsad.spans import read_entities
from marsad.text.sentences import split_sentences
from marsad.text.windows import (
    Batch,
    Part,
    TokenizedSentence,
    Window,
    make_batch,
    pack_windows,
    tokenize_sentences,
)

Floats = npt.NDArray[np.float32]
Ints = npt.NDArray[np.int64]

BATCH_TOKENS = 2048
WORD_HEADS = ("tags", "proclitics")
SENTENCE_HEADS = ("events", "realis")


class Backend(Protocol):
    """Runs the encoder and the heads of a model on one batch."""

    def __call__(self, batch: Batch) -> Mapping[str, Floats]:
        """Return logits.

        Returns:
            Of a model that reads entities, for every token: ``tags`` (rows, length, tags) and
            ``proclitics`` (rows, length, lengths). Of one that reads events, for every sentence:
            ``events`` (rows, sentences, types) and ``realis`` (rows, sentences, types, values).
        """
        ...


class _Answer(NamedTuple):
    """What a backend said of one part of a sentence: of its words, and of the part."""

    part: Part
    words: Mapping[str, Floats]
    sentence: Mapping[str, Floats]


@dataclass(frozen=True)
class _Job:
    """A document on its way: tokenized, cut into windows, and what is known of each sentence."""

    document: Document
    sentences: list[TokenizedSentence]
    windows: list[Window]
    answers: list[list[_Answer]]


class Reader:
    """Reads documents: ``reader(text)``, or ``reader.pipe(texts)`` for many."""

    def __init__(
        self,
        tokenizer: Tokenizer,
        settings: ModelSettings,
        backend: Backend,
        *,
        source: str = "",
        digest: str = "",
    ) -> None:
        """Join a tokenizer, a backend and the settings of a model.

        ``source`` names the file that the backend runs; ``digest`` goes into each record.
        """
        self.tokenizer = tokenizer
        self.settings = settings
        self.backend = backend
        self.source = source
        self.stamp = ModelStamp(settings.name, settings.version, digest)

    def __call__(self, text: str | Document) -> Document:
        """Read one text, or one document whose sentences are given."""
        return next(self.pipe([text]))

    def pipe(self, texts: Iterable[str | Document], *, batch_size: int = 32) -> Iterator[Document]:
        """Read many texts; results come in order, ``batch_size`` documents are held at a time."""
        return (self._finish(job) for job in self._jobs(texts, batch_size))

    def probabilities(
        self, texts: Iterable[str | Document], *, batch_size: int = 32
    ) -> Iterator[Floats]:
        """Yield the probability of every event type, shape (sentences, types), for each text."""
        for job in self._jobs(texts, batch_size):
            yield np.stack([event_scores([a.sentence for a in parts])[0] for parts in job.answers])

    def _jobs(self, texts: Iterable[str | Document], batch_size: int) -> Iterator[_Job]:
        numbered = (
            text if isinstance(text, Document) else Document(id=str(i), text=text)
            for i, text in enumerate(texts)
        )
        while chunk := list(islice(numbered, batch_size)):
            jobs = [self._prepare(document) for document in chunk]
            self._run(jobs)
            yield from jobs

    def _prepare(self, document: Document) -> _Job:
        spans = [(s.start, s.end) for s in document.sentences] or split_sentences(document.text)
        document = replace(document, sentences=tuple(Sentence(a, b) for a, b in spans))
        sentences = tokenize_sentences(document.text, spans, self.tokenizer)
        windows = pack_windows(
            sentences,
            self.settings.special,
            max_tokens=self.settings.max_tokens,
            overlap=self.settings.overlap,
            max_sentences=self.settings.max_sentences,
        )
        return _Job(document, sentences, list(windows), [[] for _ in sentences])

    def _run(self, jobs: Sequence[_Job]) -> None:
        """Run the windows of all jobs, longest first, in batches of about BATCH_TOKENS."""
        todo = [(job, window) for job in jobs for window in job.windows]
        todo.sort(key=lambda item: -len(item[1].ids))
        while todo:
            rows = max(1, BATCH_TOKENS // len(todo[0][1].ids))
            batch, todo = todo[:rows], todo[rows:]
            ids = [window.ids for _, window in batch]
            spans = [window.spans(self.settings.pooling) for _, window in batch]
            logits = self.backend(make_batch(ids, spans, self.settings.special))
            for row, (job, window) in enumerate(batch):
                for column, part in enumerate(window.parts):
                    words = {
                        k: v[row, part.positions] for k, v in logits.items() if k in WORD_HEADS
                    }
                    sentence = {k: v[row, column] for k, v in logits.items() if k not in WORD_HEADS}
                    job.answers[part.sentence].append(_Answer(part, words, sentence))

    def _events(self, answers: Sequence[_Answer]) -> tuple[Event, ...]:
        if not answers[0].sentence:
            return ()
        parts = [answer.sentence for answer in answers]
        return read_events(parts, threshold=self.settings.event_threshold)

    def _finish(self, job: _Job) -> Document:
        entities: list[Entity] = []
        sentences = []
        read = 0
        for sentence, own, answers in zip(
            job.document.sentences, job.sentences, job.answers, strict=True
        ):
            answers.sort(key=lambda answer: answer.part.first_word)
            read += sum(a.part.last_word - a.part.first_word for a in answers)
            if "tags" in answers[0].words:
                tags, proclitics = (
                    np.concatenate([a.words[k] for a in answers]) for k in ("tags", "proclitics")
                )
                entities += read_entities(own.words, tags, proclitics, scheme().tags)
            sentences.append(replace(sentence, events=self._events(answers)))
        total = sum(len(own.words) for own in job.sentences)
        return replace(
            job.document,
            sentences=tuple(sentences),
            entities=tuple(entities),
            coverage=read / total if total else 1.0,
            warnings=() if total else ("no words in the text",),
            model=self.stamp,
        )


def event_scores(parts: Sequence[Mapping[str, Floats]]) -> tuple[Floats, Ints]:
    """Return the probability of each type, and the part of the sentence that is surest of it."""
    logits = np.stack([part["events"] for part in parts])
    return 1 / (1 + np.exp(-logits.max(axis=0))), logits.argmax(axis=0)


def read_events(parts: Sequence[Mapping[str, Floats]], *, threshold: float) -> tuple[Event, ...]:
    """Decode the events of one sentence from the logits of its parts.

    A type is reported when its probability reaches the threshold in any part; its realis comes
    from the part that is surest of the type.
    """
    names = scheme()
    scores, surest = event_scores(parts)
    events = []
    for i in np.flatnonzero(scores >= threshold):
        realis = int(parts[surest[i]]["realis"][i].argmax())
        events.append(Event(names.event_names[i], names.realis_names[realis], float(scores[i])))
    return tuple(events)
