import json
import os
import shutil
import subprocess
import sys
from pathlib import Path

import pytest

from marsad.cli import run
from marsad.config import RunConfig
from marsad.document import Document
from marsad.training import train
from tests.conftest import ROOT

JOINT = str(ROOT / "configs" / "joint.yaml")
ARTICLE = ROOT / "data" / "articles" / "daraa.txt"


@pytest.fixture(scope="module")
def model(tiny_encoder: Path, tiny_corpus: Path, tmp_path_factory: pytest.TempPathFactory) -> str:
    splits = {s: str(tiny_corpus / f"{s}.jsonl") for s in ("train", "dev", "test")}
    config = {
        "name": "tiny",
        "encoder": str(tiny_encoder),
        "output": tmp_path_factory.mktemp("runs") / "tiny",
        "data": splits,
        "window": {"max_tokens": 96, "overlap": 8},
        "train": {"epochs": 1, "learning_rate": 3e-3},
        "export": {"max_entity_loss": 1.0, "max_event_loss": 1.0, "max_flips": 1.0},
    }
    return str(train(RunConfig.model_validate(config)).path)


def refused(capsys: pytest.CaptureFixture[str], *arguments: str) -> str:
    """Run a command that must be refused: code 2, one line on stderr, nothing on stdout."""
    assert run(list(arguments)) == 2
    captured = capsys.readouterr()
    assert captured.out == ""
    assert captured.err.startswith("marsad: ")
    assert captured.err.count("\n") == 1
    return captured.err


@pytest.mark.parametrize(
    ("content", "message"),
    [(b"", "empty"), (b"a\x00b", "binary"), (b"\xe1\xe2\xe3", "not UTF-8")],
)
def test_predict_tells_what_is_no_text(
    capsys: pytest.CaptureFixture[str], tmp_path: Path, model: str, content: bytes, message: str
):
    path = tmp_path / "a.txt"
    path.write_bytes(content)
    out = tmp_path / "out.jsonl"
    error = refused(capsys, "predict", str(ARTICLE), str(path), "-m", model, "-o", str(out))
    assert str(path) in error
    assert message in error
    assert f"the reasons are in {out}.rejected.jsonl" in error
    assert len(out.read_text(encoding="utf-8").splitlines()) == 1  # the other is read


def test_predict_refuses_what_is_no_model(capsys: pytest.CaptureFixture[str], tmp_path: Path):
    assert "no such model folder" in refused(capsys, "predict", str(ARTICLE), "-m", "nowhere")
    assert "no config.json" in refused(capsys, "predict", str(ARTICLE), "-m", str(tmp_path))
    (tmp_path / "config.json").write_text("{}", encoding="utf-8")
    assert "not the config of a marsad" in refused(
        capsys, "predict", str(ARTICLE), "-m", str(tmp_path)
    )


def test_predict_refuses_unknown_outputs(
    capsys: pytest.CaptureFixture[str], tmp_path: Path, model: str
):
    other = tmp_path / "other.txt"
    other.write_bytes(ARTICLE.read_bytes())
    assert "unknown output format '.csv'" in refused(
        capsys, "predict", str(ARTICLE), "-m", model, "-o", "a.csv"
    )
    assert "one document, and 2 were given" in refused(
        capsys, "predict", str(ARTICLE), str(other), "-m", model, "-o", "a.html"
    )


def test_train_refuses_unknown_keys_and_missing_data(capsys: pytest.CaptureFixture[str]):
    assert "did you mean 'seed'" in refused(capsys, "train", JOINT, "sed=1")
    assert "no such file" in refused(capsys, "train", "nowhere.yaml")
    assert "nowhere.jsonl: no such file" in refused(
        capsys, "train", JOINT, "data.dev=nowhere.jsonl"
    )


def test_train_refuses_a_corpus_with_an_unknown_label(
    capsys: pytest.CaptureFixture[str], tmp_path: Path
):
    path = tmp_path / "train.jsonl"
    row = {
        "id": "a",
        "text": "درعا",
        "sentences": [{"start": 0, "end": 4}],
        "entities": [{"start": 0, "end": 4, "label": "CITY"}],
    }
    path.write_text(json.dumps(row), encoding="utf-8")
    error = refused(capsys, "train", JOINT, f"data.train={path}")
    assert f"{path}:1" in error
    assert "unknown entity label 'CITY'" in error


