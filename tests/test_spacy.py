"""The spaCy component, over a real spaCy and a tiny model."""

from pathlib import Path

import pytest
import spacy

import marsad
from marsad.document import Document, Entity, Event, Sentence
from marsad.errors import ModelError
from marsad.spacy_pipe import annotate
from marsad.training import train
from tests.runs import tiny_run


@pytest.fixture(scope="module")
def model(tiny_encoder: Path, tiny_corpus: Path, tmp_path_factory: pytest.TempPathFactory) -> Path:
    schedule = {"epochs": 12, "batch_size": 4, "learning_rate": 3e-3}
    output = tmp_path_factory.mktemp("spacy") / "m"
    return train(tiny_run(tiny_encoder, tiny_corpus, output, train=schedule)).path


def test_docs_say_what_the_records_say(model: Path, documents: list[Document]):
    nlp = spacy.blank("ar")
    nlp.add_pipe("marsad", config={"model": str(model)})
    texts = [d.text for d in documents[:12]]
    records = list(marsad.load(model).pipe(texts))
    docs = list(nlp.pipe(texts, batch_size=5))
    assert sum(len(doc.ents) for doc in docs) > 10
    for doc, text, record in zip(docs, texts, records, strict=True):
        assert doc.text == text
        wanted = [(e.start, e.end, e.label) for e in record.entities]
        assert [(e.start_char, e.end_char, e.label_) for e in doc.ents] == wanted
        scores = [e._.score for e in doc.spans["marsad"]]  # which neighbours pad, changes a digit
        assert scores == pytest.approx([e.score for e in record.entities], abs=1e-4)
        sentences = [text[s.start : s.end] for s in record.sentences]
        assert [s.text.strip() for s in doc.sents] == sentences
        found = [[(e.type, e.realis) for e in s._.events] for s in doc.sents]
        assert found == [[(e.type, e.realis) for e in s.events] for s in record.sentences]
    assert spacy.tokens.Doc(nlp.vocab).from_bytes(docs[0].to_bytes())._.marsad["text"] == texts[0]
    one = nlp(texts[0])
    assert [e.text for e in one.ents] == [e.text for e in docs[0].ents]


def test_a_token_is_split_where_a_mention_begins_inside_it():
    text = "سيطرت على بصرى الشام ودرعا."
    start = text.index("درعا")
    record = Document(
        "d",
        text,
        (Sentence(0, len(text), (Event("territory_gain", "actual", 0.9),)),),
        (Entity(10, 20, "GPE", 0.8), Entity(start, start + 4, "GPE", 0.7)),
    )
    doc = annotate(spacy.blank("ar")(text), record)
    assert doc.text == text
    assert [e.text for e in doc.ents] == ["بصرى الشام", "درعا"]
    (sentence,) = doc.sents
    assert [e.type for e in sentence._.events] == ["territory_gain"]
    assert doc.ents[0]._.events == ()


def test_a_doc_without_words_stays(model: Path):
    nlp = spacy.blank("ar")
    nlp.add_pipe("marsad", config={"model": str(model)})
    assert list(nlp(" ").ents) == []
    assert list(nlp("").ents) == []


def test_a_model_that_is_not_there_is_one_clear_line(tmp_path: Path):
    nlp = spacy.blank("ar")
    with pytest.raises(ModelError, match="no such model folder"):
        nlp.add_pipe("marsad", config={"model": str(tmp_path / "nowhere")})
