"""The whole story with a tiny encoder: data, training, export, evaluation, prediction, card."""

import json
import shutil
import subprocess
import sys
from dataclasses import replace
from pathlib import Path
from typing import Any
from unittest.mock import Mock

import numpy as np
import onnx
import pytest
from huggingface_hub import ModelCard
from onnx import numpy_helper

import marsad
from marsad.benchmarks import open_benchmark
from marsad.calibration import read_calibrations, write_calibration
from marsad.card_writing import write_card
from marsad.config import RunConfig
from marsad.corpus import check_files, read_corpus
from marsad.document import Document, Sentence
from marsad.errors import ConfigError, ExportError, ModelError
from marsad.evaluation import evaluate, record
from marsad.examining import Examination
from marsad.export import broken_limits, export
from marsad.metrics import Evaluation, read_metrics
from marsad.model_folder import ModelFolder
from marsad.sections import ExportConfig
from marsad.systems import ask_system
from marsad.training import train
from tests.conftest import ROOT
from tests.environments import plain_environment

ARTICLE = (ROOT / "data" / "articles" / "daraa.txt").read_text(encoding="utf-8")


def evaluate_on(folder: ModelFolder, data: str | Path, *, file: str | None = None) -> Evaluation:
    benchmark = open_benchmark(str(data))
    evaluation = evaluate(ask_system(folder.path, benchmark.documents, file=file), benchmark)
    record(folder, evaluation)
    return evaluation


@pytest.fixture(scope="module")
def folder(
    tiny_encoder: Path, tiny_corpus: Path, tmp_path_factory: pytest.TempPathFactory
) -> ModelFolder:
    """A trained, exported and evaluated tiny model."""
    config = RunConfig.model_validate(
        {
            "name": "tiny",
            "encoder": str(tiny_encoder),
            "output": tmp_path_factory.mktemp("runs") / "tiny",
            "data": {s: str(tiny_corpus / f"{s}.jsonl") for s in ("train", "dev", "test")},
            "window": {"max_tokens": 96, "overlap": 8},
            "train": {"epochs": 6, "batch_size": 4, "learning_rate": 3e-3},
            "export": {"max_entity_loss": 1.0, "max_event_loss": 1.0, "max_flips": 1.0},
        }
    )
    made = train(config)
    export(made, fp16=True)
    evaluate_on(made, config.data.test)
    write_card(made)
    return made


def test_folder_holds_the_layout_and_nothing_else(folder: ModelFolder):
    names = {path.name for path in folder.path.iterdir()}
    assert names == {
        "README.md", "config.json", "run.yaml", "metrics.json", "metrics.jsonl", "labels.yaml",
        "calibration.json", "tokenizer.json", "tokenizer_config.json", "model.safetensors",
        "model.onnx", "model.int8.onnx", "model.fp16.onnx", "SHA256SUMS",
    }  # fmt: skip
    folder.verify()


def test_training_learnt_something(folder: ModelFolder, tiny_corpus: Path):
    """Not a quality figure: a tiny encoder without pre-training must at least fit its own data."""
    scores = evaluate_on(folder, tiny_corpus / "train.jsonl", file="weights").scores
    assert scores.tables["entities"].micro.recall > 0.05


@pytest.mark.parametrize("file", ["weights", "onnx", "onnx_int8", "onnx_fp16"])
def test_every_model_file_reads_the_article(folder: ModelFolder, file: str):
    document = marsad.load(folder.path, file=file)(ARTICLE)
    assert document.text == ARTICLE
    assert document.coverage == 1.0
    assert document.warnings == ()
    assert len(document.sentences) == 18
    assert all(document.text[e.start : e.end].strip() for e in document.entities)
    assert all(0 < e.score <= 1 for e in document.entities)


@pytest.mark.parametrize(
    ("how", "complaint"),
    [
        ({"threads": 0}, "threads=0: name how many cores share a window"),
        ({"provider": "CUDAA"}, "provider 'CUDAA': this onnxruntime has .*CPU.*onnxruntime-gpu"),
    ],
)
def test_a_way_to_compute_that_is_not_there_is_refused(
    folder: ModelFolder, how: dict[str, Any], complaint: str
):
    with pytest.raises(ConfigError, match=complaint):
        marsad.load(folder.path, **how)


@pytest.mark.parametrize("threads", [1, 2, 64])
def test_threads_change_no_answer(folder: ModelFolder, documents: list[Document], threads: int):
    texts = [document.text for document in documents[:4]]
    one, other = (list(marsad.load(folder.path, threads=own).pipe(texts)) for own in (1, threads))
    assert [d.to_json() for d in one] == [d.to_json() for d in other]


