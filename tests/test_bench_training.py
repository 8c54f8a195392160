"""The benchmark of training speed: what it reads, counts and compares. Nothing here is timed."""

import importlib.util
import json
import os
from collections.abc import Callable, Mapping
from dataclasses import replace
from functools import partial
from pathlib import Path
from types import ModuleType
from typing import Any

import numpy as np
import pytest
import torch
import yaml
from transformers import AutoTokenizer, TrainingArguments, set_seed

from marsad.apart import run_apart
from marsad.bench_training.baseline import (
    LENGTH,
    build_model,
    build_trainer,
    predict_tags,
    run_baseline,
    score_model,
)
from marsad.bench_training.course import Clock, Course, measure_load
from marsad.bench_training.material import Material, anercorp, own_corpus
from marsad.bench_training.ours import run_ours
from marsad.bench_training.outcome import Heat, Outcome, Point, median_ratios
from marsad.bench_training.race import own_run, race, run_heat
from marsad.bench_training.recipe import BY_BATCH, Recipe
from marsad.bench_training.result import Result
from marsad.bench_training.words import Example, answer_all, encode_sentences
from marsad.config import RunConfig, with_values
from marsad.document import Document
from marsad.encoders.loading import load_encoder
from marsad.errors import ConfigError, MarsadError, TrainingError
from marsad.losses import IGNORED
from marsad.machine import describe_machine
from marsad.memory import peak_resident
from marsad.mixture import load_windows
from marsad.scoring import score
from marsad.text.words import find_words
from marsad.training import model_settings
from tests.conftest import ROOT
from tests.corpora import Tagged, write_anercorp

LONG = 2000  # pieces that any sentence here has room in
MIB = 2**20
STATM = Path("/proc/self/statm")

SENTENCES: list[Tagged] = [
    [("زار", "O"), ("خالد", "B-PERS"), ("المنصور", "I-PERS"), ("بنغازي", "B-LOC"), (".", "O")],
    [("شركة", "B-ORG"), ("النور", "I-ORG"), ("في", "O"), ("12.5%", "O"), ("حلب", "B-LOC")],
    [("نال", "O"), ("جائزة", "B-MISC"), ("الأمل", "B-MISC"), ("(", "O"), ("د.سعيد", "B-PERS")],
    [("عاد", "O"), ("الهدوء", "O")],
]


REFUSAL = "from marsad.errors import MissingExtraError as E; raise E('peft', 'l')"
RECIPE = Recipe("padded to 128 tokens", "fp32", "sdpa", 8, 3.0, 5e-5, 5e-5)


@pytest.fixture
def config(run_config: RunConfig) -> RunConfig:
    return run_config.model_copy(update={"task": "ner"})


@pytest.fixture
def own(config: RunConfig) -> Material:
    return own_corpus(config)


@pytest.fixture
def public(tmp_path: Path) -> Material:
    """ANERcorp's training file in small: nine blocks of forty sentences, three of them dev."""
    return anercorp(write_anercorp(tmp_path, SENTENCES * 90))


@pytest.fixture(params=["own", "public"])
def material(request: pytest.FixtureRequest) -> Material:
    chosen: Material = request.getfixturevalue(request.param)
    return chosen


@pytest.fixture
def tokenizer(tiny_encoder: Path) -> Any:
    return AutoTokenizer.from_pretrained(tiny_encoder)


def gold_tags(examples: list[Example]) -> list[np.ndarray]:
    """The annotation as a tagger would say it; pieces without a label say something at random."""
    rng = np.random.default_rng(0)
    labels = [np.array(example.features["labels"]) for example in examples]
    return [np.where(row == IGNORED, rng.integers(0, 9, len(row)), row) for row in labels]


def micro_f1(material: Material, own: list[Document]) -> float:
    dev = material.read_dev()
    scores = score(dev.documents, own, entities=True, events=False, ruler=dev.ruler)
    return scores.tables["entities"].micro.f1


# What the usual recipe reads and says.


def test_annotation_comes_back_through_the_baselines_own_path(material: Material, tokenizer: Any):
    documents = material.read_dev().documents
    examples = encode_sentences(documents, tokenizer, material, length=LONG)
    assert sum(example.unread for example in examples) == 0
    answers = answer_all(documents, examples, gold_tags(examples), material.tags)
    assert sum(len(document.entities) for document in answers) > 20
    assert micro_f1(material, answers) == 1.0
    assert {document.coverage for document in answers} == {1.0}


