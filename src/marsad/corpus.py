"""The corpus: annotated documents in JSON Lines, read and checked.

Checks name file and line. Errors make a corpus unfit for training; warnings are places that a
person should look at.
"""

import re
from bisect import bisect_left
from collections import Counter, defaultdict
from collections.abc import Iterable, Iterator, Mapping, Sequence
from dataclasses import dataclass, replace
from itertools import accumulate
from pathlib import Path
from typing import Literal

from marsad.document import Document, Entity, Sentence, parse_document, place_of
from marsad.errors import DataError
from marsad.files import read_records
from marsad.labels import scheme
from marsad.spans import Ints, tag_words
from marsad.text.sentences import split_sentences
from marsad.text.words import find_words, follows_letter

_HARAKAT_AND_TATWEEL = re.compile("[\u0640\u064b-\u0652\u0670]")
_EDGE = re.compile(r"^[\s\"'«»“”‘’().،,؛;:!؟?…\-–]|[\s\"'«»“”‘’()،,؛;:!؟?…\-–]$|(?<![A-Za-z])\.$")
_PROCLITIC = re.compile(r"^([وف]?[بلك]?)(?=.)")
_WITH_ARTICLE = re.compile(r"^(?:[وف][بك]?ال|[بك]ال|[وف]?لل)(?=\w{3})")

# Two sentences that share more of their word 3-grams than this are near-duplicates.
NEAR_DUPLICATE = 0.6
_FEWEST_GRAMS = 4  # shorter sentences say too little to compare
_SIGNED = 3  # places that have one sentence: the source may sign its items so

Level = Literal["error", "warning"]


@dataclass(frozen=True, order=True)
class Problem:
    """Something wrong at one place of a corpus."""

    where: str
    message: str
    level: Level = "error"

    def __str__(self) -> str:
        return f"{self.where}: {self.level}: {self.message}"


@dataclass(frozen=True)
class Placed:
    """A document and the place that it was read from, ``file:line``."""

    where: str
    document: Document


def find_shared(documents: Iterable[Document], others: Iterable[Document]) -> Document | None:
    """Return the first of the documents whose words stand in one of the others, if any does."""
    known = {words_of(document) for document in others}
    return next((document for document in documents if words_of(document) in known), None)


def words_of(document: Document) -> str:
    """Return the words of a document, whatever stands between them."""
    return " ".join(document.text.split())


def read_placed(path: Path) -> Iterator[Placed]:
    """Yield the documents of a JSON Lines file with their places.

    Raises:
        DataError: a line is not JSON or not a document, or the file cannot be read.
    """
    for where, record in read_records(path):
        yield Placed(where, parse_document(record, where))


def read_corpus(path: Path) -> list[Document]:
    """Read a JSON Lines file of annotated documents and check it.

    Raises:
        DataError: the file is unreadable or has an error; the message names the first.
    """
    placed = list(read_placed(path))
    found = [*check_documents(placed), *check_ids(placed)]
    errors = [p for p in found if p.level == "error"]
    if errors:
        more = f" (and {len(errors) - 1} more; run: marsad data check {path})" if errors[1:] else ""
        raise DataError(f"{errors[0].where}: {errors[0].message}{more}")
    return [p.document for p in placed]


def corpus_files(paths: Iterable[Path]) -> list[Path]:
    """Return the JSON Lines files among the paths, folders opened.

    Raises:
        DataError: a path does not exist or a folder holds no such file.
    """
    files: list[Path] = []
    for path in paths:
        found = sorted(path.glob("*.jsonl")) if path.is_dir() else [path]
        if not found:
            raise DataError(f"{path}: no .jsonl file in this folder; name the corpus files")
        files += found
    return files


def check_files(paths: Iterable[Path]) -> list[Problem]:
    """Check corpus files, each on its own and all together for duplicates."""
    by_file = {path: list(read_placed(path)) for path in corpus_files(paths)}
    problems = [p for placed in by_file.values() for p in check_documents(placed)]
    problems += check_proclitics(by_file)
    problems += check_duplicates(by_file)
    return problems


