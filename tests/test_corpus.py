import json
import random
from itertools import combinations
from pathlib import Path

import pytest

from marsad.corpus import (
    NEAR_DUPLICATE,
    Problem,
    check_files,
    near_duplicates,
    read_corpus,
    word_trigrams,
)
from marsad.errors import DataError

TEXT = "قصفت قوات النظام بلدة طفس. ثم غادرت."


def record(**changes: object) -> dict[str, object]:
    base: dict[str, object] = {
        "id": "a",
        "text": TEXT,
        "sentences": [
            {"start": 0, "end": 26, "events": [{"type": "shelling", "realis": "actual"}]},
            {"start": 27, "end": 36, "events": []},
        ],
        "entities": [
            {"start": 5, "end": 16, "label": "MIL"},
            {"start": 17, "end": 25, "label": "GPE"},
        ],
    }
    return base | changes


def check(folder: Path, *records: dict[str, object]) -> list[Problem]:
    path = folder / "a.jsonl"
    lines = [json.dumps(r, ensure_ascii=False) for r in records]
    path.write_text("\n".join(lines) + "\n", encoding="utf-8")
    return check_files([path])


def test_sound_document_has_no_problem(tmp_path: Path):
    assert check(tmp_path, record()) == []


@pytest.mark.parametrize(
    ("changes", "message"),
    [
        ({"entities": [{"start": 5, "end": 99, "label": "MIL"}]}, "outside the text"),
        ({"entities": [{"start": 5, "end": 5, "label": "MIL"}]}, "empty"),
        ({"entities": [{"start": 5, "end": 16, "label": "ARMY"}]}, "unknown entity label 'ARMY'"),
        ({"entities": [{"start": 5, "end": 17, "label": "MIL"}]}, "punctuation at its edge"),
        ({"entities": [{"start": 5, "end": 15, "label": "MIL"}]}, "ends inside a word"),
        ({"entities": [{"start": 22, "end": 35, "label": "GPE"}]}, "lies in no single sentence"),
        (
            {
                "entities": [
                    {"start": 5, "end": 16, "label": "MIL"},
                    {"start": 10, "end": 16, "label": "ORG"},
                ]
            },
            "overlaps 5..16",
        ),
        ({"sentences": [{"start": 0, "end": 26}]}, "text 26..36 lies in no sentence"),
        ({"sentences": [{"start": 0, "end": 30}, {"start": 27, "end": 36}]}, "overlaps the one"),
        (
            {
                "sentences": [
                    {"start": 0, "end": 36, "events": [{"type": "bombing", "realis": "actual"}]}
                ]
            },
            "unknown event type 'bombing'",
        ),
        (
            {
                "sentences": [
                    {"start": 0, "end": 36, "events": [{"type": "siege", "realis": "actuel"}]}
                ]
            },
            "did you mean 'actual'",
        ),
        (
            {
                "sentences": [
                    {
                        "start": 0,
                        "end": 36,
                        "events": [
                            {"type": "siege", "realis": "actual"},
                            {"type": "siege", "realis": "planned"},
                        ],
                    }
                ]
            },
            "siege is given 2 times",
        ),
    ],
)
def test_error_is_found_with_its_line(tmp_path: Path, changes: dict[str, object], message: str):
    problems = check(
        tmp_path,
        record(id="b", text="شيء آخر تماما", sentences=[{"start": 0, "end": 13}], entities=[]),
        record(**changes),
    )
    assert [p.level for p in problems] == ["error"]
    assert problems[0].where.endswith("a.jsonl:2")
    assert message in problems[0].message


def test_proclitic_inside_a_mention_is_a_warning(tmp_path: Path):
    text = "قصف درعا. وصل درعا. غادر بدرعا. ترك بالرقة."
    spans = [(0, 9), (10, 19), (20, 31), (32, 43)]
    entities = [(4, 8), (14, 18), (25, 30), (36, 42)]
    own = record(
        text=text,
        sentences=[{"start": a, "end": b} for a, b in spans],
        entities=[{"start": a, "end": b, "label": "GPE"} for a, b in entities],
    )
    problems = check(tmp_path, own)
    assert [p.level for p in problems] == ["warning", "warning"]
    assert "'بدرعا'" in problems[0].message
    assert "'بالرقة'" in problems[1].message


def test_duplicates_across_files_are_errors(tmp_path: Path):
    sentence = "دخلت وحدة من الشرطة العسكرية الروسية صباح اليوم أحياء المدينة القديمة"
    for name, text in (("train", sentence), ("test", sentence + " ثم غادرت")):
        row = {"id": name, "text": text, "sentences": [{"start": 0, "end": len(text)}]}
        (tmp_path / f"{name}.jsonl").write_text(json.dumps(row), encoding="utf-8")
    problems = check_files([tmp_path])
    assert len(problems) == 1
    assert "100% of its word 3-grams" in problems[0].message
    assert "test.jsonl:1" in problems[0].message


