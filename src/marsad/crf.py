"""A linear-chain conditional random field over the tags of words.

Lafferty et al. 2001, "Conditional Random Fields". Transitions that BIO forbids have probability
zero, in training as in :func:`marsad.spans.tag_log_marginals`, which decodes. A word's annotation
may leave several tags open; the loss then sums over all sequences that agree with it (Tsuboi et al.
2008, "Training Conditional Random Fields Using Incomplete Annotations").
"""

from collections.abc import Sequence
from typing import NamedTuple

import torch
from torch import Tensor, nn

from marsad.spans import NEVER, legal_beginnings, legal_transitions


class LinearChainCRF(nn.Module):
    """Learned transitions between tags, (tags, tags); the row is the tag that one comes from."""

    legal: Tensor
    may_begin: Tensor

    def __init__(self, tag_names: Sequence[str]) -> None:
        super().__init__()
        self.transitions = nn.Parameter(torch.zeros(len(tag_names), len(tag_names)))
        legal = torch.from_numpy(legal_transitions(tag_names))
        may_begin = torch.from_numpy(legal_beginnings(tag_names))
        self.register_buffer("legal", legal, persistent=False)
        self.register_buffer("may_begin", may_begin, persistent=False)

    def forward(
        self, emissions: Tensor, allowed: Tensor, *, begins: Tensor, known: Tensor
    ) -> Tensor:
        """Return the negative log-likelihood of what the annotation says, summed over sentences.

        Args:
            emissions: scores of tags, (rows, length, tags), computed with in fp32 at least.
            allowed: bool, (rows, length, tags), the tags that the annotation leaves possible: one
                of a word that is annotated, all of one that is not.
            begins: bool, (rows, length), the words that open a sentence. A row may begin inside
                one: its first word then takes any tag.
            known: bool, (rows, length), the positions of words. What the others hold is not read.

        Returns:
            A scalar. A sentence whose annotation no legal sequence agrees with adds nothing to it,
            nor to the gradients.
        """
        with torch.autocast(emissions.device.type, enabled=False):
            dtype = torch.promote_types(emissions.dtype, torch.float32)
            scores = emissions[known].to(dtype).log_softmax(-1)  # smaller sums, the same loss
            # A gradient for the transitions even without a pair of words: processes that keep a
            # part of them each would otherwise not agree on what to exchange.
            nothing = 0 * self.transitions.sum().to(dtype)
            if not len(scores):
                return scores.sum() + nothing
            scores = scores.masked_fill(begins[known].unsqueeze(-1) & ~self.may_begin, NEVER)
            agreeing = scores.masked_fill(~allowed[known], NEVER)
            chains = _find_chains(begins, known)
            both = torch.cat([chains.split(scores), chains.split(agreeing)])
            transitions = self.transitions.to(dtype).masked_fill(~self.legal, NEVER)
            totals = _log_partition(both, chains.lengths.repeat(2), transitions)
            everything, agreed = totals.chunk(2)
            impossible = agreed < NEVER / 2  # not so where it is nan, which is to be seen
            return (everything - agreed)[~impossible].sum() + nothing


class _Chains(NamedTuple):
    """Where the words of a batch, in order, stand in its sentences; ``lengths`` of those."""

    chain: Tensor
    place: Tensor
    lengths: Tensor

    def split(self, words: Tensor) -> Tensor:
        """Turn (words, tags) into (sentences, longest, tags), with zeros after the shorter ones."""
        shape = len(self.lengths), int(self.lengths.max()), words.shape[-1]
        return words.new_zeros(shape).index_put((self.chain, self.place), words)


def _find_chains(begins: Tensor, known: Tensor) -> _Chains:
    """Find the sentences, or what a row holds of them. At least one position is known."""
    first_of_row = known & (known.cumsum(1) == 1)
    opens = (begins | first_of_row)[known]
    chain = opens.cumsum(0) - 1
    place = torch.arange(len(chain), device=chain.device) - opens.nonzero().squeeze(1)[chain]
    return _Chains(chain, place, torch.bincount(chain))


def _log_partition(scores: Tensor, lengths: Tensor, transitions: Tensor) -> Tensor:
    """Return the log of the sum over all tag sequences of each chain (the forward algorithm).

    Args:
        scores: (chains, longest, tags).
        lengths: words of each chain, at least one.
        transitions: (tags, tags).
    """
    ahead = scores[:, 0]
    for i in range(1, scores.shape[1]):
        moved = torch.logsumexp(ahead.unsqueeze(2) + transitions, dim=1) + scores[:, i]
        ahead = torch.where((lengths > i).unsqueeze(1), moved, ahead)
    return ahead.logsumexp(1)