def check_documents(placed: Iterable[Placed]) -> list[Problem]:
    """Check offsets, labels, order, coverage and nesting of each document."""
    problems = []
    for item in placed:
        if item.document.model:
            text = (
                f"is of the model {item.document.model.name}; remove `model` once it is corrected"
            )
            problems.append(Problem(item.where, text, "warning"))
        words = find_words(item.document.text)
        messages = [*_check_sentences(item.document), *_check_entities(item.document, words)]
        problems += [Problem(item.where, message) for message in messages]
    return problems


def _check_sentences(doc: Document) -> Iterator[str]:
    position = 0
    for sentence in doc.sentences:
        span = f"sentence {sentence.start}..{sentence.end}"
        if not position <= sentence.start < sentence.end <= len(doc.text):
            yield f"{span} is empty, outside the text, out of order or overlaps the one before it"
            return
        if doc.text[position : sentence.start].strip():
            yield f"text {position}..{sentence.start} lies in no sentence"
        position = sentence.end
        seen = Counter(event.type for event in sentence.events)
        for event in sentence.events:
            for message in (scheme().check_event(event.type), scheme().check_realis(event.realis)):
                if message:
                    yield f"{span}: {message}"
        for name, count in seen.items():
            if count > 1:
                yield f"{span}: {name} is given {count} times; one type once per sentence"
    if doc.text[position:].strip():
        yield f"text {position}..{len(doc.text)} lies in no sentence"


def _check_entities(doc: Document, words: Ints) -> Iterator[str]:
    sound = []
    previous: Entity | None = None
    for entity in sorted(doc.entities, key=place_of):
        span = f"entity {entity.start}..{entity.end}"
        if not 0 <= entity.start < entity.end <= len(doc.text):
            yield f"{span} is empty or outside the text of {len(doc.text)} characters"
            continue
        mention = doc.mention(entity)
        span += f" {mention!r}"
        if message := scheme().check_entity(entity.label):
            yield f"{span}: {message}"
            continue
        if _EDGE.search(mention):
            yield f"{span} has a space or punctuation at its edge (guidelines rule 3)"
            continue
        if previous and entity.start < previous.end:
            yield f"{span} overlaps {previous.start}..{previous.end}; mentions are flat (rule 2)"
            continue
        if not any(s.start <= entity.start and entity.end <= s.end for s in doc.sentences):
            yield f"{span} lies in no single sentence"
        previous = entity
        sound.append(entity)
    _, misfits = tag_words(doc.text, words, sound, scheme().tags)
    for entity, reason in misfits:
        yield f"entity {entity.start}..{entity.end} {doc.mention(entity)!r} {reason}"


def with_sentences(document: Document) -> Document:
    """Return a document split into sentences, none of which ends within a mention."""
    entities = sorted(document.entities, key=place_of)
    starts = [entity.start for entity in entities]
    reach = list(accumulate((entity.end for entity in entities), max, initial=0))
    joined: list[Sentence] = []
    for start, end in split_sentences(document.text):
        if joined and reach[bisect_left(starts, joined[-1].end)] > joined[-1].end:
            start = joined.pop().start
        joined.append(Sentence(start, end))
    return replace(document, sentences=tuple(joined))


def sound_entities(document: Document) -> list[Entity]:
    """Return the mentions that an annotated document may hold, each whatever others it holds."""
    words = find_words(document.text)
    return [
        entity
        for entity in document.entities
        if not any(_check_entities(replace(document, entities=(entity,)), words))
    ]


def check_proclitics(by_file: Mapping[Path, Sequence[Placed]]) -> list[Problem]:
    """Warn of mentions that seem to start with a proclitic (rule 1).

    A mention is suspect when it starts with a proclitic and the article (والـ، بالـ، للـ), or when
    the corpus has the rest of it as a mention of the same label more often than the whole.
    """
    placed = [item for items in by_file.values() for item in items]
    counts = Counter(
        (e.label, item.document.mention(e)) for item in placed for e in item.document.entities
    )
    problems = []
    for item in placed:
        doc = item.document
        for entity in doc.entities:
            mention = doc.mention(entity)
            lead = _PROCLITIC.match(mention)
            rest = mention[lead.end() :] if lead and lead.group() else None
            after_clitic = follows_letter(doc.text, entity.start)
            common = counts[entity.label, rest] > counts[entity.label, mention] if rest else False
            if not after_clitic and (common or _WITH_ARTICLE.match(mention)):
                if counts[entity.label, mention] > 1 and not common:
                    continue
                text = f"entity {entity.start}..{entity.end} {mention!r} may start with a proclitic"
                problems.append(Problem(item.where, f"{text}; rule 1 leaves it outside", "warning"))
    return problems


