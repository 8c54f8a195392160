"""What befalls processes: death, a full disk or too little memory, just before a deed of theirs.

Most are forked off a server that has imported everything, since the imports are five sixths of the
time of ``marsad train`` with a tiny encoder. What they do to files is told to an audit hook first,
which may kill them: so they die at the same place however busy the machine is.
"""

import multiprocessing
import os
import re
import resource
import signal
import sys
from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field
from itertools import count
from pathlib import Path

import torch

from marsad.cli import run

SERVER = multiprocessing.get_context("forkserver")
SERVER.set_forkserver_preload([__name__, "tests.runs", "transformers.models.bert.modeling_bert"])
LINE = re.compile(r"^marsad: .+$", re.MULTILINE)


@dataclass(frozen=True)
class Fate:
    """What befalls a process just before the n-th of its deeds that a pattern matches.

    Deeds are ``mkdir PATH``, ``write PATH``, ``rename PATH PATH`` and ``remove PATH``. What befalls
    it is death, unless another thing is named.
    """

    before: str = ""
    number: int = 1
    fill: Path | None = None  # its disk is full from then on, by this file
    memory: int | None = None  # it gets no more than so many bytes from then on
    largest: int | None = None  # all its life no file may grow larger
    deadly: bool = False  # and it dies of trying
    environment: Mapping[str, str] = field(default_factory=dict)
    note: Path | None = None  # where its deeds are listed

    def begin(self) -> None:
        """Put the process that calls it under this fate."""
        os.environ.update(self.environment)
        if self.largest:
            resource.setrlimit(resource.RLIMIT_CORE, (0, 0))
            resource.setrlimit(resource.RLIMIT_FSIZE, (self.largest, self.largest))
            signal.signal(signal.SIGXFSZ, signal.SIG_DFL if self.deadly else signal.SIG_IGN)
        elif self.before:
            pattern, seen = re.compile(self.before), count(1)

            def watch(event: str, arguments: tuple[object, ...]) -> None:
                deed = _deed(event, arguments)
                if deed and pattern.search(deed):
                    if self.note:
                        with self.note.open("a") as out:
                            out.write(f"{deed}\n")
                    if next(seen) == self.number:
                        self._strike()

            sys.addaudithook(watch)

    def _strike(self) -> None:
        if self.fill:
            fill_up(self.fill)
        elif self.memory:
            pages = int(Path("/proc/self/statm").read_text().split()[0])
            limit = pages * resource.getpagesize() + self.memory
            resource.setrlimit(resource.RLIMIT_AS, (limit, limit))
        else:
            os.kill(os.getpid(), signal.SIGKILL)


def _deed(event: str, arguments: tuple[object, ...]) -> str | None:
    """Return what a process is about to do to files, in words; None if it only reads."""
    match event, arguments:
        case "open", (str(path), _, int(flags)) if flags & (os.O_WRONLY | os.O_RDWR):
            return f"write {path}"
        case "os.mkdir", (path, *_):
            return f"mkdir {path}"
        case "os.rename", (old, new, *_):
            return f"rename {old} {new}"
        case "os.remove", (path, folder) if isinstance(folder, int) and folder >= 0:
            return f"remove {Path(f'/proc/self/fd/{folder}').readlink()}/{path}"
        case "os.remove", (path, *_):
            return f"remove {path}"
    return None


def fill_up(path: Path) -> None:
    """Write a file until its disk is full."""
    with path.open("wb", buffering=0) as out:
        for size in (1 << 20, 1 << 12, 1):
            try:
                while out.write(b"\0" * size):
                    pass
            except OSError:
                continue


@dataclass(frozen=True)
class Ended:
    """How a process ended."""

    code: int
    stderr: str

    @property
    def line(self) -> str:
        """The one line that a run which failed ends with."""
        lines = LINE.findall(self.stderr)
        assert self.code == 2, self.stderr
        assert len(lines) == 1, self.stderr
        assert self.stderr.endswith(f"{lines[0]}\n"), self.stderr
        assert "Traceback" not in self.stderr
        return str(lines[0])


def live_together(arguments: Sequence[str], folder: Path, *, fates: Sequence[Fate]) -> list[Ended]:
    """Let processes, each with its fate, run the same ``marsad`` command until they end or die.

    What they say goes into files of the folder.
    """
    files = [folder / f"stderr-{i}" for i in range(len(fates))]
    processes = [
        SERVER.Process(target=_live, args=(arguments, stderr, fate))
        for stderr, fate in zip(files, fates, strict=True)
    ]
    for process in processes:
        process.start()
    for process in processes:
        process.join()
    codes = [process.exitcode for process in processes]
    return [
        Ended(code, stderr.read_text(encoding="utf-8"))
        for code, stderr in zip(codes, files, strict=True)
        if code is not None
    ]


def live(arguments: Sequence[str], folder: Path, fate: Fate) -> Ended:
    """Let one process run a ``marsad`` command under its fate."""
    (ended,) = live_together(arguments, folder, fates=[fate])
    return ended


def _live(arguments: Sequence[str], stderr: Path, fate: Fate) -> None:
    with stderr.open("w") as out:
        os.dup2(out.fileno(), 1)
        os.dup2(out.fileno(), 2)
    torch.set_num_threads(1)
    fate.begin()
    sys.exit(run(arguments))
