import json
import random
import shutil
from pathlib import Path

import numpy as np
import pytest
import torch
import yaml
from accelerate import Accelerator
from accelerate.state import AcceleratorState
from safetensors.torch import load_file, save_file
from torch import distributed
from transformers import PreTrainedTokenizerFast

from marsad.adaptation.adapting import adapt
from marsad.adaptation.folder import EncoderFolder, time_reading
from marsad.adaptation.probe import probe
from marsad.adaptation.settings import AdaptConfig, load_adaptation
from marsad.adaptation.story import Probes, make_encoder
from marsad.checkpoints import FOLDER, Checkpoints
from marsad.cli import run
from marsad.config import load_config, with_values
from marsad.encoders.loading import Encoder, load_encoder
from marsad.errors import ConfigError, ModelError, TrainingError
from marsad.failures import failures_explained
from marsad.locking import alone


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


def test_one_that_broke_off_before_a_checkpoint_and_was_probed_ends_the_same(
    made: tuple[AdaptConfig, EncoderFolder], probe_run: Path, tmp_path: Path
):
    """The stage before is taken from disk, and a probe in the middle leaves no trace."""
    config, folder = made
    values = {
        **config.model_dump(mode="json"),
        "output": str(tmp_path / "encoder"),
        "masking": {**config.masking.model_dump(), "show_steps": 2},
        "probe": {"run": str(probe_run)},
    }
    again = AdaptConfig.model_validate(values)

    def break_off(name: str, encoder: Encoder) -> None:
        if name == "masking-2":
            raise KeyboardInterrupt

    with pytest.raises(KeyboardInterrupt):
        adapt(again, watch=break_off)
    assert not list((again.output / FOLDER / "masking").glob("checkpoint-*"))
    other = make_encoder(again)
    record = json.loads(other["record"].read_text(encoding="utf-8"))
    assert list(record["probes"]) == [
        "base",
        "vocabulary",
        "vectors",
        "masking-2",
        "masking-4",
        "masking",
    ]
    assert other["weights"].read_bytes() == folder["weights"].read_bytes()


def test_a_stage_whose_last_step_was_saved_learns_no_more(
    made: tuple[AdaptConfig, EncoderFolder], tmp_path: Path
):
    config, _ = made
    again = config.model_copy(update={"output": tmp_path / "encoder"})
    learnt = adapt(again).model.state_dict()
    stages = [again.output / FOLDER / name for name in ("vectors", "masking")]
    logs = [(stage / "metrics.jsonl").read_bytes() for stage in stages]
    for stage in stages:
        assert (stage / "checkpoint-6").is_dir()
        (stage / "encoder.safetensors").unlink()
    other = adapt(again).model.state_dict()
    assert all(torch.equal(other[name].cpu(), value.cpu()) for name, value in learnt.items())
    assert [(stage / "metrics.jsonl").read_bytes() for stage in stages] == logs


def test_a_tokenizer_that_was_torn_is_learnt_again(
    made: tuple[AdaptConfig, EncoderFolder], tmp_path: Path, monkeypatch: pytest.MonkeyPatch
):
    config, folder = made
    again = config.model_copy(
        update={"output": tmp_path / "encoder", "vectors": None, "masking": None}
    )

    def tear(self: PreTrainedTokenizerFast, path: Path) -> None:
        path.mkdir()
        (path / "tokenizer.json").write_text("{", encoding="utf-8")
        raise KeyboardInterrupt

    with monkeypatch.context() as patched:
        patched.setattr(PreTrainedTokenizerFast, "save_pretrained", tear)
        with pytest.raises(KeyboardInterrupt):
            adapt(again)
    ours = adapt(again).tokenizer.backend_tokenizer.to_str()
    assert ours == load_encoder(str(folder.path)).tokenizer.backend_tokenizer.to_str()


def test_texts_are_cleaned_alike_where_the_pieces_stay(unigram_encoder: Path, text_file: Path):
    config = configure(
        unigram_encoder, text_file, Path("unused"), vocabulary=None, vectors=None
    ).model_copy(update={"masking": None})
    assert load_encoder(str(unigram_encoder)).cleaning == "none"
    assert adapt(config).cleaning == "marks"


def test_blocks_longer_than_the_base_reads_are_refused(unigram_encoder: Path, text_file: Path):
    config = configure(unigram_encoder, text_file, Path("unused"), max_tokens=257)
    with pytest.raises(ConfigError, match="max_tokens: 257, but the base has 256 positions"):
        adapt(config)


def test_another_base_of_the_same_name_is_refused(
    unigram_encoder: Path, text_file: Path, tmp_path: Path
):
    base = tmp_path / "base"
    shutil.copytree(unigram_encoder, base)
    config = configure(base, text_file, tmp_path / "encoder", vectors=None, masking=None)
    adapt(config)
    weights = load_file(base / "model.safetensors")
    save_file(
        {name: value + 1 for name, value in weights.items()},
        base / "model.safetensors",
        metadata={"format": "pt"},
    )
    with pytest.raises(ConfigError, match=r"differs in base_files\.model\.safetensors"):
        adapt(config)


