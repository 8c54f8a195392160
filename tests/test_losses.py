"""The losses against their published formulas, computed by plain loops with 200 digits."""

from collections.abc import Callable, Sequence
from decimal import Decimal, localcontext
from itertools import pairwise, product
from math import prod

import pytest
import torch
from hypothesis import given, settings
from hypothesis import strategies as st
from torch import Tensor
from torch.nn.functional import (
    binary_cross_entropy_with_logits,
    cross_entropy,
    kl_div,
    logsigmoid,
)

from marsad.losses import (
    IGNORED,
    any_loss,
    effective_number_weights,
    event_loss,
    symmetric_binary_divergence,
    symmetric_divergence,
    tag_loss,
)

TAGS = 5
MEMBERS = torch.tensor(
    [
        *([i == tag for i in range(TAGS)] for tag in range(TAGS)),
        [True, False, True, False, False],
        [False, True, True, True, True],
        [True] * TAGS,
    ]
)
COARSE, WIDE, ALL = 5, 6, 7  # rows of MEMBERS after the single tags
SETS = torch.tensor([[0, 3, COARSE, IGNORED], [WIDE, ALL, IGNORED, 4]])
TAG_WEIGHTS = torch.tensor([0.25, 1.5, 3.0, 0.5, 2.0])

TARGETS = torch.tensor([[1, 0, 0, 1, IGNORED], [0, 1, 1, IGNORED, 0]])
TYPE_WEIGHTS = torch.tensor([2.0, 0.5, 1.0, 4.0, 0.1])

GROUP_MEMBERS = torch.tensor(
    [[True, False, False, False, False], [False, True, True, True, False], [True] * 5]
)
GROUPS = torch.tensor([[1, IGNORED, 1], [1, 1, IGNORED]])

extreme = st.floats(-100, 100, width=32)


def random_logits(*shape: int, seed: int = 0, scale: float = 3.0) -> Tensor:
    generator = torch.Generator().manual_seed(seed)
    return torch.randn(shape, generator=generator, dtype=torch.float64) * scale


def exactly(formula: Callable[..., Decimal]) -> Callable[..., float]:
    """Compute a formula with 200 digits: 1 - p keeps its value where p is nearly 1."""

    def computed(*args: object, **options: object) -> float:
        with localcontext() as context:
            context.prec = 200
            return float(formula(*args, **options))

    return computed


def softmax(logits: Sequence[float]) -> list[Decimal]:
    powers = [Decimal(value).exp() for value in logits]
    return [power / sum(powers) for power in powers]


def sigmoid(logit: float) -> Decimal:
    return 1 / (1 + (-Decimal(logit)).exp())


def power(base: Decimal, exponent: float) -> Decimal:
    return base ** Decimal(exponent) if exponent else Decimal(1)


@exactly
def expected_tag_loss(
    logits: Tensor,
    sets: Tensor,
    members: Tensor = MEMBERS,
    *,
    smoothing: float = 0.0,
    focal_gamma: float = 0.0,
    class_weights: Tensor | None = None,
) -> Decimal:
    total = Decimal(0)
    for row, number in zip(logits.flatten(0, -2).tolist(), sets.flatten().tolist(), strict=True):
        if number == IGNORED or all(members[number]):
            continue
        probabilities = softmax(row)
        own = [tag for tag, held in enumerate(members[number].tolist()) if held]
        p = sum(probabilities[tag] for tag in own)
        loss = -power(1 - p, focal_gamma) * p.ln()
        if len(own) == 1:
            share = Decimal(smoothing)
            uniform = -sum(q.ln() for q in probabilities) / len(probabilities)
            loss = (1 - share) * loss + share * uniform
        if class_weights is not None:
            loss *= sum(Decimal(class_weights[tag].item()) for tag in own) / len(own)
        total += loss
    return total


