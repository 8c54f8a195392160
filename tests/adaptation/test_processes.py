"""Several processes make one encoder: they learn together, and one of them writes."""

import json
import subprocess
import sys
from pathlib import Path

import pytest
import yaml

from marsad.adaptation.folder import EncoderFolder
from marsad.adaptation.settings import AdaptConfig
from marsad.encoders.loading import load_encoder
from tests.adaptation.test_story import configure
from tests.adaptation.test_teaching import ONLY_TEACHING, recipe, teachers  # noqa: F401
from tests.test_distributed import PROCESSES, places
from tests.test_survival import environment


def share_adaptation(config: AdaptConfig, path: Path) -> None:
    """Let processes share an adaptation, whose configuration is written to the path."""
    path.write_text(yaml.safe_dump(config.model_dump(mode="json")), encoding="utf-8")
    own = environment() | {"CUDA_VISIBLE_DEVICES": ""}
    processes = [
        subprocess.Popen(
            [sys.executable, "-m", "marsad", "adapt", str(path)],
            env=own | place,
            stderr=subprocess.PIPE,
            stdout=subprocess.DEVNULL,
        )
        for place in places()
    ]
    ended = [process.communicate(timeout=300) for process in processes]
    assert [process.returncode for process in processes] == [0] * PROCESSES, ended


@pytest.mark.slow
def test_processes_share_an_adaptation(
    unigram_encoder: Path, text_file: Path, probe_run: Path, tmp_path: Path
):
    output = tmp_path / "encoder"
    config = configure(unigram_encoder, text_file, output, probe={"run": str(probe_run)})
    share_adaptation(config, tmp_path / "adapt.yaml")
    folder = EncoderFolder(output)
    folder.verify()
    names = {path.name for path in output.iterdir()}
    assert names == {*(p.name for p in folder.present()), "SHA256SUMS"}
    record = json.loads(folder["record"].read_text(encoding="utf-8"))
    assert list(record["probes"]) == ["base", "vocabulary", "vectors", "masking-4", "masking"]
    for stage in record["stages"].values():
        assert stage["steps"] == 6
        assert stage["after"] < stage["before"]
    assert len(load_encoder(str(output)).tokenizer) <= 900


def test_processes_share_what_models_teach(
    unigram_encoder: Path,
    teachers: list[Path],  # noqa: F811
    recipe: Path,  # noqa: F811
    text_file: Path,
    tmp_path: Path,
):
    teaching = {"models": [*map(str, teachers)], "words": 300, "run": str(recipe), "epochs": 1}
    output = tmp_path / "encoder"
    config = configure(unigram_encoder, text_file, output, **ONLY_TEACHING, teaching=teaching)
    share_adaptation(config, tmp_path / "adapt.yaml")
    EncoderFolder(output).verify()
    load_encoder(str(output))
