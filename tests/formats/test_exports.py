"""Files that others wrote, and the command line."""

import json
from pathlib import Path
from typing import Any

import pytest

from marsad.cli import run
from marsad.document import Entity, Event, Sentence
from marsad.errors import DataError
from marsad.formats import FORMATS
from tests.formats.test_convert import DOCUMENT, PREDICTION, TEXT

CONLL_2003 = """-DOCSTART- -X- -X- O

EU NNP B-NP B-ORG
rejects VBZ B-VP O
German JJ B-NP B-MISC
call NN I-NP O
. . O O

Peter NNP B-NP B-PER
Blackburn NNP I-NP I-PER

-DOCSTART- -X- -X- O

# NN B-NP O
O NN I-NP B-LOC
"""


def write(path: Path, content: str | list[Any]) -> Path:
    text = content if isinstance(content, str) else json.dumps(content, ensure_ascii=False)
    path.write_bytes(text.encode("utf-8"))
    return path


def refusal(name: str, path: Path) -> str:
    with pytest.raises(DataError) as caught:
        list(FORMATS[name].read(path))
    assert "\n" not in str(caught.value)
    return str(caught.value)


def refused(capsys: pytest.CaptureFixture[str], *arguments: object) -> str:
    """Convert what must be refused: code 2, one line on stderr, nothing on stdout."""
    assert run(["data", "convert", *map(str, arguments)]) == 2
    captured = capsys.readouterr()
    assert captured.out == ""
    assert captured.err.startswith("marsad: ")
    assert captured.err.count("\n") == 1
    return captured.err


@pytest.mark.parametrize("line_end", ["\n", "\r\n"])
def test_conll_2003_is_read(tmp_path: Path, line_end: str):
    path = write(tmp_path / "eng.conll", CONLL_2003.replace("\n", line_end))
    first, second = FORMATS["conll"].read(path)
    assert first.id == "eng-1"
    assert first.text == "EU rejects German call .\nPeter Blackburn"
    assert first.sentences == (Sentence(0, 24), Sentence(25, 40))
    assert [(first.mention(e), e.label) for e in first.entities] == [
        ("EU", "ORG"),
        ("German", "MISC"),
        ("Peter Blackburn", "PER"),
    ]
    assert (second.id, second.text) == ("eng-2", "# O")
    assert second.entities == (Entity(2, 3, "LOC"),)


def test_two_columns_without_documents_are_one_document(tmp_path: Path):
    path = write(tmp_path / "ar.conll", "في\tO\nدرعا\tB-LOC\nالبلد\tI-LOC\n\n\nحمص\tB-LOC")
    (document,) = FORMATS["conll"].read(path)
    assert document.text == "في درعا البلد\nحمص"
    assert document.entities == (Entity(3, 13, "LOC"), Entity(14, 17, "LOC"))


@pytest.mark.parametrize(
    ("content", "message"),
    [
        ("a O\nb I-PER\n", ":2: I-PER continues no mention of PER; write B-PER, or give --repair"),
        ("a B-LOC\nb I-PER\n", ":2: I-PER continues no mention of PER"),
        ("a B-PER\n\nb I-PER\n", ":3: I-PER continues no mention of PER"),
        ("a S-PER\n", ":1: tag 'S-PER' is not O, B-X or I-X; convert it to BIO"),
        ("a PER\n", ":1: tag 'PER' is not O"),
        ("a B-\n", ":1: tag 'B-' is not O"),
        ("a\n", ":1: 1 columns; want 2"),
        ("a b O\n", ":1: 3 columns; want 2"),
        ("a O\nb N N O\n", ":2: 4 columns, and 2 before"),
        ("-DOCSTART- O\n\n", ": no document of the format conll in it"),
    ],
)
def test_unfit_conll_is_refused(tmp_path: Path, content: str, message: str):
    path = write(tmp_path / "a.conll", content)
    assert refusal("conll", path).startswith(f"{path}{message}")


def test_repair_turns_stray_tags_into_beginnings(
    capsys: pytest.CaptureFixture[str], tmp_path: Path
):
    path = write(tmp_path / "a.conll", "a I-PER\nb I-PER\nc I-LOC\nd O\n")
    out = tmp_path / "a.jsonl"
    assert "give --repair" in refused(capsys, path, out)
    assert not out.exists()
    assert run(["data", "convert", str(path), str(out), "--repair"]) == 0
    captured = capsys.readouterr()
    assert captured.out == f"{out}: 1 documents\n"
    assert captured.err == f"marsad: 2 stray I- tags became B-, the first at {path}:1\n"
    (document,) = FORMATS["jsonl"].read(out)
    assert document.entities == (Entity(0, 3, "PER"), Entity(4, 5, "LOC"))


