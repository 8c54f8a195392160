"""Words that a step hides: which, how many, and from whom."""

import numpy as np
import pytest
import torch
from torch import Tensor

from marsad.adversary import Adversary
from marsad.config import RunConfig, with_values
from marsad.errors import ConfigError
from marsad.objective import count_targets
from marsad.trainer import DocumentTrainer
from marsad.word_dropout import WordDropout
from tests.runs import prepare

MASK = 99


def drawn(windows: int, words: int) -> dict[str, Tensor]:
    """Windows of words of one to four pieces, between pieces that are of no word."""
    rng = np.random.default_rng(0)
    rows = [np.repeat(np.arange(1, words + 1), rng.integers(1, 5, words)) for _ in range(windows)]
    length = max(map(len, rows)) + 2
    numbers = torch.zeros(windows, length, dtype=torch.long)
    for i, row in enumerate(rows):
        numbers[i, 1 : len(row) + 1] = torch.from_numpy(row)
    ids = torch.from_numpy(rng.integers(1, 90, numbers.shape))
    return {"words": numbers, "input_ids": ids, "tags": ids * 2}


def test_whole_words_are_hidden_each_as_often_as_asked():
    torch.manual_seed(0)
    batch = drawn(60, 40)
    before = batch["input_ids"].clone()
    seen = WordDropout(0.3, MASK)(batch)
    hidden = seen["input_ids"] == MASK
    assert torch.equal(seen["input_ids"][~hidden], before[~hidden])
    assert not hidden[batch["words"] == 0].any()
    share = 0
    for words, own in zip(batch["words"], hidden, strict=True):
        for word in range(1, 41):
            pieces = own[words == word]
            assert pieces.all() or not pieces.any()
            share += int(pieces.all())
    assert share / (60 * 40) == pytest.approx(0.3, abs=0.03)  # three standard deviations


def test_nothing_else_changes_and_each_batch_is_drawn_anew():
    torch.manual_seed(0)
    batch, hide = drawn(4, 30), WordDropout(0.5, MASK)
    before = {name: tensor.clone() for name, tensor in batch.items()}
    one, other = hide(batch), hide(batch)
    assert all(torch.equal(batch[name], before[name]) for name in batch)
    assert one.keys() == batch.keys()
    assert torch.equal(one["tags"], batch["tags"])
    assert not torch.equal(one["input_ids"], other["input_ids"])


def test_a_batch_without_a_word_is_left_as_it_is():
    batch = {name: torch.zeros_like(tensor) for name, tensor in drawn(2, 3).items()}
    assert torch.equal(WordDropout(0.9, MASK)(batch)["input_ids"], batch["input_ids"])


def passes(trainer: DocumentTrainer) -> list[Tensor]:
    """Run a training step; return the ids of all its passes."""
    seen: list[Tensor] = []
    embeddings = trainer.model.encoder.get_input_embeddings()
    handle = embeddings.register_forward_hook(lambda _, given, __: seen.append(given[0].clone()))
    batch = trainer.data_collator(list(trainer.train_dataset)[:8])
    trainer.training_step(trainer.model, batch, count_targets(batch))
    handle.remove()
    return seen


@pytest.mark.parametrize("share", [0.0, 0.4])
def test_all_passes_of_a_step_read_the_same(run_config: RunConfig, share: float):
    own = {"train.word_dropout": share, "loss.rdrop": 0.5, "loss.adversarial": 0.5}
    trainer = prepare(with_values(run_config, own))
    assert isinstance(trainer.adversary, Adversary)
    seen = passes(trainer)
    assert len(seen) == 4
    assert all(torch.equal(ids, seen[0]) for ids in seen)
    mask = trainer.data_collator(list(trainer.train_dataset)[:8])["input_ids"] != seen[0]
    assert mask.any() == (share > 0)
    assert len(seen[0][mask].unique()) == (1 if share else 0)


def test_an_encoder_without_a_mask_token_is_refused(
    run_config: RunConfig, monkeypatch: pytest.MonkeyPatch
):
    monkeypatch.setattr("transformers.PreTrainedTokenizerFast.mask_token_id", None, raising=False)
    with pytest.raises(ConfigError, match=r"train\.word_dropout: .* has no mask token"):
        prepare(with_values(run_config, {"train.word_dropout": 0.1}))
