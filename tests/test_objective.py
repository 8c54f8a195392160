"""The objective against means that are written out, on batches that leave some labels open."""

from collections.abc import Mapping

import numpy as np
import pytest
import torch
from torch import Tensor
from torch.nn.functional import (
    binary_cross_entropy_with_logits,
    cross_entropy,
    kl_div,
    log_softmax,
    logsigmoid,
)

from marsad.benchmarks import Annotated
from marsad.config import RunConfig
from marsad.crf import LinearChainCRF
from marsad.document import Document
from marsad.encoders.loading import load_encoder
from marsad.label_sets import label_sets
from marsad.labels import scheme
from marsad.losses import IGNORED
from marsad.modeling import MarsadModel
from marsad.objective import Counts, Objective, count_targets
from marsad.sections import LossConfig
from marsad.spans import legal_beginnings, legal_transitions
from marsad.targets import Collator, training_rows
from marsad.text.batches import Batch
from marsad.text.words import MAX_PROCLITIC
from marsad.training import model_settings

Tensors = Mapping[str, Tensor]

TAGS, TYPES, VALUES = len(scheme().tags), len(scheme().events), len(scheme().realis)
SETS, GROUPS = torch.from_numpy(label_sets().tags), torch.from_numpy(label_sets().groups)
ANYTHING = int(SETS.all(1).nonzero())
COARSE = [number for number in range(TAGS, len(SETS)) if number != ANYTHING]
WIDE = int(GROUPS.sum(1).argmax())  # the class of another corpus that may be most types
HEADS = {"tags": TAGS, "proclitics": MAX_PROCLITIC + 1, "events": TYPES, "realis": VALUES}

WEIGHTS = {
    "tag_weights": torch.linspace(0.5, 1.5, TAGS),
    "type_weights": torch.linspace(2.0, 0.1, TYPES),
}
ASYMMETRIC = {"gamma_positive": 1.0, "gamma_negative": 3.0, "clip": 0.1}
ALL_AT_ONCE = {
    "entity_weight": 0.7,
    "clitic_weight": 0.4,
    "event_weight": 0.2,
    "realis_weight": 1.3,
    "event_positive_weight": 3.0,
    "focal_gamma": 2.0,
    "label_smoothing": 0.1,
    "rdrop": 0.5,
}


def draw_targets(seed: int, *, left_open: bool = False) -> dict[str, Tensor]:
    """Targets of three windows of nine tokens and three sentences, as the collator gives them.

    Some tokens are no words, and some sentences padding; the third window begins inside a
    sentence. With ``left_open``, words have coarse labels or none, and sentences votes for and
    against classes of other corpora.
    """
    rng = np.random.default_rng(seed)
    words = rng.random((3, 9)) < 0.7
    words[:, :2] = (False, True)
    begins = words & (rng.random((3, 9)) < 0.4)
    begins[:, 1] = (True, True, False)
    tags = np.full(words.shape, IGNORED)
    for row in range(3):
        tags[row, words[row]] = draw_tags(rng, begins[row, words[row]])
    proclitics = np.where(
        words & (rng.random((3, 9)) < 0.4), rng.integers(0, MAX_PROCLITIC + 1, (3, 9)), IGNORED
    )
    present = rng.integers(1, VALUES + 1, (3, 3, TYPES))
    events = np.where(rng.random(present.shape) < 0.2, present, 0)
    groups = np.full((3, 3, len(GROUPS)), IGNORED)
    if left_open:
        for row, place in np.argwhere(words & (rng.random(words.shape) < 0.6)):
            wider = SETS[TAGS:, tags[row, place]].nonzero().flatten() + TAGS
            tags[row, place] = rng.choice(wider)
        events[0] = np.where(rng.random((3, TYPES)) < 0.3, 0, IGNORED)
        groups[0, 0, 0] = groups[1, 2, 1] = 1
    events[1, 1:] = events[2, 2:] = IGNORED
    arrays = {"tags": tags, "proclitics": proclitics, "events": events, "groups": groups}
    return {n: torch.from_numpy(a) for n, a in {**arrays, "begins": begins}.items()}


