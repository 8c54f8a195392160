"""The CRF against sums over all tag sequences, written out."""

from collections.abc import Iterator, Sequence
from typing import NamedTuple

import numpy as np
import pytest
import torch
from hypothesis import given, settings
from hypothesis import strategies as st
from torch import Tensor
from torch.func import functional_call

from marsad.crf import LinearChainCRF
from marsad.labels import scheme
from marsad.spans import best_legal_tags, legal_transitions, tag_log_marginals
from tests.test_spans import TAGS, draw_chain, legal_paths, path_scores

O, B_X, I_X, B_Y, I_Y = range(len(TAGS))  # noqa: E741
seeds = st.integers(0, 2**32 - 1)
RICH = 5  # the seed of a batch with sentences of 1 to 5 words, some of them annotated illegally


class Annotated(NamedTuple):
    """What the layer takes, and the row and the positions of each sentence's words."""

    emissions: Tensor
    allowed: Tensor
    begins: Tensor
    known: Tensor
    sentences: list[tuple[int, np.ndarray]]


def draw_batch(seed: int, *, most_words: int = 5) -> Annotated:
    """Rows of sentences with other pieces between words, padding, and tags open or known.

    Positions that are no words hold nan. Some rows begin inside a sentence.
    """
    rng = np.random.default_rng(seed)
    rows = [
        [int(n) for n in rng.integers(1, most_words + 1, size=rng.integers(0, 4))]
        for _ in range(rng.integers(1, 4))
    ]
    gaps = [rng.integers(0, 3, size=sum(row) + 1) for row in rows]
    places = [np.cumsum(own[:-1] + 1) - 1 for own in gaps]
    length = max(sum(row) + int(own.sum()) for row, own in zip(rows, gaps, strict=True)) + 1
    emissions = torch.full((len(rows), length, len(TAGS)), torch.nan, dtype=torch.float64)
    known = torch.zeros(len(rows), length, dtype=torch.bool)
    begins = torch.zeros(len(rows), length, dtype=torch.bool)
    sentences = []
    for row, (counts, place) in enumerate(zip(rows, places, strict=True)):
        known[row, place] = True
        for number, words in enumerate(np.split(place, np.cumsum(counts)[:-1]) if counts else []):
            begins[row, words[0]] = number > 0 or rng.random() < 0.7
            sentences.append((row, words))
    scores = rng.normal(scale=2, size=(int(known.sum()), len(TAGS)))
    emissions[known] = torch.from_numpy(scores)
    sharp = np.eye(len(TAGS), dtype=bool)[rng.integers(0, len(TAGS), size=known.shape)]
    some = rng.random((*known.shape, len(TAGS))) < 0.7
    kind = rng.integers(0, 3, size=known.shape)[..., None]
    allowed = torch.from_numpy(np.where(kind == 0, sharp, (kind == 1) | some))
    return Annotated(emissions, allowed, begins, known, sentences)


def draw_crf(seed: int) -> LinearChainCRF:
    crf = LinearChainCRF(TAGS).double()
    _, transitions = draw_chain(1, seed)
    crf.transitions.data = torch.from_numpy(transitions).double()
    return crf


def log_sum(scores: np.ndarray) -> float:
    if not len(scores):
        return -np.inf
    return float(scores.max() + np.log(np.exp(scores - scores.max()).sum()))


def losses_by_hand(batch: Annotated, transitions: Tensor) -> Iterator[float]:
    """The negative log-likelihood of each sentence, infinite where no legal path agrees."""
    for row, words in batch.sentences:
        logits = batch.emissions[row, words].numpy()
        paths = legal_paths(len(words), opens=bool(batch.begins[row, words[0]]))
        scores = path_scores(logits, transitions.detach().numpy(), paths)
        allowed = batch.allowed[row, words].numpy()
        agree = allowed[np.arange(len(words)), paths].all(axis=1)
        yield log_sum(scores) - log_sum(scores[agree])


def one_sentence(tags: Sequence[int]) -> dict[str, Tensor]:
    """Arguments for a row that is one sentence annotated in full; the emissions are left out."""
    allowed = torch.nn.functional.one_hot(torch.tensor([tags]), len(TAGS)).bool()
    known = torch.ones(1, len(tags), dtype=torch.bool)
    begins = torch.zeros_like(known)
    begins[:, 0] = True
    return {"allowed": allowed, "begins": begins, "known": known}


def loss_of(crf: LinearChainCRF, batch: Annotated) -> Tensor:
    return crf(batch.emissions, batch.allowed, begins=batch.begins, known=batch.known)


