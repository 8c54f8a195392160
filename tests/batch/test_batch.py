"""``marsad batch``: parts, parquet, what is broken off and goes on; a real Ray cluster."""

import json
import os
import shutil
import signal
import subprocess
import sys
import time
from pathlib import Path
from typing import Any

import psutil
import pyarrow as pa
import pytest
from pyarrow import parquet

import marsad
from marsad.batch.parts import cut
from marsad.batch.run import PLAN, locally, read_part
from marsad.batch.run import run as run_parts
from marsad.cli import run
from marsad.document import Document
from marsad.errors import ConfigError
from marsad.input_files import find_files
from marsad.inputs import read_inputs
from marsad.training import train
from tests.fates import Fate, live
from tests.runs import tiny_run

COMMAND = [sys.executable, "-c", "from marsad.cli import main; main()", "batch"]


@pytest.fixture(scope="module")
def model(tiny_encoder: Path, tiny_corpus: Path, tmp_path_factory: pytest.TempPathFactory) -> Path:
    return train(tiny_run(tiny_encoder, tiny_corpus, tmp_path_factory.mktemp("batch") / "m")).path


@pytest.fixture
def articles(tmp_path: Path, documents: list[Document]) -> Path:
    """A folder of lines with blank ones, a parquet file in groups of rows, and text files."""
    folder = tmp_path / "articles"
    folder.mkdir()
    lines = [d.to_json() for d in documents[:20]]
    (folder / "a.jsonl").write_text("\n\n".join(lines) + "\n", encoding="utf-8")
    table = pa.table(
        {"id": [d.id for d in documents[20:37]], "text": [d.text for d in documents[20:37]]}
    )
    parquet.write_table(table, folder / "b.parquet", row_group_size=5)
    for document in documents[37:44]:
        (folder / f"{document.id}.txt").write_text(document.text, encoding="utf-8")
    return folder


def rows(folder: Path) -> list[dict[str, Any]]:
    """Return the rows of all parts, in order."""
    return [
        row
        for path in sorted(folder.glob("part-*.parquet"))
        for row in parquet.read_table(path).to_pylist()
    ]


@pytest.mark.parametrize("size", [1, 3, 7, 1000])
def test_parts_hold_every_document_once_in_order(articles: Path, size: int):
    files = find_files([articles])
    parts = cut(files, size)
    assert [part.number for part in parts] == list(range(len(parts)))
    assert [type(part).parse(part.to_json()) for part in parts] == parts
    found = [given for part in parts for given in part.read()]
    assert found == list(read_inputs(files))
    assert all(len(list(part.read())) <= size for part in parts)


def test_rows_are_the_records_of_the_library(articles: Path, model: Path, tmp_path: Path):
    assert (
        run(["batch", str(articles), str(tmp_path / "out"), "-m", str(model), "--size", "6"]) == 0
    )
    nlp = marsad.load(model)
    wanted = [d.to_record() for d in nlp.pipe(read_inputs(find_files([articles])))]
    for row, record in zip(rows(tmp_path / "out"), wanted, strict=True):
        assert (row.pop("where"), row.pop("problem")) == (None, None)
        meta = row.pop("meta")
        assert (json.loads(meta) if meta else None) == record.pop("meta", None)
        assert row == record


def test_what_cannot_be_read_is_a_row_and_exit_code_2(
    model: Path, tmp_path: Path, capsys: pytest.CaptureFixture[str]
):
    source = tmp_path / "in.jsonl"
    source.write_text('{"id": "1", "text": "درعا"}\n{"id": 2}\nnonsense\n', encoding="utf-8")
    assert run(["batch", str(source), str(tmp_path / "out"), "-m", str(model), "--size", "2"]) == 2
    assert "2 documents cannot be read" in capsys.readouterr().err
    found = rows(tmp_path / "out")
    assert [row["where"] for row in found] == [None, f"{source}:2", f"{source}:3"]
    assert "not JSON" in found[2]["problem"]
    assert run(["batch", str(source), str(tmp_path / "out"), "-m", str(model), "--size", "2"]) == 2


