"""Calibration: fitted, kept, and what it does to what is reported."""

import json
import shutil
from collections.abc import Iterator
from dataclasses import replace
from pathlib import Path

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from threadpoolctl import threadpool_limits

from marsad.calibrating import (
    FEWEST,
    Decisions,
    calibrate,
    fit_calibration,
    fit_curve,
    mention_decisions,
    type_decisions,
)
from marsad.calibration import (
    CHECKPOINT,
    Abstention,
    Calibration,
    Curve,
    logit,
    read_calibration,
    read_calibrations,
    sigmoid,
    write_calibration,
)
from marsad.config import RunConfig
from marsad.decisions import Judgement, withhold
from marsad.document import Document, Entity, Event, Sentence
from marsad.errors import ConfigError, DataError, ModelError
from marsad.labels import scheme
from marsad.metrics import Choice, read_metrics, write_metrics
from marsad.model_folder import ModelFolder
from marsad.runtime import load
from marsad.thresholds import fit_thresholds
from marsad.training import train
from tests.runs import tiny_run

NAMES = scheme().event_names
TYPES = len(NAMES)
PLANNED = scheme().realis_names.index("planned")


@pytest.fixture(autouse=True)
def one_thread() -> Iterator[None]:
    """Fit on one thread: on busy cores more of them mostly wait for each other."""
    with threadpool_limits(1):
        yield


@pytest.fixture(scope="module")
def model(
    tiny_encoder: Path, tiny_corpus: Path, tmp_path_factory: pytest.TempPathFactory
) -> ModelFolder:
    """A model that has learnt next to nothing."""
    output = tmp_path_factory.mktemp("runs") / "tiny"
    options = {"epochs": 0.1, "learning_rate": 1e-3}
    return train(tiny_run(tiny_encoder, tiny_corpus, output, train=options))


@pytest.fixture
def folder(tmp_path: Path) -> ModelFolder:
    return ModelFolder(tmp_path)


def through_a_curve(
    counts: dict[str, int], scale: float, shifts: dict[str, float], *, seed: int = 0
) -> Decisions:
    """Return scores of which the curve makes the probabilities by which they hold."""
    rng = np.random.default_rng(seed)
    labels = tuple(counts)
    names = np.repeat(np.arange(len(labels)), [*counts.values()])
    scores = rng.uniform(0.02, 0.98, len(names))
    curve = Curve(scale, shifts)
    holds = rng.random(len(names)) < curve(scores, [labels[i] for i in names])
    return Decisions(labels, scores, names, holds, rng.integers(0, 40, len(names)))


def judgement(
    document: Document, events: np.ndarray, realis: np.ndarray | None = None
) -> Judgement:
    empty = np.empty((0, 2), np.int64), np.empty(0, np.float32)
    values = np.zeros(events.shape, np.int64) if realis is None else realis
    return Judgement(document, events.astype(np.float32), values, *empty)


def noisy_judgements(documents: list[Document]) -> list[Judgement]:
    """Return what an underconfident model says: right mentions and types are likelier."""
    rng = np.random.default_rng(5)
    judgements = []
    for document in documents:
        mentions = [
            replace(e, label=e.label if right else "NUM" if e.label != "NUM" else "PER", score=p)
            for e in document.entities
            for p in [rng.uniform(0.2, 0.8)]
            for right in [rng.random() < sigmoid(3 * logit(np.array(p)))]
        ]
        holds = np.array(
            [[n in {e.type for e in s.events} for n in NAMES] for s in document.sentences]
        )
        scores = np.where(
            holds, rng.uniform(0.3, 0.7, holds.shape), rng.uniform(0, 0.4, holds.shape)
        )
        sentences = tuple(replace(s, events=()) for s in document.sentences)
        own = replace(document, entities=tuple(mentions), sentences=sentences)
        judgements.append(judgement(own, scores))
    return judgements


def test_scale_and_shifts_are_recovered():
    shifts = {"PER": -1.0, "GPE": 0.0, "MIL": 1.5}
    curve = fit_curve(through_a_curve(dict.fromkeys(shifts, 2000), 2.0, shifts))
    assert curve.scale == pytest.approx(2.0, abs=0.2)
    assert curve.shifts == {name: pytest.approx(shift, abs=0.25) for name, shift in shifts.items()}


