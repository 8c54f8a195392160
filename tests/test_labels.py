from dataclasses import replace
from pathlib import Path

import pytest

from marsad.errors import ModelError
from marsad.labels import read_scheme, scheme


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