def test_words_that_are_cut_off_are_missed_not_forgotten(own: Material, tokenizer: Any):
    documents = own.read_dev().documents
    examples = encode_sentences(documents, tokenizer, own, length=24)
    whole = encode_sentences(documents, tokenizer, own, length=LONG)
    lost = [len(one.words) - len(cut.words) for one, cut in zip(whole, examples, strict=True)]
    assert [cut.unread for cut in examples] == lost
    assert max(len(cut.features["input_ids"]) for cut in examples) == 24
    answers = answer_all(documents, examples, gold_tags(examples), own.tags)
    assert 0 < micro_f1(own, answers) < 1
    read, words = (sum(len(example.words) for example in side) for side in (examples, whole))
    assert 0 < read < words
    assert all(document.coverage < 1 for document in answers)


def test_first_piece_of_each_word_has_its_label(material: Material, tokenizer: Any):
    """Both looked up anew, a word at a time: its piece in the vocabulary, its label by offsets."""
    documents = material.read_training()
    seen = set()
    for example in encode_sentences(documents, tokenizer, material, length=LONG):
        document = documents[example.document]
        pieces = tokenizer.convert_ids_to_tokens(example.features["input_ids"])
        labels = list(example.features["labels"])
        for (start, end), at in zip(example.words.tolist(), example.first_piece, strict=True):
            word = document.text[start:end]
            assert pieces[at] == "[UNK]" or word.startswith(pieces[at])
            touching = [e for e in document.entities if e.start < end and start < e.end]
            assert len(touching) <= 1
            kinds = ["B" if start <= e.start else "I" for e in touching]
            expected = f"{kinds[0]}-{touching[0].label}" if touching else "O"
            assert material.tags[labels[at]] == expected
            seen.add(expected)
        silent = set(range(len(pieces))) - set(example.first_piece.tolist())
        assert {labels[at] for at in silent} == {IGNORED}
    assert len(seen) > 5


def test_tokens_of_a_corpus_stay_whole_and_its_tags_are_its_own(public: Material, tokenizer: Any):
    documents = public.read_training()
    examples = encode_sentences(documents, tokenizer, public, length=LONG)
    read = [[documents[e.document].text[a:b] for a, b in e.words] for e in examples[:4]]
    assert read == [[token for token, _ in sentence] for sentence in SENTENCES]
    assert len(public.tags) == 9


def test_blocks_of_sentences_score_as_the_sentences_do(public: Material, tokenizer: Any):
    alone = replace(public, train="public:anercorp", dev="public:anercorp-dev")
    scores = []
    for material in (public, alone):
        documents = material.read_dev().documents
        examples = encode_sentences(documents, tokenizer, material, length=LONG)
        rng = np.random.default_rng(1)
        tags = [np.where(rng.random(len(row)) < 0.8, row, 3) for row in gold_tags(examples)]
        scores.append(micro_f1(material, answer_all(documents, examples, tags, material.tags)))
    assert scores[0] == scores[1]
    assert 0.3 < scores[0] < 0.9


def test_both_parts_are_of_the_training_file_and_share_nothing(public: Material):
    training, dev = public.read_training(), public.read_dev().documents
    assert not {d.id for d in training} & {d.id for d in dev}
    assert sum(len(d.sentences) for d in [*training, *dev]) == 360


# What the usual recipe does.


def test_sentences_are_padded_to_one_length_or_to_the_longest_of_their_batch(
    own: Material, tiny_encoder: Path, tokenizer: Any, tmp_path: Path
):
    documents, model = own.read_training(), build_model(tiny_encoder, own.tags)
    for padded in (True, False):
        examples = encode_sentences(documents, tokenizer, own, length=LENGTH, padded=padded)
        trainer = build_trainer(model, tokenizer, examples, tmp_path, seed=1)
        batches = list(trainer.get_train_dataloader())
        assert sum(len(batch["labels"]) for batch in batches) == len(examples)
        for batch in batches:
            longest = int(batch["attention_mask"].sum(1).max())
            wanted = LENGTH if padded else longest
            assert {tuple(t.shape)[1] for t in batch.values()} == {wanted}
        lengths = {batch["labels"].shape[1] for batch in batches}
        assert (len(lengths) == 1) == padded


