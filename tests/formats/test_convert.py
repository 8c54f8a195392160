"""Round trips: what is written in a format is read back exactly, or refused."""

import json
import random
import tempfile
import xml.etree.ElementTree as ElementTree
from collections.abc import Callable
from dataclasses import replace
from itertools import pairwise
from pathlib import Path

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from marsad.cli import run
from marsad.document import Document, Entity, Event, ModelStamp, Sentence
from marsad.errors import DataError
from marsad.formats import FORMATS, Format
from marsad.formats.labelstudio import labelstudio_config
from marsad.formats.soundness import sound
from marsad.labels import scheme
from marsad.text.words import MAX_PROCLITIC, find_words, letter_starts
from tests.conftest import CORPUS

ALL = sorted(FORMATS)
TEXT = "قصفت مدينة بدرعا.\nلا شيء"
DOCUMENT = Document(
    "sy-1",
    TEXT,
    (Sentence(0, 17, (Event("shelling", "actual"), Event("killing", "planned"))), Sentence(18, 24)),
    (Entity(12, 16, "GPE"),),
    {"genre": "wire", "years": [2012, None], "note": "سطر\nآخر"},
)
PREDICTION = replace(
    DOCUMENT,
    sentences=(Sentence(0, 17, (Event("shelling", "actual", 0.875),)), Sentence(18, 24)),
    entities=(Entity(12, 16, "GPE", 0.9312), Entity(18, 20, "LOC", 1.0)),
    coverage=2 / 3,
    warnings=("no words in the text",),
    model=ModelStamp("joint", "1.2.0", "0123456789abcdef"),
)


def round_trip(format_: Format, documents: list[Document]) -> list[Document]:
    with tempfile.TemporaryDirectory() as folder:
        path = Path(folder) / "out"
        format_.write(documents, path)
        return list(format_.read(path))


def round_trip_or_refusal(format_: Format, document: Document) -> Document | str:
    try:
        return round_trip(format_, [document])[0]
    except DataError as error:
        return str(error)


def predicted(document: Document) -> Document:
    """The document as if a model had marked it."""
    chance = random.Random(document.id)

    def score() -> float:
        return round(chance.random(), 4)

    return replace(
        document,
        sentences=tuple(
            replace(s, events=tuple(replace(e, score=score()) for e in s.events))
            for s in document.sentences
        ),
        entities=tuple(replace(e, score=score()) for e in document.entities),
        coverage=chance.random(),
        warnings=chance.choice([(), ("odd \n and odder",)]),
        model=PREDICTION.model,
    )


@pytest.fixture(scope="module")
def corpus_file(tmp_path_factory: pytest.TempPathFactory) -> Path:
    path = tmp_path_factory.mktemp("corpus") / "all.jsonl"
    path.write_bytes(b"".join(file.read_bytes() for file in sorted(CORPUS.glob("*.jsonl"))))
    return path


@pytest.fixture(scope="module")
def corpus(corpus_file: Path) -> list[Document]:
    return list(FORMATS["jsonl"].read(corpus_file))


@pytest.mark.parametrize("name", ALL)
def test_whole_corpus_comes_back_to_the_byte(name: str, corpus_file: Path, tmp_path: Path):
    there, back = tmp_path / "there", tmp_path / "back.jsonl"
    assert run(["data", "convert", str(corpus_file), str(there), "--to", name]) == 0
    assert run(["data", "convert", str(there), str(back), "--from", name]) == 0
    assert back.read_bytes() == corpus_file.read_bytes()


@pytest.mark.parametrize("name", ALL)
def test_predictions_come_back_with_scores_and_stamp(name: str, corpus: list[Document]):
    documents = [PREDICTION, *map(predicted, corpus[::10])]
    assert round_trip(FORMATS[name], documents) == documents


@pytest.mark.parametrize("name", ALL)
@pytest.mark.parametrize(
    "document",
    [
        DOCUMENT,
        replace(DOCUMENT, sentences=(), entities=()),
        replace(DOCUMENT, sentences=(Sentence(5, 16),), meta={}),
        replace(PREDICTION, coverage=1, warnings=()),
        replace(PREDICTION, model=None, coverage=None, warnings=None),
        replace(DOCUMENT, entities=(Entity(12, 16, "MISC"),)),
        replace(DOCUMENT, id="قصة 1.2"),
    ],
    ids=["annotated", "bare", "gaps", "full coverage", "scores alone", "foreign label", "id"],
)
def test_single_documents_come_back(name: str, document: Document):
    assert round_trip(FORMATS[name], [document]) == [document]