def test_names_with_few_decisions_share_the_common_shift():
    counts = {"PER": 1500, "GPE": 1500, "WEA": 6, "LOC": 0}
    decisions = through_a_curve(counts, 1.5, dict.fromkeys(counts, -1.0))
    rare = np.flatnonzero(decisions.names == 2)
    holds = decisions.holds.copy()
    holds[rare] = False  # alone, these would ask for a shift without end
    curve = fit_curve(replace(decisions, holds=holds))
    assert curve.shifts["LOC"] == pytest.approx(-1.0, abs=0.2)
    assert curve.shifts["WEA"] == pytest.approx(-1.0, abs=0.4)
    assert curve.shifts["PER"] == pytest.approx(-1.0, abs=0.2)


def test_with_too_few_decisions_scores_stay_as_they_are():
    decisions = through_a_curve({"PER": 400}, 2.0, {"PER": 1.0})
    rights = np.flatnonzero(decisions.holds)
    holds = np.zeros(400, dtype=bool)
    holds[rights[: FEWEST - 1]] = True
    assert fit_curve(replace(decisions, holds=holds)) == Curve()
    assert fit_curve(replace(decisions, holds=~holds)) == Curve()
    holds[rights[FEWEST]] = True
    assert fit_curve(replace(decisions, holds=holds)) != Curve()
    scores = np.array([0.01, 0.5, 0.9])
    assert Curve()(scores, ["PER", "GPE", "LOC"]) == pytest.approx(scores)


@settings(max_examples=50, deadline=None)
@given(
    st.lists(st.floats(0, 1), min_size=2, max_size=20),
    st.floats(0.05, 20),
    st.floats(-10, 10),
)
def test_order_within_a_label_stays(scores: list[float], scale: float, shift: float):
    probabilities = Curve(scale, {"PER": shift})(np.sort(scores), ["PER"] * len(scores))
    assert (np.diff(probabilities) >= 0).all()
    assert ((probabilities >= 0) & (probabilities <= 1)).all()


def test_a_fitted_curve_never_turns_the_order_around():
    decisions = through_a_curve({"PER": 2000}, -1.0, {"PER": 0.0})
    assert fit_curve(decisions).scale >= 0


def test_thresholds_by_hand():
    """Types with many annotated sentences get their own, a type with none the common one."""
    low = np.repeat([0.31, 0.11], 400)  # annotated, not annotated
    high = np.repeat([0.81, 0.61], 400)
    holds = np.repeat([True, False], 400)
    probabilities = np.stack([low, high, np.full(800, 0.01)], axis=1)
    truth = np.stack([holds, holds, np.zeros(800, dtype=bool)], axis=1)
    # A type's own examples decide between its two values; the middle of what scores alike is taken.
    own = fit_thresholds(probabilities, truth)
    assert 0.11 < own[0] <= 0.31
    assert 0.61 < own[1] <= 0.81
    assert own[0] == pytest.approx((0.125 + 0.3) / 2)
    # Of all types together F1 is 2·800/(800+1200) from 0.125 to 0.3, and less elsewhere.
    assert own[2] == pytest.approx(own[0])


def test_between_two_thresholds_that_score_best_lies_none_that_scores_worse():
    """Half of what is annotated is likelier than all that is not, half is less likely."""
    probabilities = np.repeat([0.91, 0.51, 0.43], [25, 50, 25])[:, None]
    holds = np.repeat([True, False, True], [25, 50, 25])[:, None]
    (own,) = fit_thresholds(probabilities, holds)
    assert not 0.43 < own <= 0.51


def test_a_type_with_few_annotated_sentences_borrows():
    """One sentence, annotated at 0.9, does not lift a threshold on which 400 agree."""
    probabilities = np.stack([np.repeat([0.31, 0.11], 400), np.full(800, 0.01)], axis=1)
    truth = np.stack([np.repeat([True, False], 400), np.zeros(800, dtype=bool)], axis=1)
    probabilities[0, 1], truth[0, 1] = 0.9, True
    probabilities[1, 1] = 0.5  # and is not annotated
    own = fit_thresholds(probabilities, truth)
    assert own[0] == pytest.approx(own[1])
    assert 0.11 < own[0] <= 0.31


