import json
import re
import shutil
from pathlib import Path

import pytest
import yaml

from marsad.adaptation.card import read_evidence, write_encoder_card
from marsad.adaptation.evidence import compare_encoders
from marsad.adaptation.folder import EncoderFolder
from marsad.adaptation.settings import AdaptConfig
from marsad.adaptation.story import make_encoder
from marsad.cli import run
from marsad.config import with_values
from marsad.encoders.own import own_folder
from marsad.errors import ConfigError, ModelError
from marsad.metrics import read_metrics
from marsad.model_folder import ModelFolder
from tests.adaptation.test_story import configure
from tests.runs import tiny_run

SMALL = ["train.epochs=1", "train.batch_size=2", "train.freeze_embeddings=true"]


@pytest.fixture(scope="module")
def encoder(
    unigram_encoder: Path, text_file: Path, tmp_path_factory: pytest.TempPathFactory
) -> EncoderFolder:
    output = tmp_path_factory.mktemp("card") / "encoder"
    return make_encoder(configure(unigram_encoder, text_file, output, masking=None))


@pytest.fixture(scope="module")
def models(
    unigram_encoder: Path,
    encoder: EncoderFolder,
    tiny_corpus: Path,
    tmp_path_factory: pytest.TempPathFactory,
) -> dict[str, Path]:
    """Models of two seeds over base and encoder, evaluated."""
    folder = tmp_path_factory.mktemp("models")
    recipe = {
        "name": "tiny",
        "task": "ner",
        "encoder": str(unigram_encoder),
        "output": "unused",
        "data": {k: str(tiny_corpus / f"{k}.jsonl") for k in ("train", "dev", "test")},
        "window": {"max_tokens": 64, "overlap": 8},
        "export": {"int8": False},
    }
    (folder / "ner.yaml").write_text(yaml.safe_dump(recipe), encoding="utf-8")
    found = {}
    for side, own in (("before", unigram_encoder), ("after", encoder.path)):
        for seed in (1, 2):
            found[f"{side}{seed}"] = output = folder / f"{side}{seed}"
            values = [
                f"encoder={own}",
                f"seed={seed}",
                f"output={output}",
                "cleaning=marks",
                *SMALL,
            ]
            assert run(["train", str(folder / "ner.yaml"), *values]) == 0
            assert run(["evaluate", str(output), str(tiny_corpus / "dev.jsonl")]) == 0
    return found


def test_a_card_without_models_says_so(encoder: EncoderFolder):
    card = write_encoder_card(encoder).read_text(encoding="utf-8")
    record = json.loads(encoder["record"].read_text(encoding="utf-8"))
    assert "Nobody has compared models over both yet" in card
    assert f"{record['pieces_a_word']['encoder']:.3f} on held-out text" in card
    assert "| MIT |" in card
    metadata = yaml.safe_load(card.split("---")[1])
    assert metadata["license"] == "apache-2.0"
    assert metadata["language"] == "ar"


def test_the_table_is_of_what_the_models_record(
    encoder: EncoderFolder, models: dict[str, Path], capsys: pytest.CaptureFixture[str]
):
    sides = [value for name, path in models.items() for value in (f"--{name[:-1]}", str(path))]
    assert run(["card", "encoder", str(encoder.path), *sides]) == 0
    rows = read_evidence(encoder)
    assert [row.figure for row in rows] == ["entities, micro F1", "entities, macro F1"]
    for side in ("before", "after"):
        for seed in ("1", "2"):
            (own,) = read_metrics(ModelFolder(models[side + seed])).evaluations.values()
            assert getattr(rows[0], side)[seed] == own.scores.tables["entities"].micro.f1
    card = encoder["card"].read_text(encoding="utf-8")
    assert "| tiny | " in card
    assert "(2) |" in card
    encoder.verify()