@exactly
def expected_event_loss(
    logits: Tensor,
    targets: Tensor,
    *,
    positive_weight: float = 1.0,
    focal_gamma: float = 0.0,
    asymmetric: tuple[float, float, float] | None = None,
    class_weights: Tensor | None = None,
    smoothing: float = 0.0,
) -> Decimal:
    gamma_positive, gamma_negative, clip = asymmetric or (focal_gamma, focal_gamma, 0.0)
    total = Decimal(0)
    rows = zip(logits.flatten(0, -2).tolist(), targets.flatten(0, -2).tolist(), strict=True)
    for row, truths in rows:
        for kind, (logit, truth) in enumerate(zip(row, truths, strict=True)):
            if truth == IGNORED:
                continue
            p = sigmoid(logit)
            shifted = max(p - Decimal(clip), Decimal(0))
            positive = -power(1 - p, gamma_positive) * p.ln()
            negative = -power(shifted, gamma_negative) * (1 - shifted).ln() if shifted else 0
            y = Decimal(truth) * (1 - Decimal(smoothing)) + Decimal(smoothing) / 2
            loss = Decimal(positive_weight) * y * positive + (1 - y) * negative
            weight = 1.0 if class_weights is None else class_weights[kind].item()
            total += Decimal(weight) * loss
    return total


@exactly
def expected_any_loss(logits: Tensor, groups: Tensor, members: Tensor = GROUP_MEMBERS) -> Decimal:
    total = Decimal(0)
    rows = zip(logits.flatten(0, -2).tolist(), groups.flatten(0, -2).tolist(), strict=True)
    for row, known in rows:
        for group, reported in enumerate(known):
            if reported == IGNORED:
                continue
            own = [z for z, held in zip(row, members[group].tolist(), strict=True) if held]
            total -= (1 - prod(1 - sigmoid(z) for z in own)).ln()
    return total


def divergence(p: Sequence[Decimal], q: Sequence[Decimal]) -> Decimal:
    return sum(a * (a / b).ln() for a, b in zip(p, q, strict=True))


@exactly
def expected_divergence(one: Sequence[float], other: Sequence[float]) -> Decimal:
    p, q = softmax(one), softmax(other)
    return (divergence(p, q) + divergence(q, p)) / 2


@exactly
def expected_binary_divergence(one: float, other: float) -> Decimal:
    p, q = ([sigmoid(z), 1 - sigmoid(z)] for z in (one, other))
    return (divergence(p, q) + divergence(q, p)) / 2


KNOWN = SETS != IGNORED
TELLING = KNOWN & (SETS != ALL)
OTHER = random_logits(2, 4, TAGS, seed=1).bfloat16().double()

Loss = Callable[[Tensor], Tensor]
# Each takes logits of (2, 4, 5) or (2, 5); with the mask of the logits that it reads.
LOSSES: dict[str, tuple[Loss, Tensor]] = {
    "tags": (lambda x: tag_loss(x, SETS, MEMBERS), TELLING),
    "tags, all options": (
        lambda x: tag_loss(
            x, SETS, MEMBERS, smoothing=0.1, focal_gamma=2, class_weights=TAG_WEIGHTS
        ),
        TELLING,
    ),
    "tags, gamma below 1": (lambda x: tag_loss(x, SETS, MEMBERS, focal_gamma=0.5), TELLING),
    "events": (lambda x: event_loss(x, TARGETS), TARGETS != IGNORED),
    "events, focal": (
        lambda x: event_loss(
            x,
            TARGETS,
            positive_weight=3,
            focal_gamma=0.5,
            smoothing=0.1,
            class_weights=TYPE_WEIGHTS,
        ),
        TARGETS != IGNORED,
    ),
    "events, asymmetric": (
        lambda x: event_loss(x, TARGETS, asymmetric=(1, 4, 0.05), class_weights=TYPE_WEIGHTS),
        TARGETS != IGNORED,
    ),
    "events, asymmetric, gamma below 1": (
        lambda x: event_loss(x, TARGETS, asymmetric=(0, 0.5, 0.05)),
        TARGETS != IGNORED,
    ),
    "groups": (
        lambda x: any_loss(x, GROUPS[:, 1:], GROUP_MEMBERS[1:]),
        torch.tensor([[True] * 5, [False, True, True, True, False]]),
    ),
    "divergence": (lambda x: symmetric_divergence(x, OTHER.to(x.dtype), KNOWN), KNOWN),
    "binary divergence": (
        lambda x: symmetric_binary_divergence(x, OTHER[0, :2].to(x.dtype), TARGETS != IGNORED),
        TARGETS != IGNORED,
    ),
}