def test_padding_changes_no_word_no_label_and_no_answer(
    own: Material, tiny_encoder: Path, tokenizer: Any
):
    dev, model = own.read_dev(), build_model(tiny_encoder, own.tags)
    whole, short = (
        encode_sentences(dev.documents, tokenizer, own, length=LENGTH, padded=padded)
        for padded in (True, False)
    )
    for one, other in zip(whole, short, strict=True):
        size = len(other.features["input_ids"])
        assert (one.document, one.unread) == (other.document, other.unread)
        assert one.words.tolist() == other.words.tolist()
        assert one.first_piece.tolist() == other.first_piece.tolist()
        for name, values in other.features.items():
            assert one.features[name][:size] == values
        assert set(one.features["labels"][size:]) <= {IGNORED}
        assert sum(one.features["attention_mask"]) == size == sum(other.features["attention_mask"])
    answers = (predict_tags(model, tokenizer, side) for side in (whole, short))
    for example, one, other in zip(short, *answers, strict=True):
        assert len(other) == len(example.features["input_ids"])
        assert one[: len(other)].tolist() == other.tolist()
    scores = [score_model(model, tokenizer, dev, side, own.tags) for side in (whole, short)]
    assert scores[0] == scores[1]


def test_recipe_is_what_the_trainer_does_by_default(own: Material, tiny_encoder: Path, tmp_path):
    tokenizer = AutoTokenizer.from_pretrained(tiny_encoder)
    examples = encode_sentences(own.read_training(), tokenizer, own, length=LENGTH)
    model = build_model(tiny_encoder, own.tags)
    args = build_trainer(model, tokenizer, examples, tmp_path, seed=1).args
    assert (args.learning_rate, args.per_device_train_batch_size) == (5e-5, 8)
    assert (args.num_train_epochs, args.warmup_steps, args.weight_decay) == (3, 0, 0)
    assert args.optim.value.startswith("adamw")
    default = TrainingArguments(str(tmp_path)).to_dict()
    changed = {name for name, value in args.to_dict().items() if value != default[name]}
    assert changed <= {"seed", "save_strategy", "report_to"}
    assert next(model.parameters()).dtype == torch.float32
    assert model.config.num_labels == len(own.tags)
    assert model.config.hidden_dropout_prob == 0.1


def test_baseline_learns(own: Material, tiny_encoder: Path, tmp_path: Path):
    tokenizer = AutoTokenizer.from_pretrained(tiny_encoder)
    examples = encode_sentences(own.read_training(), tokenizer, own, length=LENGTH)
    training = replace(own.read_dev(), documents=own.read_training())
    set_seed(1)
    model = build_model(tiny_encoder, own.tags)
    trainer = build_trainer(model, tokenizer, examples, tmp_path, seed=1)
    trainer.args.num_train_epochs, trainer.args.logging_steps = 25, 1
    trainer.args.learning_rate = 3e-3  # the encoder is random
    trainer.train()
    losses = [line["loss"] for line in trainer.state.log_history if "loss" in line]
    assert losses[0] > 2
    assert np.mean(losses[-5:]) < 0.5 * losses[0]
    assert score_model(model, tokenizer, training, examples, own.tags) > 0.1
    assert model.training


# What is counted.


def test_load_of_a_batch():
    mask = torch.tensor([[1, 1, 1, 1, 1, 0], [1, 1, 1, 0, 0, 0]])
    labels = torch.full((2, 6), IGNORED)
    labels[0, 1], labels[0, 3], labels[1, 1] = 4, 0, 0
    assert measure_load(mask, labels) == (12, 4, 3)


