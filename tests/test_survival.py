"""Runs that are killed, or run out of disk or memory, or diverge: they end well all the same.

Every run is a process of its own; some are started from the command line.
"""

import json
import os
import re
import signal
import subprocess
import sys
from collections.abc import Iterator, Set
from dataclasses import replace
from pathlib import Path
from shutil import copytree, rmtree

import pytest
import torch
from safetensors.torch import load_file, save_file

from marsad.checkpoints import FOLDER, Checkpoints
from marsad.config import RunConfig, with_values
from marsad.errors import TrainingError
from marsad.model_folder import ModelFolder
from tests.fates import Ended, Fate, fill_up, live
from tests.runs import prepare

ROOM = 8_000_000  # bytes of a file system that is made full


def attempt(config: RunConfig, *options: str, fate: Fate | None = None) -> Ended:
    """Let a process run ``marsad train`` until it ends or dies."""
    return live(["train", str(written(config)), *options], config.output.parent, fate or Fate())


def written(config: RunConfig) -> Path:
    """Write a configuration beside its output folder."""
    path = config.output.parent / f"{config.output.name}.yaml"
    path.write_text(config.to_yaml(), encoding="utf-8")
    return path


def command(config: RunConfig, *options: str) -> list[str]:
    """Return the command line that trains a configuration."""
    return [sys.executable, "-m", "marsad", "train", str(written(config)), *options]


def environment(threads: int = 1) -> dict[str, str]:
    """Return the environment of a command that computes in a number of threads."""
    return os.environ | {"OMP_NUM_THREADS": str(threads)}


def log_of(folder: Path) -> list[dict[str, float]]:
    """Return the lines of a run's log, without what they took, which must not go back."""
    lines = [json.loads(line) for line in (folder / "metrics.jsonl").read_text().splitlines()]
    for clock in ("seconds", "cpu_seconds"):
        taken = [line.pop(clock) for line in lines]
        assert taken == sorted(taken)
    return lines


def assert_same(folder: Path, undisturbed: Path, *, besides: Set[str] = frozenset()) -> None:
    """Check that a run ended with the bits of another, and left nothing but a model."""
    assert log_of(folder) == log_of(undisturbed)
    for name in ("model.safetensors", "calibration.json", "config.json"):
        assert (folder / name).read_bytes() == (undisturbed / name).read_bytes(), name
    assert {p.name for p in folder.iterdir()} - besides == {p.name for p in undisturbed.iterdir()}
    ModelFolder(folder).verify()


@pytest.fixture(scope="module")
def base(tiny_encoder: Path, tiny_corpus: Path) -> RunConfig:
    """A run with all that must be kept in mind: dropout, hidden words, a mean, heads first."""
    return RunConfig.model_validate(
        {
            "name": "tiny",
            "encoder": str(tiny_encoder),
            "output": "set by each test",
            "data": {
                "train": str(tiny_corpus / "train.jsonl"),
                "dev": str(tiny_corpus / "known.jsonl"),
                "test": str(tiny_corpus / "test.jsonl"),
            },
            "window": {"max_tokens": 96, "overlap": 8},
            "model": {"dropout": 0.2, "encoder_dropout": 0.1},
            "train": {
                "epochs": 2.5,
                "batch_size": 8,
                "learning_rate": 5e-3,
                "head_learning_rate": 2e-2,
                "word_dropout": 0.05,
                "ema": 0.5,
                "heads_first": {"epochs": 1},
                "save_steps": 3,
            },
        }
    )


def placed(config: RunConfig, folder: Path) -> RunConfig:
    """Return a run with another output folder, beside which there is room for other files."""
    folder.parent.mkdir(parents=True, exist_ok=True)
    return with_values(config, {"output": str(folder)})


@pytest.fixture(scope="module")
def undisturbed(base: RunConfig, tmp_path_factory: pytest.TempPathFactory) -> Path:
    """The folder of the run that nothing befell, trained from the command line."""
    config = placed(base, tmp_path_factory.mktemp("undisturbed") / "tiny")
    subprocess.run(command(config), env=environment(), check=True, capture_output=True)
    return config.output


@pytest.fixture
def config(base: RunConfig, tmp_path: Path) -> RunConfig:
    """The same run in a folder of its own."""
    return placed(base, tmp_path / "tiny")


def test_the_undisturbed_run_tells_checkpoints_apart(undisturbed: Path):
    """Otherwise the other tests would prove little."""
    scores = [line["eval_score"] for line in log_of(undisturbed) if "eval_score" in line]
    assert len(scores) == 3
    assert len(set(scores)) == 3
    assert [line["step"] for line in log_of(undisturbed) if "loss" in line] == list(range(1, 19))


