import subprocess
import sys
from collections.abc import Mapping

import numpy as np
import numpy.typing as npt
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from tokenizers import Tokenizer

from marsad.calibration import Abstention, Calibration, Curve
from marsad.document import Document
from marsad.labels import scheme
from marsad.reader import Reader
from marsad.text.cleaning import CLEANINGS
from marsad.text.windows import Batch, SpecialIds
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
    thresholds = dict.fromkeys(scheme().event_names, 0.3)
    calibration = Calibration(
        Curve(0.5, {"GPE": 0.4}), Curve(0.7, {"siege": -0.2}), thresholds, Abstention(0.3, 0.4)
    )
    reader = Reader(tokenizer, oracle_settings(SPECIAL), Noise(), calibration=calibration)
    later = [judgement.decide(calibration) for judgement in reader.judge(documents)]
    assert list(reader.pipe(documents)) == later
    assert any(document.warnings for document in later)


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