def draw_tags(rng: np.random.Generator, begins: np.ndarray) -> list[int]:
    """A random sequence that BIO allows; begun outside of a sentence where ``begins`` says so."""
    legal, may_begin = legal_transitions(scheme().tags), legal_beginnings(scheme().tags)
    tags: list[int] = []
    for first in begins:
        before = legal[tags[-1]] if tags else np.ones(TAGS, dtype=bool)
        inside = np.flatnonzero(before & ~may_begin)  # else hardly ever drawn
        allowed = np.flatnonzero(may_begin)
        tags.append(int(rng.choice(inside if len(inside) and not first else allowed)))
    return tags


def draw_logits(seed: int) -> dict[str, Tensor]:
    random = torch.Generator().manual_seed(seed)
    shapes = {"tags": (3, 9), "proclitics": (3, 9), "events": (3, 3), "realis": (3, 3, TYPES)}
    return {
        head: (2 * torch.randn(*shape, HEADS[head], generator=random)).requires_grad_()
        for head, shape in shapes.items()
    }


def draw_crf(seed: int) -> LinearChainCRF:
    crf = LinearChainCRF(scheme().tags)
    torch.nn.init.normal_(crf.transitions, generator=torch.Generator().manual_seed(seed))
    return crf


def loss_of(
    logits: Tensors,
    targets: Tensors,
    options: Mapping[str, object] | None = None,
    crf: LinearChainCRF | None = None,
    **weights: Tensor,
) -> Tensor:
    objective = Objective(LossConfig.model_validate(options or {}), **weights)
    return objective(logits, targets, crf, count_targets(targets))


def gradient_of(head: str, logits: Tensors, targets: Tensors, **options: object) -> Tensor:
    return torch.autograd.grad(loss_of(logits, targets, options), logits[head])[0]


def by_torch(logits: Tensors, targets: Tensors, options: LossConfig) -> Tensor:
    """Means as torch's own losses give them, for labels that are known in full."""

    def mean(head: str, own: Tensor) -> Tensor:
        return cross_entropy(logits[head].flatten(0, -2), own.flatten(), ignore_index=IGNORED)

    total = options.entity_weight * mean("tags", targets["tags"])
    total = total + options.clitic_weight * mean("proclitics", targets["proclitics"])
    events = targets["events"]
    known = events[..., 0] != IGNORED
    per_type = binary_cross_entropy_with_logits(
        logits["events"][known],
        (events[known] > 0).float(),
        pos_weight=torch.tensor(options.event_positive_weight),
        reduction="none",
    )
    total = total + options.event_weight * per_type.sum(-1).mean()
    return total + options.realis_weight * mean(
        "realis", torch.where(events > 0, events - 1, IGNORED)
    )


def by_formula(logits: Tensors, targets: Tensors, options: LossConfig, **weights: Tensor) -> Tensor:
    """The same with every option, a word and a type at a time."""
    gamma, smoothing = options.focal_gamma, options.label_smoothing
    tag_weights = weights.get("tag_weights", torch.ones(TAGS))
    type_weights = weights.get("type_weights", torch.ones(TYPES))
    of_tags = []
    for row, tag in zip(logits["tags"].flatten(0, 1), targets["tags"].flatten(), strict=True):
        if tag != IGNORED:
            log_p = log_softmax(row.double(), -1)
            own = (1 - log_p[tag].exp()) ** gamma * -log_p[tag]
            of_tags.append(tag_weights[tag] * ((1 - smoothing) * own - smoothing * log_p.mean()))
    shape = options.asymmetric
    up, down, clip = gamma, gamma, 0.0
    if shape is not None:
        up, down, clip = shape.gamma_positive, shape.gamma_negative, shape.clip
    of_sentences = []
    for row, types in zip(
        logits["events"].flatten(0, 1), targets["events"].flatten(0, 1), strict=True
    ):
        if types[0] != IGNORED:
            p = row.double().sigmoid()
            lowered = (p - clip).clamp(min=0)
            y = (types > 0).double()
            y = y + smoothing * (0.5 - y)
            present = options.event_positive_weight * (1 - p) ** up * -p.log()
            absent = lowered**down * -(1 - lowered).log()
            of_sentences.append((type_weights * (y * present + (1 - y) * absent)).sum())
    known = by_torch(logits, targets, LossConfig(entity_weight=0, event_weight=0))
    return (
        options.entity_weight * torch.stack(of_tags).mean()
        + options.event_weight * torch.stack(of_sentences).mean()
        + known
    )


