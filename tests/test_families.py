"""Families of event types: one that is likely enough is not left without a type."""

import json
from dataclasses import replace
from pathlib import Path

import numpy as np
import pytest
from sklearn.metrics import f1_score
from threadpoolctl import threadpool_limits

from marsad.calibrating import fit_calibration
from marsad.calibration import Calibration, Curve, read_calibration, write_calibration
from marsad.decisions import Judgement, decide_types, report_events
from marsad.document import Document, Event, Sentence
from marsad.errors import ModelError
from marsad.labels import scheme
from marsad.model_folder import ModelFolder
from marsad.thresholds import THRESHOLDS, fit_families
from tests.test_calibration import judgement

NAMES = scheme().event_names
FAMILY = scheme().family_of
FAMILIES = tuple(family.name for family in scheme().families)
TYPES = len(NAMES)
COERCION = [i for i, name in enumerate(NAMES) if FAMILY[name] == "coercion"]
PLANNED = scheme().realis_names.index("planned")


def by_hand(probabilities: np.ndarray, calibration: Calibration) -> list[str]:
    """Return the types that a sentence reports, family by family; shape (types,)."""
    chance = dict(zip(NAMES, probabilities.tolist(), strict=True))
    reported = []
    for family in FAMILIES:
        types = [name for name in NAMES if FAMILY[name] == family]
        own = [name for name in types if chance[name] >= calibration.thresholds.get(name, 0.5)]
        nothing = 1.0
        for name in types:
            nothing *= 1 - chance[name]
        if not own and family in calibration.families:
            own = types if 1 - nothing >= calibration.families[family] else []
            own = sorted(own, key=lambda name: -chance[name])[:1]
        reported += own
    return [name for name in NAMES if name in reported]


def named(reported: np.ndarray) -> list[str]:
    return [NAMES[i] for i in np.flatnonzero(reported)]


def any_calibration(rng: np.random.Generator) -> Calibration:
    """Return thresholds with one decimal of types, and finer ones of some families."""
    some = rng.permutation(FAMILIES)[: rng.integers(len(FAMILIES) + 1)]
    return Calibration(
        thresholds={name: float(rng.integers(2, 10) / 10) for name in NAMES},
        families={str(name): float(rng.uniform(0.05, 0.95)) for name in some},
    )


@pytest.mark.parametrize("seed", range(20))
def test_decisions_are_those_made_by_hand(seed: int):
    """With one decimal many types are equally probable, and many are just at their threshold."""
    rng = np.random.default_rng(seed)
    calibration = any_calibration(rng)
    probabilities = rng.integers(0, 6, (50, TYPES)) / rng.choice([10, 20], (50, 1))
    expected = [by_hand(row, calibration) for row in probabilities]
    together = decide_types(probabilities, calibration)
    assert [named(row) for row in together] == expected
    assert [named(decide_types(row, calibration)) for row in probabilities] == expected
    stacked = decide_types(probabilities.reshape(5, 10, TYPES), calibration)
    assert (stacked.reshape(50, TYPES) == together).all()


@pytest.mark.parametrize("seed", range(5))
def test_reports_and_judgements_decide_alike(seed: int):
    rng = np.random.default_rng(seed)
    shifts = dict(zip(NAMES, rng.normal(size=TYPES).tolist(), strict=True))
    calibration = replace(any_calibration(rng), events=Curve(0.8, shifts))
    scores = rng.beta(1, 4, (30, TYPES)).astype(np.float32)
    realis = rng.integers(0, 3, scores.shape)
    document = written(30)
    own = judgement(document, scores, realis).decide(calibration)
    for i, sentence in enumerate(own.sentences):
        probabilities = calibration.events(scores[i], NAMES)
        assert [e.type for e in sentence.events] == by_hand(probabilities, calibration)
        assert sentence.events == report_events(scores[i], realis[i], calibration)
        for event in sentence.events:
            column = NAMES.index(event.type)
            assert event.score == probabilities[column]
            assert event.realis == scheme().realis_names[realis[i, column]]


@pytest.mark.parametrize("seed", range(10))
def test_a_family_gets_one_type_at_most_and_only_where_it_has_none(seed: int):
    rng = np.random.default_rng(seed)
    probabilities = rng.beta(1, 3, (200, TYPES))
    calibration = any_calibration(rng)
    calibration = replace(calibration, families=dict.fromkeys(FAMILIES, 0.4))
    before = decide_types(probabilities, replace(calibration, families={}))
    added = decide_types(probabilities, calibration) & ~before
    assert (before == (probabilities >= calibration.threshold_row)).all()
    assert (decide_types(probabilities, calibration) >= before).all()
    for family in FAMILIES:
        own = [i for i, name in enumerate(NAMES) if FAMILY[name] == family]
        assert not added[before[:, own].any(axis=1)][:, own].any()
        assert added[:, own].sum(axis=1).max() <= 1
    assert added.any()