every_loss = pytest.mark.parametrize(("loss", "read"), LOSSES.values(), ids=LOSSES)


def logits_for(read: Tensor, *, seed: int = 0, scale: float = 3.0) -> Tensor:
    shape = (2, 4, TAGS) if read.shape == KNOWN.shape else (2, TAGS)
    return random_logits(*shape, seed=seed, scale=scale)


def gradient(loss: Loss, logits: Tensor) -> Tensor:
    leaf = logits.clone().requires_grad_()
    loss(leaf).backward()
    return leaf.grad


@every_loss
def test_gradients_are_those_of_the_loss(loss: Loss, read: Tensor):
    logits = logits_for(read).requires_grad_()
    assert torch.autograd.gradcheck(loss, (logits,))


@every_loss
@pytest.mark.parametrize("dtype", [torch.float64, torch.float32, torch.bfloat16, torch.float16])
def test_sum_is_a_number_computed_in_fp32_at_least(loss: Loss, read: Tensor, dtype: torch.dtype):
    logits = logits_for(read).to(dtype)
    total = loss(logits)
    assert total.dtype == (torch.float64 if dtype == torch.float64 else torch.float32)
    assert total.shape == ()
    assert total.item() == pytest.approx(loss(logits.double()).item(), rel=1e-5)


@every_loss
def test_autocast_changes_nothing(loss: Loss, read: Tensor):
    logits = logits_for(read).float()
    with torch.autocast("cpu", torch.bfloat16):
        total = loss(logits)
    assert torch.equal(total, loss(logits))


@every_loss
@pytest.mark.parametrize("filler", [0.0, 1e30, float("inf"), float("nan")])
def test_ignored_positions_are_not_read(loss: Loss, read: Tensor, filler: float):
    logits = logits_for(read)
    changed = logits.clone()
    changed[~read] = filler
    assert torch.equal(loss(changed), loss(logits))
    slope = gradient(loss, changed)
    assert torch.equal(slope, gradient(loss, logits))
    assert (slope[~read] == 0).all()
    assert (slope[read] != 0).any()


@every_loss
@pytest.mark.parametrize("dtype", [torch.float32, torch.bfloat16])
@pytest.mark.parametrize("size", [20, 100, 1e4])
def test_extreme_logits_give_finite_losses_and_gradients(
    loss: Loss, read: Tensor, dtype: torch.dtype, size: float
):
    for seed in range(5):
        logits = (logits_for(read, seed=seed).sign() * size).to(dtype)
        assert loss(logits).isfinite()
        assert loss(logits) >= 0
        assert gradient(loss, logits).isfinite().all()


def test_nothing_known_is_a_sum_of_nothing():
    unknown = torch.full((2, 4), IGNORED)
    wide = torch.full((2, 4, TAGS), IGNORED)
    losses: list[Loss] = [
        lambda x: tag_loss(
            x, unknown, MEMBERS, smoothing=0.1, focal_gamma=2, class_weights=TAG_WEIGHTS
        ),
        lambda x: event_loss(x, wide, asymmetric=(0, 4, 0.05), class_weights=TYPE_WEIGHTS),
        lambda x: any_loss(x, wide[..., :3], GROUP_MEMBERS),
        lambda x: any_loss(x, wide[..., :0], GROUP_MEMBERS[:0]),
        lambda x: symmetric_divergence(x, OTHER, unknown != IGNORED),
        lambda x: symmetric_binary_divergence(x, OTHER, wide != IGNORED),
    ]
    for loss in losses:
        assert loss(OTHER).item() == 0
        assert (gradient(loss, OTHER) == 0).all()


