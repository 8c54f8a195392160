"""The adversary on a real tiny model; what it should do is computed from given piece vectors."""

from collections.abc import Iterator, Mapping
from contextlib import contextmanager

import pytest
import torch
from torch import Tensor
from torch.nn.functional import cosine_similarity, embedding

from marsad.config import RunConfig, with_values
from marsad.losses import IGNORED
from marsad.objective import count_targets
from marsad.text.batches import Batch
from marsad.trainer import DocumentTrainer
from tests.runs import prepare

STILL = {"model.dropout": 0.0, "model.encoder_dropout": 0.0}  # no two passes differ by chance
LENGTH = 0.5


def ready(config: RunConfig, **options: object) -> tuple[DocumentTrainer, dict[str, Tensor]]:
    """A trainer with an adversary, and a batch of four windows."""
    torch.manual_seed(0)
    own = {"loss.adversarial": LENGTH, "train.precision": "fp32", **STILL, **options}
    trainer = prepare(with_values(config, own))
    return trainer, trainer.data_collator(list(trainer.train_dataset)[:4])


def step_of(trainer: DocumentTrainer, batch: Mapping[str, Tensor]) -> Tensor:
    """Run a training step; return how far it moved the vectors, (windows, length, width)."""
    with watched(trainer) as seen:
        trainer.training_step(trainer.model, dict(batch), count_targets(batch))
    before, after = seen[0], seen[-1]
    return after - before


@contextmanager
def watched(trainer: DocumentTrainer) -> Iterator[list[Tensor]]:
    """Collect the piece vectors that the encoder goes on with."""
    seen: list[Tensor] = []

    def keep(*args: Tensor) -> None:
        seen.append(args[-1].detach().clone())

    handle = trainer.model.encoder.get_input_embeddings().register_forward_hook(keep)
    yield seen
    handle.remove()


def vectors_of(trainer: DocumentTrainer, batch: Mapping[str, Tensor]) -> Tensor:
    return embedding(batch["input_ids"], trainer.model.encoder.get_input_embeddings().weight)


def logits_at(
    trainer: DocumentTrainer, batch: Mapping[str, Tensor], vectors: Tensor
) -> dict[str, Tensor]:
    """Run the model on given vectors, past the embedding layer and what watches it."""
    model = trainer.model
    output = model.encoder(inputs_embeds=vectors, attention_mask=batch["attention_mask"])
    return model.judge(output.last_hidden_state, batch["sentence_mask"])


def loss_at(trainer: DocumentTrainer, batch: Mapping[str, Tensor], vectors: Tensor) -> Tensor:
    logits = logits_at(trainer, batch, vectors)
    return trainer.objective(logits, batch, trainer.model.crf, count_targets(batch))


def gradient_at(trainer: DocumentTrainer, batch: Mapping[str, Tensor]) -> Tensor:
    vectors = vectors_of(trainer, batch).detach().requires_grad_()
    return torch.autograd.grad(loss_at(trainer, batch, vectors), vectors)[0]


@pytest.mark.parametrize("frozen", [False, True])
def test_each_window_is_moved_by_one_length_along_its_gradient(run_config: RunConfig, frozen: bool):
    trainer, batch = ready(run_config, **{"train.freeze_embeddings": frozen})
    step, gradient = step_of(trainer, batch).flatten(1), gradient_at(trainer, batch).flatten(1)
    assert torch.allclose(step.norm(dim=1), torch.full((4,), LENGTH), rtol=1e-3)
    assert cosine_similarity(step, gradient).min() > 0.999


def test_padding_is_not_moved(run_config: RunConfig):
    trainer, batch = ready(run_config)
    padding = batch["attention_mask"] == 0
    assert padding.any()
    assert not step_of(trainer, batch)[padding].any()


def test_a_window_of_which_nothing_is_known_is_not_moved(run_config: RunConfig):
    trainer, batch = ready(run_config)
    for name in ("tags", "proclitics", "events", "groups"):
        batch[name][2] = IGNORED
    moved = step_of(trainer, batch).flatten(1).norm(dim=1) > LENGTH / 2
    assert moved.tolist() == [True, True, False, True]
    assert all(p.grad is None or p.grad.isfinite().all() for p in trainer.model.parameters())


