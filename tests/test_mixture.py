"""What a run learns from: several corpora as windows, and that no others are taken for them."""

import json
import os
from collections.abc import Callable, Sequence
from dataclasses import replace
from pathlib import Path
from typing import Any

import numpy as np
import pytest
from datasets import Dataset
from pydantic import ValidationError
from tokenizers import Tokenizer

from marsad import mixture
from marsad.benchmarks import SOURCE_VARIABLE, TRAINING, Annotated, open_training
from marsad.document import Document
from marsad.errors import ConfigError, DataError
from marsad.losses import IGNORED
from marsad.mixture import check_corpora, check_taught, load_windows
from marsad.model_folder import ModelSettings
from marsad.sampling import EpochSampler
from marsad.sections import DataConfig, TrainConfig
from marsad.targets import Row, training_rows
from marsad.tasks import Task
from marsad.text.cleaning import CLEANINGS
from marsad.text.windows import SpecialIds
from tests.conftest import tiny_tokenizer
from tests.corpora import write_corpora, write_votes, write_wojood
from tests.oracle import oracle_settings

SETTINGS = oracle_settings(SpecialIds(start=2, end=3, pad=0), max_tokens=64)
NAMES = ("public:anercorp", "public:anercorp+context", "public:wojood", "public:event_gsr")

Load = Callable[..., Dataset]