def test_a_family_reports_its_most_probable_type_with_its_own_probability_and_realis():
    scores, realis = np.zeros(TYPES), np.zeros(TYPES, np.int64)
    siege, arrest = NAMES.index("siege"), NAMES.index("arrest")
    scores[[siege, arrest]] = 0.3, 0.4  # together 1 - 0.7 · 0.6 = 0.58
    realis[arrest] = PLANNED
    (event,) = report_events(scores, realis, Calibration(families={"coercion": 0.57}))
    assert (event.type, event.realis) == ("arrest", "planned")
    assert event.score == pytest.approx(0.4)
    assert report_events(scores, realis, Calibration(families={"coercion": 0.59})) == ()
    assert report_events(scores, realis, Calibration(families={"battle": 0.01})) == ()
    half = np.where(scores > 0, 0.5, 0.0)  # 1 - 0.5 · 0.5, exactly
    strict = Calibration(thresholds={"siege": 0.6, "arrest": 0.6}, families={"coercion": 0.75})
    assert named(decide_types(half, strict)) == ["siege"]
    own = Calibration(thresholds={"siege": 0.25}, families={"coercion": 0.57})
    assert [e.type for e in report_events(scores, realis, own)] == ["siege"]


def test_what_a_family_adds_is_withheld_like_the_rest():
    scores = np.zeros((1, TYPES))
    scores[0, [NAMES.index("siege"), NAMES.index("arrest")]] = 0.3, 0.4
    calibration = Calibration(families={"coercion": 0.5})
    raw = judgement(written(1), scores)
    assert [e.type for e in raw.decide(calibration).sentences[0].events] == ["arrest"]
    careful = raw.decide(calibration.abstaining(0.45))
    assert careful.sentences[0].events == ()
    assert careful.warnings == ("events withheld below 0.45: 1",)


def test_families_come_back_from_their_file_and_old_files_have_none(tmp_path: Path):
    folder = ModelFolder(tmp_path)
    own = Calibration(thresholds={"siege": 0.4}, families={"coercion": 0.625, "unrest": 1.0})
    write_calibration(own, folder, "weights")
    assert read_calibration(folder, "weights") == own
    content = json.loads(folder["calibration"].read_text(encoding="utf-8"))
    assert content["weights"].pop("families") == {"coercion": 0.625, "unrest": 1.0}
    folder["calibration"].write_text(json.dumps(content), encoding="utf-8")
    old = read_calibration(folder, "weights")
    assert old == replace(own, families={})
    probabilities = np.random.default_rng(0).random((40, TYPES))
    assert (decide_types(probabilities, old) == (probabilities >= old.threshold_row)).all()


@pytest.mark.parametrize(
    ("families", "place"),
    [
        ({"coercion": 0}, "weights.families.coercion"),
        ({"coercion": -0.5}, "weights.families.coercion"),
        ({"coercion": 1.001}, "weights.families.coercion"),
        ({"coercion": "high"}, "weights.families.coercion"),
        ({"siege": 0.5}, "siege"),
        ([0.5], "weights.families"),
    ],
)
def test_thresholds_of_families_are_above_0_and_of_known_families(
    tmp_path: Path, families: object, place: str
):
    folder = ModelFolder(tmp_path)
    text = json.dumps({"weights": {"families": families}})
    folder["calibration"].write_text(text, encoding="utf-8")
    with pytest.raises(ModelError) as caught:
        read_calibration(folder, "weights")
    assert f"not a calibration (at '{place}')" in str(caught.value)


# Fitting: sentences in which no type of coercion reaches its threshold. Where the likeliest type
# stands alone it is seldom annotated, where its siblings are likely too it mostly is: no threshold
# of a type can tell that, the family's can.

ALONE, TOGETHER = 1 - 0.7, 1 - 0.7 * 0.9**5  # probabilities of the family


