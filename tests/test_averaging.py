"""The running mean of the weights, against one kept by hand."""

from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path

import pytest
import torch
from torch import nn

from marsad.averaging import WeightAverage
from marsad.checkpoints import Checkpoints


class Small(nn.Module):
    """Weights that learn, one that does not, and statistics that move by themselves."""

    def __init__(self) -> None:
        super().__init__()
        torch.manual_seed(0)
        self.first = nn.Linear(3, 4)
        self.norm = nn.BatchNorm1d(4)
        self.fixed = nn.Linear(4, 2).requires_grad_(False)


def move(model: nn.Module, step: int) -> None:
    """Take the weights that learn somewhere else, as an optimizer does: in place."""
    random = torch.Generator().manual_seed(step)
    with torch.no_grad():
        for parameter in model.parameters():
            if parameter.requires_grad:
                parameter.add_(torch.randn(parameter.shape, generator=random))


def values(model: nn.Module) -> dict[str, torch.Tensor]:
    return {name: value.clone() for name, value in model.state_dict().items()}


def same(one: dict[str, torch.Tensor], other: dict[str, torch.Tensor]) -> bool:
    return one.keys() == other.keys() and all(torch.equal(one[n], other[n]) for n in one)


def averaged(steps: int, decay: float = 0.9) -> tuple[Small, WeightAverage]:
    model = Small()
    average = WeightAverage(model, decay)
    for step in range(steps):
        move(model, step)
        average.update()
    return model, average


@pytest.mark.parametrize("decay", [0.05, 0.5, 0.999])
@pytest.mark.parametrize("steps", [1, 2, 30])
def test_mean_is_the_one_kept_by_hand(decay: float, steps: int):
    """From the first on; the decay of update k is the lower of its own and (1 + k) / (10 + k)."""
    model = Small()
    move(model, 0)
    expected = model.first.weight.detach().double().clone()
    for k in range(2, steps + 1):
        move(model, k - 1)
        own = min(decay, (1 + k) / (10 + k))
        expected = own * expected + (1 - own) * model.first.weight.detach().double()
    again, average = averaged(steps, decay)
    with average.applied():
        assert torch.allclose(again.first.weight.double(), expected, atol=1e-5)
    assert torch.equal(again.first.weight, model.first.weight)


def test_weights_that_stand_still_are_their_own_mean():
    model = Small()
    average = WeightAverage(model, 0.99)
    for _ in range(20):
        average.update()
    before = values(model)
    with average.applied():
        assert all(torch.allclose(before[n], v, atol=1e-6) for n, v in values(model).items())


def test_what_was_before_the_first_step_is_no_part_of_it():
    model = Small()
    average = WeightAverage(model, 0.999)
    with torch.no_grad():
        model.first.weight.fill_(1.0)
    average.update()
    with average.applied():
        assert (model.first.weight == 1).all()


def test_first_weights_are_soon_forgotten():
    model = Small()
    average = WeightAverage(model, 0.999)
    with torch.no_grad():
        model.first.weight.fill_(1e3)
    average.update()
    with torch.no_grad():
        model.first.weight.fill_(1.0)
    for _ in range(20):
        average.update()
    with average.applied():
        assert (model.first.weight - 1).abs().max() < 1e-2


def test_mean_is_given_and_taken_back():
    model, average = averaged(5)
    before = values(model)
    with average.applied():
        assert not torch.equal(model.first.weight, before["first.weight"])
        assert not torch.equal(model.norm.weight, before["norm.weight"])
    assert same(values(model), before)


def test_weights_come_back_after_an_error_too():
    model, average = averaged(5)
    before = values(model)
    with pytest.raises(KeyError), average.applied():
        raise KeyError
    assert same(values(model), before)


def test_using_the_mean_does_not_change_it():
    model, average = averaged(5)
    mean = {name: value.clone() for name, value in average.state().items()}
    with average.applied():
        pass
    move(model, 5)
    assert same(average.state(), mean)
    average.update()
    assert not same(average.state(), mean)


def test_only_what_learns_is_averaged():
    model, average = averaged(3)
    fixed = model.fixed.weight.clone()
    model.train()
    model.norm(torch.randn(8, 4))
    statistics = model.norm.running_mean.clone()
    assert statistics.any()
    with average.applied():
        assert torch.equal(model.norm.running_mean, statistics)
        assert torch.equal(model.fixed.weight, fixed)
    learning = {name for name, p in model.named_parameters() if p.requires_grad}
    assert set(average.state()) == {*learning, "updates"}
    assert not any("running" in name or "fixed" in name for name in average.state())


def test_a_restored_mean_goes_on_as_the_first_would_have(tmp_path: Path):
    """Through the seal of a checkpoint, as a run that was killed takes it up."""
    model, average = averaged(4)
    checkpoints = Checkpoints(tmp_path)
    (tmp_path / "checkpoint-4").mkdir()
    checkpoints.seal(4, average.state())
    other, later = averaged(0)
    later.restore(checkpoints.sealed_average(tmp_path / "checkpoint-4"))
    other.load_state_dict(model.state_dict())
    for step in range(4, 8):
        for own, its in ((model, average), (other, later)):
            move(own, step)
            its.update()
    assert later.updates == 8
    assert same(average.state(), later.state())


@contextmanager
def parameters_kept() -> Iterator[None]:
    """Let parameters stay the same objects when a model moves, as they do from CPU to GPU."""
    torch.__future__.set_swap_module_params_on_conversion(True)
    try:
        yield
    finally:
        torch.__future__.set_swap_module_params_on_conversion(False)


def test_mean_follows_the_model_to_its_device():
    """A trainer moves the model after the mean was begun."""
    model = Small()
    average = WeightAverage(model, 0.9)
    with parameters_kept():
        model.to("meta")
    assert {p.device.type for p in average.parameters.values()} == {"meta"}
    average.update()
    assert {value.device.type for value in average.mean.values()} == {"meta"}