def test_clock_leaves_out_the_scorings():
    now = [0.0]
    scored = []

    def slow_score() -> float:
        now[0] += 1000
        scored.append(now[0])
        return len(scored) / 10

    def collate(rows: list[Any]) -> dict[str, Any]:
        labels = torch.tensor([[IGNORED, *[0] * rows[0], IGNORED]])
        return {"attention_mask": torch.ones_like(labels), "tags": labels}

    course = Course(
        slow_score, labels="tags", scorings=2, now=lambda: now[0], worked=lambda: 1.5 * now[0]
    )
    trainer = type("Trainer", (), {"data_collator": staticmethod(collate)})()
    trainer.add_callback = lambda callback: None
    course.follow(trainer)
    args = TrainingArguments("unused", num_train_epochs=3, gradient_accumulation_steps=2)
    state = type("State", (), {"max_steps": 60, "global_step": 0, "epoch": 0.0})()
    now[0] += 7  # the heads learn first
    course.on_train_begin(args, state, None)
    trainer.data_collator([0])  # a batch is drawn ahead
    for step in range(1, 61):
        trainer.data_collator([2 * step - 1])
        trainer.data_collator([2 * step])
        now[0] += 1
        course.on_substep_end(args, state, None)
        state.global_step, state.epoch = step, step / 20
        course.on_step_end(args, state, None)
    outcome = course.outcome(RECIPE, {})
    assert outcome.seconds == 67
    assert outcome.scoring_seconds == 6000
    assert outcome.cores == 1.5
    assert [(p.epochs, p.seconds) for p in outcome.curve] == [
        (step / 20, step + 7) for step in (10, 20, 30, 40, 50, 60)
    ]
    assert [p.f1 for p in outcome.curve] == [0.1, 0.2, 0.3, 0.4, 0.5, 0.6]
    assert outcome.words == sum(range(120))  # the last batch drawn was of no step
    assert (outcome.warm_seconds, outcome.warm_words) == (40, sum(range(40, 120)))
    assert outcome.words_per_second == sum(range(40, 120)) / 40
    assert outcome.words_per_epoch == sum(range(120)) / 3
    assert outcome.tokens == outcome.words + 2 * 120


def test_clock_goes_on_after_a_scoring_that_failed():
    now = [0.0]
    clock = Clock(lambda: now[0])

    def fail() -> float:
        now[0] += 5
        return 1 / 0

    with pytest.raises(ZeroDivisionError), clock.stopped():
        fail()
    now[0] += 3
    assert (clock.seconds, clock.still) == (3, 5)


def test_every_padded_token_of_the_baseline_is_counted(
    own: Material, tiny_encoder: Path, tokenizer: Any, tmp_path: Path
):
    run = partial(run_baseline, tiny_encoder, own, tmp_path, seed=1, scorings=3, epochs=2)
    by_length, by_batch = run(), run(padding="batch")
    examples = encode_sentences(own.read_training(), tokenizer, own, length=LENGTH)
    real = sum(sum(example.features["attention_mask"]) for example in examples)
    for outcome in (by_length, by_batch):
        assert outcome.steps == 2 * np.ceil(len(examples) / 8)
        assert outcome.tokens - outcome.padding == 2 * real
        assert outcome.words == 2 * sum(len(example.words) for example in examples)
        assert [point.epochs for point in outcome.curve] == sorted({p[0] for p in outcome.curve})
        assert len(outcome.curve) == 6
    assert by_length.tokens == 2 * LENGTH * len(examples)
    assert 0 < by_batch.padding < by_length.padding
    recipes = by_length.recipe, by_batch.recipe
    assert [recipe.padding for recipe in recipes] == ["padded to 128 tokens", BY_BATCH]
    assert replace(recipes[0], padding="") == replace(recipes[1], padding="")
    assert (recipes[0].epochs, recipes[0].batch_size, recipes[0].learning_rate) == (2, 8, 5e-5)


@pytest.mark.parametrize("scorings", [3, 0])
def test_a_course_of_one_step_has_one_scoring(
    own: Material, tiny_encoder: Path, tmp_path: Path, scorings: int
):
    run = partial(run_baseline, tiny_encoder, own, tmp_path, seed=1)
    outcome = run(scorings=scorings, epochs=0.01)
    assert (outcome.steps, len(outcome.curve)) == (1, 1)
    assert outcome.tokens == 8 * LENGTH