PIECES = (
    *("\n", "\t", " ", "  ", "\r\n", "\u2028", "\x85", "\x1f", "\xa0", "\0"),
    *("😀", "👩\u200d🚀", "e\u0301", "\u200f", "\u202b", "\u2067", "\ufeff", "\u0301", "ـ"),
    *('"', "'", "\\", "\\n", "«", "<b>", "&amp;", "#", "# id = 1", "-DOCSTART-", "_", "O", "B-PER"),
    *("درعا", "وبدرعا", "قُتِل", "14.30", "الكتيبة", "."),
)
texts = st.lists(st.sampled_from(PIECES), max_size=12).map("".join)


@st.composite
def odd_documents(draw: st.DrawFn) -> Document:
    """Any sound document, however badly its marks lie."""
    text = draw(texts)
    offsets = st.integers(0, len(text))
    cuts = sorted(draw(st.sets(offsets, max_size=4)))
    names = st.sampled_from(scheme().event_names)
    types = st.lists(names, unique=True, max_size=2).map(tuple)
    scores = st.none() | st.sampled_from([0, 1, 0.5, 0.1234])
    realis = st.sampled_from(scheme().realis_names)
    sentences = [
        Sentence(a, b, tuple(Event(t, draw(realis), draw(scores)) for t in draw(types)))
        for a, b in pairwise(cuts)
        if draw(st.booleans())
    ]
    spans = st.tuples(offsets, offsets).map(sorted).filter(lambda span: span[0] < span[1])
    marks = draw(st.lists(spans, max_size=3, unique_by=tuple)) if len(text) else []
    labels = st.sampled_from(["PER", "GPE", "Sentence", "two words"])
    return Document(
        draw(st.sampled_from(["a", "a/b", "..", "", "# id", "س\n"])),
        text,
        tuple(sentences),
        tuple(Entity(a, b, draw(labels), draw(scores)) for a, b in sorted(marks)),
        draw(st.dictionaries(st.sampled_from(PIECES), st.sampled_from(PIECES), max_size=2)),
        **draw(st.sampled_from([{}, {"model": PREDICTION.model, "coverage": 0.5, "warnings": ()}])),
    )


@st.composite
def proper_documents(draw: st.DrawFn) -> Document:
    """A document as people annotate: sentences are lines, mentions lie on words."""
    text = "قال: " + draw(texts).replace("\0", "")
    sentences, start = [], 0
    for line in text.splitlines(keepends=True):
        content = line.splitlines()[0]
        if content.strip():
            sentences.append(Sentence(start, start + len(content)))
        start += len(line)
    entities = []
    for a, b in find_words(text).tolist():
        if draw(st.booleans()):
            lead = draw(st.sampled_from(letter_starts(text[a:b])[: MAX_PROCLITIC + 1]))
            entities.append(Entity(a + lead, b, draw(st.sampled_from(scheme().entity_names))))
    return Document("a", text, tuple(sentences), tuple(entities))


@pytest.mark.parametrize("name", ALL)
@settings(max_examples=30, deadline=None)
@given(document=odd_documents())
def test_odd_document_comes_back_or_is_refused_by_name(name: str, document: Document):
    outcome = round_trip_or_refusal(FORMATS[name], document)
    if isinstance(outcome, Document):
        assert outcome == sound(document, "here")
    else:
        assert name != "jsonl"
        assert outcome.startswith(f"document {document.id!r}: ")
        assert "\n" not in outcome


@pytest.mark.parametrize("name", ALL)
@settings(max_examples=30, deadline=None)
@given(document=proper_documents())
def test_proper_document_comes_back_from_every_format(name: str, document: Document):
    assert round_trip(FORMATS[name], [document]) == [document]


def entities(*spans: tuple[int, int, str]) -> Callable[[], Document]:
    return lambda: replace(DOCUMENT, entities=tuple(Entity(*span) for span in spans))


