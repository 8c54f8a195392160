"""Which windows an epoch holds, and in what order.

The order depends on seed and epoch alone, not on how many processes share the work: a batch of one
process is the batches of several, one after the other.
"""

from collections.abc import Iterator, Sequence

import numpy as np
import numpy.typing as npt
from torch.utils.data import Sampler

Floats = npt.NDArray[np.float64]
Ints = npt.NDArray[np.int64]

BATCHES_TOGETHER = 50  # among which windows are sorted by length


class EpochSampler(Sampler[int]):
    """Yields numbers of windows: drawn by share, shuffled, and grouped by length.

    Within runs of ``BATCHES_TOGETHER`` batches the windows are sorted by length, so that a batch
    holds windows of about one length and little is padding; then the batches are shuffled. All
    batches are full: the epoch is rounded to them.
    """

    def __init__(
        self, shares: Floats, lengths: npt.ArrayLike, *, batch_size: int, seed: int
    ) -> None:
        """Prepare the epochs.

        Args:
            shares: how often each window is drawn in an epoch on average, shape (windows,).
            lengths: tokens of each window.
            batch_size: windows in a step, over all processes.
            seed: of all epochs.
        """
        self.shares = shares
        self.lengths = np.asarray(lengths)
        self.batch_size = batch_size
        self.seed = seed
        self.epoch = 0

    def __len__(self) -> int:
        return max(1, round(float(self.shares.sum()) / self.batch_size)) * self.batch_size

    def set_epoch(self, epoch: int) -> None:
        """Choose the epoch that is iterated next."""
        self.epoch = epoch

    def __iter__(self) -> Iterator[int]:
        rng = np.random.default_rng([self.seed, self.epoch])
        chosen = draw(self.shares, len(self), rng)
        rng.shuffle(chosen)  # a window drawn twice comes as two neighbours
        together = self.batch_size * BATCHES_TOGETHER
        runs = (chosen[i : i + together] for i in range(0, len(chosen), together))
        batches = [batch for run in runs for batch in self._batches(run)]
        return (int(i) for number in rng.permutation(len(batches)) for i in batches[number])

    def _batches(self, run: Ints) -> list[Ints]:
        by_length = run[np.argsort(-self.lengths[run], kind="stable")]
        return [by_length[i : i + self.batch_size] for i in range(0, len(run), self.batch_size)]


def draw(shares: Floats, count: int, rng: np.random.Generator) -> Ints:
    """Draw window numbers so that each comes its share of times, rounded up or down.

    Systematic resampling: one random offset, then equal steps over the summed shares, so that the
    number drawn is always ``count``. The windows are shuffled before, so that any two of them may
    come together.
    """
    order = rng.permutation(len(shares))
    bounds = np.cumsum(shares[order]) * (count / shares.sum())
    ticks = np.arange(count) + rng.random()
    chosen: Ints = order[np.searchsorted(bounds, ticks, side="right").clip(max=len(shares) - 1)]
    return chosen


def repeat_factors(labels: Sequence[frozenset[str]], threshold: float) -> Floats:
    """Return how often windows with rare labels should come, 1 for the others.

    Repeat-factor sampling (Gupta et al. 2019, "LVIS: A Dataset for Large Vocabulary Instance
    Segmentation"): a label that the share f of the windows holds asks for max(1, sqrt(t / f)), a
    window gives the most that one of its labels asks for.

    Args:
        labels: of each window.
        threshold: t; 0 for no repetition.
    """
    held: dict[str, int] = {}
    for own in labels:
        for label in own:
            held[label] = held.get(label, 0) + 1
    asked = {name: max(1.0, (threshold * len(labels) / n) ** 0.5) for name, n in held.items()}
    return np.array([max((asked[label] for label in own), default=1.0) for own in labels])
