import json
import os
import sys
from pathlib import Path

import pyarrow
import pyarrow.parquet
import pytest

from marsad.batch.table import write_part
from marsad.document import Document
from marsad.errors import DataError
from marsad.input_files import find_files
from marsad.inputs import Rejected, read_inputs


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


def test_a_text_that_is_named_twice_is_refused(tmp_path: Path):
    (tmp_path / "in").mkdir()
    text = tmp_path / "in" / "a.txt"
    text.write_text("عاد الهدوء", encoding="utf-8")
    for paths in ([text, text], [tmp_path / "in", text]):
        with pytest.raises(DataError, match="is given twice; name it once"):
            find_files(paths)


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


def test_a_folder_gives_nothing_hidden_no_reasons_and_no_outputs(tmp_path: Path):
    for name in (
        "a.txt",
        ".b.txt",
        ".git/c.txt",
        ".out.jsonl.abcd1234.jsonl",
        "out.jsonl",
        "x.rejected.jsonl",
        "brat/d.txt",
    ):
        (tmp_path / name).parent.mkdir(exist_ok=True)
        (tmp_path / name).write_text("خبر", encoding="utf-8")
    (tmp_path / "out.jsonl").write_text('{"id": "a", "text": "خبر", "model": {}}', "utf-8")
    apart = [tmp_path / "b" / ".." / "out.jsonl", tmp_path / "brat"]
    assert [id_ for _, id_ in find_files([tmp_path], apart=apart)] == ["a"]
    assert len(find_files([tmp_path / ".b.txt", tmp_path / "x.rejected.jsonl"])) == 2


def test_two_texts_of_one_id_are_refused(tmp_path: Path):
    for name in ("a/x.txt", "b/x.TXT"):
        (tmp_path / name).parent.mkdir()
        (tmp_path / name).write_text("خبر", encoding="utf-8")
    assert [id_ for _, id_ in find_files([tmp_path])] == ["a/x", "b/x"]
    one, other = tmp_path / "a" / "x.txt", tmp_path / "b" / "x.TXT"
    with pytest.raises(DataError, match=r"b/x\.TXT: would have the id 'x', as .*a/x\.txt has"):
        find_files([one, other])


def test_lines_and_rows_are_known_by_endings_in_capitals_too(tmp_path: Path):
    (tmp_path / "A.JSONL").write_text('{"id": "7", "text": "قصف"}', encoding="utf-8")
    (only,) = read(tmp_path)
    assert (only.id, only.text) == ("7", "قصف")


def test_markup_and_tables_are_no_texts(tmp_path: Path):
    (tmp_path / "a.HTML").write_text("<p>قصف</p>", encoding="utf-8")
    (only,) = read(tmp_path / "a.HTML")
    assert only.reason.startswith("markup or a table, not a text")


def line(**fields: object) -> str:
    return json.dumps({"id": "1", "text": "قصف ثم هدوء", **fields})


@pytest.mark.parametrize(
    ("content", "reason"),
    [
        (line(text="قصف \ud83d"), "half of a surrogate pair"),
        (line(meta={"a": "\ud83d"}), "half of a surrogate pair"),
        (line(meta=["a"]), "document '1' is malformed"),
        (line(meta="a"), "document '1' is malformed"),
        ('{"id": "1", "text": "قصف", "meta": {"a": %s}}' % ("9" * 5000), "thousands of digits"),
        (
            '{"id": "1", "text": "قصف", "meta": {"a": [1e999]}}',
            "meta holds inf, which is no number",
        ),
        ('{"id": "1", "text": "قصف", "meta": {"a": NaN}}', "meta holds nan, which is no number"),
        ('{"id": "1", "text": "قصف", "meta": {"a": %s}}' % ("[" * 10**5), "too many brackets"),
        (line(meta={"a": json.loads("[" * 200 + "]" * 200)}), "`meta` has more than 100"),
    ],
)
def test_a_line_that_json_or_utf_8_cannot_hold_is_rejected(
    tmp_path: Path, content: str, reason: str
):
    path = tmp_path / "a.jsonl"
    path.write_text(f"{content}\n{line(id='2')}\n", encoding="utf-8")
    bad, good = read(path)
    assert isinstance(bad, Rejected)
    assert reason in bad.reason
    assert good.id == "2"