@pytest.mark.parametrize(
    ("name", "document", "reason"),
    [
        ("conll", entities((0, 3, "GPE")), "entity 0..3 'قصف' ends inside a word"),
        ("conll", entities((0, 10, "GPE"), (5, 10, "LOC")), "shares a word with another mention"),
        ("conll", entities((16, 20, "GPE")), "crosses the edge of a sentence"),
        ("conll", entities((0, 4, "two words")), "label 'two words' has a space"),
        ("conll", lambda: Document("sy-1", "a\0b"), "has a NUL character"),
        ("brat", entities((16, 20, "GPE")), "entity 16..20 crosses a line end"),
        ("brat", lambda: replace(DOCUMENT, sentences=(Sentence(0, 24),)), "sentence 0..24 crosses"),
        ("brat", entities((0, 4, "شخص")), "label 'شخص' has other than"),
        ("brat", entities((0, 4, "Sentence")), "is labelled 'Sentence'"),
        ("brat", lambda: Document("sy-1", " \n"), "its text is blank"),
        ("brat", lambda: Document("sy-1", "\ufeffa"), "opens with a byte-order mark"),
        ("labelstudio", entities((0, 4, "Sentence")), "is labelled 'Sentence'"),
        ("doccano", lambda: Document("sy-1", ""), "its text is empty"),
        ("prodigy", entities((4, 10, "GPE")), "entity 4..10 begins or ends in a space"),
        ("jsonl", entities((20, 30, "GPE")), "entity 20..30 is empty or outside the text of 24"),
        ("jsonl", entities((0, 4, "GPE"), (0, 4, "GPE")), "entity 0..4 GPE is given twice"),
        ("jsonl", entities((0, 4, "")), "entity 0..4 has no label"),
        (
            "jsonl",
            lambda: replace(DOCUMENT, sentences=(Sentence(0, 9), Sentence(8, 10))),
            "sentence 8..10 is empty, outside the text or overlaps",
        ),
        (
            "jsonl",
            lambda: replace(DOCUMENT, sentences=(Sentence(0, 9, (Event("seige", "actual"),)),)),
            "unknown event type 'seige' (did you mean 'siege'?)",
        ),
        (
            "jsonl",
            lambda: replace(DOCUMENT, sentences=(Sentence(0, 9, (Event("siege", "real"),)),)),
            "unknown realis 'real'",
        ),
        (
            "jsonl",
            lambda: replace(DOCUMENT, sentences=(Sentence(0, 9, (Event("aid", "actual"),) * 2),)),
            "aid is given twice",
        ),
        ("jsonl", lambda: replace(DOCUMENT, coverage=0.5), "coverage or warnings but no model"),
        ("jsonl", lambda: Document("sy-1", "\ud800"), "cannot be written as JSON in UTF-8"),
        ("jsonl", lambda: replace(DOCUMENT, meta={"x": float("nan")}), "cannot be written as JSON"),
    ],
)
def test_what_a_format_cannot_hold_is_refused(
    name: str, document: Callable[[], Document], reason: str, tmp_path: Path
):
    with pytest.raises(DataError) as caught:
        FORMATS[name].write([DOCUMENT, document()], tmp_path / "out")
    assert str(caught.value).startswith("document 'sy-1': ")
    assert reason in str(caught.value)
    assert not list(tmp_path.iterdir())


def test_marks_are_put_in_the_order_of_the_text(tmp_path: Path):
    mixed = replace(
        DOCUMENT,
        sentences=DOCUMENT.sentences[::-1],
        entities=(Entity(18, 20, "LOC"), Entity(0, 4, "WEA")),
    )
    for format_ in FORMATS.values():
        (back,) = round_trip(format_, [mixed])
        assert back.sentences == DOCUMENT.sentences
        assert back.entities == mixed.entities[::-1]


def test_brat_offsets_point_into_the_text_files(corpus: list[Document], tmp_path: Path):
    FORMATS["brat"].write(corpus, tmp_path / "brat")
    assert len(list((tmp_path / "brat").glob("*.ann"))) == len(corpus)
    for document in corpus:
        text = (tmp_path / "brat" / f"{document.id}.txt").read_bytes().decode("utf-8")
        lines = (tmp_path / "brat" / f"{document.id}.ann").read_text(encoding="utf-8").splitlines()
        spans = [line.split("\t") for line in lines if line.startswith("T")]
        assert len(spans) == len(document.sentences) + len(document.entities)
        for _, place, covered in spans:
            _, start, end = place.split(" ")
            assert text[int(start) : int(end)] == covered
        attributes = [line.split("\t") for line in lines if line.startswith("A")]
        assert len({id_ for id_, _ in attributes}) == sum(len(s.events) for s in document.sentences)


def test_brat_configuration_names_every_label(tmp_path: Path):
    FORMATS["brat"].write([DOCUMENT], tmp_path / "brat")
    conf = (tmp_path / "brat" / "annotation.conf").read_text(encoding="utf-8").splitlines()
    assert set(scheme().entity_names) < set(conf)
    assert "siege\tArg:Sentence, Value:actual|negated|planned" in conf


def test_brat_wants_a_new_or_empty_folder(tmp_path: Path):
    FORMATS["brat"].write([DOCUMENT], tmp_path / "brat")
    with pytest.raises(DataError, match="exists and is not an empty folder"):
        FORMATS["brat"].write([DOCUMENT], tmp_path / "brat")
    (tmp_path / "empty").mkdir()
    FORMATS["brat"].write([DOCUMENT], tmp_path / "empty")
    assert list(FORMATS["brat"].read(tmp_path / "empty")) == [DOCUMENT]
    with pytest.raises(DataError, match="its id names another document's file"):
        FORMATS["brat"].write([DOCUMENT, DOCUMENT], tmp_path / "twice")
    assert not (tmp_path / "twice").exists()