@pytest.mark.parametrize(
    ("smoothing", "focal_gamma", "class_weights"),
    list(product([0.0, 0.1, 1.0], [0.0, 0.5, 2.0], [None, TAG_WEIGHTS])),
)
def test_tag_loss_is_its_formula(
    smoothing: float, focal_gamma: float, class_weights: Tensor | None
):
    logits = random_logits(2, 4, TAGS)
    options = {"smoothing": smoothing, "focal_gamma": focal_gamma, "class_weights": class_weights}
    expected = expected_tag_loss(logits, SETS, **options)
    assert tag_loss(logits, SETS, MEMBERS, **options).item() == pytest.approx(expected, rel=1e-12)
    single = tag_loss(logits.float(), SETS.int(), MEMBERS, **options)
    assert single.item() == pytest.approx(expected, rel=1e-5)


@settings(deadline=None)
@given(
    st.lists(extreme, min_size=TAGS, max_size=TAGS),
    st.integers(0, WIDE),
    st.sampled_from([0.0, 0.5, 2.0]),
)
def test_tag_loss_is_its_formula_where_one_tag_is_sure(
    values: list[float], number: int, gamma: float
):
    logits, sets = torch.tensor([values]), torch.tensor([number])
    total = tag_loss(logits, sets, MEMBERS, focal_gamma=gamma).item()
    expected = expected_tag_loss(logits, sets, focal_gamma=gamma)
    assert total == pytest.approx(expected, rel=1e-4, abs=1e-37)
    slope = gradient(lambda x: tag_loss(x, sets, MEMBERS, focal_gamma=gamma), logits)
    exact = gradient(lambda x: tag_loss(x, sets, MEMBERS, focal_gamma=gamma), logits.double())
    assert slope.tolist()[0] == pytest.approx(exact.tolist()[0], rel=1e-3, abs=1e-6)


@pytest.mark.parametrize("smoothing", [0.0, 0.1, 0.3])
def test_sets_of_one_tag_have_the_cross_entropy(smoothing: float):
    logits = random_logits(6, 7, TAGS)
    sets = torch.randint(TAGS, (6, 7), generator=torch.Generator().manual_seed(0))
    sets[2, 3:] = IGNORED

    def plain(x: Tensor) -> Tensor:
        return cross_entropy(
            x.flatten(0, 1),
            sets.flatten(),
            ignore_index=IGNORED,
            reduction="sum",
            label_smoothing=smoothing,
        )

    def own(x: Tensor) -> Tensor:
        return tag_loss(x, sets, MEMBERS, smoothing=smoothing)

    torch.testing.assert_close(own(logits), plain(logits))
    torch.testing.assert_close(gradient(own, logits), gradient(plain, logits))
    torch.testing.assert_close(own(logits.float()), plain(logits.float()))


def test_weights_of_single_tags_are_those_of_the_cross_entropy():
    logits, sets = random_logits(9, TAGS), torch.arange(9) % TAGS
    weights = TAG_WEIGHTS.double()
    plain = cross_entropy(logits, sets, weight=weights, reduction="sum")
    torch.testing.assert_close(tag_loss(logits, sets, MEMBERS, class_weights=weights), plain)
    torch.testing.assert_close(tag_loss(logits, sets, MEMBERS, class_weights=TAG_WEIGHTS), plain)


