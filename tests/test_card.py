"""What a card must say of data that a model has seen."""

from marsad.calibration import Calibration
from marsad.card import seen_before
from marsad.config import RunConfig, with_values

BENCHMARKS = (
    "data/corpus/test.jsonl",
    "data/corpus/dev.jsonl",
    "public:anercorp",
    "public:anercorp-dev",
    "public:assault",
    "public:assault-test",
    "public:protest",
    "public:wojood",
)


def test_a_file_that_was_chosen_on_was_seen(run_config: RunConfig):
    run = with_values(run_config, {"data.dev": "./data/corpus/dev.jsonl"})
    assert seen_before(run, Calibration(), BENCHMARKS) == ["data/corpus/dev.jsonl"]
    fitted = Calibration(fitted_on="data/corpus/test.jsonl")
    assert "data/corpus/test.jsonl" in seen_before(run, fitted, BENCHMARKS)


def test_whole_files_of_votes_hold_what_was_learnt_and_their_test_parts_do_not(
    run_config: RunConfig,
):
    corpora = ["public:event_gsr", "public:wojood", "public:anercorp"]
    mixture = [{"corpus": corpus} for corpus in corpora]
    run = with_values(run_config, {"data.mixture": mixture, "data.dev": "public:anercorp-dev"})
    seen = ["public:anercorp-dev", "public:assault", "public:protest"]
    assert seen_before(run, Calibration(), BENCHMARKS) == seen
