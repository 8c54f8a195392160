import io
import json
import signal
from pathlib import Path
from types import SimpleNamespace

import pytest

import marsad
from marsad.cli import run
from marsad.corpus import read_corpus
from marsad.document import Document
from marsad.errors import ConfigError, DataError
from marsad.formats import FORMATS
from marsad.input_files import find_files
from marsad.journal import Journal
from marsad.locking import alone
from marsad.outputs import WRITERS, check_outputs, remove_leftovers
from marsad.predicting import GROUP, predict_into
from marsad.reader import Reader
from marsad.training import train
from tests.fates import Fate, live
from tests.runs import tiny_run


@pytest.fixture(scope="module")
def model(tiny_encoder: Path, tiny_corpus: Path, tmp_path_factory: pytest.TempPathFactory) -> Path:
    output = tmp_path_factory.mktemp("model") / "tiny"
    return train(tiny_run(tiny_encoder, tiny_corpus, output)).path


@pytest.fixture(scope="module")
def reader(model: Path) -> Reader:
    return marsad.load(model)


@pytest.fixture
def few(tmp_path: Path, documents: list[Document]) -> Path:
    """A file of three texts and a line that cannot be read."""
    path = tmp_path / "few.jsonl"
    lines = [document.to_json() for document in documents[:3]]
    path.write_text("\n".join([*lines, "{"]) + "\n", encoding="utf-8")
    return path


@pytest.fixture(scope="module")
def many(tmp_path_factory: pytest.TempPathFactory, documents: list[Document]) -> Path:
    """A file of 200 texts, three of which cannot be read."""
    path = tmp_path_factory.mktemp("many") / "many.jsonl"
    lines = [
        json.dumps({"id": f"{i}", "text": documents[i % len(documents)].text}, ensure_ascii=False)
        for i in range(200)
    ]
    lines[5], lines[77], lines[150] = "{", '{"id": "77", "text": ""}', "[]"
    path.write_text("\n".join(lines) + "\n", encoding="utf-8")
    return path


@pytest.fixture(scope="module")
def undisturbed(model: Path, many: Path, tmp_path_factory: pytest.TempPathFactory) -> Path:
    out = tmp_path_factory.mktemp("whole") / "out.jsonl"
    assert run(["predict", str(many), "-m", str(model), "-o", str(out)]) == 2
    return out


def test_every_document_is_read_once_and_the_bad_ones_are_told(undisturbed: Path, many: Path):
    ids = [json.loads(line)["id"] for line in undisturbed.read_text("utf-8").splitlines()]
    assert ids == [str(i) for i in range(200) if i not in (5, 77, 150)]
    aside = undisturbed.with_name("out.jsonl.rejected.jsonl")
    rejected = [json.loads(line) for line in aside.read_text("utf-8").splitlines()]
    assert [own["where"] for own in rejected] == [f"{many}:{n}" for n in (6, 78, 151)]
    assert all(own["reason"] for own in rejected)
    left = {p.name for p in undisturbed.parent.iterdir()}
    assert left == {undisturbed.name, aside.name, ".out.jsonl.lock"}


def test_a_run_that_is_killed_goes_on_to_the_same_bytes(
    model: Path, many: Path, undisturbed: Path, tmp_path: Path
):
    out = tmp_path / "out.jsonl"
    command = ["predict", str(many), "-m", str(model), "-o", str(out)]
    journal = out.with_name(".out.jsonl.part")
    # A journal is written to as it is opened, and once a group.
    for number, groups in ((3, 1), (4, 3)):
        fate = Fate(rf"write .*{journal.name}$", number)
        assert live(command, tmp_path, fate).code == -signal.SIGKILL
        assert journal.read_bytes().count(b"\n") == 1 + groups * GROUP
    assert not out.exists()
    assert run(command) == 2
    assert out.read_bytes() == undisturbed.read_bytes()
    aside = "out.jsonl.rejected.jsonl"
    assert (tmp_path / aside).read_bytes() == undisturbed.with_name(aside).read_bytes()
    assert not journal.exists()


