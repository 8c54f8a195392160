"""Self-training: real models label real text, a student learns, killed and resumed."""

import json
import shutil
from pathlib import Path

import pytest
import torch
import yaml

from marsad.adaptation import labelling, teaching
from marsad.adaptation.adapting import adapt
from marsad.adaptation.folder import EncoderFolder
from marsad.adaptation.labelling import choose_articles
from marsad.adaptation.settings import AdaptConfig, OpenText
from marsad.adaptation.story import make_encoder
from marsad.adaptation.teaching import taught_by
from marsad.adaptation.texts import TextSource
from marsad.checkpoints import FOLDER
from marsad.cli import run
from marsad.config import load_config, with_values
from marsad.corpus import read_corpus
from marsad.encoders.loading import load_encoder
from marsad.errors import DataError, ModelError
from marsad.modeling import without_pooler
from marsad.text.cleaning import CLEANINGS
from marsad.text.words import count_words
from marsad.training import train
from tests.adaptation.test_story import configure
from tests.runs import tiny_run

ONLY_TEACHING = {"vocabulary": None, "vectors": None, "masking": None}


@pytest.fixture(scope="module")
def teachers(
    unigram_encoder: Path, tiny_corpus: Path, tmp_path_factory: pytest.TempPathFactory
) -> list[Path]:
    """Two trained models."""
    folder = tmp_path_factory.mktemp("teachers")
    return [
        train(tiny_run(unigram_encoder, tiny_corpus, folder / f"{seed}", seed=seed)).path
        for seed in (1, 2)
    ]


@pytest.fixture(scope="module")
def recipe(tiny_corpus: Path, tmp_path_factory: pytest.TempPathFactory) -> Path:
    """The configuration of a student."""
    path = tmp_path_factory.mktemp("recipe") / "run.yaml"
    run = tiny_run(Path("unused"), tiny_corpus, Path("unused"))
    path.write_text(run.to_yaml(), encoding="utf-8")
    return path


@pytest.fixture(scope="module")
def made(
    unigram_encoder: Path,
    teachers: list[Path],
    recipe: Path,
    text_file: Path,
    tmp_path_factory: pytest.TempPathFactory,
) -> tuple[AdaptConfig, EncoderFolder]:
    output = tmp_path_factory.mktemp("taught") / "encoder"
    options = {"models": [str(t) for t in teachers], "run": str(recipe), "words": 1500}
    config = configure(unigram_encoder, text_file, output, teaching=options, **ONLY_TEACHING)
    return config, make_encoder(config)


def test_the_encoder_learnt_and_the_record_says_from_what(
    made: tuple[AdaptConfig, EncoderFolder], unigram_encoder: Path, teachers: list[Path]
):
    _, folder = made
    folder.verify()
    before, after = (
        load_encoder(str(p)).model.state_dict() for p in (unigram_encoder, folder.path)
    )
    assert not torch.allclose(
        before["encoder.layer.2.output.dense.weight"],
        after["encoder.layer.2.output.dense.weight"],
        atol=1e-3,
    )
    taught = json.loads(folder["record"].read_text(encoding="utf-8"))["teaching"]
    labelled = taught["labelled"]
    assert list(labelled["teachers"]) == ["tiny, seed 1", "tiny, seed 2"]
    assert 1500 <= labelled["words"] < 1500 + 2000
    assert 0 < labelled["mentions"] <= labelled["reported"]
    assert taught["steps"] > 0
    card = folder["card"].read_text(encoding="utf-8")
    assert "2 models (tiny, seed 1; tiny, seed 2) labelled" in card
    assert f"{labelled['mentions']:,} had a majority" in card
    assert "\nThe texts, 10 %" in card
    assert not (folder.path / FOLDER).exists()