@settings(max_examples=200, deadline=None)
@given(seeds)
def test_loss_is_the_sum_over_all_legal_sequences(seed: int):
    batch, crf = draw_batch(seed), draw_crf(seed)
    expected = list(losses_by_hand(batch, crf.transitions))
    finite = sum(loss for loss in expected if np.isfinite(loss))
    assert loss_of(crf, batch).item() == pytest.approx(finite, abs=1e-9)


@settings(max_examples=15, deadline=None)
@given(seeds)
def test_gradients_are_those_of_finite_differences(seed: int):
    batch, crf = draw_batch(seed, most_words=3), draw_crf(seed)
    words = batch.emissions[batch.known].requires_grad_()

    def loss(words: Tensor, transitions: Tensor) -> Tensor:
        emissions = batch.emissions.clone()
        emissions[batch.known] = words
        rest = {"begins": batch.begins, "known": batch.known}
        own = {"transitions": transitions}
        return functional_call(crf, own, (emissions, batch.allowed), rest)

    transitions = crf.transitions.detach().requires_grad_()
    assert torch.autograd.gradcheck(loss, (words, transitions))


@settings(max_examples=50, deadline=None)
@given(seeds)
def test_gradients_are_zero_outside_words_and_finite_everywhere(seed: int):
    batch, crf = draw_batch(seed), draw_crf(seed)
    batch.emissions.requires_grad_()
    loss_of(crf, batch).backward()
    assert batch.emissions.grad is not None
    assert not batch.emissions.grad[~batch.known].any()
    assert batch.emissions.grad.isfinite().all()
    assert crf.transitions.grad is None or crf.transitions.grad.isfinite().all()


def marginals_by_autograd(logits: np.ndarray, transitions: np.ndarray) -> np.ndarray:
    """The gradient of log Z: that of the loss, with the annotation added back."""
    crf = LinearChainCRF(TAGS).double()
    crf.transitions.data = torch.from_numpy(transitions).double()
    emissions = torch.from_numpy(logits).double()[None].requires_grad_()
    sentence = one_sentence([O] * len(logits))
    (gradient,) = torch.autograd.grad(crf(emissions, **sentence), emissions)
    return (gradient + sentence["allowed"].double())[0].numpy()


@settings(max_examples=60, deadline=None)
@given(st.integers(1, 30), seeds)
def test_decoder_and_layer_agree_on_marginals(length: int, seed: int):
    chain = draw_chain(length, seed)
    found = np.exp(tag_log_marginals(*chain, TAGS))
    assert np.allclose(found, marginals_by_autograd(*chain), atol=1e-6)


def test_marginals_stay_exact_in_a_long_sentence():
    chain = draw_chain(600, seed=0, scale=4)
    found = np.exp(tag_log_marginals(*chain, TAGS))
    assert np.allclose(found, marginals_by_autograd(*chain), atol=1e-6)


@pytest.mark.parametrize(
    "tags", [[I_X], [O, I_X], [B_X, I_Y], [B_X, I_X, O, I_X], [B_X, I_X, I_Y, O]]
)
def test_sentence_annotated_against_bio_adds_nothing(tags: list[int]):
    crf, length = draw_crf(0), len(tags)
    sentence, sound = one_sentence(tags), one_sentence([B_X] + [I_X] * (length - 1))
    pair = {name: torch.cat([sentence[name], sound[name]]) for name in sentence}
    torch.manual_seed(0)
    emissions = torch.randn(2, length, len(TAGS), dtype=torch.float64).requires_grad_()
    alone = crf(emissions[1:], **sound)
    (expected,) = torch.autograd.grad(alone, emissions)
    together = crf(emissions, **pair)
    together.backward()
    assert together.item() == pytest.approx(alone.item(), abs=1e-12)
    assert emissions.grad is not None
    assert torch.allclose(emissions.grad, expected)
    assert crf.transitions.grad is None or crf.transitions.grad.isfinite().all()
    assert crf(emissions[:1], **sentence).item() == 0


def test_word_that_no_tag_is_left_to_silences_its_sentence():
    crf, sentence = draw_crf(0), one_sentence([O, B_X, I_X])
    sentence["allowed"][0, 1] = False
    assert crf(torch.zeros(1, 3, len(TAGS)), **sentence).item() == 0


def test_scores_that_are_no_numbers_are_not_hidden():
    crf, sentence = draw_crf(0), one_sentence([O, B_X, I_X])
    emissions = torch.zeros(1, 3, len(TAGS))
    emissions[0, 1, 0] = torch.nan
    assert crf(emissions, **sentence).isnan()


