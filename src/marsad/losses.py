"""Losses of the heads, for skewed labels and for annotations that leave some of them open.

All take logits of any floating-point type, compute in fp32 (fp64 stays fp64) and return the sum
over the known positions, a 0-dim tensor: who calls divides by counts. Positions that are IGNORED
are not read. They give no loss and a gradient of zero, whatever their logits are.
"""

import math
from typing import Final

import torch
from torch import Tensor
from torch.nn.functional import logsigmoid

IGNORED: Final = -100  # a target that takes no part in the loss


def tag_loss(
    logits: Tensor,
    sets: Tensor,
    members: Tensor,
    *,
    smoothing: float = 0.0,
    focal_gamma: float = 0.0,
    class_weights: Tensor | None = None,
) -> Tensor:
    """Return the negative log-likelihood of label sets, summed.

    The probability of a set is the sum of its tags' (marginal likelihood; Tsuboi et al. 2008,
    "Training Conditional Random Fields Using Incomplete Annotations"; Cour et al. 2011, "Learning
    from Partial Labels"). For sets of one tag this is the cross-entropy. A set of all tags says
    nothing: its positions count as unknown.

    Args:
        logits: (..., tags).
        sets: (...), int32 or int64, the row of ``members``; IGNORED where unknown.
        members: (sets, tags), bool, the tags that each set holds; at least one.
        smoothing: share of the loss, 0 to 1, that wants the uniform distribution (Szegedy et al.
            2016, "Rethinking the Inception Architecture"). For sets of one tag only.
        focal_gamma: 0 or more; the likelihood's loss is multiplied by ``(1 - p) ** focal_gamma``
            (Lin et al. 2017, "Focal Loss for Dense Object Detection"), the smoothing's is not.
        class_weights: (tags,); a set weighs the mean of its tags' weights.
    """
    known = sets != IGNORED
    held, scores = members.index_select(0, sets[known]), _precise(logits[known])
    telling = ~held.all(-1)
    held, log_p = held[telling], scores[telling].log_softmax(-1)
    loss = _focal(_log_odds(log_p, held), focal_gamma)
    if smoothing:
        # A coarse set does not say how its share divides, so there is no target to smooth.
        smoothed = (1 - smoothing) * loss - smoothing * log_p.mean(-1)
        loss = torch.where(held.sum(-1) == 1, smoothed, loss)
    if class_weights is not None:
        weights = torch.where(held, class_weights.to(loss.dtype), 0.0)
        loss = loss * weights.sum(-1) / held.sum(-1)
    return loss.sum()


def event_loss(
    logits: Tensor,
    targets: Tensor,
    *,
    positive_weight: float = 1.0,
    focal_gamma: float = 0.0,
    asymmetric: tuple[float, float, float] | None = None,
    class_weights: Tensor | None = None,
    smoothing: float = 0.0,
) -> Tensor:
    """Return the binary cross-entropy of labels that do not exclude each other, summed.

    Args:
        logits: (..., types).
        targets: (..., types), bool or a number from 0 to 1; IGNORED where unknown.
        positive_weight: factor of the loss of a present type.
        focal_gamma: 0 or more; makes it the focal loss (Lin et al. 2017, "Focal Loss for Dense
            Object Detection"), in which the weights here stand for its alpha.
        asymmetric: focal gamma for present types, another for absent ones, and the probability, 0
            to below 1, up to which an absent type costs nothing (Ridnik et al. 2021, "Asymmetric
            Loss For Multi-Label Classification"). Takes the place of ``focal_gamma``.
        class_weights: (types,), factor of the loss of each type.
        smoothing: targets move towards 1/2 by this share of the way, 0 to 1.

    Raises:
        ValueError: both ``focal_gamma`` and ``asymmetric`` are given.
    """
    if focal_gamma and asymmetric is not None:
        raise ValueError("focal_gamma and asymmetric: give one of them")
    gamma_positive, gamma_negative, clip = asymmetric or (focal_gamma, focal_gamma, 0.0)
    known = targets != IGNORED
    scores = _precise(logits[known])
    present = targets[known].to(scores.dtype)
    present = present + smoothing * (0.5 - present)
    loss = positive_weight * present * _focal(scores, gamma_positive)
    loss = loss + (1 - present) * _absence(scores, gamma_negative, clip)
    if class_weights is not None:
        loss = loss * class_weights.to(loss.dtype).expand_as(logits)[known]
    return loss.sum()