@pytest.mark.parametrize(
    "arguments",
    [["evaluate", "nowhere", JOINT], ["export", "nowhere"], ["card", "write", "nowhere"]],
)
def test_every_command_refuses_a_missing_model(
    capsys: pytest.CaptureFixture[str], arguments: list[str]
):
    refused(capsys, *arguments)


def test_card_wants_an_evaluation_first(capsys: pytest.CaptureFixture[str], model: str):
    assert "not evaluated yet" in refused(capsys, "card", "write", model)


def test_unknown_option_is_one_line(capsys: pytest.CaptureFixture[str]):
    assert "--modle" in refused(capsys, "predict", str(ARTICLE), "--modle", "x")


def test_data_check_prints_problems_and_fails(capsys: pytest.CaptureFixture[str], tmp_path: Path):
    path = tmp_path / "a.jsonl"
    path.write_text('{"id": "a", "text": "درعا", "sentences": []}\n', encoding="utf-8")
    assert run(["data", "check", str(path)]) == 2
    captured = capsys.readouterr()
    assert f"{path}:1: error: text 0..4 lies in no sentence" in captured.out
    assert "1 errors" in captured.err


def test_data_split_is_stable_and_holds_countries_out(
    capsys: pytest.CaptureFixture[str], tmp_path: Path
):
    source = str(ROOT / "data" / "corpus")
    out = tmp_path / "split"
    assert (
        run(["data", "split", source, "-o", str(out), "--hold-out", "Sudan", "--hold-out", "Libya"])
        == 0
    )
    capsys.readouterr()
    for path in sorted((ROOT / "data" / "corpus").glob("*.jsonl")):
        assert (out / path.name).read_bytes() == path.read_bytes()


def test_data_split_leaves_no_document_in_two_files(
    capsys: pytest.CaptureFixture[str], tmp_path: Path
):
    source, out = str(ROOT / "data" / "corpus"), tmp_path / "split"
    for countries in (["Sudan"], []):
        options = [word for country in countries for word in ("--hold-out", country)]
        assert run(["data", "split", source, "-o", str(out), *options]) == 0
    assert run(["data", "check", str(out)]) == 0
    assert not (out / "test_place.jsonl").exists()
    capsys.readouterr()
    command = ("data", "split", source, "-o", str(out), "--hold-out", "Sudann")
    assert "no document has that country (did you mean 'Sudan'?)" in refused(capsys, *command)


def test_a_split_does_not_write_over_documents_that_were_not_given(
    tmp_path: Path, documents: list[Document], capsys: pytest.CaptureFixture[str]
):
    source, out = str(ROOT / "data" / "corpus"), tmp_path / "split"
    assert run(["data", "split", source, "-o", str(out)]) == 0
    before = {path.name: path.read_bytes() for path in out.iterdir()}
    new = tmp_path / "new.jsonl"
    new.write_text(documents[0].to_json() + "\n", encoding="utf-8")
    assert run(["data", "split", str(new), "-o", str(out)]) == 2
    assert "which is not among those given and would be lost" in capsys.readouterr().err
    assert {path.name: path.read_bytes() for path in out.iterdir()} == before
    assert run(["data", "split", source, "-o", str(new)]) == 2
    assert "is a file; name a folder" in capsys.readouterr().err


@pytest.mark.parametrize(
    ("line", "message"),
    [
        ('{"id": "a", "text": "x", "entities": [{"start": 0, "end": 1, "label": "GPE", '
         '"score": "high"}]}', "score 'high' is not a number"),
        ('{"id": "a\\ud800", "text": "x"}', "is not Unicode; rename it"),
        (f'{{"id": "a", "text": "x", "coverage": {"9" * 5000}}}', "JSON that cannot be read"),
        ("[" * 100_000, "JSON that cannot be read"),
    ],
)  # fmt: skip
def test_a_line_that_is_no_document_is_named(
    capsys: pytest.CaptureFixture[str], tmp_path: Path, line: str, message: str
):
    path = tmp_path / "a.jsonl"
    path.write_text(f"{line}\n", encoding="utf-8")
    for command in (["check"], ["stats"], ["split", "-o", str(tmp_path / "out")]):
        said = refused(capsys, "data", command[0], str(path), *command[1:])
        assert f"{path}:1" in said
        assert message in said


