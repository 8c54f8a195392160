from dataclasses import asdict
from pathlib import Path

import pytest

from marsad.bench_reading.bench import Bench, bench
from marsad.bench_reading.measuring import LENGTHS, Length, Reading, measure_lengths
from marsad.bench_reading.peak import int8_peak, work
from marsad.bench_reading.ways import our_ways
from marsad.cli import run
from marsad.document import Document
from marsad.export import export
from marsad.machine import describe_machine
from marsad.model_folder import ModelFolder
from marsad.text.words import count_words
from marsad.training import train
from tests.runs import ANY_LOSS, tiny_run

SENTENCE = "قصفت طائرة مسيرة مقرا للشرطة في درعا صباح الثلاثاء."


@pytest.fixture(scope="module")
def folder(
    tiny_encoder: Path, tiny_corpus: Path, tmp_path_factory: pytest.TempPathFactory
) -> ModelFolder:
    output = tmp_path_factory.mktemp("bench") / "tiny"
    made = train(tiny_run(tiny_encoder, tiny_corpus, output, export=ANY_LOSS))
    export(made)
    return made


def test_the_peak_is_measured():
    one, other = int8_peak(), int8_peak()
    assert one > 1e8  # a phone does more
    assert 0.2 < one / other < 5


def test_work_grows_with_the_text(folder: ModelFolder):
    one, two = (work(folder, [SENTENCE] * n) for n in (1, 2))
    assert two == 2 * one
    assert one % (2 * (4 * 48 * 48 + 2 * 48 * 96)) == 0


def reading(way: str, seconds: float) -> Reading:
    return Reading(way, 10, 1000, seconds, (0.01, 0.02, 0.03), 1.0, 100 * 2**20)


def test_the_table_puts_the_ratios_first():
    usual, best = reading("two pipelines, batch 1", 20.0), reading("two pipelines, batch 8", 10.0)
    ours = reading("marsad, ONNX int8", 1.0)
    made = Bench(
        describe_machine(),
        "m",
        "texts",
        1e11,
        10**10,
        (ours,),
        usual,
        best,
        (Length(2000, 2.0, 2**20),),
    )
    lines = list(made.to_lines())
    assert lines[2].startswith("| marsad, ONNX int8 | 20.0 | 10.0 | 10.00 | 1,000 | 10.0 | 20.0 |")
    assert any("reaches 10, 10%" in line for line in lines)
    assert "| 2,000 | 1,000 | 1 |" in lines
    assert made.to_record()["ours"][0] == asdict(ours)


def test_documents_grow_and_repeat_no_text(folder: ModelFolder, documents: list[Document]):
    (way, *_) = our_ways(folder.path, ["onnx_int8"], bf16=False)
    texts = [document.text for document in documents]
    total = sum(map(count_words, texts))
    lengths = measure_lengths(way, texts)
    sizes = [length.words for length in lengths]
    assert sizes == sorted(set(sizes))
    assert sizes[-1] == total if total < LENGTHS[-1] else sizes[-1] >= LENGTHS[-1]
    assert all(length.seconds > 0 and length.memory > 20 * 2**20 for length in lengths)


@pytest.mark.slow
def test_all_ways_read_real_texts(folder: ModelFolder, documents: list[Document]):
    made = bench(folder, [d.text for d in documents[:3]], source="dev", rounds=1)
    ways = [own.way for own in made.ours]
    assert ways[:3] == ["marsad, ONNX int8", "marsad, ONNX fp32", "marsad, torch fp32"]
    for own in (*made.ours, made.usual, made.best):
        assert own.seconds > 0
        assert own.start > own.latencies[0]
        assert own.memory > 20 * 2**20
    assert made.best.texts_a_second >= made.usual.texts_a_second


def test_nothing_to_read_is_one_clear_line(
    folder: ModelFolder, tmp_path: Path, capsys: pytest.CaptureFixture[str]
):
    (tmp_path / "a.txt").write_bytes(b"")
    assert run(["bench", str(folder.path), str(tmp_path / "a.txt")]) == 2
    assert "a.txt: empty; nothing to read" in capsys.readouterr().err


def test_figures_that_could_not_be_written_are_not_measured(
    folder: ModelFolder, tmp_path: Path, capsys: pytest.CaptureFixture[str]
):
    (tmp_path / "a.txt").write_bytes(b"")  # would be refused when it is read
    command = ["bench", str(folder.path), str(tmp_path / "a.txt"), "-o"]
    assert run([*command, str(tmp_path)]) == 2
    assert f"{tmp_path}: is a folder; name a file" in capsys.readouterr().err
    assert run([*command, str(tmp_path / "a.txt" / "b.json")]) == 2
    assert "cannot be written (" in capsys.readouterr().err
