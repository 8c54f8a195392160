"""Parts of the data, against the scorer on each part alone."""

from collections.abc import Sequence
from dataclasses import replace

import pytest

from marsad.document import Document, Entity, Event, Sentence
from marsad.scoring import own_ruler, score
from marsad.scoring.slices import OTHERS, Slice, score_slices
from marsad.text.words import count_words

Pairs = Sequence[tuple[Document, Document]]


def document(number: int, country: str, *, found: bool = True) -> tuple[Document, Document]:
    """Return a document with a short and a long sentence, annotated and as predicted."""
    short, long = "قصفت درعا.", "وصل وفد من حلب إلى دمشق ظهر أمس بعد رحلة طويلة شاقة عبر الصحراء."
    text = f"{short} {long}"
    places = [Entity(text.index(p), text.index(p) + len(p), "GPE") for p in ("درعا", "حلب", "دمشق")]
    sentences = (
        Sentence(0, len(short), (Event("shelling", "actual"),)),
        Sentence(len(short) + 1, len(text)),
    )
    gold = Document(f"d{number}", text, sentences, tuple(places), {"country": country})
    return gold, replace(gold, entities=tuple(places if found else places[:1]))


def slices(pairs: Pairs, **tasks: bool) -> dict[str, dict[str, Slice]]:
    gold, own = zip(*pairs, strict=True)
    return score_slices(gold, own, own_ruler(), **tasks)


@pytest.fixture
def pairs() -> Pairs:
    return [
        *(document(n, "Syria") for n in range(12)),
        *(document(n, "Iraq", found=False) for n in range(12, 16)),
        document(16, "Mali"),
        document(17, "Chad", found=False),
    ]


def test_a_country_is_scored_as_if_it_were_all(pairs: Pairs):
    countries = slices(pairs)["country"]
    assert list(countries) == ["Syria", "Iraq", OTHERS]
    for name, wanted in (("Syria", {"Syria"}), ("Iraq", {"Iraq"}), (OTHERS, {"Mali", "Chad"})):
        gold, own = zip(*(p for p in pairs if p[0].meta["country"] in wanted), strict=True)
        alone = score(gold, own, entities=True, events=True).tables["entities"]
        part = countries[name]
        assert (part.documents, part.sentences) == (len(gold), 2 * len(gold))
        assert part.entities is not None
        assert part.entities.f1 == alone.micro.f1
        assert part.entities.support == alone.micro.support
        assert part.entities.interval == alone.micro_interval


def test_the_lengths_of_sentences_part_them_all(pairs: Pairs):
    lengths = slices(pairs)["words a sentence"]
    assert {name: part.sentences for name, part in lengths.items()} == {
        "1 to 10": 18,
        "11 to 20": 18,
    }
    short, long = lengths["1 to 10"], lengths["11 to 20"]
    assert short.entities is not None
    assert long.entities is not None
    assert (short.entities.f1, short.entities.support) == (1.0, 18)
    assert long.entities.support == 36
    assert long.entities.f1 == pytest.approx(2 * 26 / (26 + 36))  # 5 documents lack both
    assert short.events is not None
    assert short.events.support == 18
    assert long.events is not None
    assert long.events.support == 0


def test_sentences_of_every_length_have_one_part(documents: list[Document]):
    found = score_slices(documents, documents, own_ruler())["words a sentence"]
    sizes = [count_words(d.text[s.start : s.end]) for d in documents for s in d.sentences]
    assert sum(part.sentences for part in found.values()) == len(sizes)
    assert found["1 to 10"].sentences == sum(size <= 10 for size in sizes)


def test_what_would_be_all_of_the_data_is_no_part(pairs: Pairs):
    assert "genre" not in slices(pairs)
    assert "country" not in slices(pairs[:12])


def test_a_task_that_a_system_does_not_read_has_no_figures(pairs: Pairs):
    parts = slices(pairs, events=False)["country"].values()
    assert all(part.events is None and part.entities for part in parts)
