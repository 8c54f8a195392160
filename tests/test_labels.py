import json
from dataclasses import replace
from pathlib import Path

import pytest
import yaml

from marsad.errors import ModelError
from marsad.labels import SCHEME_FILE, Source, read_scheme, scheme
from marsad.model_folder import ModelFolder, read_settings
from marsad.text.windows import SpecialIds
from tests.oracle import oracle_settings


def test_scheme_holds_what_the_contract_names():
    own = scheme()
    assert len(own.entities) == 12
    assert len(own.events) == 23
    assert own.realis_names == ("actual", "negated", "planned")
    assert [f.name for f in own.families] == list(dict.fromkeys(e.family for e in own.events))
    assert {e.conll for e in own.entities} == {"PER", "ORG", "LOC", "MISC", "O"}
    assert all(e.gloss and e.plover and e.cameo for e in own.events)


def test_tags_open_and_continue_each_label():
    assert scheme().tags[:5] == ("O", "B-PER", "I-PER", "B-NORP", "I-NORP")
    assert len(scheme().tags) == 25


def test_digest_changes_with_names_and_order_but_not_with_glosses():
    own = scheme()
    swapped = replace(own, events=(own.events[1], own.events[0], *own.events[2:]))
    reworded = replace(own, realis=tuple(replace(r, gloss="x") for r in own.realis))
    assert swapped.digest != own.digest
    assert reworded.digest == own.digest


def test_unknown_label_names_the_nearest():
    assert scheme().check_event("airstrike") is None
    assert "did you mean 'airstrike'" in (scheme().check_event("air_strike") or "")


@pytest.mark.parametrize("content", ["", "version: 1", "[1, 2", "version: 1\nentities: 3"])
def test_damaged_label_file_is_refused(tmp_path: Path, content: str):
    path = tmp_path / "labels.yaml"
    path.write_text(content, encoding="utf-8")
    with pytest.raises(ModelError, match=r"labels\.yaml"):
        read_scheme(path)


@pytest.fixture
def older(tmp_path: Path) -> Path:
    """Write the label file as it was before other corpora were named in it."""
    raw = yaml.safe_load(SCHEME_FILE.read_text(encoding="utf-8"))
    del raw["sources"]
    path = tmp_path / "labels.yaml"
    path.write_text(yaml.safe_dump(raw, sort_keys=False, allow_unicode=True), encoding="utf-8")
    return path


def test_corpora_with_other_labels_use_ours():
    assert scheme().sources.keys() == {"anercorp", "wojood", "event_gsr"}
    for source in scheme().sources.values():
        for named, own in (
            (source.entities, scheme().entity_names),
            (source.events, scheme().event_names),
        ):
            for label, labels in named.items():
                assert set(labels) <= set(own), (source.name, label)
                assert len(set(labels)) == len(labels), (source.name, label)
        assert all(source.events.values())  # a class that may be anything could not be learnt from


def test_corpora_make_no_other_scheme():
    """Models carry the digest; the one here is that of models trained before corpora were named."""
    assert scheme().digest == "ec65b8a06644cd6e"
    other = {"x": Source("x", {"A": ("PER",)}, {"B": ("protest",)})}
    assert replace(scheme(), sources=other).digest == scheme().digest
    assert replace(scheme(), sources={}).digest == scheme().digest


def test_label_file_of_an_older_model_is_read(older: Path):
    own = read_scheme(older)
    assert own.sources == {}
    assert own == replace(scheme(), sources={})
    assert own.digest == scheme().digest


def test_older_model_folder_stays_readable(older: Path):
    settings = oracle_settings(SpecialIds(2, 3, 0))
    record = settings.to_config()
    del record["context"]
    config = json.dumps({"marsad": record})
    (older.parent / "config.json").write_text(config, encoding="utf-8")
    assert read_settings(ModelFolder(older.parent)) == settings


@pytest.mark.parametrize("sources", ["", "[]", "\n  x: 3", "\n  x: {entities: [PER]}"])
def test_damaged_corpora_in_a_label_file_are_refused(older: Path, sources: str):
    text = older.read_text(encoding="utf-8")
    older.write_text(f"{text}sources: {sources}\n", encoding="utf-8")
    with pytest.raises(ModelError, match=r"labels\.yaml: not a label file"):
        read_scheme(older)
