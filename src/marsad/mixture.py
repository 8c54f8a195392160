"""What a run learns from: its own corpus and others, as windows with their share of an epoch."""

import hashlib
import logging
from collections.abc import Iterator, Sequence
from dataclasses import replace
from functools import cache
from itertools import combinations, product
from pathlib import Path

import numpy as np
from datasets import Dataset, Features, Value, concatenate_datasets
from datasets.exceptions import DatasetGenerationError
from tokenizers import Tokenizer

from marsad.benchmarks import PREFIX, Annotated, open_training
from marsad.corpus import find_shared, read_corpus
from marsad.document import VOTES, Document
from marsad.errors import ConfigError, DataError
from marsad.frequencies import labels_held, marks_something, says_something
from marsad.model_folder import ModelSettings
from marsad.sampling import repeat_factors
from marsad.sections import Annotation, DataConfig, MixturePart, TrainConfig
from marsad.targets import BY_SENTENCE, BY_TOKEN, OF_WORDS, Row, training_rows
from marsad.tasks import Task
from marsad.text.words import count_words

log = logging.getLogger(__name__)

# A task, the task that does without it, and what it finds.
_LEARNT: tuple[tuple[Task, Task, str], ...] = (
    ("ner", "events", "mention"),
    ("events", "ner", "event"),
)
TOGETHER = 256  # documents that are cut into windows at once

_NUMBER = Value("int64")
FEATURES = Features(
    {
        **{key: [_NUMBER] for key in ("input_ids", *BY_TOKEN, *OF_WORDS)},
        **{key: [[_NUMBER]] for key in ("sentences", *BY_SENTENCE)},
        "length": _NUMBER,
    }
)


def check_corpora(data: DataConfig) -> dict[str, str]:
    """Read every corpus once, before hours are spent on a run; return a digest of each.

    Raises:
        ConfigError: a file of ours holds a document that the run is chosen or scored on.
        DataError: one is missing, has an error or holds no sentence.
    """
    read = {part.corpus: _read(part, data.corpora) for part in data.parts}
    for corpus, annotated in read.items():
        if not corpus.startswith(PREFIX):
            _refuse_held_out([item.document for item in annotated], corpus, data)
    return {corpus: _digest(annotated) for corpus, annotated in read.items()}


def _warn(data: DataConfig, task: Task) -> None:
    """Tell of what may be wrong with the corpora, and need not be."""
    if not data.test.startswith(PREFIX) and not Path(data.test).is_file():
        log.warning(
            "data.test: %s is not here, so whether the run learns from its documents cannot be "
            "told",
            data.test,
        )
    own = [
        (part, [item.document for item in _read(part, data.corpora)])
        for part in data.parts
        if not part.corpus.startswith(PREFIX)
    ]
    for part, documents in own:
        _warn_of_silence(part, documents, task)
    for (one, first), (other, second) in combinations(own, 2):
        shared = find_shared(second, first)
        both = "both" in (one.annotates, other.annotates) or one.annotates == other.annotates
        if shared and both and VOTES not in shared.meta:
            log.warning(
                "%s: holds document %r of %s too; it is learnt twice",
                other.corpus,
                shared.id,
                one.corpus,
            )


def _refuse_held_out(documents: Sequence[Document], corpus: str, data: DataConfig) -> None:
    annotated = [own for own in documents if VOTES not in own.meta]  # and not labelled by models
    for key in ("dev", "test"):
        held_out = Path(getattr(data, key))  # what is tested may be elsewhere while a run learns
        if held_out.is_file() and (found := find_shared(annotated, read_corpus(held_out))):
            raise ConfigError(
                f"data.{key}: {held_out} holds document {found.id!r} of {corpus} too, which is "
                "learnt from; leave it out of one of them"
            )


