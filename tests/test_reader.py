import json
import shutil
import subprocess
import sys
from collections.abc import Mapping
from dataclasses import replace
from pathlib import Path

import numpy as np
import numpy.typing as npt
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from tokenizers import Tokenizer

from marsad.calibration import Abstention, Calibration, Curve
from marsad.document import Document
from marsad.labels import SCHEME_FILE, scheme
from marsad.model_folder import SETTINGS_KEY, ModelFolder, ModelSettings, read_settings
from marsad.reader import Reader
from marsad.text.batches import Batch
from marsad.text.cleaning import CLEANINGS
from marsad.text.windows import SpecialIds
from tests.conftest import ROOT, tiny_tokenizer
from tests.fuzz import Noise, check_invariants, fuzz, make_readers
from tests.oracle import Oracle, decorate, oracle_settings

SPECIAL = SpecialIds(start=2, end=3, pad=0)


@pytest.fixture(scope="module")
def tokenizer(documents: list[Document]) -> Tokenizer:
    return tiny_tokenizer([d.text for d in documents]).backend_tokenizer


def spans(document: Document) -> list[tuple[int, int, str]]:
    return [(e.start, e.end, e.label) for e in document.entities]


@pytest.mark.parametrize("cleaning", CLEANINGS)
@pytest.mark.parametrize("max_tokens", [32, 512])
def test_a_model_that_is_right_is_read_right(
    documents: list[Document], tokenizer: Tokenizer, cleaning: str, max_tokens: int
):
    limits = oracle_settings(SPECIAL, CLEANINGS[cleaning], max_tokens=max_tokens)
    reader = Reader(tokenizer, limits, Oracle(documents, tokenizer, limits))
    for gold, own in zip(documents, reader.pipe(documents, batch_size=3), strict=True):
        assert spans(own) == spans(gold)
        assert own.coverage == 1.0
        if max_tokens == 512:  # events of a sentence cut in two have no target
            assert [[(e.type, e.realis) for e in s.events] for s in own.sentences] == [
                sorted(((e.type, e.realis) for e in s.events), key=_order) for s in gold.sentences
            ]


def _order(event: tuple[str, str]) -> int:
    return scheme().event_names.index(event[0])


@pytest.mark.parametrize("cleaning", ["marks", "arabert"])
def test_vowels_and_stretching_move_no_span(
    documents: list[Document], tokenizer: Tokenizer, cleaning: str
):
    limits = oracle_settings(SPECIAL, CLEANINGS[cleaning])
    reader = Reader(tokenizer, limits, Oracle(documents, tokenizer, limits))
    for seed, document in enumerate(documents):
        decorated = decorate(document, seed)
        assert spans(reader(decorated)) == spans(decorated)


def test_a_sentence_is_read_alike_wherever_its_window_stands(tokenizer: Tokenizer):
    limits = oracle_settings(SPECIAL, max_tokens=64)
    reader = Reader(tokenizer, limits, Noise())
    sentence = "قصفت قوات النظام السوري بلدة طفس في ريف درعا الغربي."
    padding = "وفي سياق آخر عقد المجلس المحلي اجتماعا في مقر البلدية."
    first = reader("\n".join([sentence, *[padding] * 5]))
    later = reader("\n".join([*[padding] * 7, sentence, padding]))
    at = later.text.index(sentence)
    assert spans(first)[:1]
    assert [e for e in spans(first) if e[1] <= len(sentence)] == [
        (a - at, b - at, label) for a, b, label in spans(later) if at <= a < at + len(sentence)
    ]
    assert first.sentences[0].events == later.sentences[7].events


def around(bare: ModelSettings, context: int) -> ModelSettings:
    """Return settings with as much room for sentences, and context besides."""
    return replace(bare, max_tokens=bare.max_tokens + 2 * context, context=context)


@pytest.mark.parametrize(("max_tokens", "context"), [(32, 5), (128, 16), (512, 64)])
def test_a_model_that_sees_context_is_read_right(
    documents: list[Document], tokenizer: Tokenizer, max_tokens: int, context: int
):
    limits = around(oracle_settings(SPECIAL, max_tokens=max_tokens), context)
    reader = Reader(tokenizer, limits, Oracle(documents, tokenizer, limits))
    for gold, own in zip(documents, reader.pipe(documents, batch_size=3), strict=True):
        assert spans(own) == spans(gold)
        assert own.coverage == 1.0


class Listener(Noise):
    """Counts the tokens that it is shown, and those that the event head may look at."""

    def __init__(self) -> None:
        super().__init__()
        self.shown = self.pooled = self.longest = 0

    def __call__(self, batch: Batch) -> Mapping[str, npt.NDArray[np.float32]]:
        self.shown += int(batch.attention_mask.sum())
        self.pooled += int(batch.sentence_mask.sum())
        self.longest = max(self.longest, batch.input_ids.shape[1])
        return super().__call__(batch)


def test_context_is_shown_and_not_answered_for(documents: list[Document], tokenizer: Tokenizer):
    bare, limits = (around(oracle_settings(SPECIAL, max_tokens=64), size) for size in (0, 8))
    deaf, hearing = Listener(), Listener()
    without = list(Reader(tokenizer, bare, deaf).pipe(documents))
    assert list(Reader(tokenizer, limits, hearing).pipe(documents)) == without
    assert any(document.entities for document in without)
    assert any(sentence.events for document in without for sentence in document.sentences)
    assert hearing.shown > 1.1 * deaf.shown
    assert hearing.pooled == deaf.pooled
    assert hearing.longest <= limits.max_tokens