@pytest.mark.parametrize("accumulate", [1, 2])
def test_every_word_of_ours_is_counted_once_an_epoch(
    config: RunConfig, own: Material, tmp_path: Path, accumulate: int
):
    """Also where windows show their neighbours, and where a sentence's parts share words."""
    changes = {
        "train.batch_size": accumulate,  # one window at a time
        "train.accumulate": accumulate,
        "train.data_seed": 99,
        "train.heads_first": {"epochs": 1, "learning_rate": 1e-3},
        "window": {"max_tokens": 96, "overlap": 8, "context": 8},
    }
    run = own_run(with_values(config, changes), own, tmp_path / "run", seed=5, epochs=2)
    assert (run.seed, run.train.epochs, run.train.learning_rate) == (5, 2, 2e-3)
    assert run.train.data_seed is None
    encoder = load_encoder(run.encoder)
    windows = load_windows(
        run.data, encoder.tokenizer.backend_tokenizer, model_settings(run, encoder)
    )
    outcome = run_ours(run, own, scorings=1)
    lengths = np.array(windows["length"])
    heard = np.array([sum(tag != IGNORED for tag in row) for row in windows["tags"]])
    documents = own.read_training()
    assert heard.sum() == sum(len(find_words(document.text)) for document in documents)
    assert len(lengths) % 2 == 0  # so that an epoch holds each window once, whatever a step is
    assert outcome.steps == 2 * len(lengths) // accumulate
    assert outcome.tokens == 2 * lengths.sum()
    assert outcome.words == 2 * heard.sum()
    assert outcome.words_per_epoch == heard.sum()
    assert outcome.padding == 0
    assert len(outcome.curve) == 2
    assert outcome.settings["windows"] == len(lengths)
    assert outcome.settings["train"]["epochs"] == 2
    assert (outcome.recipe.heads_first, outcome.recipe.batch_size) == (1, accumulate)
    assert not list(run.output.rglob("*.safetensors"))


def test_both_recipes_read_a_public_corpus(
    config: RunConfig, public: Material, tiny_encoder: Path, tmp_path: Path
):
    run = own_run(config, public, tmp_path / "run", seed=1, epochs=0.1)
    assert (run.data.train, run.data.corpora) == (None, public.corpora)
    ours = run_ours(run, public, scorings=1)
    theirs = run_baseline(tiny_encoder, public, tmp_path, seed=1, scorings=1, epochs=0.1)
    for outcome in (ours, theirs):
        assert len(outcome.curve) == 1
        assert 0 <= outcome.f1 <= 1
    assert theirs.settings["sentences"] == 240
    assert theirs.padding_share > 0.8 > ours.padding_share


# What is compared.


def outcome_of(f1s: Mapping[float, float], **figures: float) -> Outcome:
    base: dict[str, Any] = {
        "recipe": RECIPE,
        "settings": {},
        "steps": 10,
        "seconds": 60.0,
        "scoring_seconds": 5.0,
        "cores": 1.0,
        "tokens": 1000,
        "padding": 100,
        "words": 800,
        "warm_words": 600,
        "warm_seconds": 30.0,
        "memory_before": 1,
        "memory": 1000,
    }
    curve = tuple(Point(seconds / 20, seconds, f1) for seconds, f1 in f1s.items())
    return Outcome(**base | figures, curve=curve)


BASELINE = outcome_of(
    {20.0: 0.4, 40.0: 0.75, 60.0: 0.7}, tokens=4000, padding=3000, warm_words=200, memory=1500
)


def test_ratios_of_a_heat():
    ours = outcome_of({5.0: 0.2, 10.0: 0.7, 15.0: 0.6})
    heat = Heat(13, ours=ours, baseline=BASELINE)
    assert heat.target == 0.7
    assert heat.ratios == {
        "speed": pytest.approx(3),
        "time_to_target": pytest.approx(4),  # the baseline was there before its end
        "memory": pytest.approx(1.5),
        "tokens_per_word": pytest.approx(4),
    }
    assert (ours.padding_share, BASELINE.padding_share) == (0.1, 0.75)


def test_a_target_that_is_not_reached_is_no_ratio():
    never = Heat(1, ours=outcome_of({5.0: 0.2, 60.0: 0.699}), baseline=BASELINE)
    fast, slow = (
        Heat(2, ours=outcome_of({seconds: 0.9}), baseline=BASELINE) for seconds in (4.0, 80.0)
    )
    assert never.ratios["time_to_target"] is None
    assert median_ratios([never])["time_to_target"] is None
    assert median_ratios([never, fast, slow])["time_to_target"] == pytest.approx(0.5)
    assert median_ratios([never, never, fast])["time_to_target"] is None
    assert median_ratios([never, fast])["time_to_target"] is None
    assert median_ratios([never, fast])["speed"] == pytest.approx(3)