@pytest.mark.parametrize(
    ("old", "new", "message"),
    [
        ("قصفت\t0", "قصف\t0", "token 'قصف' is not at 0..4 of `# text`"),
        ("\tB-GPE\t1", "\tI-GPE\t1", "I-GPE continues no mention"),
        ("\tB-GPE\t1\t", "\tB-GPE\tx\t", "not a row of 6 columns"),
        ("\tB-GPE\t1\t_", "\tB-GPE\t1\ttrue", "not a row of 6 columns"),
        ("\tB-GPE\t1\t_", "\tB-GPE\t1", "not a row of 6 columns"),
        ("# id = ", "# di = ", "cannot read this comment (it is none of ours)"),
        ('# id = "', '# id = "a"\n# id = "', "given twice in one document"),
        ("# sent = 0 17", "# sent = 0", "cannot read this comment"),
        ("# sent = 0 17", "# sent = 0 99", "sentence 0..99 is empty, outside the text"),
        ("shelling:actual", "shelling", "cannot read this comment"),
        ("shelling:actual", "shellin:actual", "unknown event type 'shellin'"),
        ("# text", "# sent = 0 1\n\n# text", "sentence 0..17 is empty, outside the text or overl"),
        ('# id = "sy-1"\n', "", "a document needs a string `id`"),
    ],
)
def test_damaged_conll_of_ours_is_refused(tmp_path: Path, old: str, new: str, message: str):
    path = tmp_path / "a.conll"
    FORMATS["conll"].write([DOCUMENT], path)
    content = path.read_text(encoding="utf-8")
    assert old in content
    error = refusal("conll", write(path, content.replace(old, new, 1)))
    assert error.startswith(f"{path}:")
    assert message in error


def brat_folder(path: Path, text: str, annotations: str) -> Path:
    path.mkdir()
    write(path / "a.txt", text)
    write(path / "a.ann", annotations)
    return path


def test_brat_folder_of_others_is_read(tmp_path: Path):
    folder = brat_folder(
        tmp_path / "brat", TEXT, "T7\tGPE 12 16\tدرعا\r\n#1\tAnnotatorNotes T7\tأكيد؟\r\n"
    )
    write(folder / "b.txt", "فارغ")
    write(folder / "b.ann", "")
    first, second = FORMATS["brat"].read(folder)
    assert (first.id, first.text, first.entities) == ("a", TEXT, (Entity(12, 16, "GPE"),))
    assert (second.id, second.entities) == ("b", ())


@pytest.mark.parametrize(
    ("line", "message"),
    [
        ("T1\tGPE 11 16\tدرعا", ":1: cannot read this annotation ('درعا' is not at 11..16"),
        ("T1\tGPE 0 4;5 10\tقصفت مدينة", ":1: cannot read this annotation (our documents have no"),
        ("R1\tNear Arg1:T1 Arg2:T2", ":1: cannot read this annotation (our documents have no"),
        ("T1\tGPE 0 4", ":1: cannot read this annotation (2 columns parted by tabs, not 3)"),
        ("T1\tGPE 0\tقصفت", ":1: cannot read this annotation"),
        ("T1\tGPE 0 4\tقصفت\nA1\tsiege T1 actual", ": cannot read this annotation (siege is an"),
        ("#1\tScore T9\t0.5", ": cannot read this annotation (a score of T9"),
        ("T1\tSentence 0 4\tقصفت\nA1\tseige T1 actual", ": sentence 0..4: unknown event type"),
    ],
)
def test_unfit_brat_annotation_is_refused(tmp_path: Path, line: str, message: str):
    folder = brat_folder(tmp_path / "brat", TEXT, line)
    assert refusal("brat", folder).startswith(f"{folder / 'a.ann'}{message}")


def test_incomplete_brat_folder_is_refused(tmp_path: Path):
    assert "no such folder" in refusal("brat", tmp_path / "nowhere")
    assert "no document of the format brat" in refusal("brat", tmp_path)
    FORMATS["brat"].write([DOCUMENT], tmp_path / "brat")
    (tmp_path / "brat" / "sy-1.ann").unlink()
    assert "sy-1.ann: no such file" in refusal("brat", tmp_path / "brat")
    (tmp_path / "brat" / "sy-1.txt").unlink()
    assert "sy-1.txt: no such file" in refusal("brat", tmp_path / "brat")


def label(start: int, end: int, name: str, **more: object) -> dict[str, Any]:
    value = {"start": start, "end": end, "labels": [name]}
    return {"id": f"r{start}", "from_name": "label", "type": "labels", "value": value, **more}


