"""The load test itself, short, with a tiny model."""

import pytest

from marsad.model_folder import ModelFolder
from tests import load


def test_every_accepted_request_is_answered_rightly(
    folder: ModelFolder, capsys: pytest.CaptureFixture[str]
):
    options = ["--clients", "12", "--seconds", "8", "--words", "1500", "--long", "1"]
    assert load.main([str(folder.path), *options]) == 0
    seen = capsys.readouterr().out
    assert "short: 200" in seen
    assert "SIGTERM" in seen
    assert "all accepted requests were answered rightly" in seen


def test_what_is_wrong_is_told(
    folder: ModelFolder, capsys: pytest.CaptureFixture[str], monkeypatch: pytest.MonkeyPatch
):
    prepare = load.prepare

    def other(*given: object, **options: int) -> load.Work:
        work = prepare(*given, **options)
        for records in work.records["short"]:
            records[0]["entities"] = []
            records[0]["id"] = "another"
        return work

    monkeypatch.setattr(load, "prepare", other)
    options = ["--clients", "4", "--seconds", "3", "--words", "300", "--long", "1"]
    assert load.main([str(folder.path), *options, "--memory", "1"]) == 1
    seen = capsys.readouterr().out
    assert "another record than the library's" in seen
    assert "WRONG: memory" in seen
