from pathlib import Path

import pytest

from marsad.errors import DataError
from marsad.files import atomic_write, check_writable, read_text


@pytest.mark.parametrize(
    ("content", "message"),
    [
        (b"", "empty"),
        (b" \n\t", "empty"),
        (b"\x7fELF\x00\x01", "binary"),
        ("سطر\nدرعا".encode("windows-1256"), "not UTF-8"),
    ],
)
def test_unreadable_text_is_refused(tmp_path: Path, content: bytes, message: str):
    path = tmp_path / "a.txt"
    path.write_bytes(content)
    with pytest.raises(DataError, match=message):
        read_text(path)


def test_line_of_the_first_wrong_byte_is_named(tmp_path: Path):
    path = tmp_path / "a.txt"
    path.write_bytes("سطر\n".encode() + b"\xe1\xe2")
    with pytest.raises(DataError, match=r"a\.txt:2"):
        read_text(path)


def test_line_ends_stay_and_mark_goes(tmp_path: Path):
    path = tmp_path / "a.txt"
    path.write_bytes("\ufeffدرعا\r\nحمص".encode())
    assert read_text(path) == "درعا\r\nحمص"


def test_failed_write_leaves_the_old_file_and_nothing_else(tmp_path: Path):
    path = tmp_path / "a.jsonl"
    path.write_text("old", encoding="utf-8")

    def fail() -> None:
        with atomic_write(path) as out:
            out.write("half")
            raise RuntimeError

    with pytest.raises(RuntimeError):
        fail()
    assert path.read_text(encoding="utf-8") == "old"
    assert list(tmp_path.iterdir()) == [path]


def test_a_file_that_cannot_be_written_is_refused_before_the_work(tmp_path: Path):
    check_writable(tmp_path / "new" / "a.json")
    assert [*tmp_path.rglob("*")] == [tmp_path / "new"]
    with pytest.raises(DataError, match="is a folder; name a file"):
        check_writable(tmp_path)
    (tmp_path / "b").write_bytes(b"")
    with pytest.raises(DataError, match="cannot be written"):
        check_writable(tmp_path / "b" / "c.json")
