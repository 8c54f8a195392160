"""The log of a run: each step once, whatever was killed in between."""

import json
import time
from pathlib import Path

import pytest
from hypothesis import given
from hypothesis import strategies as st
from transformers import TrainerControl, TrainerState, TrainingArguments

from marsad.run_log import RunLog, report_training


@pytest.fixture(scope="module")
def arguments(tmp_path_factory: pytest.TempPathFactory) -> TrainingArguments:
    """Arguments, which the log does not read."""
    return TrainingArguments(output_dir=str(tmp_path_factory.mktemp("out")), use_cpu=True)


class Life:
    """What one process does to a log: it begins at a step and logs more."""

    def __init__(self, path: Path, arguments: TrainingArguments, *, step: int = 0) -> None:
        self.log, self.arguments = RunLog(path), arguments
        self.state, self.control = TrainerState(), TrainerControl()
        self.state.global_step = step
        self.log.on_train_begin(arguments, self.state, self.control)

    def say(self, step: int, **values: float) -> None:
        """Log figures of a step."""
        self.state.global_step = step
        self.log.on_log(self.arguments, self.state, self.control, logs=values)


def lines(path: Path) -> list[dict[str, float]]:
    """Return the lines without what they took."""
    found = [json.loads(line) for line in path.read_text(encoding="utf-8").splitlines()]
    for line in found:
        assert line.pop("seconds") >= 0
        assert line.pop("cpu_seconds") >= 0
    return found


def test_a_line_a_step_and_one_a_scoring(tmp_path: Path, arguments: TrainingArguments):
    path = tmp_path / "metrics.jsonl"
    life = Life(path, arguments)
    life.say(1, loss=2.5, grad_norm=1.0)
    life.say(2, loss=1.5, grad_norm=0.5)
    life.say(2, eval_score=0.25)
    assert lines(path) == [
        {"step": 1, "loss": 2.5, "grad_norm": 1.0},
        {"step": 2, "loss": 1.5, "grad_norm": 0.5},
        {"step": 2, "eval_score": 0.25},
    ]


def test_the_summary_of_transformers_is_left_out(tmp_path: Path, arguments: TrainingArguments):
    path = tmp_path / "metrics.jsonl"
    life = Life(path, arguments)
    life.say(1, loss=1.0)
    life.say(1, train_runtime=3.0, train_loss=1.0)
    assert lines(path) == [{"step": 1, "loss": 1.0}]


def test_only_the_first_process_writes(tmp_path: Path, arguments: TrainingArguments):
    path = tmp_path / "metrics.jsonl"
    Life(path, arguments).say(1, loss=1.0)
    before = path.read_bytes()
    other = RunLog(path)
    state, control = TrainerState(is_world_process_zero=False), TrainerControl()
    other.on_train_begin(arguments, state, control)
    other.on_log(arguments, state, control, logs={"loss": 2.0})
    assert path.read_bytes() == before


@given(
    scored=st.sets(st.integers(1, 9)),
    killed=st.integers(1, 9),
    resumed=st.integers(0, 9),
    torn=st.integers(0, 200),
)
def test_each_step_stands_once_whatever_was_killed(
    tmp_path_factory: pytest.TempPathFactory,
    arguments: TrainingArguments,
    scored: set[int],
    killed: int,
    resumed: int,
    torn: int,
):
    """A run is killed after a step, while it writes; it goes on from the checkpoint of another."""
    path = tmp_path_factory.mktemp("log") / "metrics.jsonl"

    def train(life: Life, steps: range) -> None:
        for step in steps:
            life.say(step, loss=1 / step)
            if step in scored:
                life.say(step, eval_score=step / 10)

    train(Life(path, arguments), range(1, 10))
    whole = lines(path)
    path.unlink()

    resumed = min(resumed, killed - 1)
    train(Life(path, arguments), range(1, killed + 1))
    written = path.read_bytes()
    sealed = b"".join(
        line for line in written.splitlines(keepends=True) if json.loads(line)["step"] <= resumed
    )
    path.write_bytes(written[: max(len(sealed), len(written) - torn)])
    train(Life(path, arguments, step=resumed), range(resumed + 1, 10))
    assert lines(path) == whole


def test_seconds_go_on_where_the_last_checkpoint_was(tmp_path: Path, arguments: TrainingArguments):
    path = tmp_path / "metrics.jsonl"
    path.write_text(
        '{"step": 1, "seconds": 1000.0, "cpu_seconds": 3000.0, "loss": 2.0}\n'
        '{"step": 2, "seconds": 2000.0, "cpu_seconds": 6000.0, "loss": 1.0}\n'
    )
    Life(path, arguments, step=1).say(2, loss=1.0)
    first, second = map(json.loads, path.read_text().splitlines())
    assert first["seconds"] == 1000
    assert 1000 <= second["seconds"] < 1010
    assert 3000 <= second["cpu_seconds"] < 3010


def test_a_report_is_of_the_last_line(tmp_path: Path, arguments: TrainingArguments):
    path = tmp_path / "metrics.jsonl"
    life = Life(path, arguments)
    started = time.process_time()
    while time.process_time() < started + 0.02:
        sum(range(1000))
    life.say(7, loss=1.0)
    report = report_training(path)
    assert report.steps == 7
    assert 0.02 <= report.cpu_seconds <= time.process_time()
    assert report.processes == 1
    assert report.processor


@pytest.mark.parametrize(
    "content",
    [
        "",
        "\n",
        "no log\n",
        '{"loss": 1}\n',
        "[1]\n",
        "7\n",
        '{"step": "1"}\n',
        '{"step": 1, "seconds": 1}',
        '{"step": 1}\n',
        "\0\0\n",
    ],
)
def test_a_file_that_is_no_log_is_begun_anew(
    tmp_path: Path, arguments: TrainingArguments, content: str
):
    path = tmp_path / "metrics.jsonl"
    path.write_text(content)
    Life(path, arguments, step=5).say(6, loss=1.0)
    assert lines(path) == [{"step": 6, "loss": 1.0}]
