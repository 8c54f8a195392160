import json
from pathlib import Path

import mlcroissant as mlc
import pytest
from datasets import load_dataset
from huggingface_hub import DatasetCard

from marsad.agreement import agree
from marsad.corpus import read_corpus
from marsad.datacard import BEGIN, END, render_counts, write_datacard
from marsad.errors import DataError
from tests.conftest import CORPUS, ROOT

DATA = ROOT / "data"


def test_papers_are_what_the_files_give(tmp_path: Path):
    corpus = tmp_path / "corpus"
    corpus.mkdir()
    for path in CORPUS.glob("*.jsonl"):
        (corpus / path.name).write_bytes(path.read_bytes())
    (tmp_path / "README.md").write_bytes((DATA / "README.md").read_bytes())
    for path in write_datacard(tmp_path):
        assert path.read_bytes() == (DATA / path.name).read_bytes(), f"run: marsad data card {DATA}"


def test_croissant_is_valid_and_reads_the_documents():
    dataset = mlc.Dataset(jsonld=DATA / "croissant.json")
    assert not dataset.metadata.issues.errors
    record = next(iter(dataset.records("dev")))
    text = record["dev/text"].decode("utf-8")
    first = json.loads((CORPUS / "dev.jsonl").read_text(encoding="utf-8").split("\n")[0])
    assert text == first["text"]
    raw = json.loads((DATA / "croissant.json").read_text(encoding="utf-8"))
    assert raw["conformsTo"].startswith("http://mlcommons.org/croissant/1.")
    assert raw["rai:dataAnnotationProtocol"] == "data/guidelines.md"
    assert "language models" in json.dumps(raw["rai:annotatorDemographics"])


def test_card_has_the_metadata_of_the_hub_and_says_who_wrote():
    card = DatasetCard.load(DATA / "README.md")
    assert card.data.license == "cc-by-4.0"
    assert card.data.language == ["ar"]
    assert card.data.annotations_creators == ["machine-generated"]
    assert "written by a language model, not by people" in card.text
    assert render_counts(CORPUS) in card.text


def test_card_without_room_for_counts_is_refused(tmp_path: Path):
    (tmp_path / "corpus").mkdir()
    with pytest.raises(DataError, match=r"no \.jsonl file"):
        write_datacard(tmp_path)
    (tmp_path / "corpus" / "a.jsonl").write_bytes((CORPUS / "dev.jsonl").read_bytes())
    card, name = tmp_path / "README.md", "pretty_name: Marsad corpus\n"
    for text, message in (
        (f"# card of others\n{BEGIN}\n{END}\n", "not of others"),
        (f"{name}# card\n", f"lacks the lines {BEGIN} and {END}"),
        (f"{name}{END}\n{BEGIN}\n", f"lacks the lines {BEGIN} and {END}"),
    ):
        card.write_text(text, encoding="utf-8")
        with pytest.raises(DataError, match=message):
            write_datacard(tmp_path)
    assert not (tmp_path / "croissant.json").exists()
    card.write_text(f"{name}{BEGIN}\n{END}\n{BEGIN} and {END} stay\n", encoding="utf-8")
    write_datacard(tmp_path)
    assert f"{BEGIN} and {END} stay" in card.read_text(encoding="utf-8")


def test_datasets_reads_the_files_as_they_are(tmp_path: Path):
    files = {path.stem: str(path) for path in CORPUS.glob("*.jsonl")}
    corpus = load_dataset("json", data_files=files, cache_dir=str(tmp_path))
    assert set(corpus) == {"train", "dev", "test", "test_place"}
    row = corpus["train"][0]
    entity = row["entities"][0]
    assert row["text"][entity["start"] : entity["end"]].strip()


def test_agreement_in_the_card_is_what_the_files_give():
    folder = DATA / "agreement"
    corpus = [d for path in sorted(CORPUS.glob("*.jsonl")) for d in read_corpus(path)]
    studies = {
        "before the rules were settled": (
            read_corpus(folder / "first_before.jsonl"),
            read_corpus(folder / "second_before.jsonl"),
        ),
        "after": (corpus, read_corpus(folder / "second_after.jsonl")),
    }
    card = (DATA / "README.md").read_text(encoding="utf-8")
    for name, (first, second) in studies.items():
        found = agree(first, second)
        assert found.scores.entities is not None
        assert found.scores.events is not None
        figures = (
            found.scores.entities.strict.micro.f1,
            found.scores.events.types.micro.f1,
            found.realis_kappa,
        )
        row = [name, str(found.scores.events.sentences), *(f"{f:.3f}" for f in figures)]
        assert f"| {' | '.join(row)} |" in card