def any_loss(logits: Tensor, groups: Tensor, members: Tensor) -> Tensor:
    """Return the negative log-likelihood that each group has a type that is reported, summed.

    Its probability is ``1 - prod(1 - p)`` over the group's types (noisy-or; Pearl 1988,
    "Probabilistic Reasoning in Intelligent Systems").

    Args:
        logits: (..., types).
        groups: (..., groups), 1 where at least one of the group's types is reported; IGNORED
            where nothing is known of the group.
        members: (groups, types), bool, the types of each group; at least one.
    """
    known = groups == 1
    shape = *groups.shape, logits.shape[-1]
    scores = _precise(logits.unsqueeze(-2).expand(shape)[known])
    scores = scores.masked_fill(~members.expand(shape)[known], -math.inf)  # others' p is 0
    # Where all are rare, the sum of their odds is the probability up to rounding, and its
    # logarithm still has a gradient where the probability itself underflows.
    log_odds = scores.logsumexp(-1)
    rare = log_odds < math.log(torch.finfo(scores.dtype).eps)
    log_none = logsigmoid(-scores).sum(-1)
    log_any = torch.where(rare, log_odds, _log1mexp(torch.where(rare, -1.0, log_none)))
    return -log_any.sum()


def effective_number_weights(counts: Tensor, beta: float) -> Tensor:
    """Return class weights, the inverse of effective numbers of examples; their mean is 1.

    Cui et al. 2019, "Class-Balanced Loss Based on Effective Number of Samples": the weight of a
    class with n examples is proportional to ``(1 - beta) / (1 - beta ** n)``.

    Args:
        counts: (classes,), the examples of each class; 0 counts as 1.
        beta: from 0, where all weigh the same, to below 1, near which weights go with 1 / n.

    Returns:
        (classes,), fp32.

    Raises:
        ValueError: beta is out of its range.
    """
    if not 0 <= beta < 1:
        raise ValueError(f"beta {beta:g}: give a number from 0 to below 1")
    weights = (1 - beta) / (1 - beta ** counts.double().clamp(min=1))
    return (weights / weights.mean()).float()


def symmetric_divergence(one: Tensor, other: Tensor, known: Tensor) -> Tensor:
    """Return (KL(p||q) + KL(q||p)) / 2 of softmax distributions, summed.

    The term that R-Drop adds for two passes with different dropout (Liang et al. 2021, "R-Drop:
    Regularized Dropout for Neural Networks").

    Args:
        one: logits, (..., classes).
        other: logits, (..., classes).
        known: (...), bool, the positions that count.
    """
    log_p = _precise(one[known]).log_softmax(-1)
    log_q = _precise(other[known]).log_softmax(-1)
    # Both divergences in one sum, in which no term is negative.
    return ((log_p.exp() - log_q.exp()) * (log_p - log_q)).sum() / 2


def symmetric_binary_divergence(one: Tensor, other: Tensor, known: Tensor) -> Tensor:
    """Return (KL(p||q) + KL(q||p)) / 2 of independent yes-no decisions, summed.

    Args:
        one: logits, (..., types).
        other: logits, (..., types).
        known: (..., types), bool, the decisions that count.
    """
    x, y = _precise(one[known]), _precise(other[known])
    return ((x.sigmoid() - y.sigmoid()) * (x - y)).sum() / 2


def _precise(logits: Tensor) -> Tensor:
    return logits.to(torch.promote_types(logits.dtype, torch.float32))


def _focal(log_odds: Tensor, gamma: float) -> Tensor:
    """Return ``-(1 - p) ** gamma * log(p)`` of what has these log-odds."""
    return -logsigmoid(log_odds) * (gamma * logsigmoid(-log_odds)).exp()


def _absence(logits: Tensor, gamma: float, clip: float) -> Tensor:
    """Return ``-p ** gamma * log(1 - p)`` of probabilities lowered by ``clip``, but not below 0."""
    if not clip:
        return _focal(-logits, gamma)
    absent = torch.sigmoid(-logits) + clip  # 1 - p, exact also where p is nearly 1
    counts = absent < 1
    absent = torch.where(counts, absent, 0.5)  # a stand-in with a finite gradient
    return torch.where(counts, -((1 - absent) ** gamma) * absent.log(), 0.0)


def _log_odds(log_p: Tensor, held: Tensor) -> Tensor:
    """Return the log-odds of sets, (...), from (..., tags); none is empty or holds all tags."""
    return _log_sum(log_p, held) - _log_sum(log_p, ~held)


def _log_sum(values: Tensor, held: Tensor) -> Tensor:
    """Return the logarithm of the sum of exp over what is held."""
    return values.masked_fill(~held, -math.inf).logsumexp(-1)


def _log1mexp(values: Tensor) -> Tensor:
    """Return ``log(1 - exp(values))`` of negative values.

    Mächler 2012, "Accurately Computing log(1 - exp(-|a|))".
    """
    far = values.clamp(max=-math.log(2))  # the other branch's values would have infinite gradients
    return torch.where(values > -math.log(2), (-values.expm1()).log(), (-far.exp()).log1p())
