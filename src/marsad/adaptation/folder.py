"""The folder of an encoder that was adapted: weights in eight bits, tokenizer, record and card."""

import json
import shutil
from collections.abc import Mapping
from dataclasses import asdict, dataclass
from pathlib import Path
from typing import ClassVar

import yaml

from marsad import __version__
from marsad.adaptation.adapting import blocks_of, stage_folder, weights_of
from marsad.adaptation.settings import AdaptConfig
from marsad.checkpoints import FOLDER
from marsad.encoders import compact
from marsad.encoders.loading import CLEANING_KEY, Encoder, load_encoder
from marsad.files import atomic_write, read_records
from marsad.model_folder import ModelFolder


@dataclass(frozen=True)
class EncoderFolder(ModelFolder):
    """The layout of such a folder."""

    FILES: ClassVar[Mapping[str, str]] = {
        "card": "README.md",
        "config": "config.json",
        "run": "adapt.yaml",
        "record": "adaptation.json",
        "tokenizer": "tokenizer.json",
        "tokenizer_config": "tokenizer_config.json",
        "weights": compact.FILE,
    }


@dataclass(frozen=True)
class StageRecord:
    """What a stage did: its steps, its seconds, and the loss on held-out text before and after."""

    steps: int
    seconds: float
    before: float
    after: float


@dataclass(frozen=True)
class AdaptationRecord:
    """``adaptation.json``: what an adaptation measured.

    ``blocks`` are those learnt from and ``words`` what blanks part in them; ``pieces_a_word`` is of
    the held-out text, of the base and of the encoder; ``probes`` are dev scores of heads over the
    still encoder.
    """

    version: str
    blocks: int
    words: int
    pieces_a_word: Mapping[str, float]
    stages: Mapping[str, StageRecord]
    probes: Mapping[str, Mapping[str, float]]


def save_encoder(
    encoder: Encoder, config: AdaptConfig, probes: Mapping[str, Mapping[str, float]]
) -> EncoderFolder:
    """Write the folder of an adaptation that is done; its checkpoints go.

    Args:
        encoder: what came of it.
        config: what it was.
        probes: what was measured of base and encoder.
    """
    made = EncoderFolder(config.output / FOLDER / "made")
    shutil.rmtree(made.path, ignore_errors=True)
    made.path.mkdir(parents=True)
    setattr(encoder.model.config, CLEANING_KEY, encoder.cleaning)
    encoder.model.config.save_pretrained(made.path)
    encoder.tokenizer.save_pretrained(made.path)
    compact.save_compact(weights_of(encoder), made["weights"])
    values = config.model_dump(mode="json", exclude_none=True, exclude={"corpora"})
    with atomic_write(made["run"]) as out:
        yaml.safe_dump(values, out, sort_keys=False, allow_unicode=True)
    with atomic_write(made["record"]) as out:
        json.dump(asdict(_measure(encoder, config, probes)), out, indent=1)
        out.write("\n")
    made.write_checksums()
    folder = EncoderFolder(config.output)
    folder.replace_with(made)
    return folder


def _measure(
    encoder: Encoder, config: AdaptConfig, probes: Mapping[str, Mapping[str, float]]
) -> AdaptationRecord:
    tokenizer = encoder.tokenizer.backend_tokenizer
    learnt = blocks_of(config, tokenizer, held_out=False)["text"]
    apart = blocks_of(config, tokenizer, held_out=True)["text"]
    words = sum(len(text.split()) for text in apart)
    sides = {"base": load_encoder(config.base), "encoder": encoder}
    pieces = {
        side: sum(
            len(e.ids)
            for e in own.tokenizer.backend_tokenizer.encode_batch(
                list(apart), add_special_tokens=False
            )
        )
        / words
        for side, own in sides.items()
    }
    return AdaptationRecord(
        version=__version__,
        blocks=len(learnt),
        words=sum(len(text.split()) for text in learnt),
        pieces_a_word=pieces,
        stages={
            stage: _stage(stage_folder(config, stage) / "metrics.jsonl")
            for stage in ("vectors", "masking")
            if getattr(config, stage)
        },
        probes=probes,
    )


def _stage(log: Path) -> StageRecord:
    lines = [line for _, line in read_records(log)]
    held_out = [line for line in lines if "eval_loss" in line]
    return StageRecord(
        steps=lines[-1]["step"],
        seconds=lines[-1]["seconds"],
        before=held_out[0]["eval_loss"],
        after=held_out[-1]["eval_loss"],
    )
