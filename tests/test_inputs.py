import json
from pathlib import Path

import pyarrow
import pyarrow.parquet
import pytest

from marsad.document import Document
from marsad.errors import DataError
from marsad.inputs import Rejected, find_files, read_inputs


def read(*paths: Path) -> list[Document | Rejected]:
    return list(read_inputs(find_files(paths)))


def test_a_folder_gives_its_files_in_order_by_their_places(tmp_path: Path):
    (tmp_path / "b").mkdir()
    for name in ("b/x.txt", "a.txt", "notes.md"):
        (tmp_path / name).write_text(f"خبر {name}", encoding="utf-8")
    found = read(tmp_path)
    assert [(d.id, d.text) for d in found] == [("a", "خبر a.txt"), ("b/x", "خبر b/x.txt")]


@pytest.mark.parametrize("name", ["missing.txt", "empty"])
def test_what_is_not_there_is_named_before_anything_is_read(tmp_path: Path, name: str):
    (tmp_path / "empty").mkdir()
    with pytest.raises(DataError, match=f"{name}: no "):
        find_files([tmp_path / name])


def test_lines_keep_sentences_and_meta_and_lose_marks(tmp_path: Path, documents: list[Document]):
    path = tmp_path / "a.jsonl"
    path.write_text("".join(d.to_json() + "\n" for d in documents[:3]), encoding="utf-8")
    for given, own in zip(read(path), documents, strict=False):
        assert (given.id, given.text, given.meta) == (own.id, own.text, own.meta)
        assert [(s.start, s.end) for s in given.sentences] == [
            (s.start, s.end) for s in own.sentences
        ]
        assert not given.entities
        assert not any(s.events for s in given.sentences)


def test_bad_lines_are_rejected_one_by_one(tmp_path: Path):
    path = tmp_path / "a.jsonl"
    path.write_bytes(
        '{"id": "1", "text": "قصف"}\n'.encode()
        + b"{not json}\n"
        + b'{"id": "2"}\n'
        + b"\xff\xfe\n"
        + b"\n"
        + b'{"id": "3", "text": " "}\n'
        + '{"id": "4", "text": "اشتباك"}'.encode()
    )
    found = read(path)
    assert [g.id for g in found if isinstance(g, Document)] == ["1", "4"]
    rejected = [(g.where.rpartition(":")[2], g.reason) for g in found if isinstance(g, Rejected)]
    assert [line for line, _ in rejected] == ["2", "3", "4", "6"]
    reasons = ("not JSON", "a document needs a string `id`", "not UTF-8", "empty")
    assert all(own.startswith(reason) for (_, own), reason in zip(rejected, reasons, strict=True))


def test_parquet_rows_are_documents(tmp_path: Path):
    path = tmp_path / "a.parquet"
    texts = ["خبر", None, " ", "خبر آخر"]
    table = pyarrow.table({"id": [1, 2, 3, 4], "text": texts, "url": ["u"] * 4})
    pyarrow.parquet.write_table(table, path)
    found = read(path)
    assert found[0] == Document("1", "خبر")
    assert found[1] == Rejected(f"{path}:2", "no text")
    assert found[2] == Rejected(f"{path}:3", "empty; nothing to read")
    assert found[3] == Document("4", "خبر آخر")


def test_what_is_no_parquet_or_lacks_a_column_is_rejected(tmp_path: Path):
    (tmp_path / "a.parquet").write_bytes(b"PAR1 no such thing")
    pyarrow.parquet.write_table(pyarrow.table({"id": [1]}), tmp_path / "b.parquet")
    one, other = read(tmp_path)
    assert one.reason.startswith("not parquet")
    assert other.reason == "no column text"


def test_files_of_a_million_documents_are_read_one_by_one(tmp_path: Path):
    path = tmp_path / "a.jsonl"
    line = json.dumps({"id": "x", "text": "قصف " * 50}, ensure_ascii=False) + "\n"
    path.write_text(line * 1000, encoding="utf-8")
    given = read_inputs(find_files([path]))
    next(given)
    path.write_text("", encoding="utf-8")  # what is not read yet is gone
    assert len(list(given)) < 999