def test_onnx_agrees_with_the_checkpoint(folder: ModelFolder):
    one, two = (marsad.load(folder.path, file=file)(ARTICLE) for file in ("weights", "onnx"))
    assert [(e.start, e.end, e.label) for e in one.entities] == [
        (e.start, e.end, e.label) for e in two.entities
    ]
    assert np.allclose([e.score for e in one.entities], [e.score for e in two.entities], atol=1e-3)


def test_pipe_keeps_order_and_does_not_depend_on_the_batch(
    folder: ModelFolder, documents: list[Document]
):
    nlp = marsad.load(folder.path, file="onnx")
    texts = [document.text for document in documents[:7]] + [ARTICLE]
    alone = [nlp(text) for text in texts]
    together = list(nlp.pipe((t for t in texts), batch_size=3))
    assert [d.text for d in together] == texts
    assert [[(e.start, e.end, e.label) for e in d.entities] for d in together] == [
        [(e.start, e.end, e.label) for e in d.entities] for d in alone
    ]


def test_prediction_is_a_corpus_file(folder: ModelFolder, tmp_path: Path):
    document = marsad.load(folder.path)(ARTICLE)
    path = tmp_path / "out.jsonl"
    path.write_text(document.to_json() + "\n", encoding="utf-8")
    assert [p for p in check_files([path]) if p.level == "error"] == []
    assert read_corpus(path)[0].entities


@pytest.mark.parametrize("text", ["", " \n ", "؟", "\u0651", "درعا" * 3000, "🙂 M4 ١٤٫٣٠"])
def test_odd_texts_are_read(folder: ModelFolder, text: str):
    document = marsad.load(folder.path)(text)
    assert document.text == text
    assert document.coverage == 1.0


def test_record_of_the_run(folder: ModelFolder, tiny_corpus: Path):
    metrics = read_metrics(folder)
    test = metrics.evaluations[str(tiny_corpus / "test.jsonl")]
    assert test.unit == "documents"
    assert len(test.data_sha256) == 64
    assert test.scores.tables["entities"].micro.support > 0
    assert test.scores.events is not None
    assert test.scores.events.families is not None
    names = {family.name for family in marsad.labels.scheme().families}
    assert set(test.scores.events.families.per_name) == names
    assert test.scores.events.ranking is not None
    assert set(test.trust) == {"entities", "events"}
    assert metrics.export is not None
    assert metrics.export.max_difference < 1e-3


def test_every_model_file_has_its_calibration(folder: ModelFolder, tiny_corpus: Path):
    calibrations = read_calibrations(folder)
    assert set(calibrations) == {"weights", "onnx_int8", "onnx_fp16"}
    assert {c.fitted_on for c in calibrations.values()} == {str(tiny_corpus / "dev.jsonl")}


def test_card_says_what_the_metrics_say(folder: ModelFolder):
    card = ModelCard.load(folder["card"])
    test = next(iter(read_metrics(folder).evaluations.values()))
    strict = test.scores.tables["entities"].micro.f1
    assert card.data.language == "ar"
    values = {r.metric_name: r.metric_value for r in card.data.eval_results}
    assert values["strict span micro F1"] == round(strict, 4)
    assert f"Micro F1 **{100 * strict:.1f}**" in card.text
    assert "Not for targeting" in card.text
    for label in test.never_predicted:
        assert label in card.text


def damage(source: Path, target: Path, _: object) -> list[str]:
    """Take a graph's pieces for one another."""
    model = onnx.load(source)
    table = max(model.graph.initializer, key=lambda tensor: tensor.ByteSize())
    values = numpy_helper.to_array(table)
    table.CopyFrom(numpy_helper.from_array(np.ascontiguousarray(values[::-1]), table.name))
    onnx.save(model, target)
    return []


@pytest.fixture
def copy(folder: ModelFolder, tmp_path: Path) -> ModelFolder:
    """The model as it was before its export."""
    copy = ModelFolder(tmp_path / "copy")
    copy.path.mkdir()
    for role in ("config", "run", "labels", "calibration", "tokenizer", "weights"):
        copy[role].write_bytes(folder[role].read_bytes())
    return copy


def test_opset_20_has_no_operator_of_later_ones_and_the_same_answers(
    folder: ModelFolder, copy: ModelFolder
):
    assert export(copy, opset=20, int8=False, fp16=True).opset == 20
    for role in ("onnx", "onnx_fp16"):
        model = onnx.load(copy[role])
        assert {own.domain: own.version for own in model.opset_import}[""] == 20
        assert "Attention" not in {node.op_type for node in model.graph.node}
    assert "Attention" in {node.op_type for node in onnx.load(folder["onnx"]).graph.node}
    one, other = (marsad.load(own.path, file="onnx")(ARTICLE) for own in (folder, copy))
    assert [(e.start, e.end, e.label) for e in one.entities] == [
        (e.start, e.end, e.label) for e in other.entities
    ]


