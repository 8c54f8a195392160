import json
from collections.abc import Callable
from dataclasses import replace
from pathlib import Path
from statistics import mean

import pytest

from marsad.benchmarks import open_benchmark
from marsad.checkpoints import FOLDER, Checkpoints
from marsad.cli import run
from marsad.config import RunConfig, load_config, with_values
from marsad.corpus import read_corpus
from marsad.document import Document
from marsad.doubts import find_doubts
from marsad.errors import ConfigError, DataError
from marsad.evaluation import score_reader
from marsad.folds import cross_validate, part
from marsad.formats import jsonl
from marsad.model_folder import ModelFolder
from marsad.runtime import open_reader
from marsad.scoring import score
from tests.conftest import ROOT
from tests.runs import file_of, killed_in, lines_of_first_epoch, stamps


def on(config: RunConfig, documents: list[Document], path: Path) -> RunConfig:
    """Return the run that learns from some documents."""
    jsonl.write(documents, path)
    return with_values(config, {"data.train": str(path)})


@pytest.mark.parametrize("folds", [2, 3, 7])
def test_every_document_is_held_out_once_and_never_learnt_from_then(
    run_config: RunConfig, folds: int
):
    path = ROOT / "data" / "corpus" / "train.jsonl"
    ids = [document.id for document in read_corpus(path)]
    parts = part(with_values(run_config, {"data.train": str(path)}), folds)
    assert [fold.number for fold in parts] == list(range(1, folds + 1))
    held_out = [d.id for fold in parts for d in fold.held_out.documents]
    assert sorted(held_out) == sorted(ids)
    for fold in parts:
        own, rest = {d.id for d in fold.held_out.documents}, {d.id for d in fold.rest}
        assert own
        assert own | rest == set(ids)
        assert not own & rest


def test_documents_keep_their_fold_when_others_come(
    run_config: RunConfig, documents: list[Document], tmp_path: Path
):
    few, many = (
        {
            d.id: fold.number
            for fold in part(on(run_config, some, tmp_path / "some.jsonl"), 3)
            for d in fold.held_out.documents
        }
        for some in (documents[:15], documents[::-1])
    )
    assert few.items() < many.items()


@pytest.mark.slow
def test_figures_are_of_models_that_never_saw_what_they_are_scored_on(
    quick: RunConfig,
    documents: list[Document],
    tmp_path: Path,
    capsys: pytest.CaptureFixture,
):
    config = with_values(
        on(quick, documents[10:16], tmp_path / "all.jsonl"),
        {
            "loss.event_positive_weight": 10.0,  # so that a small model claims something at all
            "train.heads_first": {"epochs": 20, "learning_rate": 1e-2},
            "train.learning_rate": 1e-4,
            "train.epochs": 1,
        },
    )
    command = ["train", file_of(config, tmp_path), "--folds", "2"]
    assert run(command) == 0
    shown = capsys.readouterr().out
    record = json.loads((quick.output / "folds.json").read_text(encoding="utf-8"))
    gold, read, scored = [], [], {}
    for number in ("1", "2"):
        folder = ModelFolder(quick.output / "folds" / number)
        data = load_config(folder["run"]).data
        held_out = open_benchmark(data.dev).documents
        assert data.train is not None
        assert not {d.id for d in held_out} & {d.id for d in read_corpus(Path(data.train))}
        reader = open_reader(folder)
        scored[number] = score_reader(reader, held_out).overall
        gold += held_out
        read += [judgement.decide(reader.calibration) for judgement in reader.judge(held_out)]
    assert sorted(d.id for d in gold) == sorted(d.id for d in documents[10:16])
    assert record["figures"]["eval_score"]["values"] == pytest.approx(scored)
    pooled = score(gold, read, entities=True, events=True)
    assert pooled.overall > 0
    assert pooled.overall != pytest.approx(mean(scored.values()))
    assert record["documents"] == 6
    assert record["pooled"]["score"] == pytest.approx(pooled.overall)
    for name, table in (("entity", "entities"), ("event", "events")):
        own = pooled.tables[table]
        assert record["pooled"][f"{name} micro F1"] == pytest.approx(own.micro.f1)
        assert record["pooled"][f"{name} macro F1"] == pytest.approx(own.macro_f1)
        assert f"of {own.micro.support} " in shown

    folders = quick.output / "folds"
    before = stamps(folders)
    found = cross_validate(config, folds=2)
    assert found.pooled.tables == pooled.tables
    assert found.to_record() == record
    assert stamps(folders) == before
    jsonl.write(documents[10:17], tmp_path / "all.jsonl")  # one more, to learn from or to be read
    assert cross_validate(config, folds=2).pooled.documents == 7
    assert not stamps(folders).items() & before.items()
    assert not ModelFolder(quick.output)["weights"].exists()


