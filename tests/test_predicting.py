import json
import os
import signal
import subprocess
import sys
import time
from pathlib import Path

import pytest

import marsad
from marsad.cli import run
from marsad.config import RunConfig
from marsad.corpus import read_corpus
from marsad.document import Document
from marsad.formats import FORMATS
from marsad.inputs import find_files
from marsad.journal import Journal
from marsad.predicting import GROUP, predict_into
from marsad.training import train


@pytest.fixture(scope="module")
def model(tiny_encoder: Path, tiny_corpus: Path, tmp_path_factory: pytest.TempPathFactory) -> Path:
    config = {
        "name": "tiny",
        "encoder": str(tiny_encoder),
        "output": tmp_path_factory.mktemp("model") / "tiny",
        "data": {s: str(tiny_corpus / f"{s}.jsonl") for s in ("train", "dev", "test")},
        "window": {"max_tokens": 96, "overlap": 8},
        "train": {"epochs": 1, "learning_rate": 3e-3},
    }
    return train(RunConfig.model_validate(config)).path


@pytest.fixture(scope="module")
def many(tmp_path_factory: pytest.TempPathFactory, documents: list[Document]) -> Path:
    """A file of 200 texts, three of which cannot be read."""
    path = tmp_path_factory.mktemp("many") / "many.jsonl"
    lines = [
        json.dumps({"id": f"{i}", "text": documents[i % len(documents)].text}, ensure_ascii=False)
        for i in range(200)
    ]
    lines[5], lines[77], lines[150] = "{", '{"id": "77", "text": ""}', "[]"
    path.write_text("\n".join(lines) + "\n", encoding="utf-8")
    return path


@pytest.fixture(scope="module")
def undisturbed(model: Path, many: Path, tmp_path_factory: pytest.TempPathFactory) -> Path:
    out = tmp_path_factory.mktemp("whole") / "out.jsonl"
    assert run(["predict", str(many), "-m", str(model), "-o", str(out)]) == 2
    return out


def test_every_document_is_read_once_and_the_bad_ones_are_told(undisturbed: Path, many: Path):
    ids = [json.loads(line)["id"] for line in undisturbed.read_text("utf-8").splitlines()]
    assert ids == [str(i) for i in range(200) if i not in (5, 77, 150)]
    aside = undisturbed.with_name("out.jsonl.rejected.jsonl")
    rejected = [json.loads(line) for line in aside.read_text("utf-8").splitlines()]
    assert [own["where"] for own in rejected] == [f"{many}:{n}" for n in (6, 78, 151)]
    assert all(own["reason"] for own in rejected)
    assert {p.name for p in undisturbed.parent.iterdir()} == {undisturbed.name, aside.name}


def test_a_run_that_is_killed_goes_on_to_the_same_bytes(
    model: Path, many: Path, undisturbed: Path, tmp_path: Path
):
    out = tmp_path / "out.jsonl"
    command = [
        sys.executable,
        "-m",
        "marsad",
        "predict",
        str(many),
        "-m",
        str(model),
        "-o",
        str(out),
    ]
    journal = out.with_name(".out.jsonl.part")
    kills = 0
    for wanted in (GROUP, 3 * GROUP):
        process = subprocess.Popen(
            command, stdout=subprocess.DEVNULL, stderr=subprocess.DEVNULL, env=os.environ
        )
        while process.poll() is None:
            if journal.exists() and journal.read_bytes().count(b"\n") > wanted:
                process.send_signal(signal.SIGKILL)
                kills += 1
                break
            time.sleep(0.005)
        process.wait()
    assert kills
    assert not out.exists()
    assert subprocess.run(command, capture_output=True, check=False).returncode == 2
    assert out.read_bytes() == undisturbed.read_bytes()
    aside = "out.jsonl.rejected.jsonl"
    assert (tmp_path / aside).read_bytes() == undisturbed.with_name(aside).read_bytes()
    assert not journal.exists()


def test_it_goes_on_after_the_last_whole_group_and_reads_no_document_twice(
    model: Path, many: Path, undisturbed: Path, tmp_path: Path
):
    reader = marsad.load(model)
    out, files = tmp_path / "out.jsonl", find_files([many])
    read: list[str] = []

    def break_off(document: Document) -> None:
        read.append(document.id)
        if document.id == "100":
            raise KeyboardInterrupt

    with pytest.raises(KeyboardInterrupt):
        predict_into([out], reader, files, show=break_off)
    first = len(read)
    with pytest.raises(marsad.errors.DataError, match="and 2 more that cannot be read"):
        predict_into([out], reader, files, show=lambda d: read.append(d.id))
    assert out.read_bytes() == undisturbed.read_bytes()
    again = set(read[:first]) & set(read[first:])
    assert len(again) == 0


def test_another_model_or_input_is_refused_unless_the_run_is_forgotten(
    model: Path, many: Path, tmp_path: Path, capsys: pytest.CaptureFixture[str]
):
    out = tmp_path / "out.jsonl"
    Journal(out, {"of": "another"}, group=GROUP).open()
    arguments = ["predict", str(many), "-m", str(model), "-o", str(out)]
    assert run(arguments) == 2
    assert "an unfinished run of other inputs" in capsys.readouterr().err
    assert run([*arguments, "--restart"]) == 2
    assert "2 more that cannot be read" in capsys.readouterr().err
    assert out.exists()


def test_every_format_holds_the_same_documents(
    model: Path, tmp_path: Path, documents: list[Document]
):
    source = tmp_path / "in.jsonl"
    source.write_text("".join(d.to_json() + "\n" for d in documents[:4]), encoding="utf-8")
    outputs = [tmp_path / name for name in ("o.jsonl", "o.json", "o.conll", "brat")]
    arguments = [value for path in outputs for value in ("-o", str(path))]
    assert run(["predict", str(source), "-m", str(model), *arguments]) == 0
    lines = [json.loads(line) for line in outputs[0].read_text("utf-8").splitlines()]
    assert json.loads(outputs[1].read_text("utf-8")) == lines
    read = read_corpus(outputs[0])
    assert list(FORMATS["brat"].read(outputs[3])) == read
    assert list(FORMATS["conll"].read(outputs[2])) == read


def test_where_nothing_can_be_read_nothing_is_written(
    model: Path, tmp_path: Path, capsys: pytest.CaptureFixture[str]
):
    (tmp_path / "a.txt").write_bytes(b"\xe1\xe2")
    out = tmp_path / "out.jsonl"
    assert run(["predict", str(tmp_path / "a.txt"), "-m", str(model), "-o", str(out)]) == 2
    assert "a.txt: line 1: not UTF-8" in capsys.readouterr().err
    assert [p.name for p in tmp_path.iterdir()] == ["a.txt"]