def test_row_may_begin_inside_a_mention():
    crf, sentence = draw_crf(0), one_sentence([I_X, O])
    emissions = torch.randn(1, 2, len(TAGS))
    assert crf(emissions, **sentence).item() == 0
    sentence["begins"][:] = False
    assert crf(emissions, **sentence).item() > 0


def test_annotation_that_leaves_everything_open_teaches_nothing():
    batch, crf = draw_batch(RICH), draw_crf(RICH)
    batch.allowed[:] = True
    emissions = batch.emissions.nan_to_num().requires_grad_()
    loss = crf(emissions, batch.allowed, begins=batch.begins, known=batch.known)
    gradients = torch.autograd.grad(loss, (emissions, crf.transitions))
    assert loss.item() == pytest.approx(0, abs=1e-12)
    assert all(torch.allclose(g, torch.zeros_like(g)) for g in gradients)


def test_batch_without_words_has_no_loss():
    crf = LinearChainCRF(TAGS)
    emissions = torch.zeros(2, 3, len(TAGS), requires_grad=True)
    nowhere = torch.zeros(2, 3, dtype=torch.bool)
    loss = crf(emissions, torch.zeros(2, 3, len(TAGS)).bool(), begins=nowhere, known=nowhere)
    loss.backward()
    assert loss.item() == 0
    assert emissions.grad is not None
    assert not emissions.grad.any()


def test_illegal_transitions_are_neither_read_nor_learned():
    batch, crf = draw_batch(RICH), draw_crf(RICH)
    legal = torch.from_numpy(legal_transitions(TAGS))
    before = loss_of(crf, batch)
    before.backward()
    assert crf.transitions.grad is not None
    assert not crf.transitions.grad[~legal].any()
    assert crf.transitions.grad[legal].any()
    crf.transitions.data[~legal] = 80
    assert loss_of(crf, batch).item() == before.item()


def test_illegal_sequences_have_no_probability():
    """The probabilities of all sequences, legal or not, sum to 1 over the legal ones."""
    crf = draw_crf(5)
    torch.manual_seed(0)
    emissions = torch.randn(1, 3, len(TAGS), dtype=torch.float64)
    with torch.no_grad():
        losses = [crf(emissions, **one_sentence(path)) for path in legal_paths(3).tolist()]
    assert torch.stack(losses).neg().exp().sum().item() == pytest.approx(1)
    assert len(losses) < len(TAGS) ** 3


def test_loss_does_not_depend_on_what_is_added_to_all_tags_of_a_word():
    batch, crf = draw_batch(RICH), draw_crf(RICH)
    torch.manual_seed(0)
    shift = torch.randn(*batch.known.shape, 1, dtype=torch.float64) * 100
    moved = batch._replace(emissions=batch.emissions + shift)
    assert loss_of(crf, moved).item() == pytest.approx(loss_of(crf, batch).item(), abs=1e-9)


def test_confident_loss_does_not_drown_in_scores_that_all_tags_share():
    """In single precision sums of 512 scores of 4096 would be right to a quarter of a nat."""
    torch.manual_seed(0)
    emissions = (torch.randn(1, 512, len(TAGS)) * 64).round() / 64  # 4096 more is exact, too
    emissions[..., O] += 12
    crf, sentence = LinearChainCRF(TAGS), one_sentence([O] * 512)
    expected = crf(emissions.double(), **sentence).item()
    assert crf(emissions + 4096, **sentence).item() == pytest.approx(expected, rel=1e-3)


def cross_entropy(emissions: Tensor, tags: Tensor) -> float:
    return torch.nn.functional.cross_entropy(emissions, tags, reduction="sum").item()


def test_untrained_layer_is_cross_entropy_where_bio_forbids_nothing():
    """Tags that begin, and none inside: every sequence is legal."""
    names = [name for name in scheme().tags if not name.startswith("I-")]
    torch.manual_seed(0)
    emissions = torch.randn(2, 200, len(names)) * 8
    tags = torch.randint(len(names), (2, 200))
    everywhere = torch.ones(2, 200, dtype=torch.bool)
    allowed = torch.nn.functional.one_hot(tags, len(names)).bool()
    loss = LinearChainCRF(names)(emissions, allowed, begins=~everywhere, known=everywhere)
    expected = cross_entropy(emissions.flatten(0, 1), tags.flatten())
    assert loss.dtype == torch.float32
    assert loss.item() == pytest.approx(expected, rel=1e-6)


