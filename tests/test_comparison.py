import json
from dataclasses import replace
from pathlib import Path

import pytest

from marsad.benchmarks import Benchmark, open_benchmark
from marsad.cli import run
from marsad.comparison import compare_evaluations, compare_systems
from marsad.document import Document, Sentence
from marsad.errors import DataError
from marsad.evaluation import evaluate
from marsad.metrics import Evaluation, Metrics, write_metrics
from marsad.model_folder import ModelFolder
from marsad.systems import ask_system
from tests.scoring.test_uncertainty import blurred


@pytest.fixture
def records(documents: list[Document], tmp_path: Path) -> dict[str, Path]:
    sides = {"gold": documents, "one": blurred(documents, 0.1), "other": blurred(documents, 0.4)}
    sides["moved"] = [
        replace(d, sentences=(Sentence(d.sentences[0].start, d.sentences[-1].end, e),), entities=())
        for d in documents
        for e in [next((s.events for s in d.sentences if s.events), ())]
    ]
    paths = {name: tmp_path / f"{name}.jsonl" for name in sides}
    for name, side in sides.items():
        lines = "".join(d.to_json() + "\n" for d in side)
        paths[name].write_text(lines, encoding="utf-8")
    return paths


@pytest.fixture
def benchmark(records: dict[str, Path]) -> Benchmark:
    return open_benchmark(str(records["gold"]))


@pytest.fixture
def evaluation(records: dict[str, Path], benchmark: Benchmark) -> Evaluation:
    return evaluate(ask_system(records["one"], benchmark.documents), benchmark)


def test_files_of_records_are_compared(
    records: dict[str, Path], benchmark: Benchmark, capsys: pytest.CaptureFixture
):
    assert run(["compare", *(str(records[name]) for name in ("one", "other", "gold"))]) == 0
    rows = compare_systems(records["one"], records["other"], benchmark)
    assert [row.name for row in rows] == [
        "entities micro F1",
        "entities macro F1",
        "events micro F1",
        "events macro F1",
    ]
    assert rows[0].support == sum(len(d.entities) for d in benchmark.documents)
    assert all(row.difference.value == pytest.approx(row.one - row.other) for row in rows)
    assert f"{rows[0].difference.value:+.3f}" in capsys.readouterr().out


def test_figures_compared_are_the_scorers(evaluation: Evaluation):
    rows = {row.name: row.one for row in compare_evaluations(evaluation, evaluation)}
    for task, table in evaluation.scores.tables.items():
        assert rows[f"{task} micro F1"] == pytest.approx(table.micro.f1)
        assert rows[f"{task} macro F1"] == pytest.approx(table.macro_f1)


def test_records_of_other_sentences_are_refused(records: dict[str, Path], benchmark: Benchmark):
    with pytest.raises(DataError, match="events on other sentences"):
        compare_systems(records["one"], records["moved"], benchmark)


@pytest.mark.parametrize(
    ("change", "reason"),
    [
        ({"data_sha256": "0" * 64}, "data of another SHA-256"),
        ({"documents": ("a",)}, "other documents"),
        ({"scheme": "0" * 16}, "another label scheme"),
        ({"scorer": 2}, "another scorer version"),
        ({"ruler": "conll-4"}, "another ruler"),
        ({"counts": {}}, "share no task"),
    ],
)
def test_results_that_cannot_be_compared_are_refused(
    evaluation: Evaluation, change: dict[str, object], reason: str
):
    with pytest.raises(DataError, match=reason):
        compare_evaluations(evaluation, replace(evaluation, **change))


def test_recorded_figures_are_compared_only_on_the_same_split(
    records: dict[str, Path], benchmark: Benchmark, evaluation: Evaluation, tmp_path: Path
):
    folder = ModelFolder(tmp_path / "model")
    folder.path.mkdir()
    write_metrics(Metrics().with_evaluation(evaluation), folder)
    rows = compare_systems(folder["metrics"], records["other"], benchmark)
    assert rows[0].difference.value > 0
    documents = benchmark.documents[:-1]
    lines = "".join(document.to_json() + "\n" for document in documents)
    records["gold"].write_text(lines, encoding="utf-8")
    with pytest.raises(DataError, match="evaluate the model again"):
        compare_systems(folder["metrics"], records["other"], open_benchmark(str(records["gold"])))


def test_figures_of_another_benchmark_are_not_taken(
    records: dict[str, Path], benchmark: Benchmark, evaluation: Evaluation, tmp_path: Path
):
    folder = ModelFolder(tmp_path / "model")
    folder.path.mkdir()
    write_metrics(Metrics().with_evaluation(replace(evaluation, data="test.jsonl")), folder)
    with pytest.raises(DataError, match=r"no figures on .*gold\.jsonl, but on test\.jsonl"):
        compare_systems(folder["metrics"], records["other"], benchmark)
    record = json.loads(folder["metrics"].read_text(encoding="utf-8"))
    assert record["evaluations"]["test.jsonl"]["scorer"] == evaluation.scorer
