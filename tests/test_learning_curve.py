"""What selecting buys, over a tiny encoder."""

from pathlib import Path

import pytest

from marsad.config import with_values
from marsad.corpus import read_corpus
from marsad.errors import ConfigError
from marsad.formats import jsonl
from marsad.learning_curve import measure
from tests.runs import tiny_run


def test_both_ways_begin_alike_and_learn_as_much(
    tiny_encoder: Path, tiny_corpus: Path, tmp_path: Path
):
    data = {k: str(tiny_corpus / f"{k}.jsonl") for k in ("train", "dev", "test")}
    run = tiny_run(tiny_encoder, tiny_corpus, tmp_path / "curve", data=data)
    points = list(measure(run, rounds=2, share=0.3, seed=3))
    assert [(p.way, p.seed) for p in points] == [("drawn", 3), ("drawn", 3), ("chosen", 3)]
    first, drawn, chosen = points
    assert first.documents < drawn.documents
    assert drawn.words > 1.5 * first.words
    assert chosen.words > 1.5 * first.words
    known = {
        name: read_corpus(tmp_path / "curve" / f"{name}.jsonl")
        for name in ("start-3-0", "drawn-3-1", "chosen-3-1")
    }
    begun = known["start-3-0"]
    for name in ("drawn-3-1", "chosen-3-1"):
        assert known[name][: len(begun)] == begun
        assert len({d.id for d in known[name]}) == len(known[name])
    assert list(measure(run, rounds=2, share=0.3, seed=3)) == points  # nothing is trained anew


def test_rounds_that_need_more_than_there_is_are_refused(
    tiny_encoder: Path, tiny_corpus: Path, tmp_path: Path
):
    run = tiny_run(tiny_encoder, tiny_corpus, tmp_path / "curve")
    with pytest.raises(ConfigError, match=r"3 rounds of 0\.5"):
        list(measure(run, rounds=3, share=0.5, seed=1))
    foreign = with_values(run, {"data.train": "public:wojood"})
    with pytest.raises(ConfigError, match="documents of ours"):
        list(measure(foreign, rounds=2, share=0.3, seed=1))


def test_documents_that_do_not_last_and_other_tasks_are_refused(
    tiny_encoder: Path, tiny_corpus: Path, tmp_path: Path
):
    run = tiny_run(tiny_encoder, tiny_corpus, tmp_path / "curve")
    with pytest.raises(ConfigError, match="task: ner; entities and events are scored"):
        list(measure(with_values(run, {"task": "ner"}), rounds=2, share=0.3, seed=1))
    few = tmp_path / "few.jsonl"
    jsonl.write(read_corpus(tiny_corpus / "train.jsonl")[:2], few)
    with pytest.raises(ConfigError, match="2 documents end in round 2"):
        list(measure(with_values(run, {"data.train": str(few)}), rounds=4, share=0.25, seed=1))