def test_teachers_that_would_label_otherwise_are_others(
    made: tuple[AdaptConfig, EncoderFolder], teachers: list[Path], tmp_path: Path
):
    config, _ = made
    assert config.teaching is not None
    shutil.copytree(teachers[0], tmp_path / "one")
    options = config.teaching.model_copy(update={"models": (tmp_path / "one", teachers[1])})
    before = taught_by(options)
    calibration = tmp_path / "one" / "calibration.json"
    calibration.write_bytes(calibration.read_bytes() + b"\n")
    anew = taught_by(options)
    assert anew["teachers"] == before["teachers"]
    assert anew != before
    shutil.copyfile(teachers[1] / "model.safetensors", tmp_path / "one" / "model.onnx")
    assert taught_by(options)["teachers"] != before["teachers"]  # that would be read


def test_what_a_late_stage_would_refuse_is_refused_at_once(
    made: tuple[AdaptConfig, EncoderFolder], tmp_path: Path
):
    config, _ = made
    assert config.teaching is not None
    lost = config.teaching.model_copy(update={"models": (tmp_path / "nobody",)})
    few = tmp_path / "few.txt"
    few.write_text("خبر واحد عن مدينة واحدة.\n", encoding="utf-8")
    text = config.texts[0].model_copy(update={"file": str(few)})
    recipe = tmp_path / "recipe.yaml"
    run = load_config(config.teaching.run)
    recipe.write_text(with_values(run, {"data.dev": "nowhere.jsonl"}).to_yaml(), encoding="utf-8")
    unscored = config.teaching.model_copy(update={"run": recipe})
    for changes, error, message in (
        ({"teaching": lost}, ModelError, "nobody"),
        ({"teaching": unscored}, DataError, "nowhere.jsonl: no such file"),
        ({"texts": (text,)}, DataError, "hold too few articles"),
    ):
        with pytest.raises(error, match=message):
            adapt(config.model_copy(update={"output": tmp_path / "encoder", **changes}))
    assert not (tmp_path / "encoder").exists()


def test_half_of_the_way_lies_between_the_base_and_the_student(
    made: tuple[AdaptConfig, EncoderFolder], unigram_encoder: Path, tmp_path: Path
):
    config, folder = made
    assert config.teaching is not None
    teaching = config.teaching.model_copy(update={"interpolation": 0.5})
    half = make_encoder(
        config.model_copy(update={"output": tmp_path / "half", "teaching": teaching})
    )
    base, own, student = (
        without_pooler(load_encoder(str(path)).model).state_dict()
        for path in (unigram_encoder, half.path, folder.path)
    )
    for name, weight in own.items():
        assert torch.allclose(weight, (base[name] + student[name]) / 2, atol=0.02), name
    moved = "encoder.layer.2.output.dense.weight"
    assert not torch.allclose(own[moved], student[moved], atol=1e-3)
    assert "lies 50 % of the way" in half["card"].read_text(encoding="utf-8")


def test_one_that_was_killed_between_and_in_its_steps_ends_the_same(
    made: tuple[AdaptConfig, EncoderFolder], tmp_path: Path, monkeypatch: pytest.MonkeyPatch
):
    config, folder = made
    again = config.model_copy(update={"output": tmp_path / "encoder"})
    stage = again.output / FOLDER / "teaching"
    loaded: list[Path] = []

    def load_and_break(model: Path, **options: float) -> object:
        loaded.append(model)
        if len(loaded) == 2:
            raise KeyboardInterrupt
        return load(model, **options)

    load = labelling.load
    monkeypatch.setattr(labelling, "load", load_and_break)
    with pytest.raises(KeyboardInterrupt):
        adapt(again)
    assert (stage / labelling.LABELS / "answers-0.jsonl").exists()
    assert not (stage / labelling.LABELS / labelling.LABELLED).exists()

    begun = stage / labelling.LABELS / ".answers-9.jsonl.part"
    begun.touch()
    train_once = teaching.train_once
    monkeypatch.setattr(teaching, "train_once", lambda _: (_ for _ in ()).throw(KeyboardInterrupt))
    with pytest.raises(KeyboardInterrupt):
        adapt(again)
    assert begun.exists()  # what a model had read when it was killed is not read again
    assert len(loaded) == 3  # the first model did not read again
    read_corpus(stage / labelling.LABELS / labelling.LABELLED)

    monkeypatch.setattr(teaching, "train_once", train_once)
    other = make_encoder(again)
    assert other["weights"].read_bytes() == folder["weights"].read_bytes()


