from pathlib import Path

import pytest

from marsad.errors import ConfigError, DataError
from marsad.journal import Journal


def journal(tmp_path: Path, **run: object) -> Journal:
    return Journal(tmp_path / "out.jsonl", {"model": "m", **run}, group=3)


def test_answers_count_by_whole_groups(tmp_path: Path):
    own = journal(tmp_path)
    assert own.open() == 0
    own.append(["a", "b", "c"])
    own.append(["d", "e"])
    again = journal(tmp_path)
    assert again.open() == 3
    assert list(again.answers()) == ["a", "b", "c"]
    again.append(["d", "e", "f"])
    assert journal(tmp_path).open() == 6


def test_a_line_torn_anywhere_does_not_count(tmp_path: Path):
    own = journal(tmp_path)
    own.open()
    own.append(["أول", "ثان", "ثالث", "رابع", "خامس", "سادس"])
    whole = own.path.read_bytes()
    head = len(whole.split(b"\n", 1)[0]) + 1
    for size in range(len(whole)):
        own.path.write_bytes(whole[:size])
        done = journal(tmp_path).open()
        left = whole[head:size].count(b"\n") if size >= head else 0
        assert done == left // 3 * 3
        assert len(list(own.answers())) == done


def test_the_journal_of_another_run_is_refused_unless_forgotten(tmp_path: Path):
    own = journal(tmp_path)
    own.open()
    own.append(["a", "b", "c"])
    with pytest.raises(ConfigError, match="an unfinished run of other inputs"):
        journal(tmp_path, inputs=2).open()
    assert own.open() == 3
    assert journal(tmp_path, inputs=2).open(restart=True) == 0


def test_a_line_of_text_may_hold_other_line_ends(tmp_path: Path):
    own = journal(tmp_path)
    own.open()
    own.append(["a\u2028b\x85c\rd", "b", "c"])
    assert journal(tmp_path).open() == 3
    assert next(own.answers()) == "a\u2028b\x85c\rd"


def test_a_place_that_cannot_be_written_is_named(tmp_path: Path):
    (tmp_path / "file").write_text("x", encoding="utf-8")
    with pytest.raises(DataError, match=r"out\.jsonl: cannot be written"):
        Journal(tmp_path / "file" / "out.jsonl", {}, group=3).open()


def test_a_folder_that_was_begun_is_known_until_the_run_is_done_or_forgotten(tmp_path: Path):
    own = journal(tmp_path)
    own.open()
    own.begin(tmp_path / "brat")
    assert journal(tmp_path).open() == 0
    assert journal(tmp_path).has_begun(tmp_path / "brat")
    assert not own.has_begun(tmp_path / "other")
    own.open(restart=True)
    assert not own.has_begun(tmp_path / "brat")
    own.begin(tmp_path / "brat")
    own.remove()
    assert not any(tmp_path.iterdir())