@settings(max_examples=50, deadline=None)
@given(st.text(st.sampled_from("ابتدرع ول.\n،ًـ\u200f😀٤") | st.characters(), max_size=300))
def test_record_is_the_same_whatever_the_context(text: str):
    tokenizer = tiny_tokenizer(["ابتدرعوقسملن ."]).backend_tokenizer
    for cleaning in CLEANINGS.values():
        bare = oracle_settings(SPECIAL, cleaning, max_tokens=24)
        record = Reader(tokenizer, around(bare, 6), Noise())(text)
        check_invariants(record, text)
        assert record == Reader(tokenizer, bare, Noise())(text)


def test_context_is_kept_and_models_from_before_it_have_none(tmp_path: Path):
    folder = ModelFolder(tmp_path)
    shutil.copy(SCHEME_FILE, folder["labels"])
    own = around(oracle_settings(SPECIAL), 16)
    config = own.to_config()
    folder["config"].write_text(json.dumps({SETTINGS_KEY: config}), encoding="utf-8")
    assert read_settings(folder) == own
    del config["context"]
    folder["config"].write_text(json.dumps({SETTINGS_KEY: config}), encoding="utf-8")
    assert read_settings(folder) == replace(own, context=0)


class Silence(Noise):
    """Finds nothing, so that the record holds little beside the text."""

    def __call__(self, batch: Batch) -> Mapping[str, npt.NDArray[np.float32]]:
        logits = super().__call__(batch)
        nothing = {"tags": 9, "events": -9}
        for name, value in nothing.items():
            logits[name][..., 0 if name == "tags" else slice(None)] = value
        return logits


PEAK = """
import resource
from marsad.reader import Reader
from marsad.text.cleaning import CLEANINGS
from tests.conftest import ROOT, tiny_tokenizer
from tests.oracle import oracle_settings
from tests.test_reader import SPECIAL, Silence

tokenizer = tiny_tokenizer(["ابتدرعوقسملن ."]).backend_tokenizer
reader = Reader(tokenizer, oracle_settings(SPECIAL, CLEANINGS["marks"]), Silence())
document = reader("قال سكان من درعا إن القصف توقف. " * ({words} // 8))
assert document.coverage == 1.0 and not document.entities
print(resource.getrusage(resource.RUSAGE_SELF).ru_maxrss)
"""


def peak_of(words: int) -> int:
    """Return the most memory, in kB, that a process reading so many words held at a time."""
    code = [sys.executable, "-c", PEAK.format(words=words)]
    return int(subprocess.run(code, check=True, capture_output=True, cwd=ROOT).stdout)


@pytest.mark.slow
def test_memory_grows_with_the_record_alone():
    small, large = peak_of(20_000), peak_of(200_000)
    assert large - small < 30_000  # the text is 2 MB, its 25,000 sentences are the rest


def test_what_is_decided_at_once_is_what_is_decided_later(
    documents: list[Document], tokenizer: Tokenizer
):
    thresholds = dict.fromkeys(scheme().event_names, 0.7)
    calibration = Calibration(
        Curve(0.5, {"GPE": 0.4}),
        Curve(0.7, {"siege": -0.2}),
        thresholds,
        Abstention(0.3, 0.65),
        families={"coercion": 0.97, "unrest": 0.8, "battle": 0.75},
    )
    reader = Reader(tokenizer, oracle_settings(SPECIAL), Noise(), calibration=calibration)
    judgements = list(reader.judge(documents))
    later = [judgement.decide(calibration) for judgement in judgements]
    assert list(reader.pipe(documents)) == later
    assert any(document.warnings for document in later)
    alone = replace(calibration, families={})
    assert later != [judgement.decide(alone) for judgement in judgements]


@settings(max_examples=150, deadline=None)
@given(
    st.text(
        st.sampled_from("ابتدرع ول.\n،؟«»ًّـ\u200f\u200d😀٤7\ud800") | st.characters(), max_size=300
    )
)
def test_record_is_sound_whatever_the_text(text: str):
    tokenizer = tiny_tokenizer(["ابتدرعوقسملن ."]).backend_tokenizer
    for cleaning in CLEANINGS.values():
        reader = Reader(tokenizer, oracle_settings(SPECIAL, cleaning, max_tokens=32), Noise())
        check_invariants(reader(text), text)


@pytest.mark.slow
def test_a_minute_of_fuzzing_breaks_no_record():
    assert fuzz(make_readers(), seed=0, texts=10**9, seconds=60).total() > 100


def test_what_is_no_text_is_refused_by_name(tokenizer: Tokenizer):
    own = oracle_settings(SPECIAL)
    reader = Reader(tokenizer, own, Oracle([], tokenizer, own))
    with pytest.raises(TypeError, match="pipe reads many texts, and this is one"):
        reader.pipe("انسحب الجيش")
    with pytest.raises(TypeError, match="text 0 is a bytes, not a str or a Document"):
        reader(b"x")