def test_sides_take_turns_and_keep_their_names():
    own, usual = outcome_of({5.0: 0.2}), outcome_of({5.0: 0.1})
    for ours_first, order in ((False, [usual, own]), (True, [own, usual])):
        done: list[Outcome] = []

        def run(side: Callable[[], Outcome], done: list[Outcome] = done) -> Outcome:
            done.append(side())
            return done[-1]

        heat = run_heat(7, ours=lambda: own, baseline=lambda: usual, ours_first=ours_first, run=run)
        assert done == order
        assert heat == Heat(7, ours=own, baseline=usual, ours_first=ours_first)
        assert heat.to_record()["first"] == ("marsad" if ours_first else "baseline")


# What is printed.


def test_recipe_in_a_line():
    assert str(RECIPE) == (
        "padded to 128 tokens, fp32, sdpa attention, batches of 8, 3 epochs, learning rate 5e-05 "
        "(heads 5e-05), frozen: nothing, heads first: no"
    )
    changes = {"frozen_layers": 4, "frozen_embeddings": True, "heads_first": 2, "lora": 8}
    line = str(replace(RECIPE, **changes))
    assert line.endswith("frozen: 4 layers and embeddings, heads first: 2 epochs, LoRA of rank 8")


def test_result_says_how_the_sides_differ_and_what_memory_is(own: Material):
    ours = outcome_of({9.0: 0.8}, memory=3 * MIB, memory_before=2 * MIB)
    ours = replace(ours, recipe=replace(RECIPE, padding=BY_BATCH, frozen_layers=4))
    heats = tuple(Heat(seed, ours, BASELINE, ours_first=seed == 2) for seed in (1, 2))
    machine = replace(describe_machine(), gpu=False)
    result = Result(machine, "an encoder", own.train, own.read_dev(), heats)
    lines = list(result.to_lines())
    assert f"marsad: {ours.recipe}" in lines
    assert f"baseline: {BASELINE.recipe}" in lines
    assert any("seeds: 1 (baseline first), 2 (marsad first)" in line for line in lines)
    memory = [line for line in lines if line.startswith("| peak resident memory")]
    assert memory[0].startswith("| peak resident memory, loading and scoring included, MiB |")
    assert memory[0].endswith("| 3 | 0 |")
    assert memory[1] == "| peak resident memory before training, MiB |  | 2 | 0 |"
    record = replace(result, machine=replace(machine, gpu=True))
    assert any(line.startswith("| peak GPU memory, loading") for line in record.to_lines())


# All of it.


def script() -> ModuleType:
    spec = importlib.util.spec_from_file_location(
        "bench_training_script", ROOT / "train" / "bench_training.py"
    )
    assert spec is not None
    assert spec.loader is not None
    module = importlib.util.module_from_spec(spec)
    spec.loader.exec_module(module)
    return module