def test_it_goes_on_after_the_last_whole_group_and_reads_no_document_twice(
    model: Path, many: Path, undisturbed: Path, tmp_path: Path
):
    reader = marsad.load(model)
    out, files = tmp_path / "out.jsonl", find_files([many])
    read: list[str] = []

    def break_off(document: Document) -> None:
        read.append(document.id)
        if document.id == "100":
            raise KeyboardInterrupt

    with pytest.raises(KeyboardInterrupt):
        predict_into([out], reader, files, show=break_off)
    first = len(read)
    with pytest.raises(marsad.errors.DataError, match="and 2 more that cannot be read"):
        predict_into([out], reader, files, show=lambda d: read.append(d.id))
    assert out.read_bytes() == undisturbed.read_bytes()
    again = set(read[:first]) & set(read[first:])
    assert len(again) == 0


def test_another_model_or_input_is_refused_unless_the_run_is_forgotten(
    model: Path, many: Path, tmp_path: Path, capsys: pytest.CaptureFixture[str]
):
    out = tmp_path / "out.jsonl"
    Journal(out, {"of": "another"}, group=GROUP).open()
    arguments = ["predict", str(many), "-m", str(model), "-o", str(out)]
    assert run(arguments) == 2
    assert "an unfinished run of other inputs" in capsys.readouterr().err
    assert run([*arguments, "--restart"]) == 2
    assert "2 more that cannot be read" in capsys.readouterr().err
    assert out.exists()


def test_every_format_holds_the_same_documents(
    model: Path, tmp_path: Path, documents: list[Document]
):
    source = tmp_path / "in.jsonl"
    source.write_text("".join(d.to_json() + "\n" for d in documents[:4]), encoding="utf-8")
    outputs = [tmp_path / name for name in ("o.jsonl", "o.json", "o.conll", "brat")]
    arguments = [value for path in outputs for value in ("-o", str(path))]
    assert run(["predict", str(source), "-m", str(model), *arguments]) == 0
    lines = [json.loads(line) for line in outputs[0].read_text("utf-8").splitlines()]
    assert json.loads(outputs[1].read_text("utf-8")) == lines
    read = read_corpus(outputs[0])
    assert list(FORMATS["brat"].read(outputs[3])) == read
    assert list(FORMATS["conll"].read(outputs[2])) == read


def test_where_nothing_can_be_read_the_reasons_alone_are_written(
    model: Path, tmp_path: Path, capsys: pytest.CaptureFixture[str]
):
    (tmp_path / "a.txt").write_bytes(b"\xe1\xe2")
    out = tmp_path / "out.jsonl"
    out.write_text("older", encoding="utf-8")
    assert run(["predict", str(tmp_path / "a.txt"), "-m", str(model), "-o", str(out)]) == 2
    told = capsys.readouterr().err
    assert "a.txt: line 1: not UTF-8" in told
    assert "nothing was written but the reasons, in " in told
    assert "not UTF-8" in (tmp_path / "out.jsonl.rejected.jsonl").read_text("utf-8")
    assert out.read_text("utf-8") == "older"
    assert not (tmp_path / ".out.jsonl.part").exists()


def test_an_output_that_another_run_writes_is_refused(reader: Reader, few: Path, tmp_path: Path):
    outputs = [tmp_path / "a.jsonl", tmp_path / "b.json"]
    with (
        alone(outputs[1], work="run"),
        pytest.raises(ConfigError, match=r"b\.json: another run is at work here"),
    ):
        predict_into(outputs, reader, find_files([few]))
    assert not outputs[0].exists()
    with pytest.raises(DataError, match="the reasons are in"):
        predict_into(outputs, reader, find_files([few]))
    assert outputs[0].exists()


@pytest.mark.parametrize("name", ["few.jsonl", "link.jsonl", "few"])
def test_an_output_that_is_an_input_is_refused(
    few: Path, tmp_path: Path, name: str, capsys: pytest.CaptureFixture[str]
):
    (tmp_path / "link.jsonl").symlink_to(few)
    (tmp_path / "few.rejected.jsonl").symlink_to(few)  # what `-o few` tells reasons in
    before = few.read_bytes()
    arguments = ["predict", str(few), "-m", "no model", "-o", str(tmp_path / name)]
    assert run(arguments) == 2
    assert "is an input too" in capsys.readouterr().err
    assert few.read_bytes() == before


