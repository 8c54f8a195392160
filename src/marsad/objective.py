"""The objective: the heads' losses, each a mean over what is known, weighed and summed.

A step may be parted among processes and micro-batches. Each part gives sums; the counts of the
whole step divide them, so that the loss is the same however the step was parted.
"""

from collections.abc import Mapping
from typing import NamedTuple

import torch
from torch import Tensor, nn

from marsad.crf import LinearChainCRF
from marsad.label_sets import label_sets
from marsad.losses import (
    IGNORED,
    any_loss,
    event_loss,
    symmetric_binary_divergence,
    symmetric_divergence,
    tag_loss,
)
from marsad.sections import LossConfig

Tensors = Mapping[str, Tensor]


class Counts(NamedTuple):
    """What the losses are means over: words with tags, with proclitics, sentences, events.

    Words and sentences of which nothing is known are not counted.
    """

    tags: Tensor
    proclitics: Tensor
    sentences: Tensor
    events: Tensor


def count_targets(targets: Tensors) -> Tensor:
    """Return the :class:`Counts` of a batch as one tensor, (4,)."""
    events = targets["events"]
    return torch.stack(
        [
            _told(targets["tags"]).sum(),
            (targets["proclitics"] != IGNORED).sum(),
            ((events != IGNORED).any(-1) | (targets["groups"] != IGNORED).any(-1)).sum(),
            (events > 0).sum(),
        ]
    )


class Objective(nn.Module):
    """The loss of a batch under the options of a run."""

    tag_sets: Tensor
    groups: Tensor
    tag_weights: Tensor | None
    type_weights: Tensor | None

    def __init__(
        self,
        options: LossConfig,
        *,
        tag_weights: Tensor | None = None,
        type_weights: Tensor | None = None,
    ) -> None:
        """Keep options, and weights of tags (tags,) and of event types (types,)."""
        super().__init__()
        self.options = options
        sets = label_sets()
        self.register_buffer("tag_sets", torch.from_numpy(sets.tags), persistent=False)
        self.register_buffer("groups", torch.from_numpy(sets.groups), persistent=False)
        self.register_buffer("tag_weights", tag_weights, persistent=False)
        self.register_buffer("type_weights", type_weights, persistent=False)

    def forward(
        self, logits: Tensors, targets: Tensors, crf: LinearChainCRF | None, counts: Tensor
    ) -> Tensor:
        """Return this batch's share of the step's loss.

        Args:
            logits: as from :meth:`MarsadModel.forward`.
            targets: as from :class:`Collator`.
            crf: of the model, if it has one.
            counts: of the whole step, as from :func:`count_targets`.
        """
        weight, over = self.options, Counts(*counts.clamp(min=1).unbind())
        total = counts.new_zeros((), dtype=torch.float32)
        if "tags" in logits:
            tags = self._tags(logits["tags"], targets, crf)
            proclitics = _cross_entropy(logits["proclitics"], targets["proclitics"])
            total = total + weight.entity_weight * tags / over.tags
            total = total + weight.clitic_weight * proclitics / over.proclitics
        if "events" in logits:
            events, known = targets["events"], targets["events"] > 0
            realis = torch.where(known, events - 1, IGNORED)
            # Per sentence, not per decision: 23 types would make the loss vanish otherwise.
            total = total + weight.event_weight * self._events(logits, targets) / over.sentences
            total = total + weight.realis_weight * (
                _cross_entropy(logits["realis"], realis) / over.events
            )
        return total

    def divergence(self, one: Tensors, other: Tensors, targets: Tensors, counts: Tensor) -> Tensor:
        """Return how far two passes over a batch differ (R-Drop, Liang et al. 2021)."""
        weight, over = self.options, Counts(*counts.clamp(min=1).unbind())
        total = counts.new_zeros((), dtype=torch.float32)
        if "tags" in one:
            tags = symmetric_divergence(one["tags"], other["tags"], _told(targets["tags"]))
            total = total + weight.entity_weight * tags / over.tags
        if "events" in one:
            known = targets["events"] != IGNORED
            events = symmetric_binary_divergence(one["events"], other["events"], known)
            total = total + weight.event_weight * events / over.sentences
        return weight.rdrop * total

    def _tags(self, logits: Tensor, targets: Tensors, crf: LinearChainCRF | None) -> Tensor:
        sets = targets["tags"]
        if crf is None:
            return tag_loss(
                logits,
                sets,
                self.tag_sets,
                smoothing=self.options.label_smoothing,
                focal_gamma=self.options.focal_gamma,
                class_weights=self.tag_weights,
            )
        known = sets != IGNORED
        allowed = self.tag_sets[torch.where(known, sets, 0)]
        result: Tensor = crf(logits, allowed, begins=targets["begins"], known=known)
        return result

    def _events(self, logits: Tensors, targets: Tensors) -> Tensor:
        options, events = self.options, targets["events"]
        own = options.asymmetric
        shape = (own.gamma_positive, own.gamma_negative, own.clip) if own else None
        single = event_loss(
            logits["events"],
            torch.where(events == IGNORED, IGNORED, (events > 0).long()),
            positive_weight=options.event_positive_weight,
            focal_gamma=0.0 if own else options.focal_gamma,
            asymmetric=shape,
            class_weights=self.type_weights,
            smoothing=options.label_smoothing,
        )
        votes = any_loss(logits["events"], targets["groups"], self.groups)
        return single + options.event_positive_weight * votes


def _told(sets: Tensor) -> Tensor:
    """Return of which words something is known; a set of all tags says nothing."""
    return (sets != IGNORED) & (sets != label_sets().anything)


def _cross_entropy(logits: Tensor, targets: Tensor) -> Tensor:
    """Return the sum over the known targets."""
    return nn.functional.cross_entropy(
        logits.float().flatten(0, -2), targets.flatten(), ignore_index=IGNORED, reduction="sum"
    )
