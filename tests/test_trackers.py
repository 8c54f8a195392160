"""Trackers: the metrics of a run where TensorBoard and trackio read them."""

import sqlite3
from pathlib import Path

import pytest
from tensorboard.backend.event_processing.event_accumulator import EventAccumulator

from marsad.arguments import training_arguments
from marsad.config import RunConfig, with_values
from marsad.errors import MissingExtraError
from marsad.training import train


def test_tensorboard_has_a_value_a_step(run_config: RunConfig):
    folder = train(with_values(run_config, {"train.trackers": ["tensorboard"], "train.epochs": 1}))
    lines = folder["log"].read_text(encoding="utf-8").count('"loss"')
    (events,) = (folder.path / "tensorboard").glob("events.out.*")
    board = EventAccumulator(str(events)).Reload()
    assert len(board.Scalars("train/loss")) == lines > 1
    assert [value.step for value in board.Scalars("eval/score")] == [lines]


@pytest.mark.parametrize("tracker", ["tensorboard", "trackio"])
def test_a_tracker_that_is_missing_is_named(
    run_config: RunConfig, monkeypatch: pytest.MonkeyPatch, tracker: str
):
    monkeypatch.setattr("marsad.arguments.find_spec", lambda _: None)
    with pytest.raises(MissingExtraError, match=rf"{tracker} is not installed; .*marsad\[track\]"):
        training_arguments(with_values(run_config, {"train.trackers": [tracker]}))


@pytest.mark.slow
def test_trackio_has_a_value_a_step(
    run_config: RunConfig, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
):
    monkeypatch.setenv("TRACKIO_DIR", str(tmp_path / "trackio"))
    folder = train(with_values(run_config, {"train.trackers": ["trackio"], "train.epochs": 1}))
    lines = folder["log"].read_text(encoding="utf-8").count('"loss"')
    (database,) = (tmp_path / "trackio").rglob("*.db")
    with sqlite3.connect(database) as tables:
        logged = [row[0] for row in tables.execute("SELECT metrics FROM metrics")]
    assert (
        sum("train/loss" in bytes(metrics).decode("utf-8", "replace") for metrics in logged)
        == lines
        > 1
    )