@pytest.mark.parametrize("dtype", [torch.float64, torch.float32, torch.bfloat16])
@pytest.mark.parametrize("focal_gamma", [0.0, 0.5, 2.0])
def test_set_of_all_tags_says_nothing(dtype: torch.dtype, focal_gamma: float):
    def loss(x: Tensor) -> Tensor:
        return tag_loss(
            x,
            torch.full(x.shape[:-1], ALL),
            MEMBERS,
            smoothing=0.1,
            focal_gamma=focal_gamma,
            class_weights=TAG_WEIGHTS,
        )

    for scale in (3, 1000):
        logits = random_logits(3, 4, TAGS, scale=scale).to(dtype)
        assert loss(logits).item() == 0
        assert (gradient(loss, logits) == 0).all()


@settings(deadline=None)
@given(st.lists(extreme, min_size=TAGS, max_size=TAGS), st.permutations(range(TAGS)))
def test_a_larger_set_never_costs_more(values: list[float], order: list[int]):
    members = torch.zeros(TAGS, TAGS, dtype=torch.bool)
    for size in range(1, TAGS + 1):
        members[size - 1, order[:size]] = True
    logits = torch.tensor([values]).double()
    losses = [tag_loss(logits, torch.tensor([n]), members).item() for n in range(TAGS)]
    assert all(a >= b - 1e-9 for a, b in pairwise(losses))
    assert losses[-1] == 0


def test_smoothing_leaves_coarse_sets_alone():
    logits, coarse = random_logits(2, TAGS), torch.tensor([COARSE, WIDE])
    plain = tag_loss(logits, coarse, MEMBERS)
    assert torch.equal(tag_loss(logits, coarse, MEMBERS, smoothing=0.3), plain)
    single = torch.tensor([0, 1])
    assert tag_loss(logits, single, MEMBERS, smoothing=0.3) != tag_loss(logits, single, MEMBERS)


@settings(deadline=None)
@given(st.lists(st.integers(-640, 640), min_size=TAGS, max_size=TAGS))
def test_tag_loss_does_not_depend_on_a_common_shift(values: list[int]):
    logits = torch.tensor([values]) / 64  # these plus 8192 are exact in fp32
    for number in (1, COARSE):
        sets = torch.tensor([number])
        torch.testing.assert_close(
            tag_loss(logits + 8192, sets, MEMBERS), tag_loss(logits, sets, MEMBERS)
        )


def test_number_of_no_set_is_refused():
    logits = random_logits(1, TAGS)
    for number in (-1, len(MEMBERS)):
        with pytest.raises((IndexError, RuntimeError), match="out of range"):
            tag_loss(logits, torch.tensor([number]), MEMBERS)


EVENT_OPTIONS: dict[str, dict[str, object]] = {
    "plain": {},
    "weighted": {"positive_weight": 5.0},
    "focal": {"focal_gamma": 2.0},
    "focal, smoothed": {"focal_gamma": 0.5, "positive_weight": 0.25, "smoothing": 0.2},
    "asymmetric": {"asymmetric": (0.0, 4.0, 0.05)},
    "asymmetric, weighted": {
        "asymmetric": (1.0, 4.0, 0.2),
        "positive_weight": 2.0,
        "class_weights": TYPE_WEIGHTS,
    },
    "clipped, smoothed": {"asymmetric": (0.0, 0.0, 0.05), "smoothing": 0.1},
    "clipped far": {"asymmetric": (0.5, 0.5, 0.9)},
    "asymmetric, unclipped": {"asymmetric": (2.0, 1.0, 0.0), "class_weights": TYPE_WEIGHTS},
    "smoothed to the middle": {"class_weights": TYPE_WEIGHTS, "smoothing": 1.0},
}
with_options = pytest.mark.parametrize("options", EVENT_OPTIONS.values(), ids=EVENT_OPTIONS)


@with_options
def test_event_loss_is_its_formula(options: dict[str, object]):
    logits = random_logits(2, 3, 5)
    targets = torch.randint(2, (2, 3, 5), generator=torch.Generator().manual_seed(0))
    targets[0, 1] = IGNORED
    targets[1, 1, 2] = IGNORED
    expected = expected_event_loss(logits, targets, **options)
    for own in (targets, targets.float()):
        total = event_loss(logits, own, **options).item()
        assert total == pytest.approx(expected, rel=1e-12)
        single = event_loss(logits.float(), own, **options).item()
        assert single == pytest.approx(expected, rel=1e-5)


