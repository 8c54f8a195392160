"""Epochs: who is drawn how often, in which order, and that processes do not change it."""

from collections import Counter
from itertools import pairwise

import numpy as np
import pytest
from accelerate.data_loader import BatchSamplerShard, SkipBatchSampler
from hypothesis import given, settings
from hypothesis import strategies as st
from torch.utils.data import BatchSampler

from marsad.sampling import EpochSampler, draw, repeat_factors


def any_sampler(
    windows: int = 1000, *, batch_size: int = 8, seed: int = 13, share: float | None = None
) -> EpochSampler:
    """Return a sampler over windows of very different lengths, and shares if none is given."""
    rng = np.random.default_rng(0)
    shares = rng.choice([0.3, 1.0, 2.5], windows) if share is None else np.full(windows, share)
    lengths = np.clip(rng.lognormal(4, 0.7, windows), 3, 512).astype(int)
    return EpochSampler(shares, lengths, batch_size=batch_size, seed=seed)


def epoch_of(sampler: EpochSampler, epoch: int) -> list[int]:
    sampler.set_epoch(epoch)
    return list(sampler)


# Drawing.


@settings(max_examples=200, deadline=None)
@given(
    st.lists(st.floats(1e-3, 9), min_size=1, max_size=60),
    st.integers(1, 300),
    st.integers(0, 2**32),
)
def test_each_window_comes_its_share_of_times_rounded_up_or_down(
    shares: list[float], count: int, seed: int
):
    drawn = draw(np.array(shares), count, np.random.default_rng(seed))
    times = np.bincount(drawn, minlength=len(shares))
    wanted = np.array(shares) * count / sum(shares)
    assert len(drawn) == count
    assert (times >= np.floor(wanted - 1e-9)).all()
    assert (times <= np.ceil(wanted + 1e-9)).all()


def test_windows_come_their_share_of_times_on_average():
    rng = np.random.default_rng(0)
    shares = rng.uniform(0.05, 3, 60)
    wanted, epochs = shares * 100 / shares.sum(), 4000
    times = sum(np.bincount(draw(shares, 100, rng), minlength=60) for _ in range(epochs)) / epochs
    rest = wanted % 1  # how often it is rounded up
    assert (np.abs(times - wanted) <= 5 * np.sqrt(rest * (1 - rest) / epochs) + 1e-9).all()


def test_a_corpus_comes_its_share_of_times_in_every_epoch():
    shares = np.repeat([1.0, 0.3, 2.0], [400, 500, 100])
    sampler = EpochSampler(shares, np.full(1000, 20), batch_size=10, seed=1)
    assert len(sampler) == 750
    for epoch in range(5):
        times = np.bincount(epoch_of(sampler, epoch), minlength=1000)
        parts = times[:400].sum(), times[400:900].sum(), times[900:].sum()
        assert np.abs(np.array(parts) - [400, 150, 200]).max() <= 1


def test_every_window_comes_once_where_all_have_one_share():
    sampler = any_sampler(800, share=1.0)
    assert sorted(epoch_of(sampler, 3)) == list(range(800))


# Order.


def test_epoch_and_seed_change_the_order_and_nothing_else_does():
    first, other = any_sampler(), any_sampler()
    epochs = [epoch_of(first, epoch) for epoch in range(4)]
    assert [epoch_of(other, epoch) for epoch in (3, 1, 2, 0)] == [epochs[i] for i in (3, 1, 2, 0)]
    assert list(other) == list(other)  # the same epoch, iterated again
    assert all(a != b for a, b in pairwise(epochs))
    reseeded = [epoch_of(any_sampler(seed=14), epoch) for epoch in range(4)]
    assert not any(order in epochs for order in reseeded)


def test_order_does_not_follow_the_windows_or_their_lengths():
    sampler = any_sampler(4000, share=1.0)
    batches = np.array(epoch_of(sampler, 0)).reshape(-1, 8)
    for values in (batches.mean(axis=1), sampler.lengths[batches].mean(axis=1)):
        assert abs(np.corrcoef(values, np.arange(500))[0, 1]) < 0.2  # 4.5 standard errors
        assert abs(np.corrcoef(values[1:], values[:-1])[0, 1]) < 0.2
    alone = np.arange(4000).std() / 8**0.5  # of means of windows that have nothing in common
    assert batches.mean(axis=1).std() == pytest.approx(alone, rel=0.1)


