"""The folder of a run's checkpoints: what counts, what is refused, what is kept as the best."""

import json
from collections.abc import Callable
from pathlib import Path

import pytest
import torch
from hypothesis import given
from hypothesis import strategies as st
from safetensors.torch import save_file

from marsad.checkpoints import Checkpoints
from marsad.errors import ConfigError

RUN: dict[str, object] = {
    "version": "1.0",
    "train": {"epochs": 2, "lora": None, "heads_first": {"epochs": 0, "learning_rate": 1e-3}},
    "files": {"a.jsonl": "12", "b.jsonl": "34"},
}


@pytest.fixture
def checkpoints(tmp_path: Path) -> Checkpoints:
    """An empty folder of checkpoints, of RUN."""
    made = Checkpoints(tmp_path / "run" / "checkpoints")
    made.open(RUN)
    return made


def test_a_run_that_left_nothing_is_in_the_way_of_none(checkpoints: Checkpoints):
    """One that was refused, say, before it took a step."""
    other = {**RUN, "version": "2.0"}
    assert checkpoints.open(other) is None
    write(checkpoints, 1)
    with pytest.raises(ConfigError, match="differs in version"):
        checkpoints.open(RUN)


def write(checkpoints: Checkpoints, step: int, *, sealed: bool = True) -> Path:
    """Write a checkpoint as the trainer does."""
    folder = checkpoints.path / f"checkpoint-{step}"
    folder.mkdir()
    save_file({"w": torch.tensor(float(step))}, folder / "model.safetensors")
    if sealed:
        checkpoints.seal(step, {})
    return folder


def test_a_run_begins_without_a_checkpoint(tmp_path: Path):
    checkpoints = Checkpoints(tmp_path / "run" / "checkpoints")
    assert checkpoints.open(RUN) is None
    assert checkpoints.open(RUN) is None
    assert checkpoints.last_words() == "; nothing was saved before it"


def test_a_run_goes_on_from_its_newest_checkpoint(checkpoints: Checkpoints):
    for step in (9, 100, 20):  # in no order, and not that of the letters
        write(checkpoints, step)
    assert checkpoints.open(RUN) == checkpoints.path / "checkpoint-100"
    assert checkpoints.last_words().endswith(
        f"the checkpoint of step 100 is whole: {checkpoints.path / 'checkpoint-100'}"
    )


def test_what_was_being_written_does_not_count_and_goes(checkpoints: Checkpoints):
    whole, torn = write(checkpoints, 4), write(checkpoints, 8, sealed=False)
    torn_best = checkpoints.path / ".best.safetensors.x1.safetensors"
    torn_best.write_bytes(b"half")
    checkpoints.keep_best({"w": torch.ones(2)}, 0.5, 4)
    curves = checkpoints.path / "runs" / "curves"
    curves.mkdir(parents=True)
    assert checkpoints.last() == whole
    assert checkpoints.open(RUN) == whole
    assert not torn.exists()
    assert not torn_best.exists()
    assert curves.exists()
    assert checkpoints.best() == (0.5, 4)


def test_a_mean_comes_back_from_a_seal(checkpoints: Checkpoints):
    folder = write(checkpoints, 3, sealed=False)
    mean = {"a": torch.randn(3, 2), "updates": torch.tensor(3)}
    checkpoints.seal(3, mean)
    again = checkpoints.sealed_average(folder)
    assert again.keys() == mean.keys()
    assert all(torch.equal(again[name], mean[name]) for name in mean)


def nested(run: dict[str, object], *names: str, value: object) -> dict[str, object]:
    """Return a run with another value at the end of the names."""
    changed = json.loads(json.dumps(run))
    inner = changed
    for name in names[:-1]:
        inner = inner[name]
    inner[names[-1]] = value
    return dict(changed)


def without(run: dict[str, object], name: str) -> dict[str, object]:
    """Return a run that lacks a value."""
    return {key: value for key, value in run.items() if key != name}


@pytest.mark.parametrize(
    ("other", "names"),
    [
        (nested(RUN, "version", value="1.1"), "version"),
        (nested(RUN, "train", "epochs", value=3), "train.epochs"),
        (
            nested(RUN, "train", "heads_first", "epochs", value=1),
            "train.heads_first.epochs",
        ),
        (nested(RUN, "files", "b.jsonl", value="35"), "files.b.jsonl"),
        (nested(RUN, "seed", value=None), "seed"),
        (without(RUN, "version"), "version"),
        (
            nested(nested(RUN, "version", value="2"), "train", "epochs", value=2.5),
            "train.epochs, version",
        ),
        (nested(RUN, "train", "lora", value={"rank": 8}), "train.lora, train.lora.rank"),
    ],
)
def test_another_run_is_refused_by_name(
    checkpoints: Checkpoints, other: dict[str, object], names: str
):
    folder = write(checkpoints, 2)
    with pytest.raises(ConfigError) as caught:
        checkpoints.open(other)
    assert f": an unfinished run that differs in {names}; " in str(caught.value)
    assert "--restart" in str(caught.value)
    assert checkpoints.open(RUN) == folder