@with_options
@settings(max_examples=50, deadline=None)
@given(extreme, st.integers(0, 1))
def test_event_loss_is_its_formula_where_it_is_sure(
    options: dict[str, object], value: float, target: int
):
    logits, targets = torch.full((1, 5), value), torch.full((1, 5), target)
    expected = expected_event_loss(logits, targets, **options)
    total = event_loss(logits, targets, **options).item()
    # Where clipping subtracts nearly equal probabilities, fp32 leaves their rounding.
    clipped = "asymmetric" in options and options["asymmetric"][2] > 0
    tolerance = 1e-6 if clipped else 1e-36
    assert total == pytest.approx(expected, rel=1e-4, abs=tolerance)


@pytest.mark.parametrize("positive_weight", [1.0, 4.0])
def test_plain_event_loss_is_the_binary_cross_entropy(positive_weight: float):
    logits = random_logits(4, 6, 5)
    targets = random_logits(4, 6, 5, seed=1) > 0
    plain = binary_cross_entropy_with_logits(
        logits,
        targets.double(),
        pos_weight=torch.tensor(positive_weight),
        reduction="sum",
    )
    own = event_loss(logits, targets, positive_weight=positive_weight)
    torch.testing.assert_close(own, plain)
    torch.testing.assert_close(
        event_loss(logits, targets, positive_weight=positive_weight, asymmetric=(0, 0, 0)), plain
    )


@pytest.mark.parametrize("gamma", [0.5, 1.0, 2.0, 5.0])
def test_asymmetric_loss_of_equal_gammas_without_clipping_is_focal(gamma: float):
    logits = random_logits(2, 5)
    focal = event_loss(logits, TARGETS, focal_gamma=gamma)
    asymmetric = event_loss(logits, TARGETS, asymmetric=(gamma, gamma, 0.0))
    torch.testing.assert_close(asymmetric, focal)


@pytest.mark.parametrize("gamma", [0.0, 0.5, 1.0, 4.0])
def test_easy_absent_types_cost_nothing_from_the_clip_down(gamma: float):
    limit = torch.tensor(0.05, dtype=torch.float64).logit().item()
    absent = torch.zeros(1, 4)

    def loss(x: Tensor) -> Tensor:
        return event_loss(x, absent, asymmetric=(0.0, gamma, 0.05))

    for dtype in (torch.float64, torch.float32, torch.bfloat16):
        easy = torch.tensor([[limit - 0.1, limit - 1, -20.0, -100.0]]).to(dtype)
        assert loss(easy).item() == 0
        assert (gradient(loss, easy) == 0).all()
        hard = torch.tensor([[limit + 0.1, limit + 1, 0.0, 100.0]]).to(dtype)
        assert (gradient(loss, hard)[:, :3] > 0).all()


def test_absent_type_exactly_at_the_clip_has_a_gradient():
    slope = gradient(
        lambda x: event_loss(x, torch.zeros(1, 1), asymmetric=(0.0, 0.5, 0.5)), torch.zeros(1, 1)
    )
    assert slope.item() == 0


@pytest.mark.parametrize("clip", [1e-9, 1e-3, 0.05, 0.5])
def test_absent_type_of_which_the_model_is_sure_costs_what_the_clip_leaves(clip: float):
    logits, absent = torch.full((1, 1), 100.0), torch.zeros(1, 1)
    total = event_loss(logits, absent, asymmetric=(0.0, 0.0, clip)).item()
    assert total == pytest.approx(-torch.tensor(clip).log().item(), rel=1e-5)