def test_killed_fold_goes_on(
    quick: RunConfig,
    documents: list[Document],
    tmp_path: Path,
    monkeypatch: pytest.MonkeyPatch,
):
    quick = with_values(quick, {"train.batch_size": 16})
    config, home = on(quick, documents[9:11], tmp_path / "all.jsonl"), quick.output / "folds"
    with monkeypatch.context() as patch:
        patch.setattr("marsad.finished_runs.train", killed_in("2"))
        with pytest.raises(KeyboardInterrupt):
            cross_validate(config, folds=2)
    before = stamps(home)
    lines = lines_of_first_epoch(Checkpoints(home / "2" / FOLDER).log)
    found = cross_validate(config, folds=2)
    assert before == {"1": stamps(home)["1"]}
    assert lines
    assert lines == lines_of_first_epoch(home / "2" / "metrics.jsonl")
    assert found.pooled.documents == 2


@pytest.mark.parametrize("train", [cross_validate, find_doubts])
@pytest.mark.parametrize("shared", ["id", "text"])
def test_mixture_that_holds_what_a_fold_holds_out_is_refused(
    run_config: RunConfig,
    documents: list[Document],
    tmp_path: Path,
    train: Callable[..., object],
    shared: str,
):
    learnt, other = documents[2], documents[10]
    again = replace(other, id=learnt.id) if shared == "id" else replace(learnt, id="other")
    mixture = tmp_path / "mixture.jsonl"
    config = with_values(run_config, {"data.mixture": [{"corpus": str(mixture)}]})
    jsonl.write([other], mixture)
    assert len(part(config, 2)) == 2
    jsonl.write([documents[9], again], mixture)
    with pytest.raises(ConfigError, match=rf"mixture\.jsonl holds document '{again.id}' of data"):
        train(config, folds=2)
    assert not run_config.output.exists()


@pytest.mark.parametrize(
    ("values", "folds", "error", "reason"),
    [
        ({}, 1, ConfigError, "at least 2"),
        ({}, 500, ConfigError, "leave a fold of 500 empty"),
        ({"data.train": "public:anercorp"}, 2, ConfigError, "documents of ours, so name a file"),
        (
            {"data.train": None, "data.mixture": [{"corpus": "public:wojood"}]},
            2,
            ConfigError,
            "so name a file",
        ),
        ({"data.train": "nowhere.jsonl"}, 2, DataError, "no such file"),
        ({"data.mixture": [{"corpus": "nowhere.jsonl"}]}, 2, DataError, "no such file"),
    ],
)
def test_what_cannot_be_parted_is_refused(
    run_config: RunConfig,
    values: dict[str, object],
    folds: int,
    error: type[Exception],
    reason: str,
):
    with pytest.raises(error, match=reason):
        cross_validate(with_values(run_config, values), folds=folds)
    assert not run_config.output.exists()


def test_several_processes_are_refused(run_config: RunConfig, monkeypatch: pytest.MonkeyPatch):
    monkeypatch.setenv("WORLD_SIZE", "4")
    with pytest.raises(ConfigError, match="--folds: many runs train in one process"):
        cross_validate(run_config, folds=2)


def test_options_that_exclude_each_other_are_refused(
    run_config: RunConfig, tmp_path: Path, capsys: pytest.CaptureFixture
):
    config = file_of(run_config, tmp_path)
    assert run(["train", config, "--folds", "2", "--search"]) == 2
    assert "--search and --folds exclude each other" in capsys.readouterr().err
    assert run(["train", config, "--folds", "2", "train.seeds=[1, 2]"]) == 2
    assert "--folds and train.seeds exclude each other" in capsys.readouterr().err
    assert not run_config.output.exists()


def test_a_text_that_stands_there_twice_is_held_out_as_one(
    run_config: RunConfig, documents: list[Document], tmp_path: Path
):
    again = [replace(document, id=f"again-{document.id}") for document in documents]
    for fold in part(on(run_config, [*documents, *again], tmp_path / "twice.jsonl"), 3):
        held_out = {d.text for d in fold.held_out.documents}
        assert held_out
        assert not held_out & {d.text for d in fold.rest}
