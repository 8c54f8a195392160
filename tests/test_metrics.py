import json
from dataclasses import replace
from pathlib import Path

import pytest
from jsonschema import Draft202012Validator

from marsad.document import Document
from marsad.errors import ModelError
from marsad.evaluation import evaluate, record
from marsad.metrics import (
    Change,
    Evaluation,
    ExportReport,
    FileReport,
    Metrics,
    SeedReport,
    Spread,
    StressReport,
    StressResult,
    metrics_schema,
    read_metrics,
    write_metrics,
)
from marsad.model_folder import ModelFolder
from tests.conftest import ROOT
from tests.test_evaluation import benchmark_of, model_answers

SCHEMA = ROOT / "docs" / "metrics.schema.json"
COMMAND = (
    'python -c "import json; from marsad.metrics import metrics_schema; '
    'print(json.dumps(metrics_schema(), indent=1))" > docs/metrics.schema.json'
)


@pytest.fixture(scope="module")
def evaluation(documents: list[Document]) -> Evaluation:
    return evaluate(model_answers(documents[:12]), benchmark_of(documents[:12]))


@pytest.fixture(scope="module")
def metrics(evaluation: Evaluation) -> Metrics:
    """A record with all its parts."""
    few = replace(evaluation, model=None, trust={}, defects={})
    provenance = ("test.jsonl", "0" * 64, "e" * 16, 3, "model.onnx")
    change = Change(before=1 / 3, after=0.25, support=7, flips=0.5, judged=9)
    file = FileReport(300, 0.7, 0.8, None, 0.02, 1000.5)
    typos = StressResult("one", "invariant", None, 5, change, change, None)
    return Metrics(
        evaluations={evaluation.data: evaluation, "public": few},
        export=ExportReport(
            23, {"onnx": "1.23"}, 1e-5, file, replace(file, size=1000), int8=file, int8_kept=2
        ),
        seeds={"test": SeedReport(*provenance, (13, 14), {"F1": Spread(0.5, 0.01)})},
        stress={"test": StressReport(*provenance, "f" * 16, {"typos": typos})},
    )


@pytest.fixture
def folder(tmp_path: Path) -> ModelFolder:
    return ModelFolder(tmp_path)


def test_record_comes_back_as_it_was(metrics: Metrics, folder: ModelFolder):
    write_metrics(metrics, folder)
    assert read_metrics(folder) == metrics
    folder.verify("metrics")
    again = folder["metrics"].read_bytes()
    write_metrics(read_metrics(folder), folder)
    assert folder["metrics"].read_bytes() == again


def test_record_that_is_not_there_is_empty(folder: ModelFolder):
    assert read_metrics(folder) == Metrics()


def test_evaluation_takes_the_place_of_an_earlier_one(
    metrics: Metrics, evaluation: Evaluation, folder: ModelFolder
):
    write_metrics(metrics, folder)
    changed = replace(evaluation, overall=0.125)
    record(folder, changed)
    now = read_metrics(folder)
    assert now.evaluations == {**metrics.evaluations, changed.data: changed}
    assert (now.export, now.seeds, now.stress) == (metrics.export, metrics.seeds, metrics.stress)


def test_written_record_fits_the_schema(metrics: Metrics, folder: ModelFolder):
    Draft202012Validator.check_schema(metrics_schema())
    validator = Draft202012Validator(metrics_schema())
    write_metrics(metrics, folder)
    written = json.loads(folder["metrics"].read_text(encoding="utf-8"))
    validator.validate(written)
    written["evaluations"]["test.jsonl"]["scorer"] = "three"
    assert [list(e.path) for e in validator.iter_errors(written)] == [
        ["evaluations", "test.jsonl", "scorer"]
    ]


def test_schema_of_the_documents_is_the_records():
    how = f"write it anew: {COMMAND}"
    assert SCHEMA.exists(), how
    assert json.loads(SCHEMA.read_text(encoding="utf-8")) == metrics_schema(), how


def test_lists_of_numbers_go_on_one_line(metrics: Metrics, folder: ModelFolder):
    write_metrics(metrics, folder)
    text = folder["metrics"].read_text(encoding="utf-8")
    assert '"seeds": [ 13, 14 ]' in text
    counts = metrics.evaluations["test.jsonl"].counts["entities"]
    row, name = next((row, name) for row in counts.values() for name in row)
    assert f'"{name}": [ {", ".join(map(str, row[name]))} ]' in text


@pytest.mark.parametrize(
    ("change", "place"),
    [
        ({"evaluations": {"test": {"data": "test.jsonl"}}}, "evaluations.test.data_sha256"),
        ({"evaluations": []}, "evaluations"),
        ({"test": {}, "evaluations": {"test": {}}}, "evaluations.test.data"),
        ({"export": {"opset": "old"}}, "export.opset"),
        ({"seeds": {"test": {"figures": 1}}}, "seeds.test.data"),
    ],
)
def test_record_of_another_version_is_refused_with_its_place(
    folder: ModelFolder, change: dict[str, object], place: str
):
    folder["metrics"].write_text(json.dumps(change), encoding="utf-8")
    with pytest.raises(ModelError) as caught:
        read_metrics(folder)
    assert str(caught.value) == (
        f"{folder['metrics']}: not a record of this marsad (at {place!r}); "
        "delete it, evaluate again"
    )


@pytest.mark.parametrize("content", ["", "{", "[]", "\x00"])
def test_damaged_record_is_refused_in_one_line(folder: ModelFolder, content: str):
    folder["metrics"].write_text(content, encoding="utf-8")
    with pytest.raises(ModelError, match="not a record of this marsad") as caught:
        read_metrics(folder)
    assert "\n" not in str(caught.value)


@pytest.mark.parametrize(
    "content",
    [
        {"evaluation": {}},  # a typo
        {"evaluations": {}, "fairness": {}},  # of a later version
    ],
)
def test_record_is_closed(folder: ModelFolder, content: dict[str, object]):
    folder["metrics"].write_text(json.dumps(content), encoding="utf-8")
    with pytest.raises(ModelError, match="not a record of this marsad"):
        read_metrics(folder)
