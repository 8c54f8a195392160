"""Fuzzing of the text side: ``python -m tests.fuzz --texts 100000 --seed 1``.

Sentences of the corpus are mutated, others made up, and each is read through normaliser, tokenizer,
windows, decoder and record, under logits at random: no exception, and no record that breaks what
:func:`check_invariants` says. ``make fuzz`` runs it; a share of it runs in the tests.
"""

import argparse
import json
import random
import sys
import time
import unicodedata
from collections import Counter
from collections.abc import Callable, Iterator, Mapping, Sequence
from itertools import islice

import numpy as np
import numpy.typing as npt
from tqdm import tqdm

from marsad.corpus import read_corpus
from marsad.document import Document, parse_document
from marsad.encoders.builtin import builtin_folder
from marsad.labels import scheme
from marsad.reader import Reader
from marsad.runtime import read_tokenizer
from marsad.text.batches import Batch
from marsad.text.cleaning import CLEANINGS
from marsad.text.windows import SpecialIds
from marsad.text.words import MAX_PROCLITIC, find_words
from tests.conftest import CORPUS, tiny_tokenizer
from tests.oracle import oracle_settings

Mutation = Callable[[str, random.Random], str]

HARAKAT = "ًٌٍَُِّْٰٕٓٔ"
BIDI = "\u061c\u200e\u200f\u202a\u202b\u202c\u202d\u202e\u2066\u2067\u2068\u2069"
ZERO_WIDTH = "\u00ad\u200b\u200c\u200d\u2060\ufeff\ufe0f"
EMOJI = ("😀", "🇸🇾", "👨‍👩‍👧", "👍🏽", "1️⃣", "❤️", "🏴\U000e0067\U000e0062\U000e007f")
SCRIPTS = ("Дамаск", "שלום", "नमस्ते", "北京", "한국", "ไทย", "Ἑλλάς", "کوردستان", "𐤀𐤁", "ß", "İ")
LINKS = (
    "https://example.org/a?b=1&c",
    "www.x.co",
    "a@b.co",
    "@user_1",
    "&quot;",
    "<b>",
    "</b>",
    "<",
)


def _behind(characters: Sequence[str], share: float) -> Mutation:
    """Put one to three of the characters behind a share of a text's letters."""

    def mutate(text: str, rng: random.Random) -> str:
        return "".join(
            c + "".join(rng.choices(characters, k=rng.randint(1, 3)))
            if c.isalpha() and rng.random() < share
            else c
            for c in text
        )

    return mutate


def _between(parts: Sequence[str]) -> Mutation:
    """Put a few of the parts at places anywhere in a text."""

    def mutate(text: str, rng: random.Random) -> str:
        for _ in range(rng.randint(1, 6)):
            at = rng.randint(0, len(text))
            text = text[:at] + rng.choice(parts) + text[at:]
        return text

    return mutate


def _presentation_forms(text: str, rng: random.Random) -> str:
    return "".join(rng.choice(FORMS.get(c, [c])) if rng.random() < 0.5 else c for c in text)


def _forms() -> dict[str, list[str]]:
    """Return the presentation forms (Unicode blocks FB50 and FE70) of each letter."""
    forms: dict[str, list[str]] = {}
    for code in (*range(0xFB50, 0xFE00), *range(0xFE70, 0xFEFD)):
        forms.setdefault(unicodedata.normalize("NFKC", chr(code))[:1], []).append(chr(code))
    return forms


def _shuffled(text: str, rng: random.Random) -> str:
    characters = list(text)
    for _ in range(rng.randint(1, 10)):
        at = rng.randrange(len(characters) + 1)
        characters[at : at + rng.randint(0, 3)] = rng.choices(characters or ["ا"], k=2)
    return "".join(characters)


def _at_random(_: str, rng: random.Random) -> str:
    """Code points from anywhere, half surrogate pairs and unassigned ones among them."""
    return "".join(chr(rng.randrange(0x110000)) for _ in range(rng.randint(0, 200)))


def _one_letter(_: str, rng: random.Random) -> str:
    length = 1_000_000 if rng.random() < 0.01 else rng.randint(1, 3_000)
    return rng.choice("اaا1٤.،\u064e\u0640<@&😀\ud800 \n") * length


FORMS = _forms()
MUTATIONS: Mapping[str, Mutation] = {
    "as it is": lambda text, rng: text,
    "vowelled": _behind(HARAKAT, 0.7),
    "stretched": _behind("ـ", 0.4),
    "presentation forms": _presentation_forms,
    "bidi controls": _between(BIDI),
    "zero width": _behind(ZERO_WIDTH, 0.2),
    "emoji": _between(EMOJI),
    "surrogates": _between([chr(c) for c in range(0xD800, 0xE000, 97)]),
    "mixed scripts": _between(SCRIPTS),
    "links and markup": _between(LINKS),
    "NFD": lambda text, rng: unicodedata.normalize("NFD", text),
    "NFKC": lambda text, rng: unicodedata.normalize("NFKC", text),
    "no spaces": lambda text, rng: text.replace(" ", ""),
    "stops and lines": _between(
        ["\n", "\r\n", "\u2028", "...", "؟!", "…", "14.30", "أ.د.", "•", "\0"]
    ),
    "shuffled": _shuffled,
    "at random": _at_random,
    "one letter": _one_letter,
}


