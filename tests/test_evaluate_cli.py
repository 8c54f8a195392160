"""``marsad evaluate`` on files of predictions."""

from dataclasses import replace
from pathlib import Path

import pytest

from marsad.cli import run
from marsad.document import Document
from marsad.labels import scheme
from tests.predictions.systems import aggregated, write
from tests.scoring.test_uncertainty import blurred
from tests.test_cli import refused

Names = dict[str, str]


@pytest.fixture
def gold(documents: list[Document], tmp_path: Path) -> Path:
    return records(tmp_path / "gold.jsonl", documents)


@pytest.fixture(autouse=True)
def wide_terminal(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("COLUMNS", "300")


def records(path: Path, documents: list[Document]) -> Path:
    return write(path, "".join(d.to_json() + "\n" for d in documents))


def hugging_face(path: Path, documents: list[Document], names: Names) -> Path:
    """Write what a pipeline says that calls some labels by other names."""
    renamed = (
        replace(
            d, entities=tuple(replace(e, label=names.get(e.label, e.label)) for e in d.entities)
        )
        for d in documents
    )
    return write(path, [aggregated(document) for document in renamed])


def evaluated(capsys: pytest.CaptureFixture[str], *arguments: object) -> str:
    """Run the command, which must do without a word on stderr, and return what it prints."""
    code = run(["evaluate", *map(str, arguments)])
    captured = capsys.readouterr()
    assert (code, captured.err) == (0, "")
    return captured.out


def test_our_own_records_are_scored(
    capsys: pytest.CaptureFixture[str], documents: list[Document], gold: Path, tmp_path: Path
):
    own = records(tmp_path / "own.jsonl", blurred(documents, 0.3))
    before = sorted(tmp_path.iterdir())
    out = evaluated(capsys, own, gold)
    mentions = sum(len(d.entities) for d in documents)
    sentences = sum(len(d.sentences) for d in documents)
    assert f"{own}on{gold}" in "".join(out.split())  # however it is folded
    assert f"of {mentions} mentions" in out
    assert f"of {sentences} sentences" in out
    assert "realis right 1.000" in out
    assert f"read: 100.0% of the words of {len(documents)} documents" in out
    assert sorted(tmp_path.iterdir()) == before  # a file of predictions has no record


def test_perfect_records_score_1(
    capsys: pytest.CaptureFixture[str], documents: list[Document], gold: Path, tmp_path: Path
):
    out = evaluated(capsys, records(tmp_path / "own.jsonl", documents), gold)
    assert "strict micro F1 1.000 (1.000 to 1.000)" in out
    assert "missed 0, spurious 0" in out
    assert "seqeval token-level F1 1.000" in out


def test_labels_of_others_count_as_ours(
    capsys: pytest.CaptureFixture[str], documents: list[Document], gold: Path, tmp_path: Path
):
    own = hugging_face(tmp_path / "own.json", documents, {"PER": "PERSON", "GPE": "CITY"})
    labels = ("--label", "PERSON=PER", "--label", "CITY=GPE")
    out = evaluated(capsys, own, gold, *labels)
    assert "strict micro F1 1.000" in out
    assert "Events:" not in out
    assert "probabilities of" in out  # the pipeline gives scores
    out = evaluated(capsys, own, gold, "--label", "PERSON=O", "--label", "CITY=LOC")
    assert "never predicted: PER, GPE" in out


def test_format_may_be_named(
    capsys: pytest.CaptureFixture[str], documents: list[Document], gold: Path, tmp_path: Path
):
    own = hugging_face(tmp_path / "own.predictions", documents, {})
    assert "name one of jsonl, conll, hf" in refused(capsys, "evaluate", str(own), str(gold))
    assert "strict micro F1 1.000" in evaluated(capsys, own, gold, "--format", "hf")


def test_unknown_label_is_refused_in_one_line(
    capsys: pytest.CaptureFixture[str], documents: list[Document], gold: Path, tmp_path: Path
):
    own = hugging_face(tmp_path / "own.json", documents, {"PER": "PERSON"})
    error = refused(capsys, "evaluate", str(own), str(gold))
    assert "label 'PERSON' is not scored (did you mean 'PER'?)" in error
    assert "say what it counts as with --label PERSON=NAME (O for nothing)" in error


@pytest.mark.parametrize(
    ("label", "message"),
    [
        ("PERSON", "--label PERSON: give NAME=SCORED, or NAME=O for nothing"),
        ("PERSON=", "--label PERSON=: give NAME=SCORED"),
        ("=PER", "give NAME=SCORED"),
        ("PERSON=PERS", "label PERSON=PERS: 'PERS' is not scored (did you mean 'PER'?)"),
    ],
)
def test_label_that_says_nothing_is_refused(
    capsys: pytest.CaptureFixture[str], gold: Path, label: str, message: str
):
    assert message in refused(capsys, "evaluate", str(gold), str(gold), "--label", label)


def test_public_corpus_wants_its_folder(
    capsys: pytest.CaptureFixture[str], gold: Path, monkeypatch: pytest.MonkeyPatch, tmp_path: Path
):
    monkeypatch.delenv("MARSAD_CORPORA", raising=False)
    error = refused(capsys, "evaluate", str(gold), "public:wojood")
    assert "name the corpora's folder with --source or MARSAD_CORPORA" in error
    error = refused(capsys, "evaluate", str(gold), "public:wojood", "--source", str(tmp_path))
    assert "val.txt: no such file" in error
    assert "did you mean 'wojood'" in refused(capsys, "evaluate", str(gold), "public:wojod")


def test_public_corpus_is_scored_and_its_defects_are_told(
    capsys: pytest.CaptureFixture[str], tmp_path: Path
):
    folder = tmp_path / "wojood_sample"
    folder.mkdir()
    lines = "زار O\nسعيد B-PERS\nالواحة B-GPE\n$#$ O\n"
    write(folder / "val.txt", lines)
    own = write(tmp_path / "own.conll", "زار O\nسعيد B-PER\nالواحة I-GPE\n")
    out = evaluated(capsys, own, "public:wojood", "--source", tmp_path)
    assert "public:wojood: 1 separators dropped" in out
    assert "strict micro F1 1.000 of 2 mentions" in out


def test_predictions_on_other_texts_are_refused(
    capsys: pytest.CaptureFixture[str], documents: list[Document], gold: Path, tmp_path: Path
):
    first = replace(documents[0], text="!" + documents[0].text[1:])
    own = records(tmp_path / "own.jsonl", [first])
    assert "predict on the annotated text" in refused(capsys, "evaluate", str(own), str(gold))
    own = hugging_face(tmp_path / "own.json", documents[:-1], {})
    assert str(own) in refused(capsys, "evaluate", str(own), str(gold))


def test_label_that_is_never_predicted_is_named(
    capsys: pytest.CaptureFixture[str], documents: list[Document], gold: Path, tmp_path: Path
):
    silent = [
        replace(d, entities=tuple(e for e in d.entities if e.label != "WEA")) for d in documents
    ]
    out = evaluated(capsys, records(tmp_path / "own.jsonl", silent), gold)
    assert "never predicted: WEA" in out
    assert "WEA" in scheme().entity_names


@pytest.mark.filterwarnings("ignore::RuntimeWarning")
def test_predictions_that_share_no_task_with_the_data_are_refused(
    capsys: pytest.CaptureFixture[str], tmp_path: Path
):
    folder = tmp_path / "arabic_event_gsr"
    folder.mkdir()
    write(folder / "assault_gsr.csv", "accept,reject,text\n1,0,قصف\n0,1,عاد\n")
    own = write(tmp_path / "own.json", [[], []])
    refused(capsys, "evaluate", str(own), "public:assault", "--source", str(tmp_path))


@pytest.mark.parametrize("name", ["own[bold].jsonl", "a[/b].jsonl"])
def test_brackets_in_a_path_stay(
    capsys: pytest.CaptureFixture[str],
    documents: list[Document],
    gold: Path,
    tmp_path: Path,
    name: str,
):
    path = tmp_path / name
    path.parent.mkdir(exist_ok=True)
    assert name in "".join(evaluated(capsys, records(path, documents), gold).split())
