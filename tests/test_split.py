from pathlib import Path

import pytest
import torch
from transformers import pipeline

import marsad
from marsad.cli import run
from marsad.config import RunConfig, with_values
from marsad.document import Document
from marsad.errors import DataError, ModelError
from marsad.labels import scheme
from marsad.model_folder import ModelFolder, read_settings
from marsad.modeling import load_model
from marsad.split import split, write_half
from marsad.training import train
from tests.runs import tiny_run

SENTENCE = "قصفت طائرة مسيرة مقرا للشرطة في درعا صباح الثلاثاء."


@pytest.fixture(scope="module", params=["attention", "first"])
def folder(
    request: pytest.FixtureRequest,
    tiny_encoder: Path,
    tiny_corpus: Path,
    tmp_path_factory: pytest.TempPathFactory,
) -> ModelFolder:
    """A joint model with a CRF."""
    output = tmp_path_factory.mktemp("split") / "tiny"
    model = {"crf": True, "pooling": request.param}
    return train(tiny_run(tiny_encoder, tiny_corpus, output, model=model))


@pytest.fixture
def halves(folder: ModelFolder, tmp_path: Path) -> dict[str, ModelFolder]:
    return {half.path.name: half for half in split(folder, tmp_path / "halves")}


def test_events_are_written_where_transformers_can_say_the_same(
    folder: ModelFolder, halves: dict[str, ModelFolder], tmp_path: Path
):
    expected = ["entities"] + (["events"] if read_settings(folder).pooling == "first" else [])
    assert list(halves) == sorted(p.name for p in (tmp_path / "halves").iterdir()) == expected
    assert [path.name for path in tmp_path.iterdir()] == ["halves"]


def test_transformers_reads_the_entity_half(folder: ModelFolder, halves: dict[str, ModelFolder]):
    tokens = pipeline("token-classification", model=str(halves["entities"].path))
    ids = tokens.tokenizer(SENTENCE, return_tensors="pt")
    model = load_model(folder, read_settings(folder))
    with torch.inference_mode():
        hidden = model.encoder(ids.input_ids, ids.attention_mask).last_hidden_state
        expected = model.tags(hidden).argmax(-1)[0, 1:-1].tolist()
    found = tokens(SENTENCE, ignore_labels=[])
    assert [one["entity"] for one in found] == [scheme().tags[i] for i in expected]


def test_transformers_reads_the_event_half(folder: ModelFolder, halves: dict[str, ModelFolder]):
    if "events" not in halves:
        pytest.skip("its head weighs all tokens")
    texts = pipeline("text-classification", model=str(halves["events"].path), top_k=None)
    (found,) = texts([SENTENCE])
    reader = marsad.load(folder.path, file="weights")
    (judged,) = reader.judge([Document("a", SENTENCE)])
    scores = dict(zip(scheme().event_names, judged.events[0].tolist(), strict=True))
    assert {one["label"]: one["score"] for one in found} == pytest.approx(scores, abs=1e-4)


@pytest.mark.parametrize("task", ["ner", "events"])
def test_we_read_a_half_as_the_whole(
    folder: ModelFolder, tmp_path: Path, documents: list[Document], task: str
):
    write_half(folder, task, tmp_path / "half")
    whole, half = (marsad.load(path, file="weights") for path in (folder.path, tmp_path / "half"))
    for one, other in zip(whole.judge(documents[:3]), half.judge(documents[:3]), strict=True):
        if task == "ner":
            assert other.document.entities == one.document.entities
        else:
            assert other.events == pytest.approx(one.events, abs=1e-6)
            assert (other.realis == one.realis).all()


def test_the_command_says_what_it_wrote_and_left_out(
    folder: ModelFolder, tmp_path: Path, capsys: pytest.CaptureFixture[str]
):
    assert run(["export", str(folder.path), "--split", str(tmp_path / "halves")]) == 0
    out = capsys.readouterr().out
    assert f"{tmp_path / 'halves' / 'entities'}: loads with" in out
    assert ("left out" in out) == (read_settings(folder).pooling != "first")


def test_nothing_is_overwritten(folder: ModelFolder, tmp_path: Path):
    with pytest.raises(DataError, match="not an empty folder; name a new one"):
        split(folder, tmp_path.parent)
    assert list(tmp_path.iterdir()) == []


def test_a_model_of_one_task_is_refused_and_nothing_left(run_config: RunConfig, tmp_path: Path):
    made = train(with_values(run_config, {"task": "ner", "output": str(tmp_path / "ner")}))
    before = sorted(tmp_path.iterdir())
    with pytest.raises(ModelError, match="reads ner alone"):
        split(made, tmp_path / "halves")
    assert sorted(tmp_path.iterdir()) == before
