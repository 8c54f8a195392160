"""Self-training, first half: models label open text, and vote.

The labels are as good as the models, but of far more text than anybody annotates (Lee 2013,
"Pseudo-Label"; Xie et al. 2020, "Self-training with Noisy Student improves ImageNet
classification").
"""

import hashlib
import json
import logging
from collections.abc import Iterable, Iterator, Mapping, Sequence
from dataclasses import asdict, dataclass
from itertools import chain
from pathlib import Path

from marsad.adaptation.settings import TeachingConfig
from marsad.adaptation.texts import TextSource
from marsad.adaptation.voting import vote
from marsad.config import load_config
from marsad.corpus import near_duplicates, read_placed
from marsad.document import Document
from marsad.files import atomic_write, sha256, write_json
from marsad.model_folder import ModelFolder, read_settings
from marsad.predicting import predict_into
from marsad.runtime import choose_file, load
from marsad.text.words import count_words

log = logging.getLogger(__name__)

LABELS = "labels"  # in the folder of the stage, whose own torn files are removed
LABELLED = "labelled.jsonl"
_COUNTS = "labelled.json"


@dataclass(frozen=True)
class Labelled:
    """What was labelled: documents, words, and the mentions and events that most models report.

    ``teachers`` are the models, by name and seed, with the SHA-256 of the file that read;
    ``reported`` counts mentions of any of them.
    """

    teachers: Mapping[str, str]
    documents: int
    words: int
    reported: int
    mentions: int
    events: int


def label_texts(options: TeachingConfig, source: TextSource, folder: Path) -> Path:
    """Let models label texts, and return the file of their votes.

    What a killed one had read is not read again.

    Args:
        options: the models, and how much they label.
        source: the texts.
        folder: for the labels and what leads to them.

    Raises:
        DataError: a text is missing or cannot be read.
        ModelError: a model cannot be loaded.
    """
    folder.mkdir(exist_ok=True)
    labelled, articles = folder / LABELLED, folder / "articles.jsonl"
    if labelled.exists():
        return labelled
    if not articles.exists():
        _write(articles, choose_articles(source, options.words, options.article_words))
    answers = [folder / f"answers-{number}.jsonl" for number in range(len(options.models))]
    for model, path in zip(options.models, answers, strict=True):
        if not path.exists():
            log.info("%s labels %s", model, articles)
            predict_into([path], load(model, abstain=0.0), [(articles, articles.stem)])
    write_json(folder / _COUNTS, asdict(_count(options.models, answers)))
    _write(labelled, map(vote, _together(answers)))
    return labelled


def read_labelled(folder: Path) -> Labelled:
    """Return what was labelled in a folder."""
    return Labelled(**json.loads((folder / _COUNTS).read_text(encoding="utf-8")))


def teachers_of(models: Iterable[Path]) -> dict[str, str]:
    """Return the models' names, each with its seed, and the SHA-256 of the file that labels.

    Raises:
        ModelError: a folder holds no model.
    """
    found: dict[str, str] = {}
    for folder in map(ModelFolder, models):
        run = load_config(folder.require("run", "train it with `marsad train`"))
        file = folder[choose_file(folder)]
        name = f"{read_settings(folder).name}, seed {run.seed}"
        found[f"{name}, {folder.path}" if name in found else name] = sha256(file)
    return found


def choose_articles(source: TextSource, words: int, article_words: int) -> Iterator[Document]:
    """Yield beginnings of articles, of each text as many words, none that repeats another.

    Args:
        source: the texts; what it holds out is left out.
        words: of all texts.
        article_words: lines of an article are taken up to so many words, the first in any case.
    """
    share = words / len(source.texts)
    chosen = list(
        chain.from_iterable(
            _some(source.articles(number), f"{number}", share, article_words)
            for number in range(len(source.texts))
        )
    )
    texts = [document.text for document in chosen]
    first = {text: place for place, text in reversed(list(enumerate(texts)))}
    repeated = {later for _, later, _ in near_duplicates(texts)}
    kept = sorted(set(first.values()) - repeated)
    return (chosen[place] for place in kept if count_words(texts[place]))


def _some(articles: Iterable[str], name: str, words: float, most: int) -> Iterator[Document]:
    """Yield beginnings of articles until there are enough words, in an order of chance."""
    for key, article in sorted({_key(article): article for article in articles}.items()):
        if words <= 0:
            return
        text = _beginning(article, most)
        words -= count_words(text)
        yield Document(id=f"{name}-{key[:12]}", text=text)


def _key(article: str) -> str:
    return hashlib.sha256(f"label {article}".encode("utf-8", "surrogatepass")).hexdigest()


def _beginning(article: str, most: int) -> str:
    taken: list[str] = []
    words = 0
    for line in filter(str.strip, article.splitlines()):
        words += count_words(line)
        if taken and words > most:
            break
        taken.append(line)
    return "\n".join(taken).strip()


def _together(answers: Sequence[Path]) -> Iterator[list[Document]]:
    """Yield, of each text, what the models say."""
    for same in zip(*map(read_placed, answers), strict=True):
        yield [placed.document for placed in same]


def _count(models: Sequence[Path], answers: Sequence[Path]) -> Labelled:
    documents = words = reported = mentions = events = 0
    for same in _together(answers):
        kept = vote(same)
        documents += 1
        words += count_words(kept.text)
        reported += len({(e.start, e.end, e.label) for answer in same for e in answer.entities})
        mentions += sum(not kept.is_unsure(entity) for entity in kept.entities)
        events += sum(not kept.is_unsure(e) for s in kept.sentences for e in s.events)
    return Labelled(teachers_of(models), documents, words, reported, mentions, events)


def _write(path: Path, documents: Iterable[Document]) -> None:
    with atomic_write(path) as out:
        out.writelines(f"{document.to_json()}\n" for document in documents)