def test_labelstudio_annotation_counts_and_has_no_scores(tmp_path: Path):
    FORMATS["labelstudio"].write([PREDICTION], tmp_path / "out.json")
    (task,) = json.loads((tmp_path / "out.json").read_text(encoding="utf-8"))
    result = task["predictions"][0]["result"]
    task["annotations"] = [{"result": [], "was_cancelled": True}, {"id": 5, "result": result}]
    (document,) = FORMATS["labelstudio"].read(write(tmp_path / "export.json", [task]))
    assert document.model is None
    assert document.coverage is None
    assert document.entities == (Entity(12, 16, "GPE"), Entity(18, 20, "LOC"))
    assert document.sentences[0].events == (Event("shelling", "actual"),)


def test_labelstudio_task_that_was_skipped_is_no_annotation(
    tmp_path: Path, caplog: pytest.LogCaptureFixture
):
    """Nor is the prediction that it came with."""
    FORMATS["labelstudio"].write([PREDICTION, PREDICTION], tmp_path / "out.json")
    skipped, other = json.loads((tmp_path / "out.json").read_text(encoding="utf-8"))
    skipped["annotations"] = [{"result": [], "was_cancelled": True}]
    path = write(tmp_path / "export.json", [skipped, other])
    assert len(list(FORMATS["labelstudio"].read(path))) == 1
    unseen, left_out = caplog.messages
    assert unseen.startswith(f"{path}: 1 of 2 tasks are as a model read them")
    assert left_out == f"{path}: left out 1 tasks that were skipped"


def test_labelstudio_task_of_others_is_read(tmp_path: Path):
    task = {"id": 7, "data": {"text": TEXT}, "annotations": [{"result": [label(12, 16, "GPE")]}]}
    other = {"data": {"text": TEXT, "url": "u", "id": None}, "annotations": [{"result": []}]}
    one, two = FORMATS["labelstudio"].read(write(tmp_path / "export.json", [task, other]))
    assert (one.id, one.meta) == ("7", {})
    assert one.entities == (Entity(12, 16, "GPE"),)
    assert (two.id, two.meta) == ("export-2", {"url": "u"})


@pytest.mark.parametrize("name", ["doccano", "prodigy"])
def test_what_a_tool_keeps_besides_goes_into_meta(tmp_path: Path, name: str):
    (tmp_path / "out").mkdir()
    FORMATS[name].write([DOCUMENT], tmp_path / "out.jsonl")
    task = json.loads((tmp_path / "out.jsonl").read_text(encoding="utf-8"))
    task |= {"id": 12, "url": "https://example.org", "_session_id": "x", "answer": "accept"}
    if name == "doccano":
        task.pop("answer")
    (document,) = FORMATS[name].read(write(tmp_path / "all.jsonl", json.dumps(task)))
    assert document.id == "12"
    assert document.meta == {"url": "https://example.org", **DOCUMENT.meta}
    assert document.entities == DOCUMENT.entities
    other = {"text": TEXT, "id": None, "label": [], "spans": [], "source": "wire"}
    if name == "doccano":  # there all of it is of the project
        del other["spans"]
        other |= {"model": "gpt-4", "sentences": 2, "meta": {"page": 3}}
    (document,) = FORMATS[name].read(write(tmp_path / "other.jsonl", json.dumps(other)))
    assert (document.id, document.meta["source"]) == ("other-1", "wire")
    if name == "doccano":
        assert document.meta == {"source": "wire", "model": "gpt-4", "sentences": 2, "page": 3}


def test_labelstudio_tasks_that_nobody_annotated_are_left_out(
    tmp_path: Path, caplog: pytest.LogCaptureFixture
):
    tasks = [{"data": {"text": TEXT}}, {"data": {"text": TEXT}, "annotations": [{"result": []}]}]
    (document,) = FORMATS["labelstudio"].read(write(tmp_path / "export.json", tasks))
    assert document.id == "export-2"
    assert "left out 1 tasks that nobody has annotated" in caplog.text


def test_doccanos_marks_are_not_dropped_as_prodigys(tmp_path: Path):
    task = {"id": 1, "text": TEXT, "label": [[12, 16, "GPE"]]}
    with pytest.raises(DataError, match="marks as doccano has them; give --from doccano"):
        list(FORMATS["prodigy"].read(write(tmp_path / "export.jsonl", json.dumps(task))))