def load_windows(
    data: DataConfig,
    tokenizer: Tokenizer,
    settings: ModelSettings,
    options: TrainConfig = TrainConfig(),
) -> Dataset:
    """Cut the corpora of a run into windows, which are kept on disk and used again.

    Args:
        data: the corpora and their shares.
        tokenizer: of the encoder.
        settings: how the model reads.
        options: may ask for more of the windows with a rare label (``oversample``, see
            :func:`repeat_factors`), and for some of them of the text as careless copy writes it
            (``careless_spelling``).

    Returns:
        Rows of :func:`training_rows`, each with its ``share`` of an epoch.

    Raises:
        DataError: a corpus is missing, has an error, or says nothing of what the task learns.
    """
    _warn(data, settings.task)
    mapped = []
    for part, (share, read) in product(data.parts, _spellings(settings, options)):
        windows = _windows_of(part, data.corpora, tokenizer, read)
        if not says_something(windows, settings.task):
            raise DataError(
                f"{part.corpus}: says nothing of what task {settings.task} learns; leave it out"
            )
        shares = np.full(len(windows), part.share * share)
        if options.oversample:
            shares *= repeat_factors(labels_held(windows), options.oversample)
        mapped.append(windows.add_column("share", shares.tolist()))
    return concatenate_datasets(mapped)


def check_taught(windows: Dataset, task: Task) -> None:
    """Refuse windows without one example of what a model is to find.

    Raises:
        DataError: no mention, or no event, is marked in any of them.
    """
    for half, other, what in _LEARNT:
        if task != other and not marks_something(windows, half):
            hint = f", or set task: {other}" if task == "joint" else ""
            raise DataError(
                f"data: no {what} is marked in what the run learns from, and task {task} learns to "
                f"find them; add documents with some{hint}"
            )


def _warn_of_silence(part: MixturePart, documents: Sequence[Document], task: Task) -> None:
    """Tell of a file of ours in which nothing is marked of a kind: maybe nobody looked for it."""
    if task != "joint" or part.annotates != "both":
        return
    mentions = any(document.entities for document in documents)
    events = any(sentence.events for document in documents for sentence in document.sentences)
    for marked, kind, other in ((mentions, "entities", "events"), (events, "events", "entities")):
        if not marked:
            log.warning(
                "%s: no %s are marked, and the run learns that there are none; where nobody "
                "annotated them, say so: data.mixture: [{corpus: %s, annotates: %s}]",
                part.corpus,
                kind,
                part.corpus,
                other,
            )


def _spellings(
    settings: ModelSettings, options: TrainConfig
) -> Iterator[tuple[float, ModelSettings]]:
    """Yield in what ways text is read, and what share of it in each."""
    careless = options.careless_spelling
    yield 1 - careless, settings
    if careless:
        yield careless, replace(settings, cleaning=(*settings.cleaning, "careless"))


def _read(part: MixturePart, source: Path | None) -> Sequence[Annotated]:
    documents = open_training(part.corpus, source=source)
    if not any(count_words(item.document.text) for item in documents):
        raise DataError(f"{part.corpus}: no sentence to train on")
    entities, events = part.tells("entities"), part.tells("events")
    return [replace(item, entities=entities, events=events) for item in documents]


def _windows_of(
    part: MixturePart, source: Path | None, tokenizer: Tokenizer, settings: ModelSettings
) -> Dataset:
    known_by = {
        "corpus": part.corpus,
        "annotates": part.annotates,
        "source": source,
        "tokenizer": tokenizer,
        "settings": settings,
        "digest": _digest(_read(part, source)) + own_code(),
    }
    try:
        return Dataset.from_generator(_cut, features=FEATURES, gen_kwargs=known_by)
    except DatasetGenerationError as error:
        raise error.__cause__ or error from None


def _cut(
    corpus: str,
    annotates: Annotation,
    source: Path | None,
    tokenizer: Tokenizer,
    settings: ModelSettings,
    digest: str,
) -> Iterator[Row]:
    """Yield windows. The digest, of data and code, is in the name that they are cached under."""
    documents = _read(MixturePart(corpus=corpus, annotates=annotates), source)
    for i in range(0, len(documents), TOGETHER):
        yield from training_rows(documents[i : i + TOGETHER], tokenizer, settings)


def _digest(documents: Sequence[Annotated]) -> str:
    digest = hashlib.sha256()
    for item in documents:
        digest.update(repr(item).encode("utf-8", "surrogatepass"))
    return digest.hexdigest()


@cache
def own_code() -> str:
    """Return a digest of all code and labels of this package."""
    files = sorted(p for p in Path(__file__).parent.rglob("*") if p.suffix in (".py", ".yaml"))
    return hashlib.sha256(b"".join(path.read_bytes() for path in files)).hexdigest()