VALUES = st.recursive(
    st.none() | st.booleans() | st.integers(0, 2) | st.text("ab", max_size=1),
    lambda inner: st.lists(inner, max_size=2) | st.dictionaries(st.sampled_from("ab"), inner),
    max_leaves=6,
)


@given(
    theirs=st.dictionaries(st.sampled_from("ab"), VALUES),
    ours=st.dictionaries(st.sampled_from("ab"), VALUES),
)
def test_a_run_goes_on_if_and_only_if_it_is_the_same(
    tmp_path_factory: pytest.TempPathFactory,
    theirs: dict[str, object],
    ours: dict[str, object],
):
    checkpoints = Checkpoints(tmp_path_factory.mktemp("run"))
    checkpoints.open(theirs)
    folder = write(checkpoints, 1)
    if json.dumps(theirs, sort_keys=True) == json.dumps(ours, sort_keys=True):
        assert checkpoints.open(ours) == folder
    else:
        with pytest.raises(ConfigError, match=r"differs in ."):
            checkpoints.open(ours)


def test_removed_is_removed(checkpoints: Checkpoints):
    write(checkpoints, 2)
    checkpoints.keep_best({"w": torch.ones(2)}, 0.5, 2)
    checkpoints.remove()
    assert not checkpoints.path.exists()
    checkpoints.remove()
    assert checkpoints.open({"another": "run"}) is None


@pytest.mark.parametrize("lost", [["run.json"], ["run.json", "best.safetensors"]])
def test_what_is_left_of_a_removal_is_no_run(checkpoints: Checkpoints, lost: list[str]):
    write(checkpoints, 2)
    checkpoints.keep_best({"w": torch.ones(2)}, 0.5, 2)
    for name in lost:
        (checkpoints.path / name).unlink()
    assert checkpoints.open({"another": "run"}) is None
    assert [path.name for path in checkpoints.path.iterdir()] == ["run.json"]


def test_the_record_of_a_run_is_the_first_that_is_removed(
    checkpoints: Checkpoints, monkeypatch: pytest.MonkeyPatch
):
    """What dies in the middle of a removal must not leave a run that lacks some of its files."""
    write(checkpoints, 2)

    def die(path: Path, **_: object) -> None:
        assert not (path / "run.json").exists()
        raise KeyboardInterrupt

    monkeypatch.setattr("shutil.rmtree", die)
    with pytest.raises(KeyboardInterrupt):
        checkpoints.remove()
    assert checkpoints.last() is not None


def test_the_best_are_those_of_the_highest_score_and_the_first_of_them(checkpoints: Checkpoints):
    scores = {3: 0.1, 6: 0.4, 9: 0.4, 12: 0.2, 15: 0.7, 18: 0.699}
    for step, score in scores.items():
        if checkpoints.is_best(score, step):
            checkpoints.keep_best({"w": torch.tensor(float(step))}, score, step)
    assert checkpoints.best() == (0.7, 15)
    assert checkpoints.best_weights()["w"] == 15


def test_a_step_done_again_is_not_better_than_itself(checkpoints: Checkpoints):
    """On a GPU it may differ in its last digits; the best stays the one that was kept."""
    checkpoints.keep_best({"w": torch.ones(1)}, 0.5, 10)
    assert not checkpoints.is_best(0.5000001, 10)
    assert not checkpoints.is_best(0.6, 5)
    assert checkpoints.is_best(0.6, 15)


@given(st.floats(0, 1))
def test_scores_are_kept_to_the_last_bit(tmp_path_factory: pytest.TempPathFactory, score: float):
    checkpoints = Checkpoints(tmp_path_factory.mktemp("best"))
    checkpoints.keep_best({"w": torch.ones(1)}, score, 1)
    assert checkpoints.best() == (score, 1)
    assert not checkpoints.is_best(score, 2)


@pytest.mark.parametrize(
    "view",
    [lambda x: x.t(), lambda x: x[:, :2], lambda x: x[None].expand(2, 3, 4)[0], lambda x: x],
)
def test_weights_are_kept_whatever_their_strides(
    checkpoints: Checkpoints, view: Callable[[torch.Tensor], torch.Tensor]
):
    weights = {"w": view(torch.randn(3, 4))}
    checkpoints.keep_best(weights, 0.5, 1)
    assert torch.equal(checkpoints.best_weights()["w"], weights["w"])


def test_better_weights_that_cannot_be_written_leave_the_best(
    checkpoints: Checkpoints, monkeypatch: pytest.MonkeyPatch
):
    checkpoints.keep_best({"w": torch.ones(2)}, 0.5, 1)

    def half(_: object, path: Path, **__: object) -> None:
        path.write_bytes(b"half")
        raise OSError(28, "No space left on device")

    monkeypatch.setattr("marsad.tensors.save_file", half)
    with pytest.raises(OSError, match="No space"):
        checkpoints.keep_best({"w": torch.zeros(2)}, 0.6, 2)
    assert checkpoints.best() == (0.5, 1)
    assert torch.equal(checkpoints.best_weights()["w"], torch.ones(2))
    assert sorted(p.name for p in checkpoints.path.iterdir()) == ["best.safetensors", "run.json"]
