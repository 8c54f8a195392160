"""Several processes, or a batch in parts, learn what one process learns from the batch at once."""

import re
import signal
import subprocess
import sys
from dataclasses import replace
from pathlib import Path
from statistics import mean

import pytest
import torch
from safetensors.torch import load_file

from marsad.benchmarks import PREFIX
from marsad.checkpoints import FOLDER, Checkpoints
from marsad.config import RunConfig, with_values
from marsad.document import Document
from marsad.errors import ConfigError
from tests.conftest import ROOT
from tests.corpora import write_anercorp, write_votes
from tests.fates import Ended, Fate, live_together
from tests.ports import free_port
from tests.runs import prepare
from tests.test_survival import assert_same, attempt, environment, log_of, placed, written

PROCESSES = 2


@pytest.fixture(scope="module")
def corpora(tmp_path_factory: pytest.TempPathFactory, documents: list[Document]) -> Path:
    """A folder with small public corpora, whose labels leave much unknown."""
    folder = tmp_path_factory.mktemp("corpora")
    texts = [d.text[s.start : s.end].strip() for d in documents[12:16] for s in d.sentences]
    votes = [(text, 3 * (i % 2), 3 * (1 - i % 2)) for i, text in enumerate(texts[:30])]
    write_votes(folder, assault=votes, protest=votes)
    tags = ("B-LOC", "O", "O", "B-PERS", "I-PERS", "O")
    return write_anercorp(
        folder, ([(w, tags[i % 6]) for i, w in enumerate(text.split())] for text in texts[30:])
    )


@pytest.fixture(scope="module")
def base(tiny_encoder: Path, tiny_corpus: Path, corpora: Path) -> RunConfig:
    """A run of both tasks and three corpora, without the dropout that processes draw apart."""
    parts = {f"{PREFIX}anercorp": 0.5, f"{PREFIX}event_gsr": 0.7}
    return RunConfig.model_validate(
        {
            "name": "tiny",
            "encoder": str(tiny_encoder),
            "output": "set by each test",
            "data": {
                "train": str(tiny_corpus / "train.jsonl"),
                "dev": str(tiny_corpus / "known.jsonl"),
                "test": str(tiny_corpus / "test.jsonl"),
                "mixture": [{"corpus": name, "share": share} for name, share in parts.items()],
                "corpora": str(corpora),
            },
            "window": {"max_tokens": 96, "overlap": 8},
            "model": {"dropout": 0.0, "encoder_dropout": 0.0, "crf": True},
            "loss": {"rdrop": 0.5, "adversarial": 0.1},
            "train": {
                "epochs": 2,
                "batch_size": 8,
                "learning_rate": 5e-3,
                "head_learning_rate": 2e-2,
                "heads_first": {"epochs": 1},
                "ema": 0.5,
                "precision": "fp32",
            },
        }
    )


@pytest.fixture(scope="module")
def alone(base: RunConfig, tmp_path_factory: pytest.TempPathFactory) -> Path:
    """The folder of the run of one process."""
    config = placed(base, tmp_path_factory.mktemp("alone") / "tiny")
    assert attempt(config).code == 0
    return config.output


@pytest.fixture
def config(base: RunConfig, tmp_path: Path) -> RunConfig:
    """The same run in a folder of its own."""
    return placed(base, tmp_path / "tiny")


def places() -> list[dict[str, str]]:
    """Return what a launcher tells each of the processes of one machine."""
    common = {
        "WORLD_SIZE": str(PROCESSES),
        "LOCAL_WORLD_SIZE": str(PROCESSES),
        "MASTER_ADDR": "localhost",
        "MASTER_PORT": str(free_port()),
    }
    return [common | {"RANK": str(i), "LOCAL_RANK": str(i)} for i in range(PROCESSES)]


def share_run(config: RunConfig, fate: Fate | None = None) -> list[Ended]:
    """Let processes share a run; a fate befalls the main one."""
    fates = [fate or Fate(), *[Fate()] * (PROCESSES - 1)]
    return live_together(
        ["train", str(written(config))],
        config.output.parent,
        fates=[replace(own, environment=place) for own, place in zip(fates, places(), strict=True)],
    )


def assert_close(folder: Path, alone: Path) -> None:
    """Check that a run learnt what another did, but for the order of sums."""
    for line, other in zip(log_of(folder), log_of(alone), strict=True):
        assert line == pytest.approx(other, rel=2e-5), (line, other)
    ours, theirs = (load_file(path / "model.safetensors") for path in (folder, alone))
    for name, weights in theirs.items():
        torch.testing.assert_close(ours[name], weights, rtol=1e-3, atol=2e-4, msg=name)
    assert {p.name for p in folder.iterdir()} == {p.name for p in alone.iterdir()}


def launch(*command: str) -> Ended:
    """Let a program of this environment run from the root of the repository."""
    name, *arguments = command
    done = subprocess.run(
        [Path(sys.executable).with_name(name), *arguments],
        cwd=ROOT,
        env=environment() | {"CUDA_VISIBLE_DEVICES": ""},
        capture_output=True,
        text=True,
    )
    return Ended(done.returncode, done.stderr)


def test_the_run_of_one_process_learns_something(alone: Path):
    """Otherwise the other tests would prove little."""
    lines = log_of(alone)
    steps = [line["step"] for line in lines if "loss" in line]
    assert steps == list(range(1, len(steps) + 1))
    losses = [line["loss"] for line in lines if "loss" in line]
    assert mean(losses[-3:]) < 0.8 * mean(losses[:3])


def test_a_batch_in_parts_is_the_batch(config: RunConfig, alone: Path):
    own = with_values(config, {"train.accumulate": 4})
    assert attempt(own).code == 0
    assert_close(own.output, alone)