def test_empty_files_are_no_fault(model: Path, tmp_path: Path):
    folder = tmp_path / "in"
    folder.mkdir()
    none = pa.table({"id": pa.array([], pa.string()), "text": pa.array([], pa.string())})
    parquet.write_table(none, folder / "a.parquet")
    (folder / "b.jsonl").write_text('\n\n\n\n{"id": "1", "text": "درعا"}\n', encoding="utf-8")
    command = ["batch", str(folder), str(tmp_path / "out"), "-m", str(model), "--size", "2"]
    assert run(command) == 0
    assert [row["id"] for row in rows(tmp_path / "out")] == ["1"]
    assert run(command) == 0


def test_restart_reads_again_what_could_not_be_read(model: Path, tmp_path: Path):
    source, output = tmp_path / "in", tmp_path / "out"
    source.mkdir()
    (source / "a.txt").write_text("درعا", encoding="utf-8")
    command = ["batch", str(source), str(output), "-m", str(model)]
    assert run(command) == 0
    before = (output / "part-000000.parquet").stat().st_mtime_ns
    (output / f".{PLAN}.torn.json").write_text("{", encoding="utf-8")
    assert run(command) == 0
    assert (output / "part-000000.parquet").stat().st_mtime_ns == before
    assert run([*command, "--restart"]) == 0
    assert (output / "part-000000.parquet").stat().st_mtime_ns > before


@pytest.mark.parametrize("place", ["file/out", "/proc/nothing/out"])
def test_an_output_that_cannot_be_made_is_one_line(
    place: str, model: Path, tmp_path: Path, capsys: pytest.CaptureFixture[str]
):
    (tmp_path / "file").write_text("x", encoding="utf-8")
    source = tmp_path / "in.jsonl"
    source.write_text('{"id": "1", "text": "درعا"}\n', encoding="utf-8")
    assert run(["batch", str(source), str(tmp_path / place), "-m", str(model)]) == 2
    assert "cannot be made" in capsys.readouterr().err
    assert run(["batch", "-", str(tmp_path / "out"), "-m", str(model)]) == 2
    assert "standard input" in capsys.readouterr().err


def test_a_damaged_parquet_file_is_a_row(model: Path, tmp_path: Path):
    source = tmp_path / "in.parquet"
    source.write_bytes(b"PAR1 nonsense")
    assert run(["batch", str(source), str(tmp_path / "out"), "-m", str(model)]) == 2
    (row,) = rows(tmp_path / "out")
    assert "damaged" in row["problem"]


def test_one_that_was_killed_goes_on_to_the_same_bytes(articles: Path, model: Path, tmp_path: Path):
    command = ["batch", str(articles), "-m", str(model), "--size", "2"]
    assert run([*command, str(tmp_path / "whole")]) == 0
    whole = {p.name: p.read_bytes() for p in (tmp_path / "whole").glob("part-*")}
    output = tmp_path / "out"
    command += [str(output)]
    fourth = Fate(r"rename .*/part-\d+\.parquet$", number=4)
    assert live(command, tmp_path, fourth).code == -signal.SIGKILL
    kept = {p: p.stat().st_mtime_ns for p in output.glob("part-*")}
    assert len(kept) == 3
    assert run(command) == 0
    assert {p.name: p.read_bytes() for p in output.glob("part-*")} == whole
    assert all(p.stat().st_mtime_ns == when for p, when in kept.items())
    assert not [p for p in output.iterdir() if p.name.startswith(".part")]