def test_smoothing_is_the_cross_entropy_with_softer_targets():
    logits, targets = random_logits(2, 5), random_logits(2, 5, seed=2) > 0
    soft = torch.where(targets, 0.95, 0.05).double()
    plain = binary_cross_entropy_with_logits(logits, soft, reduction="sum")
    torch.testing.assert_close(event_loss(logits, targets, smoothing=0.1), plain)
    torch.testing.assert_close(event_loss(logits, soft), plain)


def test_two_answers_to_one_question_are_refused():
    with pytest.raises(ValueError, match="focal_gamma and asymmetric: give one of them"):
        event_loss(random_logits(2, 5), TARGETS, focal_gamma=2, asymmetric=(0, 4, 0.05))


def test_any_loss_is_its_formula():
    logits = random_logits(2, 5)
    expected = expected_any_loss(logits, GROUPS)
    assert any_loss(logits, GROUPS, GROUP_MEMBERS).item() == pytest.approx(expected, rel=1e-12)
    single = any_loss(logits.float(), GROUPS, GROUP_MEMBERS).item()
    assert single == pytest.approx(expected, rel=1e-5)


SIZES = [
    extreme,
    st.floats(-110, -80, width=32),  # the probability underflows in fp32
    st.floats(-45, -10, width=32),  # around where all are rare
    st.floats(-2, 1, width=32),  # around a probability of 1/2
]


@settings(max_examples=200, deadline=None)
@given(
    st.one_of(st.lists(size, min_size=5, max_size=5) for size in SIZES),
    st.integers(1, 2),
    st.sampled_from([(torch.float32, 2e-5), (torch.float64, 1e-13)]),
)
def test_any_loss_is_its_formula_at_every_size(
    values: list[float], group: int, precision: tuple[torch.dtype, float]
):
    dtype, tolerance = precision
    logits, known, members = torch.tensor([values]), torch.tensor([[1]]), GROUP_MEMBERS[[group]]
    expected = expected_any_loss(logits, known, members)
    total = any_loss(logits.to(dtype), known, members).item()
    assert total == pytest.approx(expected, rel=tolerance, abs=1e-37)


@settings(deadline=None)
@given(st.one_of(st.lists(size, min_size=3, max_size=3) for size in SIZES))
def test_gradient_of_a_group_is_that_of_the_formula(values: list[float]):
    """d/dz_t = -p_t * prod(1 - p) / (1 - prod(1 - p))."""
    members = torch.ones(1, 3, dtype=torch.bool)
    logits = torch.tensor([values])
    slope = gradient(lambda x: any_loss(x, torch.tensor([[1]]), members), logits)[0].tolist()
    with localcontext() as context:
        context.prec = 200
        none = prod(1 - sigmoid(z) for z in values)
        expected = [float(-sigmoid(z) * none / (1 - none)) for z in values]
    assert slope == pytest.approx(expected, rel=1e-4, abs=1e-37)


def test_group_of_one_type_is_that_type():
    logits = torch.cat([random_logits(20, 1), torch.tensor([[-1000.0], [-50.0], [50.0], [1000.0]])])
    ones = torch.ones(len(logits), 1)

    def own(x: Tensor) -> Tensor:
        return any_loss(x, ones, torch.tensor([[True]]))

    def plain(x: Tensor) -> Tensor:
        return -logsigmoid(x).sum()

    for x in (logits, logits.float()):
        torch.testing.assert_close(own(x), plain(x))
        torch.testing.assert_close(own(x), event_loss(x, ones))
        torch.testing.assert_close(gradient(own, x), gradient(plain, x))


@settings(deadline=None)
@given(
    st.lists(st.integers(0, 10**6), min_size=1, max_size=30),
    st.sampled_from([0.0, 0.5, 0.9, 0.99, 0.999, 0.9999, 0.99999]),
)
def test_weights_are_inverse_effective_numbers_with_mean_one(counts: list[int], beta: float):
    own = effective_number_weights(torch.tensor(counts), beta)
    with localcontext() as context:
        context.prec = 100
        b = Decimal(beta)
        raw = [(1 - b) / (1 - b ** max(n, 1)) if beta else Decimal(1) for n in counts]
        expected = [float(w * len(raw) / sum(raw)) for w in raw]
    assert own.dtype == torch.float32
    assert own.tolist() == pytest.approx(expected, rel=1e-5)
    assert own.sum().item() == pytest.approx(len(counts), rel=1e-5)