def test_an_opset_that_is_not_written_is_refused_before_anything_is_lost(folder: ModelFolder):
    with pytest.raises(ConfigError, match=r"export\.opset: Input should be 20 or 23, not 21"):
        export(folder, opset=21)
    assert folder["onnx"].exists()


def test_gates_stop_an_export_and_leave_nothing(
    copy: ModelFolder, folder: ModelFolder, monkeypatch: pytest.MonkeyPatch
):
    run = copy["run"].read_text(encoding="utf-8")
    copy["run"].write_text(
        run.replace("max_difference: 0.001", "max_difference: 1.0e-30"), encoding="utf-8"
    )
    with pytest.raises(ExportError, match=r"differ from the checkpoint by .* nothing was written"):
        export(copy)
    assert not copy["onnx"].exists()

    copy["onnx_int8"].write_bytes(folder["onnx_int8"].read_bytes())
    copy["run"].write_text(run.replace("max_flips: 1.0", "max_flips: 0.0"), encoding="utf-8")
    monkeypatch.setattr("marsad.export.smooth", damage)
    with pytest.raises(ExportError, match=r"% of answers change, more than export\.max_flips=0; "):
        export(copy)
    assert copy["onnx"].exists()
    assert not copy["onnx_int8"].exists()


def test_coverage_is_a_share_also_where_a_sentence_cuts_a_word(folder: ModelFolder):
    cut = Document("x", "درعا البلد", (Sentence(0, 2), Sentence(2, 10)))
    assert marsad.load(folder.path, file="onnx")(cut).coverage == 1.0


def test_an_export_that_breaks_off_leaves_what_it_wrote_whole_and_recorded(
    copy: ModelFolder, monkeypatch: pytest.MonkeyPatch
):
    def stopped(*_: object) -> None:
        raise KeyboardInterrupt

    monkeypatch.setattr("marsad.export.halve", stopped)
    with pytest.raises(KeyboardInterrupt):
        export(copy, fp16=True)
    copy.verify()
    assert marsad.load(copy.path)(ARTICLE).coverage == 1.0
    monkeypatch.setattr("marsad.export.smooth", stopped)
    with pytest.raises(KeyboardInterrupt):
        export(copy)
    copy.verify()
    report = read_metrics(copy).export
    assert report is not None
    assert (report.int8, report.fp16) == (None, None)
    assert not copy["onnx_int8"].exists()


def test_a_file_breaks_each_limit_that_it_is_beyond(folder: ModelFolder, documents: list[Document]):
    def examined(entities: float, events: float | None) -> Examination:
        found = Mock(Examination, entities=entities, events=events)
        found.flips.return_value = 0.1
        return found

    limits = ExportConfig(max_entity_loss=0.01, max_event_loss=0.03, max_flips=0.2)
    assert broken_limits(examined(0.695, 0.5), examined(0.7, 0.52), limits) == []
    assert broken_limits(examined(0.68, None), examined(0.7, None), limits) == [
        "F1 of entities on dev falls from 0.7000 to 0.6800, by 0.0200, more than "
        "export.max_entity_loss=0.01"
    ]
    limits = limits.model_copy(update={"max_flips": 0.05})
    assert broken_limits(examined(0.8, 0.4), examined(0.7, 0.5), limits) == [
        "F1 of events on dev falls from 0.5000 to 0.4000, by 0.1000, more than "
        "export.max_event_loss=0.03",
        "10.0% of answers change, more than export.max_flips=0.05",
    ]