def test_another_run_in_the_folder_is_refused_until_restart(
    articles: Path, model: Path, tmp_path: Path, capsys: pytest.CaptureFixture[str]
):
    command = ["batch", str(articles), str(tmp_path / "out"), "-m", str(model), "--size"]
    assert run([*command, "6"]) == 0
    before = len(rows(tmp_path / "out"))
    assert run([*command, "5"]) == 2
    assert "differs in size" in capsys.readouterr().err
    assert run([*command, "5", "--restart"]) == 0
    assert len(rows(tmp_path / "out")) == before
    for broken in (b"{", b"\xff", b"[]"):
        (tmp_path / "out" / PLAN).write_bytes(broken)
        assert run([*command, "5"]) == 2
        assert "not a plan of a batch; name a new folder" in capsys.readouterr().err
    (tmp_path / "out" / PLAN).unlink()
    assert run([*command, "5"]) == 2
    assert "holds something else" in capsys.readouterr().err


@pytest.mark.parametrize("workers", ["0", "x", "3:2", "1:x"])
def test_workers_that_are_no_number_are_refused(
    workers: str, model: Path, tmp_path: Path, capsys: pytest.CaptureFixture[str]
):
    source = tmp_path / "in.jsonl"
    source.write_text('{"id": "1", "text": "درعا"}\n', encoding="utf-8")
    command = ["batch", str(source), str(tmp_path / "out"), "-m", str(model), "--engine", "ray"]
    assert run([*command, "--workers", workers]) == 2
    assert f"--workers {workers}: give a number" in capsys.readouterr().err
    assert not (tmp_path / "out").exists()


def test_an_output_that_is_a_file_is_refused(articles: Path, model: Path, tmp_path: Path):
    (tmp_path / "out").write_text("x", encoding="utf-8")
    reader = marsad.load(model)
    files = find_files([articles])
    with pytest.raises(ConfigError, match="is a file"):
        run_parts(files, tmp_path / "out", reader, locally(reader, tmp_path / "out"), size=5)


def test_a_part_that_is_read_twice_is_the_same(articles: Path, model: Path, tmp_path: Path):
    reader = marsad.load(model)
    part = cut(find_files([articles]), 5)[1]
    for _ in range(2):
        assert read_part(reader, tmp_path, part) == 1
    assert [p.name for p in tmp_path.glob("part-*")] == ["part-000001.parquet"]


def readers_of_ray() -> list[psutil.Process]:
    return [
        p
        for p in psutil.process_iter(["cmdline"])
        if "ray::MapWorker" in "".join(p.info["cmdline"] or [])
    ]


def test_a_cluster_loses_a_reader_and_no_row(articles: Path, model: Path, tmp_path: Path):
    """Two readers of a real cluster, one of which is killed while it reads."""
    pytest.importorskip("ray")
    big = tmp_path / "big"
    big.mkdir()
    for copy in range(12):
        shutil.copy(articles / "a.jsonl", big / f"{copy}.jsonl")
    command = [*COMMAND, str(big), "-m", str(model), "--size", "4"]
    subprocess.run([*command, str(tmp_path / "local")], check=True, capture_output=True)
    wanted = {p.name: p.read_bytes() for p in (tmp_path / "local").glob("part-*")}
    output = tmp_path / "out"
    process = subprocess.Popen(
        [*command, str(output), "--engine", "ray", "--workers", "2"],
        stderr=subprocess.PIPE,
        text=True,
        env={**os.environ, "RAY_DISABLE_IMPORT_WARNING": "1"},
    )
    try:
        until = time.monotonic() + 480
        readers: list[psutil.Process] = []
        while len(readers) < 2 or len(list(output.glob("part-*"))) < 5:
            assert process.poll() is None, process.stderr.read()
            assert time.monotonic() < until
            readers = readers if len(readers) == 2 else readers_of_ray()
            time.sleep(0.02)
        readers[0].kill()
        assert len(list(output.glob("part-*"))) < len(wanted)
        _, said = process.communicate(timeout=480)
    finally:
        process.kill()
    assert process.returncode == 0, said
    assert {p.name: p.read_bytes() for p in output.glob("part-*")} == wanted
