import json
from pathlib import Path
from xml.etree import ElementTree as ET

import pytest

from marsad.corpus import near_duplicates, read_corpus
from marsad.document import Document, Entity, Event, Sentence
from marsad.labels import scheme
from marsad.plots import draw_all
from marsad.stats import CorpusStats, count
from tests.conftest import CORPUS

SPLITS = ("train", "dev", "test", "test_place")


@pytest.fixture(scope="module")
def whole() -> list[Document]:
    return [d for split in SPLITS for d in read_corpus(CORPUS / f"{split}.jsonl")]


@pytest.fixture(scope="module")
def stats(whole: list[Document]) -> CorpusStats:
    return count(whole)


def test_counts_of_a_small_document():
    text = "قصف بدرعا واعتقال. ثم هدوء."
    document = Document(
        id="a",
        text=text,
        sentences=(
            Sentence(0, 18, (Event("shelling", "actual"), Event("arrest", "planned"))),
            Sentence(19, 27),
        ),
        entities=(Entity(5, 9, "GPE"),),
        meta={"country": "Syria"},
    )
    own = count([document, document])
    assert (own.documents, own.sentences, own.without_event, own.lengths) == (2, 4, 2, (3, 2, 3, 2))
    assert (own.entities["GPE"], own.distinct["GPE"], own.behind_proclitic) == (2, 1, 2)
    assert own.of_type("arrest") == own.events["arrest"]["planned"] == 2
    assert own.together == {("arrest", "shelling"): 2}
    assert own.realis_share("planned") == 0.5
    assert own.meta["country"] == {"Syria": 4}


def test_corpus_is_large_and_varied(stats: CorpusStats, whole: list[Document]):
    assert stats.documents >= 240
    assert stats.sentences >= 2000
    assert set(stats.meta["genre"]) == {
        "wire", "headline", "ngo", "eyewitness", "communique", "background", "analysis", "social",
        "translated", "plain",
    }  # fmt: skip
    assert 0.4 <= stats.meta["country"]["Syria"] / stats.sentences <= 0.6
    assert {"Iraq", "Yemen", "Libya", "Sudan", "Lebanon", "Palestine"} <= set(stats.meta["country"])
    assert max(stats.lengths) <= 70
    assert sum(length >= 4 for length in stats.lengths) / stats.sentences > 0.99
    assert min(int(d.meta["year"]) for d in whole if d.meta["country"] == "Syria") == 2011
    assert all("invented" in d.meta["origin"] for d in whole)


def test_corpus_is_balanced(stats: CorpusStats):
    assert {n: stats.of_type(n) for n in scheme().event_names if stats.of_type(n) < 60} == {}
    assert stats.without_event / stats.sentences >= 0.2
    assert stats.realis_share("planned", "negated") >= 0.15
    assert all(counts["planned"] + counts["negated"] for counts in stats.events.values())
    few = {name for name, number in stats.entities.items() if number < 300}
    assert few <= {"EVENT"}
    assert stats.entities["EVENT"] >= 150
    assert stats.behind_proclitic / sum(stats.entities.values()) >= 0.1
    assert stats.distinct["GPE"] + stats.distinct["LOC"] >= 150
    assert stats.distinct["MIL"] >= 80
    assert stats.distinct["ORG"] >= 60


def test_corpus_has_the_surface_of_real_text(whole: list[Document]):
    text = "\n".join(document.text for document in whole)
    marks = (
        "ـ",
        "َ",
        "٤",
        "4",
        "«",
        "“",
        '"',
        "%",
        "#",
        "M4",
        "SDF",
        ".30",
        "شباط",
        "فبراير",
        "رمضان",
    )
    assert [mark for mark in marks if mark not in text] == []


def test_held_out_countries_occur_nowhere_else(whole: list[Document]):
    words = (
        "السودان",
        "سوداني",
        "ليبيا",
        "ليبي ",
        "الليبي",
        "الخرطوم",
        "دارفور",
        "بنغازي",
        "طرابلس الغرب",
    )
    for document in whole:
        if document.meta["country"] not in ("Sudan", "Libya"):
            assert [word for word in words if word in document.text] == [], document.id


def test_no_two_sentences_share_most_of_their_trigrams(whole: list[Document]):
    sentences = [d.text[s.start : s.end] for d in whole for s in d.sentences]
    assert list(near_duplicates(sentences)) == []


def test_pictures_are_svg_and_reproducible(stats: CorpusStats, tmp_path: Path):
    one, two = draw_all(stats, tmp_path / "one"), draw_all(stats, tmp_path / "two")
    assert len(one) == 5
    assert [p.read_bytes() for p in one] == [p.read_bytes() for p in two]
    assert all(ET.parse(path).getroot().tag.endswith("svg") for path in one)


def test_record_is_json(stats: CorpusStats):
    record = json.loads(json.dumps(stats.to_record()))
    assert record["sentences"] == stats.sentences
    assert record["words_per_sentence"]["max"] <= 70
