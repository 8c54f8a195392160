"""The processes that share a run, as ``torchrun`` or ``accelerate launch`` started them."""

import torch
from accelerate import PartialState


def this_process() -> PartialState:
    """Return which of the processes this is; where there is no GPU they meet over gloo."""
    return PartialState(cpu=not torch.cuda.is_available())
