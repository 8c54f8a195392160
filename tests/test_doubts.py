import json
from pathlib import Path

import pytest

from marsad.cli import run
from marsad.config import RunConfig
from marsad.corpus import read_corpus
from marsad.doubts import find_doubts
from marsad.errors import ConfigError


@pytest.mark.slow
def test_every_training_document_is_read_by_a_model_that_did_not_learn_it(
    run_config: RunConfig, tmp_path: Path, capsys: pytest.CaptureFixture
):
    config = tmp_path / "run.yaml"
    config.write_text(run_config.to_yaml(), encoding="utf-8")
    output = tmp_path / "doubts.jsonl"
    assert run(["data", "doubts", str(config), "--folds", "2", "-o", str(output)]) == 0
    records = [json.loads(line) for line in output.read_text(encoding="utf-8").splitlines()]
    train = {document.id: document for document in read_corpus(Path(run_config.data.train))}
    assert {record["document"] for record in records} == set(train)
    for record in records:
        assert train[record["document"]].text[record["start"] : record["end"]] == record["text"]
    claims = [r["confidence"] for r in records if r["mark"] and r["own"]]
    missed = [r["confidence"] for r in records if r["mark"] and not r["own"]]
    assert claims == sorted(claims, reverse=True)
    assert missed == sorted(missed, reverse=True)
    assert f"{len(records)} disagreements" in capsys.readouterr().out
    assert not run_config.output.exists()


@pytest.mark.parametrize(("folds", "reason"), [(1, "at least 2"), (500, "leave a fold")])
def test_folds_that_cannot_be_are_refused(run_config: RunConfig, folds: int, reason: str):
    with pytest.raises(ConfigError, match=reason):
        find_doubts(run_config, folds=folds)