def word_trigrams(text: str) -> frozenset[tuple[str, str, str]]:
    """Return the word 3-grams of a text, vowel signs and tatweel removed."""
    words = re.findall(r"\w+", _HARAKAT_AND_TATWEEL.sub("", text))
    return frozenset(zip(words, words[1:], words[2:], strict=False))


def check_ids(placed: Iterable[Placed]) -> list[Problem]:
    """Find document ids that are given twice."""
    problems = []
    first_at: dict[str, str] = {}
    for item in placed:
        if other := first_at.get(item.document.id):
            problems.append(Problem(item.where, f"id {item.document.id!r} again; see {other}"))
        first_at.setdefault(item.document.id, item.where)
    return problems


def check_duplicates(by_file: Mapping[Path, Sequence[Placed]]) -> list[Problem]:
    """Find ids and texts given twice, and sentences that repeat most of another's word 3-grams.

    A sentence that three places have word for word is a warning alone, for a source may sign all
    its items; but a document of which most stands in others is an error.
    """
    placed = [item for items in by_file.values() for item in items]
    problems = check_ids(placed)
    whole: dict[str, str] = {}
    places: dict[str, list[str]] = {}
    for item in placed:
        if other := whole.get(words := words_of(item.document)):
            problems.append(Problem(item.where, f"the text of {other} again; leave one out"))
            continue
        whole[words] = item.where
        spans = ((s.start, s.end) for s in item.document.sentences)
        texts = [" ".join(item.document.text[start:end].split()) for start, end in spans]
        own = [text for text in texts if len(word_trigrams(text)) >= _FEWEST_GRAMS]
        again = [places[text][0] for text in own if text in places]
        if 2 * len(again) > len(texts):
            known = f"{len(again)} of its {len(texts)} sentences stand elsewhere"
            problems.append(Problem(item.where, f"{known}, first at {again[0]}; leave it out"))
        for text in own:
            places.setdefault(text, []).append(item.where)
    for text, where in places.items():
        if len(where) > 1:
            found = f"sentence {text[:40]!r}… stands {len(where)} times, first at {where[0]}"
            level: Level = "error" if len(where) < _SIGNED else "warning"
            problems.append(Problem(where[1], found, level))
    distinct = [*places.items()]
    for i, j, share in near_duplicates([text for text, _ in distinct]):
        problems.append(
            Problem(
                distinct[j][1][0],
                f"sentence {distinct[j][0][:40]!r}… shares {share:.0%} of its word 3-grams "
                f"with one at {distinct[i][1][0]}; write another",
            )
        )
    return problems


def near_duplicates(sentences: Sequence[str]) -> Iterator[tuple[int, int, float]]:
    """Yield pairs of sentences that share more than 60 % of the shorter one's word 3-grams.

    Such a pair shares one of the shorter one's rarest 40 %, so that what opens every item of an
    agency proposes no pair (Bayardo et al. 2007, "Scaling Up All Pairs Similarity Search").
    """
    grams = [word_trigrams(sentence) for sentence in sentences]
    holders: dict[tuple[str, str, str], list[int]] = defaultdict(list)
    for number, own in enumerate(grams):
        for gram in own:
            holders[gram].append(number)
    pairs: dict[tuple[int, int], float] = {}
    for number, own in enumerate(grams):
        if len(own) < _FEWEST_GRAMS:
            continue
        rarest = sorted(own, key=lambda gram: (len(holders[gram]), gram))
        rarest = rarest[: len(own) - int(NEAR_DUPLICATE * len(own))]
        for other in {holder for gram in rarest for holder in holders[gram]} - {number}:
            share = len(own & grams[other]) / len(own)
            if len(own) <= len(grams[other]) and share > NEAR_DUPLICATE:
                pairs[min(number, other), max(number, other)] = share
    for (i, j), share in sorted(pairs.items()):
        yield i, j, share