def test_restart_forgets_what_is_there(
    made: tuple[AdaptConfig, EncoderFolder], tmp_path: Path, capsys: pytest.CaptureFixture[str]
):
    config, folder = made
    own = config.model_copy(update={"output": tmp_path / "encoder"})
    adapt(own.model_copy(update={"masking": None, "seed": 14}))
    path = tmp_path / "adapt.yaml"
    path.write_text(yaml.safe_dump(own.model_dump(mode="json")), encoding="utf-8")
    assert run(["adapt", str(path)]) == 2
    assert "differs in seed; finish it as it was, or start anew with --restart" in (
        capsys.readouterr().err
    )
    assert run(["adapt", str(path), "--restart"]) == 0
    other = EncoderFolder(own.output)
    assert other["weights"].read_bytes() == folder["weights"].read_bytes()
    assert not (own.output / FOLDER).exists()


def test_memory_is_spared_by_the_stages_own_keys(tmp_path: Path):
    sparing = "lower masking.batch_size"
    with (
        pytest.raises(TrainingError, match=f"memory ran out; {sparing}; nothing was saved"),
        failures_explained(Checkpoints(tmp_path), sparing=sparing),
    ):
        raise MemoryError


def test_what_an_option_needs_and_what_befell_another_process_are_one_line(tmp_path: Path):
    for error, line in (
        (RuntimeError("InvalidCxxCompiler: No working C++ compiler found in …"), "train.compile: "),
        (RuntimeError("[../gloo/transport/tcp/pair.cc:5] Connection closed by peer"), "another "),
        (distributed.DistNetworkError("listen on port 7: EADDRINUSE"), "the port at which "),
        (
            distributed.DistNetworkError("the client socket\nhas failed"),
            r"the processes of the run cannot meet \(the client socket\)",
        ),
    ):
        with (
            pytest.raises(TrainingError, match=f"^{line}.*; nothing was saved"),
            failures_explained(Checkpoints(tmp_path)),
        ):
            raise error


def test_a_probe_is_of_its_run_and_a_torn_line_is_none(
    probe_run: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
):
    scores = iter([{"score": 0.1}, {"score": 0.2}, {"score": 0.3}])
    monkeypatch.setattr("marsad.adaptation.story.probe", lambda encoder, run: next(scores))
    one = load_config(probe_run)
    path = tmp_path / "probes.jsonl"
    Probes(path, one).take("base", None)
    Probes(path, one).take("base", None)
    assert Probes(path, one).taken() == {"base": {"score": 0.1}}
    other = with_values(one, {"seed": 77})
    Probes(path, other).take("base", None)
    assert Probes(path, other).taken() == {"base": {"score": 0.2}}
    assert Probes(path, one).taken() == {"base": {"score": 0.1}}
    with path.open("a", encoding="utf-8") as out:
        out.write('{"name": "masking", "run')
    Probes(path, one).take("masking", None)
    assert Probes(path, one).taken() == {"base": {"score": 0.1}, "masking": {"score": 0.3}}


def drawn_next() -> tuple[object, ...]:
    """Return the states of what random numbers are drawn from."""
    return random.getstate(), np.random.get_state()[1].tolist(), torch.get_rng_state().tolist()


def test_a_probe_leaves_chance_and_precision_as_they_were(unigram_encoder: Path, probe_run: Path):
    AcceleratorState._reset_state()  # what other tests left
    own = Accelerator(cpu=not torch.cuda.is_available(), mixed_precision="bf16")
    encoder = load_encoder(str(unigram_encoder))
    before = drawn_next()
    probe(encoder, with_values(load_config(probe_run), {"train.precision": "fp32"}))
    assert own.state.mixed_precision == "bf16"
    assert drawn_next() == before
    AcceleratorState._reset_state()


def test_both_sides_read_on_the_device_that_is_named(
    made: tuple[AdaptConfig, EncoderFolder], unigram_encoder: Path
):
    sides = {"base": load_encoder(str(unigram_encoder)), "encoder": load_encoder(str(made[1].path))}
    device = torch.device("cuda" if torch.cuda.is_available() else "cpu")
    seconds = time_reading(sides, ["قصفت طائرة مسيرة مقرا"] * 3, device, rounds=1)
    assert seconds.keys() == sides.keys()
    assert {own.model.device.type for own in sides.values()} == {device.type}


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
    unigram_encoder: Path, text_file: Path, probe_run: Path, tmp_path: Path
):
    config = configure(
        unigram_encoder,
        text_file,
        tmp_path / "encoder",
        vectors=None,
        masking=None,
        probe={"run": str(probe_run)},
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
    with pytest.raises(ModelError, match=r"lacks 16 weights, encoder\.layer\.3"):
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


def test_two_adaptations_in_one_folder_are_refused(
    unigram_encoder: Path, text_file: Path, tmp_path: Path
):
    config = configure(unigram_encoder, text_file, tmp_path / "encoder")
    with (
        alone(config.output, work="adaptation"),
        pytest.raises(ConfigError, match="another adaptation is at work here"),
    ):
        make_encoder(config, restart=True)


def test_a_folder_of_others_is_left_as_it_is(
    unigram_encoder: Path, text_file: Path, tmp_path: Path
):
    base = Path(shutil.copytree(unigram_encoder, tmp_path / "base"))
    before = {path.name: path.read_bytes() for path in base.iterdir()}
    with pytest.raises(ConfigError, match=r"output: .*base is what the run begins with"):
        make_encoder(configure(base, text_file, tmp_path / "." / "base"))
    with pytest.raises(ConfigError, match=r"config\.json would be replaced, .*adapt\.yaml"):
        make_encoder(configure(unigram_encoder, text_file, base))
    assert {path.name: path.read_bytes() for path in base.iterdir()} == before
