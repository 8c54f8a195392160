"""Uploading a model folder, against a local stand-in of the hub."""

import os
import shutil
import subprocess
import sys
from collections.abc import Iterator
from dataclasses import replace
from pathlib import Path

import pytest
import yaml
from huggingface_hub import parse_eval_result_entries

from marsad.cli import run
from marsad.hub_results import FILE
from marsad.metrics import read_metrics
from marsad.model_folder import ModelFolder
from marsad.training import train
from tests.hub import Hub, hub
from tests.runs import tiny_run


@pytest.fixture(scope="module")
def made(
    tiny_encoder: Path, tiny_corpus: Path, tmp_path_factory: pytest.TempPathFactory
) -> ModelFolder:
    folder = train(tiny_run(tiny_encoder, tiny_corpus, tmp_path_factory.mktemp("push") / "m"))
    assert run(["evaluate", str(folder.path), str(tiny_corpus / "test.jsonl")]) == 0
    data = str(tiny_corpus / "test.jsonl")
    assert run(["card", "write", str(folder.path), "--on-hub", f"{data}=desk/news"]) == 0
    (folder.path / "notes.txt").write_text("not of the model", encoding="utf-8")
    return folder


@pytest.fixture
def own_hub() -> Iterator[Hub]:
    with hub() as own:
        yield own


def push(hub: Hub, folder: ModelFolder, *options: str, token: str = "") -> tuple[int, str, str]:
    """Push in a process of its own, whose huggingface_hub reads its environment anew."""
    done = subprocess.run(
        [
            sys.executable, "-c", "from marsad.cli import main; main()", "card", "push",
            str(folder.path), "desk/marsad-tiny", *options,
        ],
        env={
            **os.environ,
            "HF_ENDPOINT": hub.address,
            "HF_TOKEN": token or hub.token,
            "HF_HUB_DISABLE_XET": "1",
        },
        capture_output=True,
        text=True,
        timeout=120,
    )  # fmt: skip
    return done.returncode, done.stdout, done.stderr


def test_by_default_nothing_is_sent(made: ModelFolder, own_hub: Hub):
    code, said, _ = push(own_hub, made)
    assert code == 0
    assert "model.safetensors" in said
    assert "would go to desk/marsad-tiny; nothing was sent" in said
    assert own_hub.asked == []


def test_the_folder_is_there_afterwards_as_it_was(made: ModelFolder, own_hub: Hub):
    code, said, wrong = push(own_hub, made, "--upload", "--private")
    assert code == 0, wrong
    assert f"{own_hub.address}/desk/marsad-tiny/commit/" in said
    files = own_hub.files["desk/marsad-tiny"]
    names = {path.name for path in made.present()} | {ModelFolder.CHECKSUMS, FILE.as_posix()}
    assert files.keys() == names
    assert all(files[name] == (made.path / name).read_bytes() for name in names)
    assert own_hub.private["desk/marsad-tiny"] is True
    assert "model.safetensors" in files


def test_what_an_earlier_upload_left_of_a_model_goes(made: ModelFolder, own_hub: Hub):
    older = {"model.onnx": b"of an older model", "model.sig": b"of it", "notes.txt": b"not ours"}
    own_hub.files["desk/marsad-tiny"] = dict(older)
    code, _, wrong = push(own_hub, made, "--upload")
    assert code == 0, wrong
    left = {"notes.txt"} | ({"model.onnx"} if made["onnx"].exists() else set())
    assert own_hub.files["desk/marsad-tiny"].keys() & older.keys() == left


@pytest.mark.parametrize("command", ["push", "sign"])
def test_a_card_of_older_figures_is_not_passed_on(
    made: ModelFolder,
    command: str,
    tiny_corpus: Path,
    tmp_path: Path,
    capsys: pytest.CaptureFixture[str],
):
    folder = ModelFolder(shutil.copytree(made.path, tmp_path / "m"))
    assert run(["evaluate", str(folder.path), str(tiny_corpus / "known.jsonl")]) == 0
    given = {"push": ["desk/marsad-tiny"], "sign": ["--key", str(tmp_path / "key.pem")]}
    assert run(["card", command, str(folder.path), *given[command]]) == 2
    said = capsys.readouterr().err
    assert f"README.md: is not what the record makes; run: marsad card write {folder.path}" in said


def test_results_on_a_dataset_of_the_hub_are_those_of_the_record(made: ModelFolder):
    entries = parse_eval_result_entries(yaml.safe_load((made.path / FILE).read_text()))
    (own,) = read_metrics(made).evaluations.values()
    tables = own.scores.tables
    assert {(e.dataset_id, e.task_id) for e in entries} == {("desk/news", task) for task in tables}
    for entry in entries:
        assert entry.value == round(tables[entry.task_id].micro.f1, 4)
        assert own.read_with in entry.notes


@pytest.mark.parametrize(
    ("option", "reason"),
    [
        ("desk/news", "give DATA=USER/NAME"),
        ("other.jsonl=desk/news", "not evaluated on it"),
        ("{data}=no id/at all", "no id/at all"),
    ],
)
def test_results_that_can_be_nowhere_are_refused(
    made: ModelFolder, option: str, reason: str, capsys: pytest.CaptureFixture[str]
):
    before = (made.path / FILE).read_bytes(), made["card"].read_bytes()
    data = next(iter(read_metrics(made).evaluations))
    capsys.readouterr()
    assert run(["card", "write", str(made.path), "--on-hub", option.format(data=data)]) == 2
    assert reason in capsys.readouterr().err
    assert ((made.path / FILE).read_bytes(), made["card"].read_bytes()) == before


def test_a_wrong_token_and_a_broken_hub_are_one_line(made: ModelFolder, own_hub: Hub):
    code, _, wrong = push(own_hub, made, "--upload", token="hf_wrong")
    assert code == 2
    assert len(wrong.strip().splitlines()) == 1
    assert "check HF_TOKEN" in wrong
    own_hub.broken = True
    code, _, wrong = push(own_hub, made, "--upload")
    assert code == 2
    assert "cannot be uploaded" in wrong.strip().splitlines()[-1]
    assert own_hub.files["desk/marsad-tiny"] == {}


def test_a_folder_that_was_touched_or_has_no_card_is_not_sent(
    made: ModelFolder, tmp_path: Path, capsys: pytest.CaptureFixture[str]
):
    copy = ModelFolder(tmp_path / "copy")
    shutil.copytree(made.path, copy.path)
    copy["labels"].write_text("x", encoding="utf-8")
    assert run(["card", "push", str(copy.path), "desk/tiny"]) == 2
    assert "labels.yaml" in capsys.readouterr().err
    copy["card"].unlink()
    assert run(["card", "push", str(copy.path), "desk/tiny"]) == 2
    assert "card write" in capsys.readouterr().err
    assert run(["card", "push", str(made.path), "a/b/c"]) == 2
    assert "a/b/c" in capsys.readouterr().err


def test_a_hub_that_is_not_there_is_one_line(made: ModelFolder, own_hub: Hub):
    gone = replace(own_hub, address="http://127.0.0.1:9")
    code, _, wrong = push(gone, made, "--upload")
    assert code == 2
    assert wrong.startswith("marsad: desk/marsad-tiny: cannot be uploaded (")
    assert len(wrong.splitlines()) == 1