@settings(max_examples=50, deadline=None)
@given(st.integers(1, 5), seeds)
def test_untrained_layer_is_below_cross_entropy_by_what_is_illegal(length: int, seed: int):
    """Local normalisation spends mass on illegal sequences: CE - loss = -log P(legal)."""
    logits, _ = draw_chain(length, seed)
    emissions = torch.from_numpy(logits).double()
    path = legal_paths(length)[seed % len(legal_paths(length))]
    loss = LinearChainCRF(TAGS)(emissions[None], **one_sentence(path.tolist())).item()
    local = emissions.log_softmax(-1).numpy()
    legal = log_sum(path_scores(local, np.zeros((len(TAGS), len(TAGS))), legal_paths(length)))
    assert legal < 0
    expected = cross_entropy(emissions, torch.from_numpy(path)) + legal
    assert loss == pytest.approx(expected, abs=1e-6)


def test_scores_of_any_size_keep_loss_and_gradients_finite():
    crf = LinearChainCRF(TAGS)
    torch.manual_seed(0)
    emissions = (torch.randn(1, 512, len(TAGS)) * 1e4).requires_grad_()
    loss = crf(emissions, **one_sentence([B_X, I_X, B_Y, O] * 128))
    loss.backward()
    assert loss.isfinite()
    assert emissions.grad is not None
    assert emissions.grad.isfinite().all()
    assert crf.transitions.grad is not None
    assert crf.transitions.grad.isfinite().all()


@pytest.mark.parametrize("dtype", [torch.float32, torch.bfloat16, torch.float16])
def test_half_precision_outside_changes_nothing_inside(dtype: torch.dtype):
    crf = draw_crf(0).float()
    torch.manual_seed(0)
    emissions = torch.randn(1, 40, len(TAGS)).to(dtype).requires_grad_()
    sentence = one_sentence([B_X, I_X, I_X, O] * 10)
    expected = crf(emissions.float(), **sentence)
    with torch.autocast("cpu", torch.bfloat16):
        loss = crf(emissions, **sentence)
    loss.backward()
    assert loss.dtype == torch.float32
    assert loss.item() == expected.item()
    assert emissions.grad is not None
    assert emissions.grad.dtype == dtype


def test_saved_state_is_the_transitions():
    assert list(LinearChainCRF(TAGS).state_dict()) == ["transitions"]


@pytest.mark.parametrize("unknown", [0.0, 0.4])
def test_transitions_learn_a_pattern_that_words_do_not_show(unknown: float):
    """Words say nothing, so what is learned is which tag follows which, from partial tags, too."""
    pattern = [B_X, I_X, O, B_Y, B_X, I_X, O, B_Y, B_X]
    rng = np.random.default_rng(0)
    sentences = [one_sentence(pattern[i : i + 6]) for i in (0, 2, 3) for _ in range(10)]
    batch = {name: torch.cat([own[name] for own in sentences]) for name in sentences[0]}
    batch["allowed"] |= torch.from_numpy(rng.random(batch["known"].shape) < unknown)[..., None]
    emissions = torch.zeros(batch["allowed"].shape)
    crf = LinearChainCRF(TAGS)
    optimizer = torch.optim.Adam(crf.parameters(), lr=0.2)
    for _ in range(100):
        optimizer.zero_grad()
        loss = crf(emissions, **batch)
        loss.backward()
        optimizer.step()
    transitions = crf.transitions.detach().numpy()
    logits = np.zeros((9, len(TAGS)), dtype=np.float32)
    logits[0, B_X] = 20
    marginals = tag_log_marginals(logits, transitions, TAGS)
    assert best_legal_tags(marginals, TAGS).tolist() == pattern
    assert np.exp(marginals)[np.arange(9), pattern].min() > 0.9


@pytest.mark.parametrize("words", [0, 1])
def test_transitions_have_a_gradient_without_a_pair_of_words(words: int):
    """Processes that shard them exchange gradients in the same order, whatever each has read."""
    crf = LinearChainCRF(["O", "B-A", "I-A"])
    known = torch.zeros(1, 2, dtype=torch.bool)
    known[:, :words] = True
    emissions = torch.zeros(1, 2, 3, requires_grad=True)
    loss = crf(emissions, torch.ones(1, 2, 3, dtype=torch.bool), begins=known, known=known)
    loss.backward()
    assert crf.transitions.grad is not None
    assert not crf.transitions.grad.any()