def test_without_annotated_events_thresholds_stay():
    assert (fit_thresholds(np.full((10, 3), 0.3), np.zeros((10, 3), dtype=bool)) >= 0.5).all()


def test_decisions_are_claimed_mentions_and_all_types_of_all_sentences():
    text = "حوصرت درعا. عاد أحمد."
    sentences = Sentence(0, 11, (Event("siege", "actual"),)), Sentence(12, 21)
    gold = Document("a", text, sentences, (Entity(6, 10, "GPE"), Entity(16, 20, "PER")))
    claims = Entity(6, 10, "GPE", 0.75), Entity(16, 20, "ORG", 0.5), Entity(15, 20, "PER", 0.25)
    events = np.random.default_rng(0).random((2, TYPES))
    judgements = [judgement(replace(gold, entities=claims), events)] * 2

    mentions = mention_decisions(judgements, [gold, gold])
    assert mentions.scores.tolist() == [0.75, 0.5, 0.25] * 2
    assert [mentions.labels[i] for i in mentions.names] == ["GPE", "ORG", "PER"] * 2
    assert mentions.holds.tolist() == [True, False, False] * 2
    assert mentions.documents.tolist() == [0, 0, 0, 1, 1, 1]

    types = type_decisions(judgements, [gold, gold])
    assert types.scores == pytest.approx(np.tile(events.ravel(), 2))
    assert np.flatnonzero(types.holds).tolist() == [
        NAMES.index("siege"),
        NAMES.index("siege") + 2 * TYPES,
    ]
    assert types.names.tolist() == [*range(TYPES)] * 4
    assert types.documents.tolist() == [0] * 2 * TYPES + [1] * 2 * TYPES


def test_risk_of_what_is_reported_is_what_was_allowed(documents: list[Document]):
    documents = documents[:15]
    judgements = noisy_judgements(documents)
    careful = fit_calibration(judgements, documents, task="joint", fitted_on="dev", most_risk=0.1)
    plain = careful.abstaining(0)
    assert careful.fitted_on == "dev"
    assert careful.entities.scale == pytest.approx(3, abs=0.6)
    assert set(careful.thresholds) == set(NAMES)

    def wrong(calibration: Calibration) -> tuple[float, int]:
        own = [j.decide(calibration) for j in judgements]
        right = [
            (e.start, e.end, e.label) in {(g.start, g.end, g.label) for g in gold.entities}
            for document, gold in zip(own, documents, strict=True)
            for e in document.entities
        ]
        return 1 - sum(right) / len(right), len(right)

    (all_wrong, claims), (few_wrong, kept) = wrong(plain), wrong(careful)
    assert all_wrong > 0.3
    assert few_wrong <= 0.1
    assert 0.2 * claims < kept < claims


TEXT = "حوصرت درعا. عاد أحمد."
READ = Document("a", TEXT, (Sentence(0, 11), Sentence(12, 21)))


def test_types_are_reported_from_their_thresholds_on():
    events = np.zeros((2, TYPES))
    events[0, [NAMES.index("siege"), NAMES.index("killing")]] = 0.6, 0.6
    events[1, [NAMES.index("arrest"), NAMES.index("killing")]] = 0.5, 0.3
    realis = np.zeros((2, TYPES), np.int64)
    realis[0, NAMES.index("siege")] = PLANNED
    own = judgement(READ, events, realis).decide(
        Calibration(thresholds={"siege": 0.55, "killing": 0.65})
    )
    assert [[(e.type, e.realis) for e in s.events] for s in own.sentences] == [
        [("siege", "planned")],
        [("arrest", "actual")],
    ]
    assert own.sentences[0].events[0].score == pytest.approx(0.6)
    assert own.warnings is None


def test_thresholds_are_of_probabilities_and_scores_become_them():
    events = np.zeros((2, TYPES))
    events[0, NAMES.index("siege")] = 0.4
    mentions = Entity(6, 10, "GPE", 0.5), Entity(16, 20, "PER", 0.5)
    raw = judgement(replace(READ, entities=mentions), events)
    calibration = Calibration(
        entities=Curve(1.0, {"GPE": float(logit(np.array(0.9)))}),
        events=Curve(1.0, {"siege": 1.0}),
        thresholds={"siege": 0.6},
    )
    own = raw.decide(calibration)
    assert [e.score for e in own.entities] == pytest.approx([0.9, 0.5])
    (event,) = own.sentences[0].events
    assert event.score == pytest.approx(float(sigmoid(logit(np.array(0.4)) + 1)), abs=1e-6)
    assert raw.decide(replace(calibration, thresholds={"siege": 0.7})).sentences[0].events == ()


