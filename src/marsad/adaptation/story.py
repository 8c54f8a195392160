"""The story of an adaptation: adapt the base, probe it on the way, write folder and card."""

import hashlib
import json
import logging
from collections.abc import Mapping
from contextlib import ExitStack
from pathlib import Path
from typing import Any

from marsad.adaptation.adapting import adapt, forget
from marsad.adaptation.card import write_encoder_card
from marsad.adaptation.folder import EncoderFolder, save_encoder
from marsad.adaptation.probe import probe
from marsad.adaptation.settings import AdaptConfig
from marsad.checkpoints import FOLDER
from marsad.config import RunConfig, load_config
from marsad.encoders.loading import Encoder
from marsad.files import atomic_write
from marsad.locking import alone
from marsad.processes import main_first, this_process

log = logging.getLogger(__name__)


def make_encoder(config: AdaptConfig, *, restart: bool = False) -> EncoderFolder:
    """Go from a configuration to the folder of an encoder; its checkpoints are removed.

    Of several processes the main one probes and writes; the others learn with it.

    Args:
        config: the adaptation.
        restart: forget what an unfinished one left in the same folder.

    Raises:
        ConfigError: a stage in the folder is of another configuration, or does not fit the base,
            the folder has files that are of no adaptation, or another process adapts there.
        DataError: a text is missing or cannot be read, or has nothing to learn from.
        ModelError: the base cannot be loaded.
        TrainingError: a loss became no number, or memory or disk ran out.
    """
    run = load_config(config.probe.run) if config.probe else None
    folder = EncoderFolder(config.output)
    folder.refuse_strangers(config.base)
    with ExitStack() as held:
        with main_first():
            if this_process().is_main_process:
                held.enter_context(alone(config.output, work="adaptation"))
                if restart:
                    forget(config)
        probes = Probes(config.output / FOLDER / "probes.jsonl", run)
        encoder = adapt(config, watch=probes.take)
        with main_first():
            if this_process().is_main_process:
                write_encoder_card(save_encoder(encoder, config, probes.taken()))
                forget(config)
    return folder


class Probes:
    """Dev scores of probes by name, one a line of a file, so that none is taken twice.

    A line names the run that it was taken by; another run takes its own.
    """

    def __init__(self, path: Path, run: RunConfig | None) -> None:
        """Read what there is.

        Args:
            path: the file, which may not be there.
            run: what probes are taken by; None: by nothing.
        """
        self.path = path
        self.run = run
        self.lines = _whole_lines(path)

    def take(self, name: str, encoder: Encoder) -> None:
        """Take a probe under a name in the main process, unless there is one; the others wait."""
        if self.run is None:
            return
        if this_process().is_main_process and name not in self.taken():
            scores = probe(encoder, self.run)
            shown = ", ".join(f"{key} {value:.3f}" for key, value in scores.items())
            log.info("%s: %s", name, shown)
            self.lines.append({"name": name, "run": digest_of(self.run), "scores": scores})
            with atomic_write(self.path) as out:
                out.writelines(f"{json.dumps(line)}\n" for line in self.lines)
        this_process().wait_for_everyone()

    def taken(self) -> Mapping[str, Mapping[str, float]]:
        """Return the scores by name, those of this run alone."""
        if self.run is None:
            return {}
        own = digest_of(self.run)
        return {line["name"]: line["scores"] for line in self.lines if line.get("run") == own}


def digest_of(run: RunConfig) -> str:
    """Return what tells the configuration of a run from others."""
    return hashlib.sha256(run.model_dump_json().encode()).hexdigest()


def _whole_lines(path: Path) -> list[dict[str, Any]]:
    """Return the objects of a file; of its last line nothing where that was torn."""
    if not path.exists():
        return []
    whole, _, _ = path.read_bytes().rpartition(b"\n")
    return [json.loads(line) for line in whole.splitlines()]
