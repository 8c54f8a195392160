"""What a card must say of data that a model has seen, how it was chosen and what it learnt."""

import json
from collections.abc import Callable
from dataclasses import replace
from pathlib import Path

import pytest
from huggingface_hub import ModelCard
from jsonschema import Draft202012Validator
from markdown_it import MarkdownIt

import marsad.card
from marsad.benchmarks import open_benchmark
from marsad.calibration import CHECKPOINT, Calibration, Curve, write_calibration
from marsad.card import card_schema
from marsad.card_tables import examples
from marsad.card_writing import card_data, render, seen_before, write_card
from marsad.choosing import read_choice, read_seeds, was_searched
from marsad.cli import run
from marsad.config import RunConfig, with_values
from marsad.errors import ModelError
from marsad.evaluation import evaluate, record
from marsad.files import atomic_write
from marsad.labels import SCHEME_FILE
from marsad.metrics import Choice, Metrics, SeedReport, Spread, read_metrics
from marsad.model_folder import SETTINGS_KEY, ModelFolder
from marsad.scoring.examples import Example, Examples
from marsad.systems import Answers
from marsad.text.windows import SpecialIds
from marsad.training import train
from tests.conftest import CORPUS, ROOT
from tests.oracle import oracle_settings
from tests.runs import tiny_run

BENCHMARKS = (
    "data/corpus/test.jsonl",
    "data/corpus/dev.jsonl",
    "public:anercorp",
    "public:anercorp+context",
    "public:anercorp-dev",
    "public:anercorp-dev+context",
    "public:assault",
    "public:assault+abduction",
    "public:assault-dev",
    "public:assault-test",
    "public:protest",
    "public:wojood",
)

Card = Callable[..., str]


def learning(run: RunConfig, *corpora: str, **values: object) -> RunConfig:
    """Return a run that learns from these corpora alone."""
    mixture = [{"corpus": corpus} for corpus in corpora]
    own = {"data.train": None, "data.mixture": mixture, "data.dev": "public:anercorp-dev"}
    return with_values(run, own | values)


@pytest.fixture
def card(tmp_path: Path) -> Card:
    """Render the card of a run; blanks and line ends are single spaces."""

    def render_card(
        run: RunConfig, calibration: Calibration | None = None, metrics: Metrics | None = None
    ) -> str:
        settings = oracle_settings(SpecialIds(start=2, end=3, pad=0), max_tokens=64)
        folder = ModelFolder(tmp_path)
        text = render(folder, settings, run, metrics or Metrics(), calibration or Calibration())
        return " ".join(text.split())

    return render_card


# Data that was seen.


def test_a_file_that_was_chosen_on_was_seen(run_config: RunConfig):
    run = with_values(run_config, {"data.dev": "./data/corpus/dev.jsonl"})
    assert seen_before(run, [Calibration()], BENCHMARKS) == ["data/corpus/dev.jsonl"]
    fitted = Calibration(fitted_on="data/corpus/test.jsonl")
    assert "data/corpus/test.jsonl" in seen_before(run, [fitted], BENCHMARKS)


@pytest.mark.parametrize("key", ["data.train", "data.dev"])
def test_a_file_of_ours_is_known_by_any_path(run_config: RunConfig, tmp_path: Path, key: str):
    link = tmp_path / "link.jsonl"
    link.symlink_to(CORPUS / "test.jsonl")
    run = with_values(run_config, {key: str(link)})
    names = [str(CORPUS / "test.jsonl"), str(CORPUS / ".." / "corpus" / "test.jsonl")]
    assert seen_before(run, [Calibration()], [*names, str(CORPUS / "test_place.jsonl")]) == sorted(
        names
    )


def test_whole_files_of_votes_hold_what_was_learnt_and_their_test_parts_do_not(
    run_config: RunConfig,
):
    run = learning(run_config, "public:event_gsr", "public:wojood", "public:anercorp")
    assert seen_before(run, [Calibration()], BENCHMARKS) == [
        "public:anercorp-dev",
        "public:anercorp-dev+context",
        "public:assault",
        "public:assault+abduction",
        "public:protest",
    ]


@pytest.mark.parametrize(
    ("dev", "seen"),
    [
        ("public:anercorp-dev+context", ["public:anercorp-dev", "public:anercorp-dev+context"]),
        ("public:anercorp", ["public:anercorp", "public:anercorp+context"]),
        (
            "public:assault-dev",
            ["public:assault", "public:assault+abduction", "public:assault-dev"],
        ),
        ("public:protest-dev", ["public:protest"]),
        ("public:wojood", ["public:wojood"]),
    ],
)
def test_texts_that_were_chosen_on_are_known_under_another_name(
    run_config: RunConfig, dev: str, seen: list[str]
):
    run = learning(run_config, str(CORPUS / "train.jsonl"), **{"data.dev": dev})
    assert seen_before(run, [Calibration()], BENCHMARKS) == seen