def test_another_teacher_is_another_adaptation(
    made: tuple[AdaptConfig, EncoderFolder],
    teachers: list[Path],
    tmp_path: Path,
    monkeypatch: pytest.MonkeyPatch,
    capsys: pytest.CaptureFixture[str],
):
    config, _ = made
    again = config.model_copy(update={"output": tmp_path / "encoder"})
    monkeypatch.setattr(teaching, "train_once", lambda _: (_ for _ in ()).throw(KeyboardInterrupt))
    with pytest.raises(KeyboardInterrupt):
        adapt(again)
    other = again.model_dump(mode="json", exclude_none=True)
    other["teaching"]["models"] = [str(teachers[0])]
    (tmp_path / "other.yaml").write_text(yaml.safe_dump(other), encoding="utf-8")
    assert run(["adapt", str(tmp_path / "other.yaml")]) == 2
    error = capsys.readouterr().err
    assert "teaching" in error
    assert "--restart" in error


def test_a_model_that_is_not_there_is_one_line_and_exit_code_2(
    made: tuple[AdaptConfig, EncoderFolder], tmp_path: Path, capsys: pytest.CaptureFixture[str]
):
    config, _ = made
    wrong = config.model_dump(mode="json", exclude_none=True) | {"output": str(tmp_path / "e")}
    wrong["teaching"]["models"] = [str(tmp_path / "nowhere")]
    (tmp_path / "wrong.yaml").write_text(yaml.safe_dump(wrong), encoding="utf-8")
    assert run(["adapt", str(tmp_path / "wrong.yaml")]) == 2
    assert "nowhere: no such model folder" in capsys.readouterr().err


def source(*files: Path) -> TextSource:
    texts = tuple(OpenText(file=str(f), title="t", url="u", licence="MIT") for f in files)
    return TextSource(texts, None, CLEANINGS["marks"], 0.1)


@pytest.fixture
def articles(tmp_path: Path) -> Path:
    """Forty articles of three lines, each line of some ten words, every tenth article twice."""
    path = tmp_path / "articles.txt"
    lines = [
        "\n".join(" ".join(f"كلمة{i}ـ{line}ـ{word}" for word in range(10)) for line in range(3))
        for i in range(40)
    ]
    path.write_text("\n\n".join([*lines, *lines[::10]]), encoding="utf-8")
    return path


def test_articles_are_chosen_by_chance_up_to_the_words_and_none_twice(articles: Path):
    chosen = list(choose_articles(source(articles), 300, 20))
    assert chosen == list(choose_articles(source(articles), 300, 20))
    assert 200 <= sum(count_words(d.text) for d in chosen) <= 320  # repeats leave it at the end
    assert all(len(d.text.splitlines()) == 2 for d in chosen)
    everything = list(choose_articles(source(articles), 10**6, 20))
    assert len(everything) == len({d.text for d in everything}) < 40  # a tenth is held out


def test_short_articles_that_repeat_are_taken_once_and_blank_ones_not(tmp_path: Path):
    first, second = tmp_path / "a.txt", tmp_path / "b.txt"
    first.write_text("اقرأ أيضا\n\nاقرأ أيضا\n\n…\n\nخبر عاجل", encoding="utf-8")
    second.write_text("اقرأ أيضا\n\nصورة اليوم", encoding="utf-8")
    chosen = [d.text for d in choose_articles(source(first, second), 100, 20)]
    assert len(chosen) == len(set(chosen)) > 0
    assert all(count_words(text) for text in chosen)


def test_each_text_gives_as_many_words(articles: Path, text_file: Path):
    chosen = list(choose_articles(source(articles, text_file), 600, 20))
    own = sum(count_words(d.text) for d in chosen if d.id.startswith("0-"))
    assert 200 <= own <= 320


def test_a_text_that_is_not_there_is_refused(tmp_path: Path):
    with pytest.raises(DataError, match=r"nowhere\.txt: no such file"):
        list(choose_articles(source(tmp_path / "nowhere.txt"), 100, 20))