def test_what_is_too_uncertain_is_withheld_and_counted():
    events = np.zeros((2, TYPES))
    events[0, NAMES.index("siege")] = 0.9
    events[1, [NAMES.index("arrest"), NAMES.index("killing")]] = 0.6, 0.7
    mentions = Entity(6, 10, "GPE", 0.9), Entity(16, 20, "PER", 0.3)
    document = replace(READ, entities=mentions, warnings=("odd",))
    own = judgement(document, events).decide(Calibration().abstaining(0.75))
    assert [e.label for e in own.entities] == ["GPE"]
    assert [[e.type for e in s.events] for s in own.sentences] == [["siege"], []]
    assert own.warnings == (
        "odd",
        "entities withheld below 0.75: 1",
        "events withheld below 0.75: 2",
    )
    sure = judgement(document, events).decide(Calibration(abstain=Abstention(entities=0.2)))
    assert (len(sure.entities), sure.warnings) == (2, ("odd",))
    assert sum(len(s.events) for s in sure.sentences) == 3


@pytest.mark.parametrize(
    ("score", "level", "kept"),
    [(0.71234, 0.71234, True), (0.89996, 0.9, True), (0.8999, 0.9, False), (0.99996, 1.0, False)],
)
def test_what_is_withheld_is_what_the_records_score_says(score: float, level: float, kept: bool):
    document = Document("a", "درعا", entities=(Entity(0, 4, "GPE", score),))
    calibration = Calibration(abstain=Abstention(entities=level))
    assert bool(withhold(document, calibration).entities) == kept


@pytest.mark.parametrize("level", [-0.1, 1.1, float("nan")])
def test_level_that_is_no_probability_is_refused(level: float):
    with pytest.raises(ConfigError, match=r"abstain level .*: give a probability from 0 to 1"):
        Calibration().abstaining(level)


def test_level_is_for_both_kinds_and_none_changes_nothing():
    own = Calibration(abstain=Abstention(0.25, 0.5))
    assert own.abstaining(None) is own
    assert own.abstaining(1).abstain == Abstention(1, 1)
    assert own.abstaining(0).abstain == Abstention()


def a_calibration(name: str) -> Calibration:
    shifts = {"PER": -0.1 / 3, "GPE": 2.0}
    return Calibration(
        Curve(1.1, shifts),
        Curve(1 / 3, {"siege": 1e-9}),
        {"siege": 0.35},
        Abstention(0.1, 0.2),
        name,
    )


def test_calibration_comes_back_from_its_file(folder: ModelFolder):
    write_calibration(a_calibration("dev"), folder, "weights")
    assert read_calibrations(folder) == {"weights": a_calibration("dev")}
    names = {path.name for path in folder.path.iterdir()}
    assert names == {"calibration.json"}


def test_every_model_file_has_its_own_or_the_checkpoints(folder: ModelFolder):
    weights, int8 = a_calibration("dev"), a_calibration("own")
    write_calibration(weights, folder, "weights")
    write_calibration(int8, folder, "onnx_int8")
    assert read_calibration(folder, "weights") == weights
    assert read_calibration(folder, "onnx_int8") == int8
    assert read_calibration(folder, "onnx") == weights
    write_calibration(a_calibration("new"), folder, "weights")
    assert read_calibration(folder, "onnx_int8") == int8
    folder["calibration"].unlink()  # a new checkpoint
    write_calibration(weights, folder, "weights")
    assert read_calibration(folder, "onnx_int8") == weights


def test_model_file_without_any_calibration_is_refused(folder: ModelFolder):
    with pytest.raises(ModelError, match=r"no calibration\.json in this folder; run: marsad calib"):
        read_calibration(folder, "weights")
    text = json.dumps({"onnx_int8": {"fitted_on": "dev"}})
    folder["calibration"].write_text(text, encoding="utf-8")
    with pytest.raises(ModelError, match=r"calibration\.json: none for onnx; run: marsad calib"):
        read_calibration(folder, "onnx")