# One after the other: no checkpoint is there yet; one begins, is in the middle of a file, is whole
# but for its seal, is sealed; the best weights are written, and in place; an old checkpoint is torn
# down; the last step is scored.
MOMENTS = (
    Fate(r"write .*metrics\.jsonl", number=2),
    Fate(r"mkdir .*/checkpoint-\d+$"),
    Fate(largest=1, deadly=True),
    Fate(r"rename .*sealed"),
    Fate(r"remove .*\.sealed"),
    Fate(r"rename .*best"),
    Fate(r"remove .*\.best"),
    Fate(r"remove .*optimizer\.pt"),
    Fate(r"mkdir .*checkpoint-18$"),
)


def test_a_run_killed_again_and_again_ends_with_the_same_bits(config: RunConfig, undisturbed: Path):
    for fate in MOMENTS:
        if fate.largest:  # the optimizer's state takes twice the room of the weights
            weights = (undisturbed / "model.safetensors").stat().st_size
            fate = replace(fate, largest=weights * 3 // 2)
        ended = attempt(config, fate=fate)
        assert ended.code == -(signal.SIGXFSZ if fate.deadly else signal.SIGKILL), (fate, ended)
    assert attempt(config).code == 0
    assert_same(config.output, undisturbed)


def test_a_model_is_whole_though_its_writer_was_killed(config: RunConfig, undisturbed: Path):
    for deed in (r"rename .*/model\.safetensors", r"rename .*SHA256SUMS", r"remove .*/best\.saf"):
        assert attempt(config, fate=Fate(deed)).code == -signal.SIGKILL, deed
    assert attempt(config).code == 0
    assert_same(config.output, undisturbed)


@pytest.fixture
def small_disk(config: RunConfig) -> Iterator[RunConfig]:
    """The run, on a file system of its own that is soon full."""
    config.output.mkdir()
    mount = ["mount", "-t", "tmpfs", "-o", f"size={ROOM}", "tmpfs", str(config.output)]
    if subprocess.run(mount, capture_output=True, check=False).returncode:
        pytest.skip("only root may mount a file system")
    yield config
    subprocess.run(["umount", str(config.output)], check=True)


def test_a_full_disk_ends_a_run_in_one_line(small_disk: RunConfig, undisturbed: Path):
    filler = small_disk.output / "filler"
    for deed, sealed in {
        r"write .*\.run\.json": None,
        r"write .*metrics\.jsonl": None,
        r"mkdir .*checkpoint-6$": "checkpoint-3",
        r"write .*\.best": "checkpoint-6",
        r"write .*\.sealed": "checkpoint-6",
        r"mkdir .*checkpoint-18$": "checkpoint-15",
        r"write .*tokenizer_config\.json": "checkpoint-18",
    }.items():
        line = attempt(small_disk, fate=Fate(deed, fill=filler)).line
        assert "disk is full" in line or "No space left on device" in line
        last = Checkpoints(small_disk.output / FOLDER).last()
        assert (last and last.name) == sealed, deed
        assert sealed is None or sealed in line
        filler.unlink()
    assert attempt(small_disk).code == 0
    assert_same(small_disk.output, undisturbed)


def test_a_file_that_may_not_grow_is_a_full_disk(config: RunConfig, undisturbed: Path):
    assert attempt(config, fate=Fate(r"mkdir .*checkpoint-6$")).code == -signal.SIGKILL
    limit = (undisturbed / "model.safetensors").stat().st_size * 3 // 2
    line = attempt(config, fate=Fate(largest=limit)).line
    assert "the disk is full" in line
    assert line.endswith(
        f"the checkpoint of step 3 is whole: {config.output}/checkpoints/checkpoint-3"
    )
    assert attempt(config).code == 0
    assert_same(config.output, undisturbed)


def test_a_run_that_diverges_leaves_the_older_model(config: RunConfig, undisturbed: Path):
    copytree(undisturbed, config.output)
    line = attempt(with_values(config, {"train.learning_rate": 1e6, "train.save_steps": 1})).line
    found = re.match(r"marsad: step (\d+): the .* is (nan|-?inf); lower train\.learning_rate", line)
    assert found, line
    assert line.endswith(f"{config.output}/checkpoints/checkpoint-{int(found[1]) - 1}")
    load_file(config.output / FOLDER / f"checkpoint-{int(found[1]) - 1}" / "model.safetensors")
    assert_same(config.output, undisturbed, besides={FOLDER})
    line = attempt(config).line
    assert "unfinished run that differs in train.learning_rate, train.save_steps;" in line
    assert attempt(config, "--restart").code == 0
    assert_same(config.output, undisturbed)


def test_too_little_memory_ends_a_run_in_one_line(config: RunConfig):
    greedy = with_values(
        config, {"train.batch_size": 32, "train.save_steps": 1, "window.max_tokens": 256}
    )
    line = attempt(greedy, fate=Fate(r"mkdir .*checkpoint-2$", memory=1 << 23)).line
    assert line.startswith("marsad: memory ran out; lower train.batch_size")
    assert line.endswith("checkpoints/checkpoint-2")
    assert attempt(greedy).code == 0
    assert "eval_score" in log_of(config.output)[-1]


def test_other_data_is_refused_by_name(config: RunConfig, tmp_path: Path):
    corpus = tmp_path / "train.jsonl"
    lines = Path(config.data.train or "").read_text(encoding="utf-8").splitlines(keepends=True)
    corpus.write_text("".join(lines), encoding="utf-8")
    own = with_values(config, {"data.train": str(corpus)})
    assert attempt(own, fate=Fate(r"mkdir .*checkpoint-6$")).code == -signal.SIGKILL
    corpus.write_text("".join(lines[1:]), encoding="utf-8")
    assert f"an unfinished run that differs in corpora.{corpus};" in attempt(own).line


def test_another_encoder_of_the_same_name_is_refused(config: RunConfig, tmp_path: Path):
    encoder = tmp_path / "encoder"
    copytree(config.encoder, encoder)
    own = with_values(config, {"encoder": str(encoder)})
    assert attempt(own, fate=Fate(r"mkdir .*checkpoint-6$")).code == -signal.SIGKILL
    weights = load_file(encoder / "model.safetensors")
    still = {name: torch.zeros_like(value) for name, value in weights.items()}
    save_file(still, encoder / "model.safetensors", metadata={"format": "pt"})
    line = attempt(own).line
    assert "an unfinished run that differs in encoder_files.model.safetensors;" in line


@pytest.mark.parametrize("name", ["loss", "grad_norm"])
@pytest.mark.parametrize("value", [float("nan"), float("inf")])
def test_no_step_is_taken_over_a_figure_that_is_no_number(
    run_config: RunConfig, name: str, value: float
):
    trainer = prepare(run_config)
    with pytest.raises(
        TrainingError, match=f"step 0: .* is {value}; .*nothing was saved before it"
    ):
        trainer.log({"loss": 1.0, "grad_norm": 1.0, name: value})
    assert trainer.state.log_history == []


@pytest.mark.slow
@pytest.mark.parametrize("threads", [1, 2])
def test_a_command_gives_the_same_bits_twice(base: RunConfig, tmp_path: Path, threads: int):
    """With other hash seeds; another number of threads sums in another order."""
    folders = []
    for seed in (1, 2):
        own = placed(base, tmp_path / str(seed) / "tiny")
        subprocess.run(
            command(own),
            env=environment(threads) | {"PYTHONHASHSEED": str(seed)},
            check=True,
            capture_output=True,
        )
        folders.append(own.output)
    assert_same(*folders)


def moments_of(config: RunConfig, note: Path) -> Iterator[tuple[int, str]]:
    """Let a run end undisturbed; yield number and words of its deeds, the last of each kind."""
    assert attempt(config, fate=Fate(in_folder(config), number=0, note=note)).code == 0
    deeds = dict(enumerate(note.read_text().splitlines(), start=1))
    kinds = {re.sub(r"\.\w{8}(?=[. ]|$)", "", deed): number for number, deed in deeds.items()}
    yield from ((number, deeds[number]) for number in sorted(kinds.values()))


def in_folder(config: RunConfig) -> str:
    """Return the pattern of a run's deeds in its folder."""
    return f"{config.output}/(?!filler)"


@pytest.mark.slow
def test_a_run_may_be_killed_before_any_deed(config: RunConfig, undisturbed: Path, tmp_path: Path):
    for number, deed in moments_of(config, tmp_path / "deeds"):
        rmtree(config.output)
        ended = attempt(config, fate=Fate(in_folder(config), number=number))
        assert ended.code == -signal.SIGKILL, deed
        assert attempt(config).code == 0, deed
        assert_same(config.output, undisturbed)


@pytest.mark.slow
def test_the_disk_may_be_full_before_any_deed(
    small_disk: RunConfig, undisturbed: Path, tmp_path: Path
):
    filler = small_disk.output / "filler"
    for number, deed in moments_of(small_disk, tmp_path / "deeds"):
        for path in small_disk.output.iterdir():
            path.unlink()
        ended = attempt(small_disk, fate=Fate(in_folder(small_disk), number=number, fill=filler))
        assert ended.code == 0 or ended.line, deed
        filler.unlink()
        assert attempt(small_disk).code == 0, deed
        assert_same(small_disk.output, undisturbed)


@pytest.mark.slow
def test_a_full_cache_of_windows_ends_a_run_in_one_line(small_disk: RunConfig):
    cache = {"HF_DATASETS_CACHE": str(small_disk.output / "cache")}
    own = placed(small_disk, small_disk.output.parent / "elsewhere")
    fill_up(small_disk.output / "filler")
    with (small_disk.output / "filler").open("r+b") as out:
        out.truncate(ROOM - (1 << 16))
    done = subprocess.run(
        command(own), env=environment() | cache, capture_output=True, text=True, check=False
    )
    assert "disk is full" in Ended(done.returncode, done.stderr).line