@pytest.mark.parametrize(
    ("before", "after", "message"),
    [
        (["after1"], ["before1"], "is over .*, not "),
        (["before1"], ["before2"], "before2: is over .*unigram.*, not .*encoder"),
        (["before1"], ["after1", "after1"], "seed 1 is given twice"),
        (["before1"], [], "no run of the other side has its configuration"),
    ],
)
def test_models_that_say_nothing_of_the_encoder_are_refused(
    encoder: EncoderFolder,
    models: dict[str, Path],
    capsys: pytest.CaptureFixture[str],
    before: list[str],
    after: list[str],
    message: str,
):
    sides = [v for name in before for v in ("--before", str(models[name]))]
    sides += [v for name in after for v in ("--after", str(models[name]))]
    assert run(["card", "encoder", str(encoder.path), *sides]) == 2
    error = capsys.readouterr().err
    assert len(error.strip().splitlines()) == 1
    assert re.search(message, error)


@pytest.mark.parametrize("name", ["data_sha256", "read_with", "scheme"])
def test_evaluations_that_differ_are_refused(
    encoder: EncoderFolder,
    models: dict[str, Path],
    tmp_path: Path,
    capsys: pytest.CaptureFixture[str],
    name: str,
):
    other = tmp_path / "after1"
    shutil.copytree(models["after1"], other)
    record = json.loads((other / "metrics.json").read_text(encoding="utf-8"))
    for evaluation in record["evaluations"].values():
        evaluation[name] = "another"
    (other / "metrics.json").write_text(json.dumps(record), encoding="utf-8")
    sides = ["--before", str(models["before1"]), "--after", str(other)]
    assert run(["card", "encoder", str(encoder.path), *sides]) == 2
    error = capsys.readouterr().err
    assert len(error.strip().splitlines()) == 1
    assert re.search(f"its {name} on .* is not that of .*before1; evaluate both alike", error)


def test_a_damaged_record_is_one_clear_line(encoder: EncoderFolder, tmp_path: Path):
    for path in encoder.path.iterdir():
        (tmp_path / path.name).write_bytes(path.read_bytes())
    (tmp_path / "adaptation.json").write_text('{"version": 3}', encoding="utf-8")
    with pytest.raises(ModelError, match=r"adaptation\.json: version is wrong"):
        write_encoder_card(EncoderFolder(tmp_path))


def test_share_alike_text_asks_for_its_licence(
    unigram_encoder: Path, text_file: Path, tmp_path: Path
):
    texts = [{"file": str(text_file), "title": "W", "url": "u", "licence": "CC-BY-SA-4.0"}]
    config: AdaptConfig = configure(
        unigram_encoder, text_file, tmp_path / "e", vectors=None, masking=None, texts=texts
    )
    card = make_encoder(config)["card"].read_text(encoding="utf-8")
    assert yaml.safe_load(card.split("---")[1])["license"] == "cc-by-sa-4.0"
    assert "The licence of W asks for the same licence" in card
    free = [{"file": str(text_file), "title": "F", "url": "u", "licence": "CC0-1.0"}]
    again = configure(
        config.output, text_file, tmp_path / "again", vectors=None, masking=None, texts=free
    )
    card = make_encoder(again)["card"].read_text(encoding="utf-8")
    assert yaml.safe_load(card.split("---")[1])["license"] == "cc-by-sa-4.0"
    assert f"The licence of the base, {config.output}, asks for the same licence" in card


def test_the_encoder_that_comes_with_marsad_is_known_by_its_name(tmp_path: Path, tiny_corpus: Path):
    config = tiny_run(Path("unused"), tiny_corpus, tmp_path)
    (tmp_path / "run.yaml").write_text(
        with_values(config, {"encoder": "builtin:marsad-encoder"}).to_yaml(), encoding="utf-8"
    )
    with pytest.raises(ConfigError, match="no run of the other side"):
        compare_encoders([], [tmp_path], base="other", encoder=own_folder())
    with pytest.raises(ConfigError, match="is over builtin:marsad-encoder, not"):
        compare_encoders([], [tmp_path], base="other", encoder=tmp_path)