@pytest.fixture(scope="module")
def cache(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """Return a folder for cached windows, apart from those of runs."""
    return tmp_path_factory.mktemp("cache")


@pytest.fixture(autouse=True)
def apart(cache: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr("datasets.config.HF_DATASETS_CACHE", str(cache))
    monkeypatch.delenv(SOURCE_VARIABLE, raising=False)


@pytest.fixture(scope="module")
def tokenizer(documents: list[Document]) -> Tokenizer:
    return tiny_tokenizer([document.text for document in documents]).backend_tokenizer


@pytest.fixture(scope="module")
def corpora(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """Return a folder with all public corpora, small."""
    return write_corpora(tmp_path_factory.mktemp("corpora"))


@pytest.fixture
def load(tokenizer: Tokenizer, corpora: Path) -> Load:
    """Load the windows of a mixture of corpora and shares."""

    def load_mixture(
        *parts: tuple[str, float],
        train: str | None = None,
        folder: Path | None = corpora,
        settings: ModelSettings = SETTINGS,
        by: Tokenizer = tokenizer,
        **options: float,
    ) -> Dataset:
        data = config(*parts, train=train, folder=folder)
        return load_windows(data, by, settings, TrainConfig.model_validate(options))

    return load_mixture


def config(
    *parts: tuple[str, float], train: str | None = None, folder: Path | None = None
) -> DataConfig:
    mixed = [{"corpus": corpus, "share": share} for corpus, share in parts]
    record = {"train": train, "dev": "dev.jsonl", "test": "test.jsonl", "mixture": mixed}
    return DataConfig.model_validate(record | {"corpora": folder})


def write(path: Path, records: Sequence[object]) -> str:
    lines = (json.dumps(record, ensure_ascii=False) + "\n" for record in records)
    path.write_text("".join(lines), encoding="utf-8")
    return str(path)


def record(id_: str = "a", text: str = "عاد الهدوء إلى درعا", **others: object) -> dict[str, Any]:
    sentence = {"start": 0, "end": len(text), "events": []}
    return {"id": id_, "text": text, "sentences": [sentence], "entities": [], **others}


def plain(rows: Sequence[Row]) -> list[dict[str, Any]]:
    """Return rows as they come back from a file."""
    return [
        {
            key: np.asarray(value).tolist() if key != "sentences" else [list(s) for s in value]
            for key, value in row.items()
        }
        for row in rows
    ]


def without_share(windows: Dataset) -> list[dict[str, Any]]:
    return list(windows.remove_columns("share"))


# Parts.


def test_a_mixture_is_the_windows_of_its_corpora_with_their_shares(
    load: Load, tokenizer: Tokenizer, tiny_corpus: Path, corpora: Path
):
    train = str(tiny_corpus / "train.jsonl")
    shares = dict(zip(NAMES, (0.5, 1.0, 2.0, 0.25), strict=True))
    windows = load(*shares.items(), train=train)
    expected, expected_shares = [], []
    for name in (train, *NAMES):
        rows = training_rows(open_training(name, source=corpora), tokenizer, SETTINGS)
        assert rows
        expected += plain(rows)
        expected_shares += [shares.get(name, 1.0)] * len(rows)
    assert without_share(windows) == expected
    assert windows["share"][:] == expected_shares
    sampler = EpochSampler(
        np.asarray(windows["share"]), windows["length"], batch_size=1, seed=1
    )  # as a run takes them
    assert len(sampler) == round(sum(expected_shares))


def test_some_windows_are_of_the_text_as_careless_copy_writes_it(
    load: Load, tokenizer: Tokenizer, tiny_corpus: Path
):
    """The words of either have the same targets, and no model is saved that reads so."""
    train = str(tiny_corpus / "train.jsonl")
    windows = load(("public:wojood", 0.5), train=train, careless_spelling=0.25)
    read = replace(SETTINGS, cleaning=(*SETTINGS.cleaning, "careless"))
    own = open_training(train)
    careful, careless = (training_rows(own, tokenizer, by) for by in (SETTINGS, read))
    both = [row for part in (careful, careless) for row in plain(part)]
    assert without_share(windows)[: len(both)] == both
    assert plain(careful) != plain(careless)
    tags = [
        [t for row in rows for t in row["tags"] if t != IGNORED] for rows in (careful, careless)
    ]
    assert tags[0] == tags[1]
    shares = windows["share"][:]
    assert shares[: len(both)] == [0.75] * len(careful) + [0.25] * len(careless)
    assert set(shares[len(both) :]) == {0.375, 0.125}


def test_a_mixture_needs_no_corpus_of_our_own(load: Load, tiny_corpus: Path):
    alone = load(("public:wojood", 1.0))
    assert len(alone) == 2
    second = str(tiny_corpus / "dev.jsonl")
    assert len(load((second, 1.0), ("public:wojood", 3.0))) > 2
    with pytest.raises(ValidationError, match="give train, mixture or both"):
        config()
    with pytest.raises(ValidationError, match="greater than 0"):
        config(("public:wojood", 0.0))


@pytest.mark.parametrize("first", [0, 3, 4])
def test_columns_have_one_type_whichever_corpus_comes_first(
    load: Load, tiny_corpus: Path, first: int
):
    """Of a corpus without entities all tags are unknown, of one without events all events."""
    names = [str(tiny_corpus / "train.jsonl"), *NAMES]
    order = [*names[first:], *names[:first]]
    together = load(*((name, 1.0) for name in order))
    assert len(together) == sum(len(load((name, 1.0))) for name in order)
    assert {load((name, 1.0)).features == together.features for name in order} == {True}
    assert set(np.unique(np.concatenate(load(("public:event_gsr", 1.0))["tags"]))) == {IGNORED}


def test_folder_of_the_corpora_may_be_named_by_the_environment(
    load: Load, corpora: Path, monkeypatch: pytest.MonkeyPatch
):
    monkeypatch.setenv(SOURCE_VARIABLE, str(corpora))
    assert len(load(("public:wojood", 1.0), folder=None)) == 2


# What is refused, before a run as well as when windows are cut.


def refusals(data: DataConfig, tokenizer: Tokenizer) -> list[str]:
    found = []
    for refuse in (check_corpora, lambda d: load_windows(d, tokenizer, SETTINGS)):
        with pytest.raises(DataError) as caught:
            refuse(data)
        found.append(str(caught.value))
    return found


@pytest.mark.parametrize(
    ("name", "message"),
    [
        (
            "public:wojod",
            "public:wojod: unknown (did you mean 'wojood'?); known are public:anercorp, ",
        ),
        ("public:assault-test", "public:assault-test: unknown; known are public:anercorp, "),
        ("public:", "public:: unknown; known are "),
        ("nowhere.jsonl", "nowhere.jsonl: no such file; check the path"),
    ],
)
def test_unknown_corpora_are_refused(corpora: Path, tokenizer: Tokenizer, name: str, message: str):
    for found in refusals(config((name, 1.0), folder=corpora), tokenizer):
        assert found.startswith(message)


@pytest.mark.parametrize("name", TRAINING)
def test_public_corpora_without_their_folder_are_refused(
    tokenizer: Tokenizer, tmp_path: Path, name: str
):
    data = config((name, 1.0))
    wanted = f"{name}: name the corpora's folder with --source or MARSAD_CORPORA"
    assert refusals(data, tokenizer) == [wanted] * 2
    for found in refusals(config((name, 1.0), folder=tmp_path), tokenizer):
        assert "no such file" in found


@pytest.mark.parametrize(
    ("content", "message"),
    [
        ("", r"own.jsonl: empty; nothing to read"),
        ("{}\n", r"own.jsonl:1: a document needs a string `id`"),
        (
            '{"id": "a", "text": " \\u200f", "sentences": [{"start": 1, "end": 2}]}\n',
            r"own.jsonl: no sentence to train on",
        ),
        (json.dumps(record() | {"sentences": []}) + "\n", r"own.jsonl:1: text 0..19 lies in no"),
    ],
)
def test_wrong_file_is_refused_with_its_place(
    tokenizer: Tokenizer, tmp_path: Path, content: str, message: str
):
    path = tmp_path / "own.jsonl"
    path.write_text(content, encoding="utf-8")
    for found in refusals(config(train=str(path)), tokenizer):
        assert found.startswith(str(tmp_path / message))


def test_windows_without_room_are_refused_as_such(load: Load):
    with pytest.raises(ConfigError, match="leave no room for sentences"):
        load(("public:wojood", 1.0), settings=replace(SETTINGS, context=40))


# Files.


def test_files_are_read_as_they_are_checked(load: Load, tokenizer: Tokenizer, tmp_path: Path):
    """None of this is wrong, and none may be taken for another type or for a missing value."""
    other = record("2018-02-05")
    del other["entities"], other["sentences"][0]["events"]
    records = [
        record("2018-02-04", meta={"year": 2018}),  # an id that looks like a day
        other,
        record("2018-02-06", meta={"year": "2018", "day": "2018-02-06"}, entities=[
            {"start": 15, "end": 19, "label": "GPE", "score": 0.5}
        ]),
        record("2018-02-07", warnings=[], coverage=1.0),
        record("2018-02-08", text="سقط\u2028درعا\x85حلب"),
    ]  # fmt: skip
    path = write(tmp_path / "own.jsonl", records)
    text = Path(path).read_text(encoding="utf-8")
    Path(path).write_text("\ufeff" + text.replace("\n", "\n\n", 2), encoding="utf-8")
    windows = load(train=path)
    items = open_training(path)
    assert len(windows) == len(items) == 5
    assert without_share(windows) == plain(training_rows(items, tokenizer, SETTINGS))


# The cache.


def files_of(windows: Dataset) -> set[str]:
    return {file["filename"] for file in windows.cache_files}


def test_windows_lie_on_disk_and_are_used_again(load: Load, tiny_corpus: Path, cache: Path):
    train = str(tiny_corpus / "train.jsonl")
    first = load(("public:wojood", 1.0), train=train)
    written = {str(path): path.stat().st_mtime_ns for path in cache.rglob("*.arrow")}
    again = load(("public:wojood", 2.0), train=train)
    assert files_of(first) == files_of(again) <= written.keys()
    assert len(files_of(first)) == 2
    assert written == {str(path): path.stat().st_mtime_ns for path in cache.rglob("*.arrow")}
    assert without_share(first) == without_share(again)


def test_changed_file_is_read_anew(load: Load, tokenizer: Tokenizer, tmp_path: Path):
    """Size, time and name may be those of before: a copy keeps them."""
    path = tmp_path / "own.jsonl"
    place = {"start": 15, "end": 19}
    for entities in ([], [place | {"label": "GPE"}], [place | {"label": "LOC"}]):
        write(path, [record(entities=entities)])
        os.utime(path, (1e9, 1e9))
        items = [Annotated(d.document) for d in open_training(str(path))]
        expected = plain(training_rows(items, tokenizer, SETTINGS))
        assert without_share(load(train=str(path))) == expected


@pytest.mark.parametrize("name", ["wojood", "event_gsr"])
def test_changed_public_corpus_is_read_anew(load: Load, tmp_path: Path, name: str):
    def with_label(label: str, accept: int) -> Path:
        write_wojood(tmp_path, [[("درعا", f"B-{label}"), ("عاد", "O")]])
        texts = [(f"قصفت المدفعية القرية {i}", accept, 1) for i in range(20)]
        return write_votes(tmp_path, assault=texts, protest=texts)

    found = []
    for label, accept in (("GPE", 0), ("LOC", 3)):
        folder = with_label(label, accept)
        found.append(without_share(load((f"public:{name}", 1.0), folder=folder)))
    assert len(found[0]) == len(found[1]) > 0
    assert found[0] != found[1]


@pytest.mark.parametrize(
    "changed",
    [
        {"max_tokens": 32},
        {"overlap": 2},
        {"context": 8},
        {"cleaning": CLEANINGS["marks"]},
        {"pooling": "first"},
        {"special": SpecialIds(start=5, end=6, pad=0)},
    ],
    ids=lambda changed: next(iter(changed)),
)
def test_other_settings_cut_anew(
    load: Load, tokenizer: Tokenizer, tmp_path: Path, changed: dict[str, Any]
):
    text = "عادَ الهدوء إلى درعا " * 12
    spans = [{"start": 0, "end": 180}, {"start": 180, "end": 210}, {"start": 210, "end": len(text)}]
    path = write(tmp_path / "own.jsonl", [record(text=text, sentences=spans)])
    own = replace(SETTINGS, **changed)
    before, after = load(train=path), load(train=path, settings=own)
    assert without_share(after) == plain(training_rows(open_training(path), tokenizer, own))
    assert without_share(before) != without_share(after)


def test_other_tokenizer_cuts_anew(load: Load, tiny_corpus: Path):
    train = str(tiny_corpus / "train.jsonl")
    other = tiny_tokenizer(["ابتثجحخدذرزسشصضطظعغفقكلمنهوي"]).backend_tokenizer
    before, after = load(train=train), load(train=train, by=other)
    assert before["input_ids"][0] != after["input_ids"][0]


def test_other_code_cuts_anew(load: Load, tiny_corpus: Path, monkeypatch: pytest.MonkeyPatch):
    train = str(tiny_corpus / "train.jsonl")
    before = files_of(load(train=train))
    monkeypatch.setattr(mixture, "own_code", lambda: "another release")
    assert not files_of(load(train=train)) & before


# What people annotated in a file of ours.


def marked(path: Path, *, entity: bool = True, event: bool = True) -> str:
    text = "عاد الهدوء إلى درعا"
    events = [{"type": "siege", "realis": "actual"}] if event else []
    entities = [{"start": 15, "end": 19, "label": "GPE"}] if entity else []
    sentence = {"start": 0, "end": len(text), "events": events}
    return write(path, [record(text=text, sentences=[sentence], entities=entities)])


@pytest.mark.parametrize("annotates", ["both", "entities", "events"])
def test_what_nobody_annotated_is_unknown(tokenizer: Tokenizer, tmp_path: Path, annotates: str):
    part = {"corpus": marked(tmp_path / "own.jsonl"), "annotates": annotates}
    data = DataConfig.model_validate({"dev": "d", "test": "t", "mixture": [part]})
    (window,) = load_windows(data, tokenizer, SETTINGS)
    tags, lengths, events = (np.array(window[key]) for key in ("tags", "proclitics", "events"))
    assert (tags == IGNORED).all() == (lengths == IGNORED).all() == (annotates == "events")
    assert (events == IGNORED).all() == (annotates == "entities")


def test_public_corpora_say_themselves_what_they_annotate():
    part = {"corpus": "public:wojood", "annotates": "entities"}
    with pytest.raises(ValidationError, match="has labels of its own; leave it out"):
        DataConfig.model_validate({"dev": "d", "test": "t", "mixture": [part]})


@pytest.mark.parametrize(
    ("entity", "event", "task", "said"),
    [
        (True, True, "joint", ""),
        (True, False, "joint", "no events are marked"),
        (False, True, "joint", "no entities are marked"),
        (True, False, "ner", ""),
    ],
)
def test_a_file_without_one_event_or_mention_is_told_of(
    tokenizer: Tokenizer,
    tmp_path: Path,
    caplog: pytest.LogCaptureFixture,
    entity: bool,
    event: bool,
    task: Task,
    said: str,
):
    corpus = marked(tmp_path / "own.jsonl", entity=entity, event=event)
    load_windows(config(train=corpus), tokenizer, replace(SETTINGS, task=task))
    assert said in caplog.text
    assert ("are marked" in caplog.text) == bool(said)
    if said:
        annotates = "entities" if entity else "events"
        assert f"data.mixture: [{{corpus: {corpus}, annotates: {annotates}}}]" in caplog.text


@pytest.mark.parametrize(
    ("entity", "event", "task", "missing"),
    [
        (True, True, "joint", ""),
        (True, False, "joint", "event"),
        (False, True, "joint", "mention"),
        (True, False, "ner", ""),
        (False, True, "ner", "mention"),
        (True, False, "events", "event"),
    ],
)
def test_a_run_has_examples_of_what_it_learns_to_find(
    tokenizer: Tokenizer, tmp_path: Path, entity: bool, event: bool, task: Task, missing: str
):
    corpus = marked(tmp_path / "own.jsonl", entity=entity, event=event)
    windows = load_windows(config(train=corpus), tokenizer, replace(SETTINGS, task=task))
    if missing:
        with pytest.raises(DataError, match=f"no {missing} is marked"):
            check_taught(windows, task)
    else:
        check_taught(windows, task)


def test_documents_of_two_files_and_a_test_file_that_is_not_here_are_told_of(
    tokenizer: Tokenizer, tmp_path: Path, caplog: pytest.LogCaptureFixture
):
    one = marked(tmp_path / "one.jsonl")
    other = marked(tmp_path / "other.jsonl", event=False)
    load_windows(config((other, 1.0), train=one), tokenizer, SETTINGS)
    assert f"{other}: holds document 'a' of {one} too; it is learnt twice" in caplog.text
    assert "data.test: test.jsonl is not here" in caplog.text
    caplog.clear()
    parts = [{"corpus": c, "annotates": a} for c, a in ((one, "events"), (other, "entities"))]
    data = DataConfig.model_validate({"dev": "d", "test": one + "l", "mixture": parts})
    load_windows(data, tokenizer, SETTINGS)  # each is learnt once
    assert "learnt twice" not in caplog.text
