from pathlib import Path

import pytest

from marsad.config import load_config
from marsad.errors import ConfigError, DataError
from tests.conftest import ROOT

JOINT = ROOT / "configs" / "joint.yaml"


def test_overrides_reach_nested_keys_and_scientific_numbers():
    config = load_config(JOINT, overrides=("train.learning_rate=1e-4", "seed=7"))
    assert config.train.learning_rate == 1e-4
    assert config.seed == 7


def test_complete_configuration_reads_back(tmp_path: Path):
    config = load_config(JOINT)
    again = tmp_path / "run.yaml"
    again.write_text(config.to_yaml(), encoding="utf-8")
    assert load_config(again) == config


@pytest.mark.parametrize(
    ("override", "message"),
    [
        ("train.epoch=3", "unknown key 'train.epoch' (did you mean 'epochs'?)"),
        ("task=nre", "task: Input should be 'joint', 'ner' or 'events', not 'nre'"),
        ("train.batch_size=0", "train.batch_size"),
        ("window.overlap=100", "overlap may be at most a quarter"),
        ("task=events", "set model.pooling: first"),
        ("train", "is not key.sub=value"),
        ("train.epochs=.inf", "train.epochs: Input should be a finite number"),
        ("data.dev=./data/corpus/train.jsonl", "data: dev: ./data/corpus/train.jsonl is learnt"),
        ("data.test=data/corpus/train.jsonl", "data: test: data/corpus/train.jsonl is learnt"),
        ("data.mixture=[{corpus: data/corpus/train.jsonl}]", "a corpus is given twice"),
        ("name.sub=3", "'name' is no section"),
        ("epochs=3", "unknown key 'epochs' (did you mean 'train.epochs'?)"),
        ("gamma_negative=3", "(did you mean 'loss.asymmetric.gamma_negative'?)"),
        ("share=3", "unknown key 'share'"),
        ("name=2026-99-99", "the value is not YAML: month must be in 1..12"),
        (f"seed={'9' * 5000}", "the value is not YAML: Exceeds the limit"),
        (f"seed={'[' * 5000}", "the value is not YAML: maximum recursion depth"),
    ],
)
def test_wrong_key_or_value_is_named(override: str, message: str):
    with pytest.raises(ConfigError) as caught:
        load_config(JOINT, overrides=(override,))
    assert message in str(caught.value)
    assert "\n" not in str(caught.value)


def test_an_asymmetric_loss_leaves_no_place_for_the_focal_one():
    both = ("loss.asymmetric={}", "loss.focal_gamma=2")
    load_config(JOINT, overrides=both)  # one for tags, one for types
    with pytest.raises(ConfigError, match=r"loss\.focal_gamma: asymmetric takes its place"):
        load_config(JOINT.with_name("events.yaml"), overrides=both)


def test_file_that_is_no_mapping_is_refused(tmp_path: Path):
    path = tmp_path / "list.yaml"
    path.write_text("- a\n- b\n", encoding="utf-8")
    with pytest.raises(ConfigError, match="mapping"):
        load_config(path)
    path.write_text("name: 2026-99-99\n", encoding="utf-8")
    with pytest.raises(ConfigError, match="not YAML: month must be"):
        load_config(path)
    with pytest.raises(DataError, match="no such file"):
        load_config(tmp_path / "none.yaml")