def test_changed_file_and_foreign_scheme_are_refused(folder: ModelFolder, tmp_path: Path):
    copy = ModelFolder(tmp_path / "copy")
    copy.path.mkdir()
    for path in folder.path.iterdir():
        (copy.path / path.name).write_bytes(path.read_bytes())
    data = bytearray(copy["onnx_int8"].read_bytes())
    data[len(data) // 2] ^= 1
    copy["onnx_int8"].write_bytes(data)
    with pytest.raises(ModelError, match="does not match SHA256SUMS"):
        marsad.load(copy.path)
    labels = copy["labels"].read_text(encoding="utf-8")
    copy["labels"].write_text(labels.replace("airstrike:", "air_raid:"), encoding="utf-8")
    with pytest.raises(ModelError, match="not the label file the model was trained with"):
        marsad.load(copy.path)


def test_a_plain_installation_does_the_whole_runtime(folder: ModelFolder, tmp_path: Path):
    """Load, predict, pipe, the record and the command line, where there is no torch at all."""
    python = plain_environment(tmp_path / "plain")
    (tmp_path / "daraa.txt").write_text(ARTICLE, encoding="utf-8")
    code = f"""
import importlib.util
for name in ("torch", "transformers", "datasets", "sklearn", "safetensors", "onnx", "jinja2"):
    assert importlib.util.find_spec(name) is None, name
from pathlib import Path
import marsad
from marsad.metrics import read_metrics
from marsad.model_folder import ModelFolder
nlp = marsad.load({str(folder.path)!r})
article = open({str(tmp_path / "daraa.txt")!r}, encoding="utf-8").read()
document = nlp(article)
piped = list(nlp.pipe((article for _ in range(3)), batch_size=2))
assert [d.entities for d in piped] == [document.entities] * 3
folder = ModelFolder(Path({str(folder.path)!r}))
folder.verify()
card = folder["card"].read_text(encoding="utf-8")
print(len(document.sentences), document.coverage, len(read_metrics(folder).evaluations))
"""
    done = subprocess.run([python, "-c", code], capture_output=True, text=True, check=False)
    assert done.stderr == ""
    assert done.stdout.split() == ["18", "1.0", str(len(read_metrics(folder).evaluations))]
    command = "from marsad.cli import main; main()"
    for model in (folder.path, ROOT / "models" / "marsad-small"):
        arguments = ["predict", str(tmp_path / "daraa.txt"), "--model", str(model)]
        outputs = [f"-o{tmp_path / model.name}.{suffix}" for suffix in ("jsonl", "html", "conll")]
        done = subprocess.run(
            [python, "-c", command, *arguments, *outputs],
            capture_output=True,
            text=True,
            check=False,
        )
        assert done.returncode == 0, done.stderr
        assert read_corpus(tmp_path / f"{model.name}.jsonl")[0].text == ARTICLE
    done = subprocess.run(
        [python, "-c", command, "train", str(ROOT / "configs" / "joint.yaml")],
        capture_output=True,
        text=True,
        check=False,
    )
    assert done.returncode == 2
    assert "pip install 'marsad[train]'" in done.stderr


def test_import_is_light():
    names = "('torch', 'numpy', 'onnxruntime')"
    code = f"import sys, marsad; print([m for m in {names} if m in sys.modules])"
    done = subprocess.run([sys.executable, "-c", code], capture_output=True, text=True, check=True)
    assert done.stdout.strip() == "[]"


def test_what_was_measured_with_files_that_are_made_anew_is_forgotten(
    folder: ModelFolder, tmp_path: Path, caplog: pytest.LogCaptureFixture
):
    again = ModelFolder(Path(shutil.copytree(folder.path, tmp_path / "again")))
    assert {e.read_with for e in read_metrics(again).evaluations.values()} > {"model.safetensors"}
    own = read_calibrations(again)["onnx_int8"]
    strict = replace(own, abstain=replace(own.abstain, entities=0.9))
    write_calibration(strict, again, "onnx_int8")
    export(again)
    assert {e.read_with for e in read_metrics(again).evaluations.values()} <= {"model.safetensors"}
    assert not again["card"].exists()
    assert "what it was calibrated by" in caplog.text


def test_same_seed_gives_the_same_weights(run_config: RunConfig, tmp_path: Path):
    configs = [run_config.model_copy(update={"output": tmp_path / name}) for name in ("a", "b")]
    roles = ("card", "onnx", "onnx_int8", "onnx_fp16")
    stale = [ModelFolder(configs[0].output)[role] for role in roles]
    configs[0].output.mkdir()
    for path in (*stale, *(ModelFolder(configs[0].output)[role] for role in ("metrics", "run"))):
        path.write_text("of another checkpoint", encoding="utf-8")
    one, two = (train(config) for config in configs)
    assert [path for path in stale if path.exists()] == []
    assert read_metrics(one).evaluations == {}
    assert one["weights"].read_bytes() == two["weights"].read_bytes()


@pytest.mark.parametrize("task", ["ner", "events"])
def test_models_of_one_task_say_only_that(run_config: RunConfig, task: str):
    raw = json.loads(run_config.model_dump_json()) | {"task": task}
    raw["model"]["pooling"] = "first"
    made = train(RunConfig.model_validate(raw))
    export(made)
    scores = evaluate_on(made, run_config.data.test).scores
    assert (scores.entities is None) == (task == "events")
    assert (scores.events is None) == (task == "ner")
    document = marsad.load(made.path)(ARTICLE)
    assert document.coverage == 1.0
    assert not document.entities or task == "ner"