@pytest.fixture(scope="module")
def corpus_batch(tiny_encoder, documents: list[Document]) -> dict[str, Tensor]:
    """Windows of two documents of the corpus, with their targets."""
    raw = {"name": "a", "output": "a", "encoder": str(tiny_encoder)}
    config = RunConfig.model_validate(raw | {"data": {"train": "a", "dev": "b", "test": "c"}})
    encoder = load_encoder(config.encoder)
    settings = model_settings(config, encoder)
    annotated = [Annotated(document) for document in documents[:2]]
    rows = training_rows(annotated, encoder.tokenizer.backend_tokenizer, settings)
    return Collator(settings.special)(rows)


def tiny_model(tiny_encoder, **options: object) -> MarsadModel:
    torch.manual_seed(0)
    config = RunConfig.model_fields["model"].annotation.model_validate(options)
    return MarsadModel(load_encoder(str(tiny_encoder)).model, "joint", config).eval()


PLAIN = {"entity_weight": 0.7, "clitic_weight": 0.2, "event_weight": 0.1, "realis_weight": 0.9}


@pytest.mark.parametrize("options", [{}, PLAIN | {"event_positive_weight": 3.0}])
@pytest.mark.parametrize("seed", range(3))
def test_with_all_known_and_no_option_it_is_torchs_own_means(seed: int, options: dict[str, float]):
    logits, targets = draw_logits(seed), draw_targets(seed)
    expected = by_torch(logits, targets, LossConfig.model_validate(options))
    own = loss_of(logits, targets, options)
    assert own.item() == pytest.approx(expected.item(), rel=1e-5)
    for head, value in logits.items():
        one, other = (torch.autograd.grad(x, value, retain_graph=True)[0] for x in (own, expected))
        assert torch.allclose(one, other, atol=1e-6), head


def test_on_a_corpus_too(tiny_encoder, corpus_batch: dict[str, Tensor]):
    with torch.no_grad():
        logits = tiny_model(tiny_encoder)(*(corpus_batch[name] for name in Batch._fields))
        own = loss_of(logits, corpus_batch)
        assert own.item() == pytest.approx(
            by_torch(logits, corpus_batch, LossConfig()).item(), rel=1e-5
        )


@pytest.mark.parametrize(
    "options",
    [
        {"focal_gamma": 2.0},
        {"label_smoothing": 0.2},
        {"asymmetric": ASYMMETRIC},
        {"event_positive_weight": 4.0},
        {"focal_gamma": 1.5, "label_smoothing": 0.1, "event_positive_weight": 2.0},
        {"focal_gamma": 1.5, "asymmetric": ASYMMETRIC},
    ],
)
@pytest.mark.parametrize("weights", [{}, WEIGHTS])
def test_each_option_gives_its_formula(options: dict[str, object], weights: dict[str, Tensor]):
    """With both focal_gamma and asymmetric, one is of the tags and the other of the types."""
    logits, targets = draw_logits(1), draw_targets(1)
    own = loss_of(logits, targets, options, **weights).item()
    expected = by_formula(logits, targets, LossConfig.model_validate(options), **weights).item()
    assert own == pytest.approx(expected, rel=1e-5)
    assert own != pytest.approx(loss_of(logits, targets).item(), rel=1e-3)


@pytest.mark.parametrize("name", WEIGHTS)
def test_class_weights_are_of_their_head_alone(name: str):
    logits, targets = draw_logits(1), draw_targets(1)
    head = {"tag_weights": "tags", "type_weights": "events"}[name]
    plain = torch.autograd.grad(loss_of(logits, targets), list(logits.values()))
    own = torch.autograd.grad(
        loss_of(logits, targets, **{name: WEIGHTS[name]}), list(logits.values())
    )
    assert [h for h, a, b in zip(logits, plain, own, strict=True) if not torch.equal(a, b)] == [
        head
    ]