def test_figures_over_seeds_on_seen_data_are_flagged_too(run_config: RunConfig, card: Card):
    dev = run_config.data.dev
    report = SeedReport(dev, "0", "0", 1, "x", (1, 2), {"entity micro F1": Spread(0.5, 0.1)})
    text = card(run_config, metrics=Metrics(seeds={dev: report}))
    assert f"> Figures on {dev} are on data that training or selection saw." in text


# How the model was chosen.


def write_seeds(folder: ModelFolder, best: int = 2, **others: object) -> None:
    values = {"1": 0.5, "2": 0.75, "3": 0.25}
    figure = {"values": values, "mean": 0.5, "sd": 0.25}
    record = {"best": best, "figures": {"eval_score": figure, "eval_loss": figure}, **others}
    (folder.path / "seeds.json").write_text(json.dumps(record), encoding="utf-8")


def test_best_of_several_seeds_says_so(run_config: RunConfig, card: Card, tmp_path: Path):
    run = with_values(run_config, {"seed": 2})
    assert "One training run, one seed." in card(run)
    write_seeds(ModelFolder(tmp_path))
    choice = read_choice(ModelFolder(tmp_path), run, Choice())
    text = card(run, metrics=Metrics(choice=choice))
    dev = run.data.dev
    assert (
        f"The model is the best of 3 seeds by dev score (mean ± sd on `{dev}`: 50.0 ± 25.0)."
    ) in text
    assert "| seed | 2, the best of 1, 2, 3 |" in text
    report = SeedReport("a b", "0", "0", 1, "x", (1, 2), {"entity micro F1": Spread(0.5, 0.1)})
    spread = card(run, metrics=Metrics(choice=choice, seeds={"a b": report}))
    assert "marsad seeds 'a b' again marsad card write again" in spread
    mean = card(run, metrics=Metrics(choice=replace(choice, mean=0.8), seeds={"a b": report}))
    assert "| seed | 2; of the data 1, 2, 3 |" in mean
    assert f"(mean ± sd on `{run.data.dev}`) 50.0 ± 25.0, of the model 80.0." in mean
    assert "The tables are of the mean of the runs; how much runs differ stands below." in mean
    assert "The best checkpoint of each run by dev score was kept." in mean
    assert "One training run" not in text


def test_record_of_other_runs_is_not_the_models(run_config: RunConfig, tmp_path: Path):
    folder, run = ModelFolder(tmp_path), with_values(run_config, {"seed": 2})
    write_seeds(folder)
    assert read_seeds(folder, run) == {"1": 0.5, "2": 0.75, "3": 0.25}
    assert read_seeds(folder, run_config) == {}  # made later, of another seed
    for score, known in ((0.75, True), (0.8, False)):  # the same seed, made later or not
        lines = [{"epoch": 1}, {"eval_score": 0.1}, {"eval_score": score}]
        folder["log"].write_text("\n".join(map(json.dumps, lines)), encoding="utf-8")
        assert bool(read_seeds(folder, run)) == known


@pytest.mark.parametrize("record", ["{", '{"best": 2, "figures": {}}', '{"best": "x"}'])
def test_damaged_record_of_seeds_is_refused(run_config: RunConfig, tmp_path: Path, record: str):
    (tmp_path / "seeds.json").write_text(record, encoding="utf-8")
    with pytest.raises(ModelError, match=r"seeds\.json: not a record of seeds"):
        read_seeds(ModelFolder(tmp_path), run_config)


def test_values_that_a_search_chose_are_known(run_config: RunConfig, card: Card, tmp_path: Path):
    assert not was_searched(ModelFolder(tmp_path), run_config)
    with atomic_write(tmp_path / "best.yaml") as out:  # several seeds train what was found
        out.write(with_values(run_config, {"train.seeds": [1, 2]}).to_yaml())
    run = with_values(run_config, {"seed": 2})
    choice = read_choice(ModelFolder(tmp_path), run, Choice())
    assert choice.searched
    text = card(run, metrics=Metrics(choice=choice))
    assert "A search chose values of its configuration by the score on" in text
    (tmp_path / "best.yaml").rename(tmp_path / "gone.yaml")
    assert read_choice(ModelFolder(tmp_path), run, choice) == choice
    (tmp_path / "gone.yaml").rename(tmp_path / "best.yaml")
    trial = with_values(run, {"output": str(tmp_path / "trials" / "7")})
    assert was_searched(ModelFolder(trial.output), trial)
    other = with_values(run, {"train.learning_rate": 0.5})
    assert not was_searched(ModelFolder(tmp_path), other)