def test_an_output_is_named_once_and_has_a_name(tmp_path: Path):
    out = tmp_path / "out.jsonl"
    for other in (tmp_path / "x" / ".." / "out.jsonl", tmp_path / "out.jsonl.rejected.jsonl"):
        with pytest.raises(ConfigError, match="would be written twice"):
            check_outputs([out, other], [])
    with pytest.raises(ConfigError, match="is no name"):
        check_outputs([Path()], [])
    out.mkdir()
    with pytest.raises(ConfigError, match=r"out\.jsonl: is a folder; name a file"):
        check_outputs([out], [])


def test_ids_that_cannot_name_the_files_of_a_folder_are_told_before_anything_is_read(
    tmp_path: Path,
):
    nested = (tmp_path / "2020" / "a.txt", "2020/a")
    check_outputs([tmp_path / "out.jsonl"], [nested])
    check_outputs([tmp_path / "out"], [(tmp_path / "2020" / "a.jsonl", "2020/a")])
    with pytest.raises(ConfigError, match="brat names files by ids, and '2020/a' of"):
        check_outputs([tmp_path / "out"], [nested])


def test_leftovers_go_and_nothing_else(tmp_path: Path):
    kept = {".out.jsonl.part", ".out.jsonl.lock", ".out.jsonl.settings", ".out.settings"}
    for name in (*kept, ".out.jsonl.ab_d1234.jsonl"):
        (tmp_path / name).touch()
    (tmp_path / ".out.ab_d1234" / "folder").mkdir(parents=True)
    remove_leftovers(tmp_path / "out.jsonl")
    remove_leftovers(tmp_path / "out")
    assert {p.name for p in tmp_path.iterdir()} == kept


@pytest.mark.parametrize("killed", [".json", "", ".conll", ".jsonl"])
def test_a_run_that_is_killed_at_an_output_finishes(
    reader: Reader, few: Path, tmp_path: Path, killed: str, monkeypatch: pytest.MonkeyPatch
):
    outputs = [tmp_path / name for name in ("o.json", "brat", "o.conll", "o.jsonl")]

    def write(lines, path: Path) -> None:
        WRITERS[killed](lines, path)
        raise KeyboardInterrupt

    with monkeypatch.context() as patch:
        patch.setattr("marsad.outputs.WRITERS", {**WRITERS, killed: write})
        with pytest.raises(KeyboardInterrupt):
            predict_into(outputs, reader, find_files([few]))
    with pytest.raises(DataError, match="the reasons are in"):
        predict_into(outputs, reader, find_files([few]))
    read = read_corpus(outputs[3])
    assert len(read) == 3
    assert list(FORMATS["brat"].read(outputs[1])) == read
    assert not list(tmp_path.glob(".*.part*"))
    with pytest.raises(ConfigError, match="brat: exists and is not an empty folder"):
        predict_into(outputs, reader, find_files([few]), restart=True)
    assert not list(tmp_path.glob(".*.part*"))


def test_the_reasons_are_there_before_an_output_fails(
    reader: Reader, few: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
):
    def fail(*_: object) -> None:
        raise DataError("the share is gone")

    monkeypatch.setattr("marsad.predicting.writer_of", lambda _: fail)
    with pytest.raises(DataError, match="the share is gone"):
        predict_into([tmp_path / "brat"], reader, find_files([few]))
    assert "not JSON" in (tmp_path / "brat.rejected.jsonl").read_text("utf-8")


def test_a_page_of_no_document_is_told(reader: Reader, tmp_path: Path):
    (tmp_path / "in.jsonl").write_text("\n", encoding="utf-8")
    with pytest.raises(ConfigError, match="the inputs hold none"):
        predict_into([tmp_path / "x.html"], reader, find_files([tmp_path / "in.jsonl"]))
    assert not list(tmp_path.glob(".*.part"))