def test_a_short_step_raises_the_loss_as_the_gradient_says(run_config: RunConfig):
    """By its length times the norm of each window's gradient, and no other step by as much."""
    trainer, batch = ready(run_config, **{"loss.adversarial": 0.02})
    step, gradient = step_of(trainer, batch), gradient_at(trainer, batch)
    vectors = vectors_of(trainer, batch).detach()
    with torch.no_grad():
        before = loss_at(trainer, batch, vectors)
        rise = (loss_at(trainer, batch, vectors + step) - before).item()
        assert rise == pytest.approx(0.02 * gradient.flatten(1).norm(dim=1).sum().item(), rel=0.1)
        for _ in range(5):
            other = torch.randn_like(step)
            other *= 0.02 / other.flatten(1).norm(dim=1)[:, None, None]
            assert loss_at(trainer, batch, vectors + other) - before < rise


@pytest.mark.parametrize("frozen", [False, True])
def test_gradients_are_those_of_both_passes(run_config: RunConfig, frozen: bool):
    trainer, batch = ready(run_config, **{"train.freeze_embeddings": frozen, "model.crf": True})
    step = step_of(trainer, batch)
    found = {n: p.grad for n, p in trainer.model.named_parameters()}
    trainer.model.zero_grad()
    loss = loss_at(trainer, batch, vectors_of(trainer, batch))
    (loss + loss_at(trainer, batch, vectors_of(trainer, batch) + step)).backward()
    for name, parameter in trainer.model.named_parameters():
        if frozen and "word_embeddings" in name:
            assert found[name] is None
        else:
            assert torch.allclose(found[name], parameter.grad, atol=1e-5), name


def test_the_loss_that_is_told_is_of_the_vectors_as_they_are(run_config: RunConfig):
    trainer, batch = ready(run_config)
    told = trainer.training_step(trainer.model, dict(batch), count_targets(batch))
    assert told.item() == pytest.approx(
        loss_at(trainer, batch, vectors_of(trainer, batch)).item(), rel=1e-5
    )


def test_nothing_stays_moved(run_config: RunConfig):
    trainer, batch = ready(run_config)
    inputs = [batch[name] for name in Batch._fields]
    before = trainer.model(*inputs)
    for fails in (False, True):
        trainer.training_step(trainer.model, dict(batch), count_targets(batch))
        loss = trainer.compute_loss(trainer.model, batch, num_items_in_batch=count_targets(batch))
        loss.backward()
        try:
            with trainer.adversary.attacking():
                assert not torch.equal(trainer.model(*inputs)["tags"], before["tags"])
                if fails:
                    raise KeyError
        except KeyError:
            assert fails
        after = trainer.model(*inputs)
        assert all(torch.equal(before[head], after[head]) for head in before)


def test_each_step_goes_by_its_own_gradient(run_config: RunConfig):
    """Batches of other shapes, and scoring between the steps, leave nothing behind."""
    trainer, batch = ready(run_config)
    other = trainer.data_collator(list(trainer.train_dataset)[4:7])
    expected = step_of(trainer, other)
    step_of(trainer, batch)
    assert torch.equal(step_of(trainer, other), expected)
    trainer.evaluate()
    with torch.no_grad():
        trainer.model(*(batch[name] for name in Batch._fields))
    assert torch.equal(step_of(trainer, other), expected)


def test_dev_is_scored_on_vectors_as_they_are(run_config: RunConfig):
    plain = prepare(with_values(run_config, STILL))
    trainer, batch = ready(run_config)
    plain.model.load_state_dict(trainer.model.state_dict())
    step_of(trainer, batch)
    with watched(trainer) as moved, watched(plain) as unmoved:
        assert trainer.evaluate()["eval_score"] == plain.evaluate()["eval_score"]
    assert all(torch.equal(one, other) for one, other in zip(moved, unmoved, strict=True))


def test_with_rdrop_the_step_is_along_the_gradient_of_both_its_passes(run_config: RunConfig):
    options = {"model.dropout": 0.2, "model.encoder_dropout": 0.2, "loss.rdrop": 1.0}
    trainer, batch = ready(run_config, **options)
    torch.manual_seed(1)
    step = step_of(trainer, batch).flatten(1)
    torch.manual_seed(1)  # the same units are dropped
    vectors = vectors_of(trainer, batch).detach().requires_grad_()
    counts = count_targets(batch)
    one, other = (logits_at(trainer, batch, vectors) for _ in range(2))
    loss = sum(trainer.objective(x, batch, None, counts) for x in (one, other)) / 2
    loss = loss + trainer.objective.divergence(one, other, batch, counts)
    gradient = torch.autograd.grad(loss, vectors)[0].flatten(1)
    assert cosine_similarity(step, gradient).min() > 0.999
    assert torch.allclose(step.norm(dim=1), torch.full((4,), LENGTH), rtol=1e-3)