@pytest.mark.parametrize(
    ("task", "message"),
    [
        ({"data": {"text": TEXT}, "annotations": [{"result": []}] * 2}, "2 annotations or "),
        ({"data": {"body": TEXT}}, "no `data.text`; name the field of the texts `text`"),
        ({"text": TEXT, "label": []}, "no `data`; export as JSON, not as JSON-MIN"),
        ({"data": {"text": TEXT}, "predictions": [3]}, "not a task"),
        ({"data": {}, "annotations": [{"result": []}]}, "no `data.text`"),
        (
            {"data": {"text": TEXT}, "annotations": [{"result": [{"type": "relation"}]}]},
            "a result of the type relation",
        ),
        (
            {
                "data": {"text": TEXT},
                "annotations": [
                    {
                        "result": [
                            label(12, 16, "GPE"),
                            label(12, 16, "GPE", type="taxonomy"),
                        ]
                    }
                ],
            },
            "events on a region labelled GPE",
        ),
        (
            {"data": {"text": TEXT}, "annotations": [{"result": [label(12, 99, "GPE")]}]},
            "entity 12..99 is empty or outside",
        ),
        ([], "not a task"),
    ],
)
def test_unfit_labelstudio_task_is_refused(tmp_path: Path, task: object, message: str):
    path = write(tmp_path / "export.json", [task])
    error = refusal("labelstudio", path)
    assert error.startswith(f"{path}: task 1: ")
    assert message in error


def test_labelstudio_offsets_must_agree_with_the_text(tmp_path: Path):
    result = label(12, 16, "GPE")
    result["value"]["text"] = "رعا."
    task = {"data": {"text": TEXT}, "annotations": [{"result": [result]}]}
    error = refusal("labelstudio", write(tmp_path / "export.json", [task]))
    assert "'رعا.' is not at 12..16" in error
    assert "not an array of tasks" in refusal("labelstudio", write(tmp_path / "b.json", "{}"))
    assert "c.json:2: not JSON" in refusal("labelstudio", write(tmp_path / "c.json", "[\n{"))


def test_doccano_exports_are_read(tmp_path: Path):
    plain = {"id": 3, "text": TEXT, "label": [[12, 16, "GPE"]], "Comments": []}
    span = {"id": 1, "label": "GPE", "start_offset": 12, "end_offset": 16}
    related = {"id": 4, "text": TEXT, "entities": [span], "relations": [], "Comments": []}
    lines = "\n".join(json.dumps(line) for line in (plain, related))
    first, second = FORMATS["doccano"].read(write(tmp_path / "all.jsonl", lines))
    assert (first.id, second.id) == ("3", "4")
    assert first.entities == second.entities == (Entity(12, 16, "GPE"),)


def test_doccano_score_is_lost_with_the_mention_that_moved(tmp_path: Path):
    FORMATS["doccano"].write([PREDICTION], tmp_path / "out.jsonl")
    task = json.loads((tmp_path / "out.jsonl").read_text(encoding="utf-8"))
    task["label"][1] = [18, 24, "LOC"]
    (document,) = FORMATS["doccano"].read(write(tmp_path / "all.jsonl", json.dumps(task)))
    assert document.entities == (Entity(12, 16, "GPE", 0.9312), Entity(18, 24, "LOC"))


def test_prodigy_export_is_read(tmp_path: Path):
    task = {
        "text": TEXT,
        "_input_hash": 5,
        "spans": [{"start": 12, "end": 16, "token_start": 2, "token_end": 2, "label": "GPE"}],
        "answer": "accept",
    }
    (document,) = FORMATS["prodigy"].read(write(tmp_path / "all.jsonl", json.dumps(task)))
    assert (document.id, document.entities) == ("all-1", (Entity(12, 16, "GPE"),))


def test_prodigy_task_that_was_accepted_has_no_scores(tmp_path: Path):
    FORMATS["prodigy"].write([PREDICTION], tmp_path / "out.jsonl")
    task = json.loads((tmp_path / "out.jsonl").read_text(encoding="utf-8")) | {"answer": "accept"}
    (document,) = FORMATS["prodigy"].read(write(tmp_path / "all.jsonl", json.dumps(task)))
    assert document.model is None
    assert {mark.score for s in document.sentences for mark in (*s.events, *document.entities)} == {
        None
    }
    assert [(e.start, e.end) for e in document.entities] == [
        (e.start, e.end) for e in PREDICTION.entities
    ]