def test_a_page_refuses_a_second_document_when_it_comes(reader: Reader, few: Path, tmp_path: Path):
    outputs = [tmp_path / "a.jsonl", tmp_path / "a.html"]
    for _ in range(2):  # and nothing is left that would stand in the way
        with pytest.raises(ConfigError, match=r"a\.html: a page holds one document"):
            predict_into(outputs, reader, find_files([few]))
        assert not [path for path in tmp_path.glob("*a.*") if path.suffix != ".lock"]


@pytest.mark.parametrize("name", ["out", "out.conll"])
def test_a_document_that_an_output_cannot_hold_is_rejected_and_all_others_are_written(
    reader: Reader, documents: list[Document], tmp_path: Path, name: str
):
    texts = [documents[0].text, documents[1].text, "قصف\0 الطيران البلدة."]
    ids = ["a", "https://x/y" if name == "out" else "b", "c"]
    lines = [json.dumps({"id": i, "text": t}) for i, t in zip(ids, texts, strict=True)]
    given = tmp_path / "given.jsonl"
    given.write_text("\n".join([*lines, lines[0]]), encoding="utf-8")
    out = tmp_path / name
    with pytest.raises(DataError, match="the reasons are in"):
        predict_into([out], reader, find_files([given]))
    aside = (tmp_path / f"{name}.rejected.jsonl").read_text("utf-8").splitlines()
    rejected = {json.loads(line)["where"]: json.loads(line)["reason"] for line in aside}
    assert "NUL" in rejected["document 'c'"]
    written = [d.id for d in FORMATS["brat" if name == "out" else "conll"].read(out)]
    if name == "out":
        assert rejected.keys() == {"document 'c'", "document 'https://x/y'", "document 'a'"}
        assert "names another document's file" in rejected["document 'a'"]
        assert written == ["a"]
    else:
        assert rejected.keys() == {"document 'c'"}
        assert written == ["a", "b", "a"]
    assert not (tmp_path / f".{name}.part").exists()


def test_other_ids_are_another_run(reader: Reader, tmp_path: Path):
    own = tmp_path / "a" / "b.txt"
    own.parent.mkdir()
    own.write_text("قصف", encoding="utf-8")
    heads = []
    for id_ in ("b", "a/b"):
        with pytest.raises(KeyboardInterrupt):
            predict_into([tmp_path / f"{len(heads)}.jsonl"], reader, [(own, id_)], show=_break_off)
        heads.append((tmp_path / f".{len(heads)}.jsonl.part").read_text("utf-8").split("\n")[0])
    assert heads[0] != heads[1]


def test_the_journal_does_not_grow_with_the_number_of_files(reader: Reader, tmp_path: Path):
    missing = [(tmp_path / f"{i}.txt", f"{i}") for i in range(1000)]
    with pytest.raises(DataError, match=r"0\.txt: no such file.* \(and 999 more"):
        predict_into([tmp_path / "out.jsonl"], reader, missing, watch=_check_head(tmp_path))


def _break_off(_: Document) -> None:
    raise KeyboardInterrupt


def _check_head(folder: Path):
    def watch(groups, _):
        assert (folder / ".out.jsonl.part").stat().st_size < 1000
        return groups

    return watch


def test_standard_input_discards_no_run_but_its_own(
    reader: Reader, few: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
):
    out, stdin = tmp_path / "out.jsonl", find_files([Path("-")])
    with pytest.raises(KeyboardInterrupt):
        predict_into([out], reader, find_files([few]), show=_break_off)

    def read_stdin(**options: object) -> None:
        given = SimpleNamespace(buffer=io.BytesIO("قصف".encode()))
        monkeypatch.setattr("sys.stdin", given)
        predict_into([out], reader, stdin, **options)

    with pytest.raises(ConfigError, match="an unfinished run of other inputs"):
        read_stdin()
    with pytest.raises(KeyboardInterrupt):
        read_stdin(restart=True, show=_break_off)
    read_stdin()
    assert len(out.read_text("utf-8").splitlines()) == 1