@pytest.mark.slow
def test_whole_benchmark(
    config: RunConfig,
    tmp_path: Path,
    monkeypatch: pytest.MonkeyPatch,
    capfd: pytest.CaptureFixture[str],
):
    monkeypatch.delenv("MARSAD_CORPORA", raising=False)
    ballast = np.ones(1536 * MIB, dtype=np.uint8)  # of this process, in neither run's figure
    path, output = tmp_path / "run.yaml", tmp_path / "figures.json"
    path.write_text(config.to_yaml(), encoding="utf-8")
    arguments = ["--config", str(path), "--output", str(output), "--padding", "batch"]
    assert script().main([*arguments, "--epochs", "1", "train.learning_rate=0.003"]) == 0
    record = json.loads(output.read_text(encoding="utf-8"))
    assert record["machine"]["torch"] == torch.__version__
    assert record["machine"]["processor"]
    assert (record["dev"], len(record["dev_sha256"])) == (config.data.dev, 64)
    [heat] = record["heats"]
    ours, theirs = heat["marsad"], heat["baseline"]
    assert heat["seed"] == 13
    assert heat["target_f1"] == theirs["curve"][-1]["f1"]
    for side in (ours, theirs):
        assert len(side["curve"]) == 2
        assert side["curve"][-1]["seconds"] == side["seconds"]
        assert side["words_per_second"] == side["warm_words"] / side["warm_seconds"]
        assert side["padding_share"] == side["padding"] / side["tokens"]
        assert ballast.nbytes > side["memory"] >= side["memory_before"] > 50 * MIB
        reached = [p["seconds"] for p in side["curve"] if p["f1"] >= heat["target_f1"]]
        assert side["seconds_to_target"] == (reached[0] if reached else None)
    assert ours["settings"]["train"]["learning_rate"] == 0.003
    assert ours["recipe"]["learning_rate"] == 0.003
    assert theirs["recipe"]["padding"] == BY_BATCH
    assert theirs["words_per_epoch"] == theirs["words"]
    assert heat["first"] == "baseline"
    assert heat["ratios"]["speed"] == ours["words_per_second"] / theirs["words_per_second"]
    assert heat["ratios"]["memory"] == theirs["memory"] / ours["memory"]
    assert heat["ratios"]["tokens_per_word"] == pytest.approx(
        theirs["tokens"] / theirs["words"] / (ours["tokens"] / ours["words"])
    )
    times = theirs["seconds_to_target"], ours["seconds_to_target"]
    assert heat["ratios"]["time_to_target"] == (times[0] / times[1] if times[1] else None)
    assert record["ratios"] == heat["ratios"]
    printed = capfd.readouterr().out
    rows = [line for line in printed.splitlines() if line.startswith("|")]
    assert f"{heat['ratios']['speed']:.2f}" in rows[2]
    assert sum(" baseline |" in row for row in rows) == 1 + 2


def test_wrong_input_is_one_line(tmp_path: Path, capsys: pytest.CaptureFixture[str]):
    assert script().main(["--config", str(tmp_path / "none.yaml")]) == 2
    assert capsys.readouterr().err.startswith("marsad: ")


@pytest.mark.parametrize(
    "options",
    [["--scorings", "0"], ["--epochs", "0"], ["--epochs", "inf"], ["--padding", "none"]],
    ids=" ".join,
)
def test_options_out_of_range_are_refused(options: list[str], capsys: pytest.CaptureFixture[str]):
    with pytest.raises(SystemExit, match="2"):
        script().main(options)
    assert f"error: argument {options[0]}: " in capsys.readouterr().err


def test_our_run_is_under_the_checks_of_a_file(config: RunConfig, own: Material, tmp_path: Path):
    with pytest.raises(ConfigError, match=r"train\.epochs: .* greater than 0"):
        own_run(config, own, tmp_path, seed=1, epochs=0)
    with pytest.raises(ConfigError, match="seed: "):
        race(config, own, seeds=[1, -1], scorings=1)


def test_runs_that_read_no_entities_or_no_file_are_refused(config: RunConfig, own: Material):
    with pytest.raises(ConfigError, match="task: events reads no entities"):
        race(config.model_copy(update={"task": "events"}), own, seeds=[1], scorings=1)
    raw = yaml.safe_load(config.to_yaml())
    raw["data"] |= {"train": None, "mixture": [{"corpus": own.train}]}
    with pytest.raises(ConfigError, match=r"data\.train: .* name one"):
        own_corpus(RunConfig.model_validate(raw))


@pytest.mark.skipif(not STATM.exists(), reason="the resident set is read from Linux's /proc")
def test_peak_resident_memory_grows_with_what_was_held_and_never_falls():
    before = peak_resident()
    resident = int(STATM.read_text().split()[1]) * os.sysconf("SC_PAGE_SIZE")
    np.ones(before - resident + 64 * MIB, dtype=np.uint8).sum()
    assert 48 * MIB < peak_resident() - before < 80 * MIB


def test_a_run_that_dies_is_told():
    with pytest.raises(TrainingError, match="the process of a run died"):
        run_apart(partial(os._exit, 1))


def test_a_refusal_in_a_run_is_told_in_its_own_words():
    """That of an error whose constructor takes something else than its message, too."""
    with pytest.raises(MarsadError, match=r"^peft is not installed; run: pip install 'marsad\[l\]"):
        run_apart(partial(exec, REFUSAL))
    with pytest.raises(ZeroDivisionError):
        run_apart(partial(divmod, 1, 0))
    assert run_apart(partial(divmod, 7, 2)) == (3, 1)