@pytest.mark.parametrize(
    ("name", "line", "message"),
    [
        ("prodigy", {"text": TEXT, "answer": "reject"}, "the answer is 'reject'"),
        ("prodigy", {"text": TEXT, "relations": [{}]}, "has relations"),
        ("prodigy", {"text": TEXT, "spans": [5]}, "not a task of Prodigy's"),
        ("prodigy", {"text": TEXT, "sentences": 3, "answer": "accept"}, "not a task of Prodigy's"),
        ("prodigy", {"spans": []}, "needs a string `id` and a string `text`"),
        ("prodigy", {"text": TEXT, "spans": [{"start": 1, "end": 2}]}, "KeyError('label')"),
        ("doccano", {"text": TEXT}, "not a record of doccano's sequence labelling"),
        ("doccano", {"text": TEXT, "label": ["battle"]}, "not a record of doccano's"),
        ("doccano", {"text": TEXT, "label": [[0, 4, None]]}, "a label None, which is no name"),
        ("prodigy", {"text": TEXT, "meta": [1], "url": "u"}, "is malformed"),
        ("doccano", {"text": TEXT, "entities": [], "relations": [{}]}, "has relations"),
        ("jsonl", {"id": "a", "text": TEXT, "label": []}, "unknown field 'label'"),
        (
            "jsonl",
            {"id": "a", "text": TEXT, "entities": [{"start": 0, "end": 4, "label": "X", "by": 1}]},
            "unknown field 'by'",
        ),
        (
            "jsonl",
            {"id": "a", "text": TEXT, "sentences": [{"start": 0, "end": 4, "note": 1}]},
            "unknown field 'note'",
        ),
        ("jsonl", {"id": "a", "text": TEXT, "meta": [1]}, "meta is a list, not a mapping"),
        ("jsonl", 5, "a JSON int; one object a line"),
    ],
)
def test_unfit_line_is_refused(tmp_path: Path, name: str, line: object, message: str):
    path = write(tmp_path / "all.jsonl", f"\n{json.dumps(line)}\n")
    error = refusal(name, path)
    assert error.startswith(f"{path}:2: ")
    assert message in error


def test_broken_json_line_is_refused(tmp_path: Path):
    path = write(tmp_path / "all.jsonl", "{")
    for name in ("jsonl", "doccano", "prodigy"):
        assert refusal(name, path).startswith(f"{path}:1: not JSON")


def test_command_refuses_unknown_and_unnamed_formats(
    capsys: pytest.CaptureFixture[str], tmp_path: Path
):
    source = write(tmp_path / "a.jsonl", DOCUMENT.to_json())
    known = "jsonl, conll, brat, labelstudio, doccano, prodigy"
    error = refused(capsys, source, tmp_path / "b", "--to", "brad")
    assert f"--to: unknown format 'brad' (did you mean 'brat'?); known are {known}" in error
    assert f"its ending names no format; give --to one of {known}" in refused(
        capsys, source, tmp_path / "b.json"
    )
    assert "give --from one of" in refused(capsys, tmp_path / "a.txt", tmp_path / "b.jsonl")
    assert "no such file" in refused(capsys, tmp_path / "no.jsonl", tmp_path / "b.conll")
    assert "is a folder" in refused(capsys, source, tmp_path, "--to", "doccano")
    assert "--repair mends the tags of conll" in refused(
        capsys, source, tmp_path / "b.conll", "--repair"
    )
    assert "--interface goes with" in refused(
        capsys, source, tmp_path / "b.conll", "--interface", tmp_path / "c.xml"
    )
    assert list(tmp_path.iterdir()) == [source]


def test_command_names_document_and_reason_and_keeps_the_old_file(
    capsys: pytest.CaptureFixture[str], tmp_path: Path
):
    record = DOCUMENT.to_record() | {"entities": [{"start": 0, "end": 3, "label": "GPE"}]}
    source = write(tmp_path / "a.jsonl", json.dumps(record))
    target = write(tmp_path / "b.conll", "old")
    assert "document 'sy-1': entity 0..3" in refused(capsys, source, target)
    assert target.read_text(encoding="utf-8") == "old"


def test_command_writes_the_interface_and_tells_of_foreign_labels(
    capsys: pytest.CaptureFixture[str], tmp_path: Path
):
    source = write(tmp_path / "a.conll", "a B-MISC\nb B-GPE\n")
    target, interface = tmp_path / "b.json", tmp_path / "b.xml"
    arguments = [str(source), str(target), "--to", "labelstudio", "--interface", str(interface)]
    assert run(["data", "convert", *arguments]) == 0
    assert '<Label value="GPE"' in interface.read_text(encoding="utf-8")
    error = capsys.readouterr().err
    assert "1 mentions have labels that labels.yaml lacks (MISC)" in error


def test_command_help_names_every_format(capsys: pytest.CaptureFixture[str]):
    assert run(["data", "convert", "--help"]) == 0
    shown = capsys.readouterr().out
    assert all(name in shown for name in FORMATS)