def test_what_a_desk_wrote_is_shown_as_it_is(capsys: pytest.CaptureFixture[str], tmp_path: Path):
    text = "عاد الهدوء إلى درعا"
    line = {"id": "a", "text": text, "meta": {"country": "[/b]", "genre": "[wire]"}}
    sentence = {"start": 0, "end": len(text), "events": []}
    path = tmp_path / "a.jsonl"
    path.write_text(json.dumps({**line, "sentences": [sentence]}) + "\n", encoding="utf-8")
    assert run(["data", "stats", str(path)]) == 0
    said = capsys.readouterr().out
    assert "country: [/b] 1" in said
    assert "genre: [wire] 1" in said


def test_an_interface_in_place_of_the_tasks_is_refused(
    capsys: pytest.CaptureFixture[str], tmp_path: Path
):
    source, out = ROOT / "data" / "corpus" / "dev.jsonl", tmp_path / "out.xml"
    command = ["data", "convert", str(source), str(out), "--to", "labelstudio"]
    assert "is where the tasks go" in refused(capsys, *command, "--interface", str(out))
    assert not out.exists()


def test_options_of_a_cluster_are_refused_without_one(
    capsys: pytest.CaptureFixture[str], tmp_path: Path, model: str
):
    command = ["batch", str(ARTICLE), str(tmp_path / "out"), "-m", model, "--workers", "2"]
    assert "are for --engine ray" in refused(capsys, *command)


def test_predict_writes_record_and_page(
    capsys: pytest.CaptureFixture[str], tmp_path: Path, model: str
):
    record, page = tmp_path / "daraa.jsonl", tmp_path / "daraa.html"
    arguments = ["predict", str(ARTICLE), "-m", model, "--file", "weights"]
    assert run([*arguments, "-o", str(record), "-o", str(page)]) == 0
    assert capsys.readouterr().out == ""
    row = json.loads(record.read_text(encoding="utf-8"))
    text = ARTICLE.read_text(encoding="utf-8")
    assert row["text"] == text
    assert all(text[e["start"] : e["end"]] == e["text"] for e in row["entities"])
    html = page.read_text(encoding="utf-8")
    assert '<html lang="ar" dir="rtl">' in html
    assert "الفرقة الرابعة" in html


@pytest.mark.parametrize("encoding", ["utf-8", "cp1252"])
def test_predict_reads_standard_input(model: str, encoding: str):
    """What is written is UTF-8, whatever the terminal's encoding."""
    done = subprocess.run(
        [sys.executable, "-m", "marsad", "predict", "-", "-m", model, "--file", "weights"],
        input="قصفت الطائرات مدينة درعا <script>.".encode(),
        capture_output=True,
        check=False,
        env={**os.environ, "PYTHONIOENCODING": encoding},
    )
    assert done.returncode == 0
    row = json.loads(done.stdout)
    assert row["id"] == "stdin"
    assert row["coverage"] == 1.0


def test_evaluate_tells_of_data_that_was_seen_and_of_what_is_withheld(
    model: str, tiny_corpus: Path, tmp_path: Path, capsys: pytest.CaptureFixture[str]
):
    own = shutil.copytree(model, tmp_path / "model")
    train, dev, test = (str(tiny_corpus / f"{name}.jsonl") for name in ("train", "dev", "test"))
    for data in (train, dev, test):
        assert run(["evaluate", str(own), data]) == 0
        shown = capsys.readouterr()
        assert ("these figures are on data that training or" in shown.err) == (data != test), data
        assert "withheld" not in shown.out
    assert run(["calibrate", str(own), test, "--max-risk", "0.2"]) == 0
    capsys.readouterr()
    assert run(["evaluate", str(own), test]) == 0
    shown = capsys.readouterr()
    assert "withheld: entities below" in shown.out
    assert "these figures are on data that training or" in shown.err
