"""The machine that a benchmark ran on."""

import os
import platform
import re
from dataclasses import dataclass
from pathlib import Path

import torch
import transformers

from marsad.arguments import use_bf16
from marsad.memory import peak_resident

_PROCESSORS = Path("/proc/cpuinfo")


@dataclass(frozen=True)
class Machine:
    """What the figures depend on besides the recipes.

    ``load`` is the system's load average of the minute before: well above 0, others were at work.
    """

    processor: str
    gpu: bool
    threads: int
    bf16: bool
    python: str
    torch: str
    transformers: str
    load: float

    @property
    def memory(self) -> str:
        """What :func:`peak_memory` is here, in words."""
        return "peak GPU memory" if self.gpu else "peak resident memory"


def describe_machine() -> Machine:
    """Return what this process runs on."""
    gpu = torch.cuda.is_available()
    return Machine(
        processor=torch.cuda.get_device_name() if gpu else _processor(),
        gpu=gpu,
        threads=torch.get_num_threads(),
        bf16=use_bf16("auto"),
        python=platform.python_version(),
        torch=torch.__version__,
        transformers=transformers.__version__,
        load=os.getloadavg()[0],
    )


def _processor() -> str:
    text = _PROCESSORS.read_text(encoding="utf-8") if _PROCESSORS.exists() else ""
    found = re.search(r"^model name\s*: (.+)$", text, flags=re.MULTILINE)
    return found[1] if found else platform.processor() or platform.machine()


def peak_memory() -> int:
    """Return the most bytes that this process ever held: of a GPU if there is one, else resident.

    Of a GPU, it is what torch's tensors took at once (``torch.cuda.max_memory_allocated``).
    """
    return torch.cuda.max_memory_allocated() if torch.cuda.is_available() else peak_resident()