def test_labelstudio_tasks_have_the_tools_shape(tmp_path: Path):
    FORMATS["labelstudio"].write([DOCUMENT, PREDICTION], tmp_path / "out")
    annotated, prediction = json.loads((tmp_path / "out").read_text(encoding="utf-8"))
    sentence, events, _, mention = annotated["annotations"][0]["result"]
    assert annotated["data"]["text"] == TEXT
    assert sentence["value"]["labels"] == ["Sentence"]
    assert events["id"] == sentence["id"]
    assert events["value"]["taxonomy"] == [["shelling", "actual"], ["killing", "planned"]]
    assert mention["value"] == {"start": 12, "end": 16, "text": "درعا", "labels": ["GPE"]}
    assert prediction["predictions"][0]["model_version"] == "joint 1.2.0"
    assert prediction["predictions"][0]["result"][-1]["score"] == 1.0
    assert prediction["predictions"][0]["score"] == pytest.approx(
        (0.875 + 0.9312 + 1) / 3, abs=1e-4
    )


def test_labelstudio_interface_names_what_tasks_use():
    root = ElementTree.fromstring(labelstudio_config())
    labels = [label.get("value") for label in root.iter("Label")]
    assert labels == ["Sentence", *scheme().entity_names]
    taxonomy = root.find("Taxonomy")
    assert taxonomy is not None
    assert [choice.get("value") for choice in taxonomy] == list(scheme().event_names)
    assert [choice.get("value") for choice in taxonomy[0]] == list(scheme().realis_names)


def test_doccano_and_prodigy_lines_have_the_tools_shape(tmp_path: Path):
    FORMATS["doccano"].write([PREDICTION], tmp_path / "doccano")
    line = json.loads((tmp_path / "doccano").read_text(encoding="utf-8"))
    assert line["label"] == [[12, 16, "GPE"], [18, 20, "LOC"]]
    FORMATS["prodigy"].write([DOCUMENT], tmp_path / "prodigy")
    task = json.loads((tmp_path / "prodigy").read_text(encoding="utf-8"))
    tokens = task["tokens"]
    assert [t["text"] for t in tokens] == ["قصفت", "مدينة", "ب", "درعا", ".", "لا", "شيء"]
    assert [t["id"] for t in tokens] == list(range(7))
    assert [t["ws"] for t in tokens] == [True, True, False, False, True, True, False]
    assert all(TEXT[t["start"] : t["end"]] == t["text"] for t in tokens)
    (span,) = task["spans"]
    assert span == {"start": 12, "end": 16, "label": "GPE", "token_start": 3, "token_end": 3}


def test_conll_has_the_token_first_and_the_tag_fourth(tmp_path: Path):
    FORMATS["conll"].write([DOCUMENT], tmp_path / "out")
    lines = (tmp_path / "out").read_text(encoding="utf-8").split("\n")
    assert "بدرعا\t11\t16\tB-GPE\t1\t_" in lines
    assert "# sent = 0 17" in lines
    assert "# events = shelling:actual killing:planned" in lines


def test_conll_proclitic_must_leave_a_letter(tmp_path: Path):
    FORMATS["conll"].write([DOCUMENT], tmp_path / "out")
    text = (tmp_path / "out").read_text(encoding="utf-8").replace("B-GPE\t1\t", "B-GPE\t5\t")
    (tmp_path / "out").write_text(text, encoding="utf-8")
    with pytest.raises(
        DataError, match=r":\d+: a proclitic of 5 letters leaves nothing of 'بدرعا'"
    ):
        list(FORMATS["conll"].read(tmp_path / "out"))


def test_documents_without_sentences_are_split_around_their_mentions(
    tmp_path: Path, capsys: pytest.CaptureFixture[str]
):
    text = "وقع الهجوم في بلدة كفر. نبل مساء أمس الأول. وغادر السكان بيوتهم بعد القصف."
    place = text.index("كفر"), text.index(" مساء")
    (tmp_path / "brat").mkdir()
    (tmp_path / "brat" / "a.txt").write_text(text, encoding="utf-8")
    mark = f"T1\tGPE {place[0]} {place[1]}\t{text[slice(*place)]}\n"
    (tmp_path / "brat" / "a.ann").write_text(mark, encoding="utf-8")
    target = tmp_path / "a.jsonl"
    assert run(["data", "convert", str(tmp_path / "brat"), str(target), "--from", "brat"]) == 0
    assert "1 documents had no sentences and were split into some" in capsys.readouterr().err
    (document,) = FORMATS["jsonl"].read(target)
    end = text.index(" وغادر")
    assert document.sentences == (Sentence(0, end), Sentence(end + 1, len(text)))
    assert run(["data", "check", str(target)]) == 0