def test_scores_without_calibration_are_said_to_be_raw(run_config: RunConfig, card: Card):
    text = card(run_config)
    assert "> The scores are not calibrated." in text
    assert "| probabilities and thresholds | not fitted: scores are not calibrated |" in text
    fitted = Calibration(entities=Curve(2.0), events=Curve(2.0), fitted_on="dev.jsonl")
    assert "not calibrated" not in card(run_config, fitted)
    assert "| probabilities and thresholds fitted on | `dev.jsonl` |" in card(run_config, fitted)
    half = replace(fitted, events=Curve())
    assert "The scores of event types are not calibrated" in card(run_config, half)
    assert "not calibrated" not in card(with_values(run_config, {"task": "ner"}), half)


def test_written_card_holds_all_of_it(run_config: RunConfig, tmp_path: Path):
    """A model that is always right, without training."""
    folder, dev = ModelFolder(tmp_path), run_config.data.dev
    mixture = [{"corpus": "public:anercorp+context", "share": 0.25}]
    run = with_values(run_config, {"seed": 2, "data.mixture": mixture})
    settings = oracle_settings(SpecialIds(start=2, end=3, pad=0), max_tokens=64)
    contents = {
        "config": json.dumps({SETTINGS_KEY: settings.to_config()}),
        "labels": SCHEME_FILE.read_text(encoding="utf-8"),
        "run": run.to_yaml(),
        "weights": "",
    }
    for role, content in contents.items():
        folder[role].write_text(content, encoding="utf-8")
    write_seeds(folder)
    write_calibration(Calibration(), folder, CHECKPOINT)
    for benchmark in map(open_benchmark, (run.data.test, dev)):
        record(folder, evaluate(Answers(benchmark.documents, True, True, "weights"), benchmark))
    card = ModelCard.load(write_card(folder))
    folder.verify()
    assert card.data.license == "cc-by-sa-4.0"
    assert (
        f"> Figures on {dev} are on data that training or selection saw. "
        "The scores are not calibrated.\n\n## What it is for"
    ) in card.text
    assert "give none.\nThe model is the best of 3 seeds by dev score" in card.text
    assert "one seed" not in card.text
    assert f"### {run.data.test}\n" in card.text
    assert "- `public:anercorp+context` × 0.25: ANERcorp" in card.text
    assert "\n\nThe licence of ANERcorp in the CAMeL Lab split asks for" in card.text
    assert "CC-BY-SA-4.0.\n\n## Use" in card.text


# What it learnt.


def test_a_corpus_of_our_own_teaches_everything(run_config: RunConfig, card: Card):
    text = card(run_config)
    assert (
        "Finds named entities (12 labels); every mention is an exact slice of the caller's text. "
        "Gives each sentence the set of event types that it reports (of 23), each with a realis "
        "(actual, planned or negated). "
    ) in text
    assert "taught" not in text


def test_labels_that_were_never_taught_are_named(run_config: RunConfig, card: Card):
    text = card(learning(run_config, "public:anercorp+context", task="ner"))
    assert (
        "Finds named entities; every mention is an exact slice of the caller's text. Of the 12 "
        "labels, PER was taught, and others only as one of a group, never told apart (GPE, LOC or "
        "FAC; ORG or MIL; NORP or EVENT). Never taught, and not to be relied on: OCC, WEA, DATE, "
        "NUM. > The scores are not calibrated."
    ) in text
    assert "event types" not in text


def test_event_types_and_realis_that_were_never_taught_are_named(run_config: RunConfig, card: Card):
    text = card(learning(run_config, "public:event_gsr"))
    assert "None of the 12 labels was taught: do not rely on what it says of them." in text
    assert "Of the 23 event types, protest was taught, and others only as one of a group" in text
    assert "(armed_clash, territory_gain, airstrike, " in text
    assert "Never taught, and not to be relied on: withdrawal, crackdown, " in text
    assert "Realis was never taught: ignore it." in text


@pytest.mark.parametrize(
    ("corpora", "licence"),
    [
        (["public:anercorp+context", "public:wojood"], "cc-by-sa-4.0"),
        (["public:wojood", "public:event_gsr"], "apache-2.0"),
        ([str(CORPUS / "dev.jsonl")], "apache-2.0"),
    ],
)
def test_licence_is_what_the_corpora_ask_for(
    run_config: RunConfig, card: Card, corpora: list[str], licence: str
):
    run = learning(run_config, *corpora)
    settings = oracle_settings(SpecialIds(start=2, end=3, pad=0), max_tokens=64)
    assert card_data(settings, run, Metrics()).license == licence
    note = (
        "The licence of ANERcorp in the CAMeL Lab split asks for the same licence of what is "
        "derived from it: this model is under CC-BY-SA-4.0."
    )
    assert (note in card(run)) == (licence != "apache-2.0")