def test_torchrun_learns_what_one_process_does(config: RunConfig, alone: Path):
    options = ("--nproc-per-node", str(PROCESSES), "--master-port", str(free_port()))
    ended = launch("torchrun", *options, "train/fit_model.py", str(written(config)))
    assert ended.code == 0, ended.stderr
    assert_close(config.output, alone)


# What was registered first runs last as Python ends.
WATCHED = """
import atexit
import os
import sys
from pathlib import Path


def show():
    names = [path.read_text().strip() for path in Path("/proc/self/task").glob("*/comm")]
    own = " ".join(name for name in names if "gloo" in name)
    os.write(2, f"at the end: {own}\\n".encode())  # at once, for processes share it


atexit.register(show)

from marsad.cli import run

code = run(["train", *sys.argv[1:]])
show()
sys.exit(code)
"""


def test_no_thread_of_the_group_outlives_a_run(config: RunConfig, tmp_path: Path):
    """One that outlives Python aborts the process, now and then."""
    script = tmp_path / "watched.py"
    script.write_text(WATCHED, encoding="utf-8")
    options = ("--nproc-per-node", str(PROCESSES), "--master-port", str(free_port()))
    ended = launch("torchrun", *options, str(script), str(written(config)))
    assert ended.code == 0, ended.stderr
    ends = re.findall(r"at the end:(.*)", ended.stderr)
    assert len(ends) == 2 * PROCESSES
    assert sum("gloo" in names for names in ends) == PROCESSES  # before, and no more afterwards


def test_processes_may_part_their_share_again(config: RunConfig, alone: Path):
    own = with_values(config, {"train.accumulate": 2})
    assert [ended.code for ended in share_run(own)] == [0] * PROCESSES
    assert_close(own.output, alone)


def test_processes_that_are_killed_end_with_the_same_bits(base: RunConfig, tmp_path: Path):
    values = {"model.dropout": 0.2, "model.encoder_dropout": 0.1, "train.save_steps": 4}
    wild = with_values(base, values)
    undisturbed = placed(wild, tmp_path / "undisturbed" / "tiny")
    killed = placed(wild, tmp_path / "killed" / "tiny")
    assert [ended.code for ended in share_run(undisturbed)] == [0] * PROCESSES
    main, other = share_run(killed, Fate(r"mkdir .*checkpoint-8$"))
    assert main.code == -signal.SIGKILL
    assert other.line.startswith("marsad: another process of the run ended; its own lines say why")
    assert Checkpoints(killed.output / FOLDER).last() == killed.output / FOLDER / "checkpoint-4"
    assert [ended.code for ended in share_run(killed)] == [0] * PROCESSES
    assert_same(killed.output, undisturbed.output)


def test_a_batch_that_cannot_be_parted_is_refused(config: RunConfig):
    with pytest.raises(ConfigError, match=r"batch_size: 8 .*1 processes times 3 .*multiple of 3"):
        prepare(with_values(config, {"train.accumulate": 3}))
    for ended in share_run(with_values(config, {"train.batch_size": 7})):
        assert "7 cannot be parted among 2 processes times 1" in ended.line


def test_what_the_main_process_refuses_all_refuse_in_its_words(config: RunConfig):
    Checkpoints(config.output / FOLDER).open({"seed": "another"})
    (config.output / FOLDER / "metrics.jsonl").touch()
    refused = share_run(config)
    assert [ended.code for ended in refused] == [2] * PROCESSES
    assert len({ended.line for ended in refused}) == 1
    assert "an unfinished run that differs in" in refused[0].line


@pytest.mark.slow
def test_accelerate_launches_it_too(config: RunConfig, alone: Path):
    """Without ``--multi_gpu`` its launcher starts one process where there is no GPU."""
    options = ("--num_processes", str(PROCESSES), "--main_process_port", str(free_port()))
    script = ("train/fit_model.py", str(written(config)))
    ended = launch("accelerate", "launch", "--multi_gpu", *options, *script)
    assert ended.code == 0, ended.stderr
    assert_close(config.output, alone)


# Accelerate shards no weights on CPUs, though torch can. So it is told that these are GPUs.
SHARDED = """
import sys
from accelerate.state import DistributedType, PartialState
from marsad.cli import run

begin = PartialState.__init__


def begin_as_gpus(self, *arguments, **options):
    begin(self, *arguments, **options)
    if self.distributed_type == DistributedType.MULTI_CPU:
        self.distributed_type = DistributedType.MULTI_GPU


PartialState.__init__ = begin_as_gpus
sys.exit(run(["train", *sys.argv[1:]]))
"""


@pytest.mark.slow
def test_weights_in_shards_learn_the_same(config: RunConfig, tmp_path: Path):
    script = tmp_path / "sharded.py"
    script.write_text(SHARDED, encoding="utf-8")
    options = "--use_fsdp --fsdp_version 2 --fsdp_auto_wrap_policy TRANSFORMER_BASED_WRAP"
    layer = "--fsdp_transformer_layer_cls_to_wrap BertLayer"
    shard = ("accelerate", "launch", *options.split(), *layer.split(), "--num_processes", "2")
    shard += ("--main_process_port", str(free_port()), str(script))
    ended = launch(*shard, str(written(config)))
    assert "train.ema: no mean is kept of weights in shards" in ended.stderr
    own = with_values(config, {"train.ema": 0.0})
    ended = launch(*shard, str(written(own)), "--restart")
    assert ended.code == 0, ended.stderr
    whole = placed(own, tmp_path / "whole" / "tiny")
    assert attempt(whole).code == 0
    assert_close(own.output, whole.output)