@pytest.mark.parametrize(
    ("windows", "share", "batch_size", "expected"),
    [
        (1000, 1.0, 8, 1000),
        (1003, 1.0, 8, 1000),
        (1005, 1.0, 8, 1008),
        (3, 1.0, 8, 8),
        (1, 0.1, 4, 4),
        (100, 0.5, 16, 48),
        (100, 2.0, 7, 203),
        (5, 1.0, 1, 5),
    ],
)
def test_every_batch_is_full(windows: int, share: float, batch_size: int, expected: int):
    sampler = any_sampler(windows, batch_size=batch_size, share=share)
    order = epoch_of(sampler, 0)
    assert len(order) == len(sampler) == expected
    batches = list(BatchSampler(sampler, batch_size, drop_last=False))
    assert {len(batch) for batch in batches} == {batch_size}


def padding(sampler: EpochSampler, order: list[int]) -> int:
    """Return how many tokens fill up the batches of an order."""
    rows = sampler.lengths[np.array(order)].reshape(-1, sampler.batch_size)
    return int((rows.max(axis=1, keepdims=True) - rows).sum())


@pytest.mark.parametrize("batch_size", [8, 32])
def test_little_is_padding(batch_size: int):
    sampler = any_sampler(4000, batch_size=batch_size, share=1.0)
    order = epoch_of(sampler, 0)
    shuffled = np.random.default_rng(1).permutation(order).tolist()
    best = padding(sampler, sorted(order, key=lambda i: sampler.lengths[i]))
    assert padding(sampler, order) < 0.1 * padding(sampler, shuffled)
    assert best < padding(sampler, order)  # what is compared can tell orders apart


# Processes.


@pytest.mark.parametrize(("processes", "parts"), [(1, 2), (2, 1), (2, 2), (4, 1), (4, 2), (8, 1)])
def test_a_step_holds_the_same_windows_whatever_the_number_of_processes(processes: int, parts: int):
    """Parted as accelerate does for transformers' trainer; ``parts`` is ``train.accumulate``."""
    sampler = any_sampler(403)
    sampler.set_epoch(2)
    alone = list(BatchSampler(sampler, 8, drop_last=False))
    small = 8 // (processes * parts)
    shards = [
        list(BatchSamplerShard(BatchSampler(sampler, small, drop_last=False), processes, number))
        for number in range(processes)
    ]
    assert {len(shard) for shard in shards} == {len(alone) * parts}
    for step, whole in enumerate(alone):
        own = [batch for shard in shards for batch in shard[step * parts : (step + 1) * parts]]
        assert {len(batch) for batch in own} == {small}
        assert Counter(i for batch in own for i in batch) == Counter(whole)


def test_a_run_that_goes_on_in_the_middle_of_an_epoch_takes_the_rest_of_it():
    sampler = any_sampler(403)
    sampler.set_epoch(5)
    whole = list(BatchSampler(sampler, 8, drop_last=False))
    again = any_sampler(403)
    again.set_epoch(5)
    rest = SkipBatchSampler(BatchSampler(again, 8, drop_last=False), skip_batches=17)
    assert list(rest) == whole[17:]


# Rare labels.


def test_repeat_factors_by_hand():
    windows = [frozenset(own) for own in (["a"], ["a", "b"], [], ["a", "c"])]
    # Shares: a 3/4, b and c 1/4. sqrt(1/2 / 1/4) is the root of 2; sqrt(1 / 3/4) that of 4/3.
    assert repeat_factors(windows, 0.5) == pytest.approx([1, 2**0.5, 1, 2**0.5])
    assert repeat_factors(windows, 0.999999) == pytest.approx([(4 / 3) ** 0.5, 2, 1, 2], abs=1e-5)
    assert repeat_factors(windows, 0.25).tolist() == [1, 1, 1, 1]
    assert repeat_factors(windows, 0.0).tolist() == [1, 1, 1, 1]


@pytest.mark.parametrize("threshold", [0.0, 0.05, 0.3, 0.9])
def test_repeat_factors_follow_the_formula(threshold: float):
    rng = np.random.default_rng(1)
    names, chances = list("abcdef"), [0.9, 0.5, 0.2, 0.05, 0.02, 0.01]
    windows = [
        frozenset(n for n, p in zip(names, chances, strict=True) if rng.random() < p)
        for _ in range(300)
    ]
    for own, factor in zip(windows, repeat_factors(windows, threshold), strict=True):
        expected = 1.0
        for name in own:
            share = sum(name in other for other in windows) / 300
            expected = max(expected, np.sqrt(threshold / share))
        assert factor == pytest.approx(expected)