def sentences_of_coercion(
    rng: np.random.Generator,
    *,
    alone: int,
    together: int,
    right: tuple[float, float],
    siblings: float = 0.0,
) -> tuple[np.ndarray, np.ndarray]:
    """Return probabilities and what is annotated, (sentences, types), in a random order.

    ``right`` is how often the likeliest type is annotated where it stands alone and together,
    ``siblings`` how often the others are then. Beside each comes a sentence with a plain protest.
    """
    number = alone + together
    probabilities = np.full((2 * number, TYPES), 1e-4)
    holds = np.zeros(probabilities.shape, dtype=bool)
    rows, best = np.arange(number), rng.choice(COERCION, number)
    together_at = np.ix_(rows[alone:], COERCION)
    probabilities[together_at] = 0.1
    holds[together_at] = rng.random(probabilities[together_at].shape) < siblings
    probabilities[rows, best] = 0.3
    holds[rows, best] = rng.random(number) < np.repeat(right, [alone, together])
    probabilities[number:, NAMES.index("protest")] = 0.9
    holds[number:, NAMES.index("protest")] = True
    order = rng.permutation(2 * number)
    return probabilities[order], holds[order]


def micro_f1(probabilities: np.ndarray, holds: np.ndarray, families: dict[str, float]) -> float:
    """Return the F1 of types at thresholds of 0.5."""
    claims = decide_types(probabilities, Calibration(families=families))
    return float(f1_score(holds, claims, average="micro", zero_division=0.0))


def fitted(probabilities: np.ndarray, holds: np.ndarray, documents: np.ndarray) -> dict[str, float]:
    return fit_families(probabilities, holds, np.full(TYPES, 0.5), documents=documents)


def test_a_family_that_tells_more_than_its_types_gets_a_threshold():
    rng = np.random.default_rng(0)
    own = sentences_of_coercion(rng, alone=80, together=30, right=(0.05, 0.9))
    families = fitted(*own, np.arange(220) % 20)
    assert {*families} == {"coercion"}
    assert ALONE < families["coercion"] <= TOGETHER
    tried = [micro_f1(*own, {"coercion": float(t)}) for t in THRESHOLDS]
    assert micro_f1(*own, families) == max(tried)
    assert max(tried) > micro_f1(*own, {}) + 0.05


def test_a_family_that_tells_nothing_gets_none():
    rng = np.random.default_rng(1)
    own = sentences_of_coercion(rng, alone=80, together=30, right=(0.05, 0.05))
    assert fitted(*own, np.arange(220) % 20) == {}


def test_claims_pay_from_half_of_the_f1_on():
    """A claim raises F1 where it is right with more than half of F1 (Lipton et al. 2014)."""
    rng = np.random.default_rng(2)
    documents = np.arange(1600) % 40
    for share, gains in ((0.25, False), (0.75, True)):
        own = sentences_of_coercion(rng, alone=400, together=400, right=(0.0, share))
        assert 0.7 < micro_f1(*own, {}) < 0.95
        assert bool(fitted(*own, documents)) == gains


def test_a_gain_in_one_document_is_not_believed():
    rng = np.random.default_rng(3)
    probabilities, holds = sentences_of_coercion(rng, alone=0, together=12, right=(0.0, 1.0))
    rare = holds[:, COERCION].any(axis=1)
    spread = np.arange(24) % 8
    assert {*fitted(probabilities, holds, spread)} == {"coercion"}
    assert fitted(probabilities, holds, np.where(rare, 0, 1 + spread)) == {}


def test_a_rare_family_borrows_from_the_others():
    """Four right claims are enough, but not where others' claims, as likely, are wrong."""
    rng = np.random.default_rng(4)
    probabilities, holds = sentences_of_coercion(rng, alone=0, together=60, right=(0.0, 0.0))
    protests = np.flatnonzero(holds.any(axis=1))
    clash, drawback = NAMES.index("armed_clash"), NAMES.index("withdrawal")
    probabilities[np.ix_(protests[:4], [clash, drawback])] = 0.35, 0.3  # 1 - 0.65 · 0.7 < TOGETHER
    holds[protests[:4], clash] = True
    documents = np.zeros(120, dtype=int)
    documents[protests] = np.arange(60) % 10
    documents[~holds.any(axis=1)] = np.arange(60) % 10
    assert fitted(probabilities, holds, documents) == {}
    alone = fitted(probabilities[protests], holds[protests], documents[protests])
    assert {*alone} == {"battle"}


@pytest.mark.parametrize("documents", [1, 2])
def test_without_documents_to_hold_out_there_is_no_threshold(documents: int):
    rng = np.random.default_rng(5)
    own = sentences_of_coercion(rng, alone=80, together=30, right=(0.05, 0.9))
    assert bool(fitted(*own, np.arange(220) % documents)) == (documents > 1)