@pytest.mark.parametrize(
    "content",
    [
        "",
        "{",
        "[]",
        '{"weights": 1}',
        '{"weights": {"thresholds": {"siege": "low"}}}',
        '{"weights": {"entities": {"scale": null}}}',
    ],
)
def test_damaged_file_is_refused_in_one_line(folder: ModelFolder, content: str):
    folder["calibration"].write_text(content, encoding="utf-8")
    with pytest.raises(ModelError) as caught:
        read_calibrations(folder)
    message = str(caught.value)
    assert message.startswith(f"{folder['calibration']}: not a calibration (at ")
    assert message.endswith(f"); run: marsad calibrate {folder.path}")
    assert "\n" not in message


def test_misspelt_key_is_refused(folder: ModelFolder):
    text = json.dumps({"weights": {"treshold": {"siege": 0.9}}})
    folder["calibration"].write_text(text, encoding="utf-8")
    with pytest.raises(ModelError, match="not a calibration"):
        read_calibrations(folder)


def test_documents_of_the_training_are_refused(
    run_config: RunConfig, tiny_corpus: Path, folder: ModelFolder
):
    folder["run"].write_text(run_config.to_yaml(), encoding="utf-8")
    data = tiny_corpus / "train.jsonl"
    for path in (data, data.parent / ".." / data.parent.name / data.name):
        with pytest.raises(ConfigError, match="the model was trained on it; calibrate on other"):
            calibrate(folder, path)
    assert not folder["calibration"].exists()


def test_documents_of_the_training_are_refused_in_a_file_of_another_name(
    run_config: RunConfig, tiny_corpus: Path, folder: ModelFolder, tmp_path: Path
):
    folder["run"].write_text(run_config.to_yaml(), encoding="utf-8")
    copy = tmp_path / "copy.jsonl"
    copy.write_bytes((tiny_corpus / "train.jsonl").read_bytes())
    with pytest.raises(ConfigError, match=r"copy\.jsonl: the model was trained on document '"):
        calibrate(folder, copy)


@pytest.mark.parametrize("risk", [0, 1, -0.5, 20])
def test_risk_that_is_no_share_is_refused(folder: ModelFolder, risk: float):
    with pytest.raises(ConfigError, match=f"risk {risk:g}: give a share between 0 and 1"):
        calibrate(folder, most_risk=risk)


def test_too_few_decisions_leave_the_calibration_that_is_there(
    model: ModelFolder, documents: list[Document], tmp_path: Path
):
    own = ModelFolder(Path(shutil.copytree(model.path, tmp_path / "own")))
    fitted = replace(read_calibration(own, CHECKPOINT), entities=Curve(0.5))
    write_calibration(fitted, own, CHECKPOINT)
    before = own["calibration"].read_bytes()
    data = tmp_path / "one.jsonl"
    data.write_text(documents[20].to_json() + "\n", encoding="utf-8")
    with pytest.raises(DataError, match=r"one\.jsonl: \d+ mentions .* take 50 of each"):
        calibrate(own, data, file="weights")
    assert own["calibration"].read_bytes() == before


def test_folder_without_a_run_is_refused(folder: ModelFolder):
    with pytest.raises(ModelError, match=r"no run\.yaml .* calibrate a folder that `marsad train`"):
        calibrate(folder)


def test_a_model_is_calibrated_anew(model: ModelFolder, tiny_corpus: Path):
    assert read_calibration(model, "weights").fitted_on == str(tiny_corpus / "dev.jsonl")
    choice = Choice(seeds={"1": 0.5, "2": 0.6}, mean=0.7)
    write_metrics(replace(read_metrics(model), choice=choice), model)
    fitted = calibrate(model, tiny_corpus / "test.jsonl", file="weights", most_risk=0.2)
    assert read_metrics(model).choice == choice  # a release has it from nowhere else
    assert fitted.fitted_on == str(tiny_corpus / "test.jsonl")
    assert load(model.path, file="weights").calibration == fitted
    model.verify()
    again = calibrate(model, file="weights")
    assert (again.fitted_on, again.abstain) == (str(tiny_corpus / "dev.jsonl"), Abstention())
