"""What to annotate next."""

import json
import math
from pathlib import Path

import numpy as np
import pytest

from marsad.calibration import Calibration
from marsad.cli import run
from marsad.corpus import read_corpus
from marsad.decisions import Judgement
from marsad.document import Document, Sentence
from marsad.files import read_records
from marsad.labels import scheme
from marsad.selection import Candidate, binary_entropy, doubt, select, select_by_chance
from marsad.training import train
from tests.conftest import CORPUS
from tests.runs import tiny_run

TYPES = len(scheme().event_names)


@pytest.fixture(scope="module")
def model(tiny_encoder: Path, tiny_corpus: Path, tmp_path_factory: pytest.TempPathFactory) -> Path:
    return train(tiny_run(tiny_encoder, tiny_corpus, tmp_path_factory.mktemp("select") / "m")).path


def candidate(name: str, text: str, uncertainty: float) -> Candidate:
    return Candidate(Document(name, text), uncertainty)


def judgement(outside: list[float], events: float) -> Judgement:
    text = "كلمة " * len(outside)
    return Judgement(
        document=Document("d", text, (Sentence(0, len(text)),)),
        events=np.full((1, TYPES), events, dtype=np.float32),
        realis=np.zeros((1, TYPES), dtype=np.int64),
        words=np.zeros((len(outside), 2), dtype=np.int64),
        outside=np.array(outside, dtype=np.float32),
    )


def test_entropy_is_that_of_a_coin():
    assert binary_entropy([0.5])[0] == pytest.approx(math.log(2))
    assert binary_entropy([0.0, 1.0]) == pytest.approx([0, 0], abs=1e-9)
    assert binary_entropy([0.1])[0] == pytest.approx(-0.1 * math.log(0.1) - 0.9 * math.log(0.9))


def test_uncertainty_is_a_mean_and_so_does_not_grow_with_length():
    short, long = (doubt(judgement([0.9] * n, 0.2), Calibration()) for n in (3, 300))
    wanted = float(binary_entropy(0.9)) + float(binary_entropy(0.2))
    assert short.uncertainty == pytest.approx(wanted, rel=1e-4)
    assert long.uncertainty == pytest.approx(wanted, rel=1e-4)
    surer = doubt(judgement([0.99] * 3, 0.2), Calibration())
    assert surer.uncertainty < short.uncertainty


def test_a_model_without_events_is_unsure_of_words_alone():
    own = doubt(judgement([0.7, 0.7], 0.0), Calibration())  # what it says where it reads none
    assert own.uncertainty == pytest.approx(float(binary_entropy(0.7)), rel=1e-4)
    assert doubt(judgement([], 0.0), Calibration()).uncertainty == pytest.approx(0, abs=1e-3)


def test_the_least_sure_of_each_group_is_chosen():
    pool = [
        *(candidate(f"a{i}", f"قصف مدفعي على بلدة بإدلب {i}", 0.9 - i / 100) for i in range(5)),
        *(candidate(f"b{i}", f"انتخابات برلمانية في بغداد {i}", 0.5 - i / 100) for i in range(4)),
        *(candidate(f"c{i}", f"هدنة برعاية أممية بصنعاء {i}", 0.4 - i / 100) for i in range(3)),
        *(candidate(f"sure{i}", f"خبر {i}", 0.01) for i in range(20)),
    ]
    assert [c.document.id for c in select(pool, 3, seed=1)] == ["a0", "b0", "c0"]


def test_copies_of_a_text_do_not_crowd_out_the_others():
    """Also where the groups are of many texts."""
    copies = [candidate(f"wire{i}", "قصف مدفعي  على بلدة\nفي ريف إدلب", 0.9) for i in range(20)]
    others = [candidate(f"own{i}", f"خبر {i} من مدينة {i % 7}", 0.5) for i in range(450)]
    for count in (3, 120):
        chosen = [c.document.id for c in select([*copies, *others], count, seed=1)]
        assert len(set(chosen)) == count
        assert [own for own in chosen if own.startswith("wire")] == ["wire0"]
    same = [candidate(str(i), "قصف", 0.1) for i in range(900)]
    assert [c.document.id for c in select(same, 120, seed=1)] == ["0"]
    drawn = select_by_chance([own.document for own in (*copies, *others)], 451, seed=1)
    assert len({own.text for own in drawn}) == len(drawn) == 451


def test_all_are_chosen_where_there_are_no_more():
    pool = [candidate("a", "قصف", 0.1), candidate("b", "هدنة", 0.2)]
    assert [c.document.id for c in select(pool, 5, seed=1)] == ["b", "a"]


def test_chance_is_seeded():
    pool = [Document(str(i), f"قصف {i}") for i in range(50)]
    one, again, other = (select_by_chance(pool, 9, seed=s) for s in (1, 1, 2))
    assert one == again != other
    assert len({d.id for d in one}) == 9


def test_the_command_chooses_from_what_is_not_known(
    model: Path, tiny_corpus: Path, tmp_path: Path, capsys: pytest.CaptureFixture[str]
):
    pool = read_corpus(CORPUS / "dev.jsonl")[:20]
    source = tmp_path / "pool.jsonl"
    source.write_text("".join(f"{d.to_json()}\n" for d in pool) + "nonsense\n", encoding="utf-8")
    command = ["data", "select", str(source), "-m", str(model), "-n", "5", "-o"]
    known = ["--known", str(tiny_corpus / "train.jsonl")]
    assert run([*command, str(tmp_path / "a.jsonl"), *known]) == 2  # for a line is nonsense
    assert "5 of 14 documents" in capsys.readouterr().out
    chosen = [record for _, record in read_records(tmp_path / "a.jsonl")]
    ids = {d.id for d in read_corpus(tiny_corpus / "train.jsonl")}
    assert len(chosen) == 5
    assert not ids & {own["id"] for own in chosen}
    assert all("model" in own for own in chosen)
    assert run([*command, str(tmp_path / "b.jsonl"), *known, "--random"]) == 2
    drawn = [json.loads(line) for line in (tmp_path / "b.jsonl").read_text("utf-8").splitlines()]
    assert len(drawn) == 5
    assert (
        run(
            [
                "data",
                "convert",
                str(tmp_path / "a.jsonl"),
                str(tmp_path / "ls.json"),
                "--to",
                "labelstudio",
            ]
        )
        == 0
    )


def test_nothing_to_choose_from_is_one_line_and_exit_code_2(
    model: Path, tmp_path: Path, capsys: pytest.CaptureFixture[str]
):
    source = tmp_path / "pool.jsonl"
    source.write_text("nonsense\n", encoding="utf-8")
    assert run(["data", "select", str(source), "-m", str(model), "-o", str(tmp_path / "o")]) == 2
    assert "no document to choose from; first:" in capsys.readouterr().err
    assert not (tmp_path / "o").exists()


def test_what_is_read_is_not_written_over(
    model: Path, tmp_path: Path, capsys: pytest.CaptureFixture[str]
):
    pool, known = tmp_path / "pool.jsonl", tmp_path / "known.jsonl"
    for path, id_ in ((pool, "a"), (known, "b")):
        path.write_text(f'{{"id": "{id_}", "text": "قصف على بلدة"}}\n', encoding="utf-8")
    before = pool.read_bytes(), known.read_bytes()
    command = ["data", "select", str(pool), "-m", str(model), "--known", str(known), "-o"]
    for path in (pool, known):
        assert run([*command, str(path)]) == 2
        assert f"{path}: is an input too; name another output" in capsys.readouterr().err
    assert (pool.read_bytes(), known.read_bytes()) == before