def test_without_annotated_events_there_is_no_threshold():
    probabilities = np.random.default_rng(6).random((60, TYPES))
    nothing = np.zeros(probabilities.shape, dtype=bool)
    assert fitted(probabilities, nothing, np.arange(60) % 6) == {}


@pytest.mark.parametrize(("sentences", "documents"), [(150, 15), (60, 5)])
def test_no_fitted_threshold_costs_anything_on_the_documents_of_the_fit(
    sentences: int, documents: int
):
    kept = 0
    for seed in range(30):
        rng = np.random.default_rng(seed)
        probabilities = rng.beta(0.3, 2, (sentences, TYPES))
        telling = rng.uniform(0.2, 2, TYPES)
        holds = rng.random(probabilities.shape) < np.minimum(probabilities * telling, 1)
        families = fitted(probabilities, holds, rng.integers(0, documents, sentences))
        before = micro_f1(probabilities, holds, {})
        for family, threshold in families.items():
            assert 0 < threshold <= 1
            assert micro_f1(probabilities, holds, {family: threshold}) > before
        if families:
            assert micro_f1(probabilities, holds, families) > before
        kept += len(families)
    assert 10 < kept < 30 * len(FAMILIES)


def written(sentences: int, name: str = "a") -> Document:
    """Return a document of so many sentences."""
    text = "قصف. " * sentences
    spans = tuple(Sentence(5 * i, 5 * i + 4) for i in range(sentences))
    return Document(name, text, spans)


def annotated(
    probabilities: np.ndarray, holds: np.ndarray
) -> tuple[list[Judgement], list[Document]]:
    """Return judgements and the annotated documents, ten sentences each."""
    judgements, gold = [], []
    for i in range(0, len(probabilities), 10):
        document = written(10, str(i))
        sentences = tuple(
            replace(s, events=tuple(Event(name, "actual") for name in named(truth)))
            for s, truth in zip(document.sentences, holds[i : i + 10], strict=True)
        )
        judgements.append(judgement(document, probabilities[i : i + 10]))
        gold.append(replace(document, sentences=sentences))
    return judgements, gold


def counts(own: list[Document], gold: list[Document]) -> tuple[int, int, int]:
    """Return how many types are right, claimed and annotated."""
    claims, truth = (
        {
            (i, j, e.type)
            for i, d in enumerate(side)
            for j, s in enumerate(d.sentences)
            for e in s.events
        }
        for side in (own, gold)
    )
    return len(claims & truth), len(claims), len(truth)


@pytest.fixture(scope="module")
def telling() -> tuple[list[Judgement], list[Document]]:
    """Documents in which families of types tell more than the types."""
    rng = np.random.default_rng(7)
    probabilities, holds = sentences_of_coercion(
        rng, alone=150, together=150, right=(0.05, 0.6), siblings=0.1
    )
    jittered = np.clip(probabilities + rng.uniform(-0.01, 0.01, probabilities.shape), 1e-4, 1)
    return annotated(jittered, holds)


def test_a_calibration_has_families_only_where_they_are_asked_for(
    telling: tuple[list[Judgement], list[Document]],
):
    judgements, gold = telling
    with threadpool_limits(1):
        plain = fit_calibration(judgements, gold, task="events", fitted_on="dev")
        own = fit_calibration(judgements, gold, task="events", fitted_on="dev", families=True)
    assert plain.families == {}
    assert {*own.families} == {"coercion"}
    assert replace(own, families={}) == plain

    before, after = (counts([j.decide(c) for j in judgements], gold) for c in (plain, own))
    f1_before, f1_after = (
        2 * right / (claimed + truth) for right, claimed, truth in (before, after)
    )
    assert f1_after > f1_before + 0.02


def test_the_allowed_risk_holds_for_what_families_add(
    telling: tuple[list[Judgement], list[Document]],
):
    judgements, gold = telling
    with threadpool_limits(1):
        own = fit_calibration(
            judgements, gold, task="events", fitted_on="dev", most_risk=0.05, families=True
        )
    assert own.families
    right, claimed, _ = counts([j.decide(own) for j in judgements], gold)
    _, all_claimed, _ = counts([j.decide(own.abstaining(0)) for j in judgements], gold)
    assert claimed - right <= 0.05 * claimed
    assert 0 < claimed < all_claimed