@pytest.mark.parametrize(
    ("weight", "head"),
    [
        ("entity_weight", "tags"),
        ("clitic_weight", "proclitics"),
        ("event_weight", "events"),
        ("realis_weight", "realis"),
    ],
)
def test_each_head_learns_from_its_own_loss_alone(weight: str, head: str):
    logits, targets = draw_logits(2), draw_targets(2, left_open=True)
    silent = dict.fromkeys(PLAIN, 0.0)
    gradients = {
        name: gradient_of(name, logits, targets, **(silent | {weight: 0.5})) for name in logits
    }
    assert {name for name, gradient in gradients.items() if gradient.any()} == {head}
    twice = gradient_of(head, logits, targets, **(silent | {weight: 1.0}))
    assert torch.allclose(twice, 2 * gradients[head])


@pytest.mark.parametrize("crf", [False, True])
def test_every_part_of_the_heads_learns_from_the_corpus(
    tiny_encoder, corpus_batch: dict[str, Tensor], crf: bool
):
    model = tiny_model(tiny_encoder, crf=crf)
    logits = model(*(corpus_batch[name] for name in Batch._fields))
    loss_of(logits, corpus_batch, crf=model.crf).backward()
    heads = {n: p for n, p in model.named_parameters() if not n.startswith("encoder.")}
    assert [n for n, p in heads.items() if p.grad is None or not p.grad.any()] == []
    assert ("crf.transitions" in heads) == crf


@pytest.mark.parametrize("options", [{}, ALL_AT_ONCE])
@pytest.mark.parametrize("with_crf", [False, True])
def test_what_is_unknown_costs_exactly_nothing(options: dict[str, float], with_crf: bool):
    targets, crf = draw_targets(3, left_open=True), draw_crf(3) if with_crf else None
    unknown = {
        "tags": targets["tags"] == IGNORED,
        "proclitics": targets["proclitics"] == IGNORED,
        "events": (targets["events"] == IGNORED)
        & ~((targets["groups"] == 1).unsqueeze(-1) & GROUPS).any(-2),
        "realis": targets["events"] <= 0,
    }
    if not with_crf:  # in a chain, a word that may be anything lies between its neighbours
        unknown["tags"] |= targets["tags"] == ANYTHING
    assert all(mask.any() for mask in unknown.values())
    logits, far = draw_logits(3), draw_logits(4)
    changed = {
        head: torch.where(spread(unknown[head], own), 50 * far[head], own)
        for head, own in logits.items()
    }
    losses = [loss_of(own, targets, options, crf) for own in (logits, changed)]
    assert losses[0].item() == losses[1].item()
    for head in logits:
        gradient = torch.autograd.grad(losses[1], changed[head], retain_graph=True)[0]
        assert not gradient[unknown[head]].any()
        assert gradient[~unknown[head]].any()


def spread(mask: Tensor, logits: Tensor) -> Tensor:
    return mask.view(*mask.shape, *[1] * (logits.ndim - mask.ndim))


@pytest.mark.parametrize("with_crf", [False, True])
def test_a_batch_of_which_nothing_is_known_costs_nothing(with_crf: bool):
    logits, crf = draw_logits(0), draw_crf(0) if with_crf else None
    targets = {n: torch.full_like(t, IGNORED) for n, t in draw_targets(0).items() if n != "begins"}
    targets["begins"] = torch.zeros(3, 9, dtype=torch.bool)
    assert count_targets(targets).tolist() == [0, 0, 0, 0]
    loss = loss_of(logits, targets, ALL_AT_ONCE, crf)
    assert loss.item() == 0
    assert not any(g.any() for g in torch.autograd.grad(loss, list(logits.values())))


def test_a_word_that_may_be_anything_is_as_one_without_annotation():
    logits, targets = draw_logits(5), draw_targets(5, left_open=True)
    tags = targets["tags"]
    assert (tags == ANYTHING).any()
    without = {**targets, "tags": torch.where(tags == ANYTHING, IGNORED, tags)}
    assert loss_of(logits, targets).item() == loss_of(logits, without).item()


