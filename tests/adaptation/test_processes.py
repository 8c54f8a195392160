"""Several processes make one encoder: they learn together, and one of them writes."""

import json
import subprocess
import sys
from pathlib import Path

import pytest
import yaml

from marsad.adaptation.folder import EncoderFolder
from marsad.encoders.loading import load_encoder
from tests.adaptation.test_story import configure
from tests.test_distributed import PROCESSES, places
from tests.test_survival import environment


@pytest.mark.slow
def test_processes_share_an_adaptation(
    unigram_encoder: Path, text_file: Path, probe_run: Path, tmp_path: Path
):
    output = tmp_path / "encoder"
    config = configure(unigram_encoder, text_file, output, probe={"run": str(probe_run)})
    path = tmp_path / "adapt.yaml"
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