def test_each_corpus_of_a_mixture_has_its_line(run_config: RunConfig, tmp_path: Path):
    own = str(CORPUS / "dev.jsonl")
    mixture = [{"corpus": "public:wojood", "share": 0.5}, {"corpus": "public:event_gsr"}]
    run = with_values(run_config, {"data.train": own, "data.mixture": mixture})
    settings = oracle_settings(SpecialIds(start=2, end=3, pad=0), max_tokens=64)
    text = render(ModelFolder(tmp_path), settings, run, Metrics(), Calibration())
    lines = [line for line in text.splitlines() if line.startswith("- `")]
    assert lines[0].startswith(f"- `{own}`: texts and annotation were written by a language model")
    assert lines[1] == (
        "- `public:wojood` × 0.5: Wojood, the public sample (Jarrar, Khalilia and Ghanem 2022): "
        "nested named entities (21 types); MIT; https://github.com/SinaLab/ArabicNER"
    )
    assert lines[2].startswith("- `public:event_gsr`: arabic_event_gsr (Open Event Data Alliance")
    assert len(lines) == 3


def test_a_card_is_read_into_fields(tmp_path: Path, tiny_encoder: Path, tiny_corpus: Path):
    """What machines read is what the record holds, and fits the schema that is published."""
    folder = train(tiny_run(tiny_encoder, tiny_corpus, tmp_path / "m"))
    with pytest.raises(ModelError, match=r"README\.md"):
        marsad.card.load(folder.path)
    assert run(["evaluate", str(folder.path), str(tiny_corpus / "test.jsonl")]) == 0
    write_card(folder)
    card = marsad.card.load(folder.path)
    assert (card.name, card.task, card.licence) == ("tiny", "joint", "apache-2.0")
    assert card.learnt_from == (str(tiny_corpus / "train.jsonl"),)
    assert card.metrics == read_metrics(folder)
    text = folder["card"].read_text(encoding="utf-8")
    assert all(limit in text for limit in (card.uses, *card.limits))
    validator = Draft202012Validator(card_schema())
    assert not list(validator.iter_errors(json.loads(card.to_json())))
    folder["card"].write_text(text.replace("apache-2.0", "mit"), encoding="utf-8")
    with pytest.raises(ModelError, match=r"README\.md"):
        marsad.card.load(folder.path)


def test_a_card_shows_parts_of_the_data_and_quotes_what_it_was_asked_to(
    tiny_encoder: Path, tiny_corpus: Path, tmp_path: Path
):
    folder = train(tiny_run(tiny_encoder, tiny_corpus, tmp_path / "m"))
    for data, *options in (["known", "--examples"], ["dev"]):
        path = str(tiny_corpus / f"{data}.jsonl")
        assert run(["evaluate", str(folder.path), path, *options]) == 0
    write_card(folder)
    text = folder["card"].read_text(encoding="utf-8")
    metrics, rows = read_metrics(folder), table_rows(text)
    known, dev = metrics.evaluations.values()
    assert set(known.slices) >= {"country", "words a sentence"}
    for cut, parts in known.slices.items():
        for name, part in parts.items():
            (row,) = (r for r in rows if r[:3] == [cut, name, str(part.documents)])
            assert row[3] == str(part.sentences)
            assert part.entities is not None
            assert row[4].startswith(f"{100 * part.entities.f1:.1f}")
            assert row[5] == str(part.entities.support)
    assert not dev.examples
    pairs = [pair for own in known.examples.values() for pair in own.values()]
    quotes = [example for pair in pairs for example in (pair.right, pair.wrong) if example]
    assert len(quotes) > 20
    cells = {row[2] for row in rows if len(row) == 5}
    assert cells >= {" ".join(example.sentence.split()) for example in quotes}
    assert metrics.training is not None
    assert f"| training | {metrics.training.steps} steps, " in text


def table_rows(text: str) -> list[list[str]]:
    """Return the cells of all tables of a page, as a reader of Markdown shows them."""
    rows: list[list[str]] = []
    for token in MarkdownIt().enable("table").parse(text):
        if token.type == "tr_open":
            rows.append([])
        elif token.type == "inline" and rows:
            rows[-1].append("".join(own.content for own in token.children or ()))
    return rows


def test_a_quote_is_text_whatever_it_holds():
    nasty = "a|b \\| `c` *d* _e_ [f](http://g) ![h](i) <b>j</b> &amp; # ~k~\n\nl"
    example = Example("d", nasty, (f"PER: {nasty}",), ())
    table = examples({"PER": Examples(None, example)}, "label")
    shown = " ".join(nasty.split())
    assert table_rows(table)[1:] == [["PER", "wrong", shown, f"PER: {shown}", "nothing"]]


def test_the_schema_of_the_documents_is_that_of_cards():
    published = json.loads((ROOT / "docs" / "card.schema.json").read_text(encoding="utf-8"))
    assert published == card_schema()