def test_counts_are_those_of_a_loop():
    targets = draw_targets(6, left_open=True)
    tags = sum(t not in (IGNORED, ANYTHING) for t in targets["tags"].flatten().tolist())
    proclitics = sum(p != IGNORED for p in targets["proclitics"].flatten().tolist())
    events, groups = targets["events"].flatten(0, 1), targets["groups"].flatten(0, 1)
    sentences = sum(
        any(e != IGNORED for e in one) or any(g != IGNORED for g in other)
        for one, other in zip(events.tolist(), groups.tolist(), strict=True)
    )
    reported = sum(e > 0 for e in events.flatten().tolist())
    counts = Counts(*count_targets(targets).tolist())
    assert counts == (tags, proclitics, sentences, reported)
    assert sentences < len(events)


@pytest.mark.parametrize("options", [{}, ALL_AT_ONCE, {"asymmetric": ASYMMETRIC}])
@pytest.mark.parametrize("with_crf", [False, True])
def test_parts_of_a_step_sum_to_the_whole(options: dict[str, object], with_crf: bool):
    """Losses, divergences and gradients, however unevenly the parts share what is known."""
    logits, other = draw_logits(7), draw_logits(8)
    targets, crf = draw_targets(7, left_open=True), draw_crf(7) if with_crf else None
    objective = Objective(LossConfig.model_validate(options), **WEIGHTS)
    counts = count_targets(targets)
    leaves = [*logits.values(), *other.values(), *([crf.transitions] if crf else [])]

    def whole_or_part(rows: slice) -> Tensor:
        own, second, wanted = (
            {n: t[rows] for n, t in tensors.items()} for tensors in (logits, other, targets)
        )
        total = objective(own, wanted, crf, counts) + objective(second, wanted, crf, counts)
        return total + objective.divergence(own, second, wanted, counts)

    whole = whole_or_part(slice(None))
    parts = [whole_or_part(slice(0, 1)), whole_or_part(slice(1, 3))]
    assert sum(part.item() for part in parts) == pytest.approx(whole.item(), rel=1e-5)
    assert parts[0].item() != pytest.approx(whole.item() / 3, rel=0.01)
    expected = torch.autograd.grad(whole, leaves)
    found = [torch.autograd.grad(part, leaves) for part in parts]
    for one, two, both in zip(*found, expected, strict=True):
        assert torch.allclose(one + two, both, atol=1e-6)
    summed = sum(count_targets({n: t[i : i + 1] for n, t in targets.items()}) for i in range(3))
    assert torch.equal(summed, counts)


@pytest.mark.parametrize("number", COARSE)
def test_a_coarse_label_raises_its_tags_as_the_model_prefers_them(number: int):
    """The posterior of each tag of the set keeps its odds; all others lose in like manner."""
    logits, targets = draw_logits(9), draw_targets(9)
    targets["tags"].fill_(IGNORED)
    targets["tags"][1, 4] = number
    gradient = gradient_of("tags", logits, targets)[1, 4]
    p = logits["tags"][1, 4].softmax(-1).detach()
    held = SETS[number]
    assert (gradient[held] < 0).all()
    assert (gradient[~held] > 0).all()
    relative = gradient / p
    assert torch.allclose(relative[held], relative[held][0], rtol=1e-3)
    assert torch.allclose(relative[~held], torch.ones(1), rtol=1e-3)
    moved = (logits["tags"][1, 4] - 0.1 * gradient).softmax(-1)
    assert moved[held].sum() > p[held].sum()


def test_a_vote_against_a_class_lowers_all_its_types_and_no_other():
    logits, targets = draw_logits(10), draw_targets(10)
    targets["events"].fill_(IGNORED)
    targets["events"][0, 1, GROUPS[WIDE]] = 0
    gradient = gradient_of("events", logits, targets)
    assert (gradient[0, 1, GROUPS[WIDE]] > 0).all()
    gradient[0, 1, GROUPS[WIDE]] = 0
    assert not gradient.any()


def test_a_vote_for_a_class_raises_most_what_is_likely():
    logits, targets = draw_logits(11), draw_targets(11)
    targets["events"].fill_(IGNORED)
    targets["groups"][2, 0, WIDE] = 1
    gradient = gradient_of("events", logits, targets)
    own, p = gradient[2, 0, GROUPS[WIDE]], logits["events"][2, 0, GROUPS[WIDE]].sigmoid().detach()
    assert (own < 0).all()
    assert torch.allclose(own / p, (own / p)[0], rtol=1e-3)  # a noisy-or divides by the odds
    gradient[2, 0, GROUPS[WIDE]] = 0
    assert not gradient.any()
    # Where one type is as good as certain, the others need not explain the vote.
    with torch.no_grad():
        logits["events"][2, 0, GROUPS[WIDE].nonzero()[0]] = 12.0
    assert gradient_of("events", logits, targets).abs().max() < 1e-4