def test_same_id_twice_is_an_error(tmp_path: Path):
    other = record(text="نص قصير", sentences=[{"start": 0, "end": 7}], entities=[])
    problems = check(tmp_path, record(), other)
    assert ["again" in p.message for p in problems] == [True]
    path = tmp_path / "twice.jsonl"
    path.write_text(f"{json.dumps(record())}\n{json.dumps(other)}\n", encoding="utf-8")
    with pytest.raises(DataError, match=r"twice\.jsonl:2: id .* again; see .*twice\.jsonl:1"):
        read_corpus(path)


def test_a_mention_given_again_with_a_probability_overlaps_itself(tmp_path: Path):
    mention = {"start": 22, "end": 25, "label": "GPE"}
    path = tmp_path / "a.jsonl"
    line = record(entities=[mention, {**mention, "score": 0.9}])
    path.write_text(json.dumps(line, ensure_ascii=False) + "\n", encoding="utf-8")
    assert [p.message for p in check_files([path]) if "overlaps" in p.message]


def test_near_duplicates_are_those_that_comparing_all_pairs_finds():
    """Also where many share how they begin, as an agency's items do."""
    rng = random.Random(5)
    opening = ["دمشق", "سانا", "قال", "مراسلنا", "إن"]
    words = [f"كلمة{number}" for number in range(40)]
    texts = []
    for _ in range(150):
        start = rng.randrange(30)
        text = [*opening[: rng.choice([0, 5])], *words[start : start + rng.randint(3, 12)]]
        texts.append(" ".join(text))
    expected = []
    for (i, one), (j, other) in combinations(enumerate(map(word_trigrams, texts)), 2):
        fewest = min(len(one), len(other))
        if fewest >= 4 and len(one & other) / fewest > NEAR_DUPLICATE:
            expected.append((i, j, len(one & other) / fewest))
    assert len(expected) > 50
    assert list(near_duplicates(texts)) == expected


def test_near_duplicates_ignore_harakat_and_short_sentences():
    long = "خرج الناس من بيوتهم قبل الفجر بقليل"
    assert list(near_duplicates([long, "خَرَجَ الناس من بيوتهم قبل الفجر بقليل"])) == [(0, 1, 1.0)]
    assert list(near_duplicates(["قصف عنيف اليوم", "قصف عنيف اليوم"])) == []


@pytest.mark.parametrize(
    "line", ["{", "[1]", '{"id": 1}', '{"id": "a", "text": "x", "entities": 3}']
)
def test_line_that_is_no_document_stops_the_reading(tmp_path: Path, line: str):
    path = tmp_path / "a.jsonl"
    path.write_text(json.dumps(record()) + "\n\n" + line + "\n", encoding="utf-8")
    with pytest.raises(DataError, match=r"a\.jsonl:3"):
        read_corpus(path)


def test_reading_a_corpus_with_errors_names_the_first_and_counts_the_rest(tmp_path: Path):
    path = tmp_path / "a.jsonl"
    bad = record(
        entities=[{"start": 5, "end": 15, "label": "MIL"}, {"start": 0, "end": 2, "label": "PER"}]
    )
    path.write_text(json.dumps(bad), encoding="utf-8")
    with pytest.raises(DataError, match=r"a\.jsonl:1: .* \(and 1 more"):
        read_corpus(path)


def test_folder_without_corpus_files_is_refused(tmp_path: Path):
    with pytest.raises(DataError, match=r"no \.jsonl file"):
        check_files([tmp_path])


def test_what_a_source_signs_all_its_items_with_is_one_warning(tmp_path: Path):
    sign = "للمزيد من الأخبار تابعوا قناتنا على تلغرام"
    records = []
    for number in range(40):
        text = f"خبر {number}. {sign}"
        spans = [{"start": 0, "end": len(text) - len(sign) - 1}, {"start": text.index(sign)}]
        sentences = [{"end": len(text), "events": [], **span} for span in spans]
        own = record(id=f"d-{number}", text=text, sentences=sentences, entities=[])
        records.append(own)
    (problem,) = check(tmp_path, *records)
    assert problem.level == "warning"
    assert "stands 40 times, first at" in problem.message


def test_a_document_that_stands_in_another_is_an_error(tmp_path: Path):
    own = ["دخلت وحدة من الشرطة العسكرية الأحياء.", "وغادر السكان بيوتهم بعد القصف العنيف."]
    again = [*own, "نقلا عن وكالة الأنباء الرسمية في البلاد."]
    for name, parts in (("train", own), ("dev", again)):
        text = " ".join(parts)
        starts = [text.index(part) for part in parts]
        spans = [{"start": a, "end": a + len(p)} for a, p in zip(starts, parts, strict=True)]
        row = {"id": name, "text": text, "sentences": spans}
        (tmp_path / f"{name}.jsonl").write_text(json.dumps(row), encoding="utf-8")
    problems = check_files([tmp_path])
    assert {problem.level for problem in problems} == {"error"}
    assert any("2 of its" in problem.message for problem in problems)
    assert sum("stands 2 times" in problem.message for problem in problems) == 2


def test_what_nobody_annotated_is_a_warning(tmp_path: Path):
    stamp = {"name": "joint", "version": "1", "digest": ""}
    (problem,) = check(tmp_path, record(model=stamp))
    assert problem.level == "warning"
    assert "is of the model joint; remove `model` once it is corrected" in problem.message