def make_texts(seeds: Sequence[str], seed: int) -> Iterator[tuple[str, str]]:
    """Yield endless pairs of a mutation's name and a text; one text in three is mutated twice."""
    rng = random.Random(seed)
    names = list(MUTATIONS)
    while True:
        for name in names:
            text = MUTATIONS[name](rng.choice(seeds), rng)
            if rng.random() < 1 / 3 and len(text) < 5_000:
                text = MUTATIONS[rng.choice(names[:-1])](text, rng)
            yield name, text


class Noise:
    """A backend whose logits are random, but always the same for the same piece or sentence."""

    batch_tokens = 512
    workers = 1

    def __init__(self, size: int = 997) -> None:
        names, rng = scheme(), np.random.default_rng(7)
        types, values = len(names.events), len(names.realis)
        shapes = {
            "tags": (len(names.tags),),
            "proclitics": (MAX_PROCLITIC + 1,),
            "events": (types,),
            "realis": (types, values),
        }
        self.tables = {
            name: rng.normal(size=(size, *shape)).astype(np.float32)
            for name, shape in shapes.items()
        }
        self.size = size

    def __call__(self, batch: Batch) -> Mapping[str, npt.NDArray[np.float32]]:
        pieces = batch.input_ids % self.size
        sentences = (batch.sentence_mask @ batch.input_ids[..., None])[..., 0].astype(int)
        at = {"tags": pieces, "proclitics": pieces}
        return {
            name: table[at.get(name, sentences % self.size)] for name, table in self.tables.items()
        }


def check_invariants(document: Document, text: str) -> None:
    """Assert what holds of any record, whatever the text and whatever the model says."""
    assert document.text == text
    assert document.coverage == 1.0
    seen = np.zeros(len(text), dtype=int)
    for sentence in document.sentences:
        assert 0 <= sentence.start < sentence.end <= len(text)
        seen[sentence.start : sentence.end] += 1
        assert len({event.type for event in sentence.events}) == len(sentence.events)
    assert (seen <= 1).all()
    assert all(text[i].isspace() for i in np.flatnonzero(seen == 0))
    starts, ends = (set(column) for column in find_words(text).T.tolist())
    last = 0
    for entity in document.entities:
        assert last <= entity.start < entity.end <= len(text)
        last = entity.end
        assert entity.start in starts or not combines(text, entity.start)
        assert entity.end in ends
        assert not combines(text, entity.end)
        assert (seen[entity.start : entity.end] == 1).all()
        assert not any(entity.start < s.end < entity.end for s in document.sentences)
    again = parse_document(json.loads(document.to_json()), "record")
    assert [document.mention(e) for e in again.entities] == [
        text[e.start : e.end] for e in document.entities
    ]


def combines(text: str, at: int) -> bool:
    """Say whether the character there is a mark on the one before it."""
    return at < len(text) and unicodedata.category(text[at]).startswith("M")


def make_readers() -> list[Reader]:
    """Return readers over the builtin encoder's tokenizer and over one of AraBERT's form."""
    texts = [document.text for document in read_corpus(CORPUS / "dev.jsonl")]
    unigram = read_tokenizer(builtin_folder("me5-small-ar") / "tokenizer.json")
    return [
        Reader(unigram, oracle_settings(SpecialIds(0, 2, 1), CLEANINGS["marks"]), Noise()),
        Reader(
            tiny_tokenizer(texts).backend_tokenizer,
            oracle_settings(SpecialIds(2, 3, 0), CLEANINGS["arabert"]),
            Noise(),
        ),
    ]


def fuzz(readers: Sequence[Reader], seed: int, *, texts: int, seconds: float) -> Counter[str]:
    """Read texts until there were enough or the time is up; return how many of each kind.

    Raises:
        AssertionError: a record is unsound; the message shows seed, number and text.
    """
    documents = read_corpus(CORPUS / "train.jsonl")
    seeds = [d.text[s.start : s.end] for d in documents for s in d.sentences]
    seeds += [document.text for document in documents]
    counts: Counter[str] = Counter()
    begin = time.monotonic()
    for name, text in tqdm(islice(make_texts(seeds, seed), texts), total=texts, disable=None):
        if time.monotonic() - begin > seconds:
            break
        for reader in readers:
            try:
                check_invariants(reader(text), text)
            except Exception as error:
                raise AssertionError(
                    f"seed {seed}, text {counts.total()}, {name}: {text[:300]!r}"
                ) from error
        counts[name] += 1
    return counts


def main() -> int:
    """Run it as a command; return the exit code."""
    parser = argparse.ArgumentParser(description="fuzz the text side")
    parser.add_argument("--texts", type=int, default=100_000)
    parser.add_argument("--seed", type=int, default=1)
    parser.add_argument("--seconds", type=float, default=float("inf"))
    arguments = parser.parse_args()
    begin = time.monotonic()
    counts = fuzz(make_readers(), arguments.seed, texts=arguments.texts, seconds=arguments.seconds)
    for name, count in counts.items():
        print(f"{count:>8}  {name}")
    print(f"{counts.total():>8}  texts, {time.monotonic() - begin:.0f} s, all records sound")
    return 0


if __name__ == "__main__":
    sys.exit(main())