@pytest.mark.parametrize("seed", range(3))
def test_with_a_crf_the_tags_cost_what_it_says(seed: int):
    logits, targets, crf = draw_logits(seed), draw_targets(seed, left_open=True), draw_crf(seed)
    known = targets["tags"] != IGNORED
    allowed = torch.ones(3, 9, TAGS, dtype=torch.bool)
    for row, place in known.nonzero().tolist():
        allowed[row, place] = SETS[targets["tags"][row, place]]
    words = int((known & (targets["tags"] != ANYTHING)).sum())
    own = crf(logits["tags"], allowed, begins=targets["begins"], known=known) / words
    rest = loss_of(logits, targets, {"entity_weight": 0.0}, crf)
    assert own > 0
    expected = 0.6 * own + rest
    found = loss_of(logits, targets, {"entity_weight": 0.6}, crf)
    assert found.item() == pytest.approx(expected.item(), rel=1e-6)
    one, other = (torch.autograd.grad(x, crf.transitions)[0] for x in (found, expected))
    assert torch.allclose(one, other, atol=1e-7)
    assert one.any()


def test_divergence_is_the_mean_of_both_divergences():
    one, other, targets = draw_logits(12), draw_logits(13), draw_targets(12, left_open=True)
    options = LossConfig(entity_weight=0.5, event_weight=0.2, rdrop=3.0)
    counts = count_targets(targets)
    found = Objective(options).divergence(one, other, targets, counts)
    told = (targets["tags"] != IGNORED) & (targets["tags"] != ANYTHING)
    log_p, log_q = (log_softmax(x["tags"][told], -1) for x in (one, other))
    of_tags = both_ways(log_p, log_q) / told.sum()
    known = targets["events"] != IGNORED
    yes_no = [
        torch.stack([logsigmoid(x["events"][known]), logsigmoid(-x["events"][known])], -1)
        for x in (one, other)
    ]
    of_types = both_ways(*yes_no) / counts[2]
    assert found.item() == pytest.approx(3 * (0.5 * of_tags + 0.2 * of_types).item(), rel=1e-5)
    leaves = [x[head] for x in (one, other) for head in ("tags", "events")]
    assert all(g.any() for g in torch.autograd.grad(found, leaves))


def both_ways(log_p: Tensor, log_q: Tensor) -> Tensor:
    there, back = (
        kl_div(a, b, reduction="sum", log_target=True) for a, b in ((log_q, log_p), (log_p, log_q))
    )
    return (there + back) / 2


def test_passes_that_agree_do_not_diverge():
    logits, targets = draw_logits(14), draw_targets(14)
    options = LossConfig(rdrop=2.0)
    assert Objective(options).divergence(logits, logits, targets, count_targets(targets)) == 0


@pytest.mark.parametrize("heads", [("tags", "proclitics"), ("events", "realis")])
def test_a_model_of_one_task_pays_for_its_heads_alone(heads: tuple[str, str]):
    logits, other, targets = draw_logits(15), draw_logits(16), draw_targets(15)
    own, second = ({head: x[head] for head in heads} for x in (logits, other))
    silent = dict.fromkeys(PLAIN, 0.0)
    weights = {
        "tags": {"entity_weight": 1.0, "clitic_weight": 0.3},
        "events": {"event_weight": 1.0, "realis_weight": 0.3},
    }[heads[0]]
    expected = loss_of(logits, targets, silent | weights)
    assert loss_of(own, targets).item() == pytest.approx(expected.item())
    objective = Objective(LossConfig(rdrop=1.0))
    alone = Objective(LossConfig.model_validate(silent | weights | {"rdrop": 1.0}))
    counts = count_targets(targets)
    assert objective.divergence(own, second, targets, counts).item() == pytest.approx(
        alone.divergence(logits, other, targets, counts).item()
    )
