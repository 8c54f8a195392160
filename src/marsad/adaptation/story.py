"""The story of an adaptation: adapt the base, probe it on the way, write folder and card."""

import json
import logging
from collections.abc import Mapping
from pathlib import Path

from marsad.adaptation.adapting import adapt
from marsad.adaptation.card import write_encoder_card
from marsad.adaptation.folder import EncoderFolder, save_encoder
from marsad.adaptation.probe import probe
from marsad.adaptation.settings import AdaptConfig
from marsad.checkpoints import FOLDER, Checkpoints
from marsad.config import RunConfig, load_config
from marsad.encoders.loading import Encoder
from marsad.files import read_records

log = logging.getLogger(__name__)


def make_encoder(config: AdaptConfig) -> EncoderFolder:
    """Go from a configuration to the folder of an encoder; its checkpoints are removed.

    Raises:
        ConfigError: a stage in the folder is of another configuration, or does not fit the base.
        DataError: a text is missing or cannot be read, or has nothing to learn from.
        ModelError: the base cannot be loaded.
        TrainingError: a loss became no number, or memory or disk ran out.
    """
    probes = Probes(config.output / FOLDER / "probes.jsonl")
    run = load_config(config.probe.run) if config.probe else None
    encoder = adapt(config, watch=lambda name, own: probes.take(name, own, run))
    folder = save_encoder(encoder, config, probes.taken())
    write_encoder_card(folder)
    Checkpoints(config.output / FOLDER).remove()
    return folder


class Probes:
    """Dev scores of probes by name, one a line of a file, so that none is taken twice."""

    def __init__(self, path: Path) -> None:
        self.path = path

    def take(self, name: str, encoder: Encoder, run: RunConfig | None) -> None:
        """Take a probe under a name, unless there is one, or nothing to take it with."""
        if run is None or name in self.taken():
            return
        scores = probe(encoder, run)
        log.info("%s: %s", name, ", ".join(f"{key} {value:.3f}" for key, value in scores.items()))
        self.path.parent.mkdir(parents=True, exist_ok=True)
        with self.path.open("a", encoding="utf-8") as out:
            out.write(json.dumps({"name": name, "scores": scores}) + "\n")

    def taken(self) -> Mapping[str, Mapping[str, float]]:
        """Return the scores by name."""
        if not self.path.exists():
            return {}
        return {line["name"]: line["scores"] for _, line in read_records(self.path)}