@pytest.mark.parametrize(
    "spans", [[(0, 99)], [(-1, 3)], [(3, 3)], [(4, 2)], [(0, 5), (3, 8)], [(4, 6), (0, 3)]]
)
def test_sentences_that_are_not_in_the_text_one_by_one_are_rejected(
    tmp_path: Path, spans: list[tuple[int, int]]
):
    path = tmp_path / "a.jsonl"
    path.write_text(line(sentences=[{"start": s, "end": e} for s, e in spans]), encoding="utf-8")
    (bad,) = read(path)
    assert isinstance(bad, Rejected)
    assert bad.reason.startswith("sentence ")


def test_a_file_that_cannot_be_read_is_rejected(tmp_path: Path):
    (tmp_path / "a.jsonl").mkdir()
    (bad,) = read_inputs([(tmp_path / "a.jsonl", "a")])
    assert bad.reason.startswith("cannot be read (")


@pytest.mark.skipif(sys.platform != "linux", reason="elsewhere names are Unicode")
def test_a_name_that_is_not_utf_8_is_rejected(tmp_path: Path):
    path = tmp_path / os.fsdecode(b"\xce\xc8\xd1.txt")
    path.write_text("خبر", encoding="utf-8")
    (bad,) = read(tmp_path)
    assert bad.reason == "its name is not UTF-8; rename it"
    bad.where.encode()


def test_a_parquet_text_that_is_not_utf_8_spoils_no_other(tmp_path: Path):
    path = tmp_path / "a.parquet"
    texts = pyarrow.array(["خبر".encode(), b"\xe1\xe2", "آخر".encode()]).view(pyarrow.string())
    pyarrow.parquet.write_table(pyarrow.table({"text": texts, "id": ["1", "2", None]}), path)
    assert read(path) == [
        Document("1", "خبر"),
        Rejected(f"{path}:2", "not UTF-8 (byte 0)"),
        Rejected(f"{path}:3", "no id"),
    ]


def test_a_damaged_parquet_page_is_rejected(tmp_path: Path):
    path = tmp_path / "a.parquet"
    table = pyarrow.table({"id": range(1000), "text": [f"خبر {i}" for i in range(1000)]})
    pyarrow.parquet.write_table(table, path)
    data = path.read_bytes()
    path.write_bytes(data[:4] + b"\xff" * (len(data) // 2) + data[4 + len(data) // 2 :])
    *_, last = read(path)
    assert isinstance(last, Rejected)
    assert "damaged" in last.reason


def test_answers_of_earlier_runs_are_no_articles_of_a_folder(
    tmp_path: Path, caplog: pytest.LogCaptureFixture
):
    (tmp_path / "raw.jsonl").write_text('{"id": "a", "text": "خبر"}\n', encoding="utf-8")
    for name in ("first.jsonl", "second.jsonl"):
        answer = '\ufeff{"id": "a", "text": "خبر", "model": {"name": "joint"}}\n'
        (tmp_path / name).write_text(answer, encoding="utf-8")
    write_part(tmp_path / "part.parquet", [Document("a", "خبر")])
    (path, _), *others = find_files([tmp_path], apart=[tmp_path / "second.jsonl"])
    assert (path.name, others) == ("raw.jsonl", [])
    assert caplog.messages == [f"{tmp_path}: left out 2 files of a model's answers"]
    assert len(find_files([tmp_path / "first.jsonl"])) == 1  # who names it wants it
    path.unlink()
    with pytest.raises(DataError, match="holds answers of a model alone; name the files"):
        find_files([tmp_path])


def test_articles_are_not_written_over_by_what_is_read_of_their_folder(tmp_path: Path):
    raw = tmp_path / "raw.jsonl"
    raw.write_text('{"id": "a", "text": "خبر"}\n', encoding="utf-8")
    with pytest.raises(DataError, match=r"raw\.jsonl: would be written over, and holds no answers"):
        find_files([tmp_path], apart=[raw])
