import json
from pathlib import Path

import pytest
import torch
import yaml

from marsad.adaptation.adapting import adapt
from marsad.adaptation.folder import EncoderFolder
from marsad.adaptation.settings import AdaptConfig, load_adaptation
from marsad.adaptation.story import make_encoder
from marsad.cli import run
from marsad.encoders.loading import Encoder, load_encoder
from marsad.errors import ConfigError, ModelError


def configure(base: Path, text: Path, output: Path, **others: object) -> AdaptConfig:
    values = {
        "name": "tiny",
        "base": str(base),
        "output": str(output),
        "texts": [{"file": str(text), "title": "t", "url": "u", "licence": "MIT"}],
        "held_out": 0.1,
        "max_tokens": 48,
        "vocabulary": {"size": 900, "least": 2},
        "vectors": {"steps": 6, "check_steps": 3, "batch_size": 4, "layer": 2},
        "masking": {"steps": 6, "check_steps": 3, "batch_size": 4, "show_steps": 4},
        **others,
    }
    return AdaptConfig.model_validate({k: v for k, v in values.items() if v is not None})


@pytest.fixture(scope="module")
def made(
    unigram_encoder: Path, text_file: Path, tmp_path_factory: pytest.TempPathFactory
) -> tuple[AdaptConfig, EncoderFolder]:
    output = tmp_path_factory.mktemp("adapted") / "encoder"
    config = configure(unigram_encoder, text_file, output)
    return config, make_encoder(config)


def test_the_folder_is_whole_and_loads(made: tuple[AdaptConfig, EncoderFolder]):
    config, folder = made
    names = {path.name for path in folder.path.iterdir()}
    assert names == {*(p.name for p in folder.present()), "SHA256SUMS"}
    folder.verify()
    encoder = load_encoder(str(folder.path))
    assert encoder.cleaning == "marks"
    assert encoder.model.config.vocab_size == len(encoder.tokenizer) <= 900
    assert load_adaptation(folder["run"]) == config


def test_the_record_says_what_was_measured(made: tuple[AdaptConfig, EncoderFolder]):
    _, folder = made
    record = json.loads(folder["record"].read_text(encoding="utf-8"))
    assert record["pieces_a_word"]["encoder"] < record["pieces_a_word"]["base"]
    assert record["stages"]["vectors"]["steps"] == 6
    assert record["stages"]["vectors"]["after"] < record["stages"]["vectors"]["before"]
    assert record["stages"]["masking"]["after"] < record["stages"]["masking"]["before"]
    assert record["words"] > 1000


def test_one_that_broke_off_goes_on_to_the_same_weights(
    made: tuple[AdaptConfig, EncoderFolder], tmp_path: Path
):
    config, folder = made
    again = config.model_copy(update={"output": tmp_path / "encoder"})

    def break_off(name: str, encoder: Encoder) -> None:
        if name == "masking-4":
            raise KeyboardInterrupt

    with pytest.raises(KeyboardInterrupt):
        adapt(again, watch=break_off)
    assert not (again.output / "config.json").exists()
    other = make_encoder(again)
    assert other["weights"].read_bytes() == folder["weights"].read_bytes()
    assert other["tokenizer"].read_bytes() == folder["tokenizer"].read_bytes()


def test_a_stage_of_another_configuration_is_refused(
    made: tuple[AdaptConfig, EncoderFolder], tmp_path: Path
):
    config, _ = made
    first = config.model_copy(update={"output": tmp_path / "encoder", "masking": None})
    adapt(first)
    other = first.vectors.model_copy(update={"steps": 7})
    with pytest.raises(ConfigError, match=r"differs in vectors\.steps"):
        adapt(first.model_copy(update={"vectors": other}))


def test_probes_are_of_base_and_encoder(
    unigram_encoder: Path, text_file: Path, tiny_corpus: Path, tmp_path: Path
):
    own = {
        "name": "probe",
        "encoder": "unused",
        "output": "unused",
        "data": {k: str(tiny_corpus / f"{k}.jsonl") for k in ("train", "dev", "test")},
        "window": {"max_tokens": 64, "overlap": 8},
        "train": {"heads_first": {"epochs": 2}, "freeze_embeddings": True},
    }
    (tmp_path / "probe.yaml").write_text(yaml.safe_dump(own), encoding="utf-8")
    config = configure(
        unigram_encoder,
        text_file,
        tmp_path / "encoder",
        vectors=None,
        masking=None,
        probe={"run": str(tmp_path / "probe.yaml")},
    )
    record = json.loads(make_encoder(config)["record"].read_text(encoding="utf-8"))
    assert list(record["probes"]) == ["base", "vocabulary"]
    assert all(0 <= scores["score"] <= 1 for scores in record["probes"].values())


def test_weights_in_eight_bits_are_near_those_that_were_learnt(
    made: tuple[AdaptConfig, EncoderFolder], tmp_path: Path
):
    config, folder = made
    learnt = adapt(config.model_copy(update={"output": tmp_path / "encoder"}))
    small = load_encoder(str(folder.path))
    ids = torch.tensor([learnt.tokenizer("قصفت طائرة مسيرة مقرا في درعا").input_ids])
    with torch.inference_mode():
        one, other = (e.model.eval()(input_ids=ids).last_hidden_state for e in (learnt, small))
    assert torch.nn.functional.cosine_similarity(one, other, dim=-1).min() > 0.999


def test_damaged_weights_are_one_clear_line(
    made: tuple[AdaptConfig, EncoderFolder], tmp_path: Path
):
    _, folder = made
    for path in folder.path.iterdir():
        (tmp_path / path.name).write_bytes(path.read_bytes())
    config = json.loads((tmp_path / "config.json").read_text(encoding="utf-8"))
    (tmp_path / "config.json").write_text(
        json.dumps(config | {"marsad_cleaning": "soap"}), encoding="utf-8"
    )
    with pytest.raises(ModelError, match="marsad_cleaning 'soap' is unknown"):
        load_encoder(str(tmp_path))
    (tmp_path / "config.json").write_text(
        json.dumps(config | {"num_hidden_layers": 4}), encoding="utf-8"
    )
    with pytest.raises(ModelError, match=r"lacks encoder\.layer\.3"):
        load_encoder(str(tmp_path))
    (tmp_path / "model.int8.safetensors").write_bytes(b"broken")
    with pytest.raises(ModelError, match="cannot be read"):
        load_encoder(str(tmp_path))


@pytest.mark.parametrize(
    ("change", "message"),
    [
        ({"vocabulary": None, "masking": None, "vectors": None}, "nothing to do"),
        ({"vocabulary": None}, "no new pieces without vocabulary"),
        (
            {"texts": [{"file": "x", "title": "t", "url": "u", "licence": "CC-BY-NC-4.0"}]},
            "licence",
        ),
        ({"voabulary": {"size": 900}}, "did you mean 'vocabulary'"),
    ],
)
def test_wrong_configurations_are_one_line_and_exit_code_2(
    unigram_encoder: Path,
    text_file: Path,
    tmp_path: Path,
    capsys: pytest.CaptureFixture[str],
    change: dict[str, object],
    message: str,
):
    config = configure(unigram_encoder, text_file, tmp_path / "encoder").model_dump(mode="json")
    path = tmp_path / "adapt.yaml"
    path.write_text(yaml.safe_dump({**config, **change}), encoding="utf-8")
    assert run(["adapt", str(path)]) == 2
    assert message in capsys.readouterr().err
    assert not (tmp_path / "encoder").exists()