def test_weights_of_the_papers_two_limits():
    counts = torch.tensor([1, 10, 100, 0])
    assert effective_number_weights(counts, 0.0).tolist() == [1, 1, 1, 1]
    near = effective_number_weights(counts, 1 - 1e-9)
    inverse = torch.tensor([1, 0.1, 0.01, 1])
    torch.testing.assert_close(near, inverse / inverse.mean(), rtol=1e-5, atol=0)


@pytest.mark.parametrize("beta", [-0.1, 1.0, 1.5, float("nan")])
def test_beta_out_of_its_range_is_refused(beta: float):
    with pytest.raises(ValueError, match=r"beta .*: give a number from 0 to below 1"):
        effective_number_weights(torch.tensor([1, 2]), beta)


def test_symmetric_divergence_is_its_formula():
    one, other = random_logits(2, 4, TAGS), OTHER
    rows = list(zip(one[KNOWN].tolist(), other[KNOWN].tolist(), strict=True))
    expected = sum(expected_divergence(*pair) for pair in rows)
    total = symmetric_divergence(one, other, KNOWN)
    assert total.item() == pytest.approx(expected, rel=1e-12)
    single = symmetric_divergence(one.float(), other.float(), KNOWN).item()
    assert single == pytest.approx(expected, rel=1e-5)
    p, q = (x[KNOWN].log_softmax(-1) for x in (one, other))
    both = [kl_div(*pair, reduction="sum", log_target=True) for pair in ((p, q), (q, p))]
    torch.testing.assert_close(total, sum(both) / 2)


def test_symmetric_binary_divergence_is_its_formula():
    one, other, known = random_logits(2, 5), random_logits(2, 5, seed=1), TARGETS != IGNORED
    rows = list(zip(one[known].tolist(), other[known].tolist(), strict=True))
    expected = sum(expected_binary_divergence(*pair) for pair in rows)
    total = symmetric_binary_divergence(one, other, known)
    assert total.item() == pytest.approx(expected, rel=1e-12)
    pairs = (torch.stack([x, torch.zeros_like(x)], -1) for x in (one, other))
    torch.testing.assert_close(total, symmetric_divergence(*pairs, known))


@settings(deadline=None)
@given(st.lists(extreme, min_size=6, max_size=6))
def test_divergences_are_symmetric_and_zero_for_equals_only(values: list[float]):
    one, other = torch.tensor(values).view(2, 3)
    for measure, known in [
        (symmetric_divergence, torch.tensor(True)),
        (symmetric_binary_divergence, torch.ones(3, dtype=torch.bool)),
    ]:
        there, back = measure(one, other, known), measure(other, one, known)
        assert there.item() == pytest.approx(back.item())
        assert there.item() >= 0
        assert measure(one, one, known).item() == 0
        apart = torch.tensor([1.0, 0.0, 0.0])
        assert measure(apart, apart.flip(0), known).item() > 0.1


@settings(deadline=None)
@given(extreme, extreme)
def test_binary_divergence_is_its_formula_where_it_is_sure(one: float, other: float):
    total = symmetric_binary_divergence(
        torch.tensor([one]), torch.tensor([other]), torch.tensor([True])
    )
    expected = expected_binary_divergence(one, other)
    assert total.item() == pytest.approx(expected, rel=1e-5, abs=1e-5)


def test_both_passes_learn():
    one = random_logits(2, 4, TAGS).requires_grad_()
    other = OTHER.clone().requires_grad_()
    symmetric_divergence(one, other, KNOWN).backward()
    assert all((x.grad[KNOWN] != 0).all() and (x.grad[~KNOWN] == 0).all() for x in (one, other))
