"""The folder of an encoder that was adapted: weights in eight bits, tokenizer, record and card."""

import shutil
import time
from collections.abc import Iterable, Mapping, Sequence
from dataclasses import asdict, dataclass
from pathlib import Path
from typing import ClassVar

import torch
import yaml

from marsad import __version__
from marsad.adaptation.adapting import (
    blocks_of,
    source_of,
    stage_folder,
    tokenizers_of,
    weights_of,
)
from marsad.adaptation.labelling import LABELS, Labelled, read_labelled
from marsad.adaptation.settings import AdaptConfig
from marsad.adaptation.teaching import STUDENT
from marsad.checkpoints import FOLDER
from marsad.encoders import compact
from marsad.encoders.loading import CLEANING_KEY, Encoder, load_encoder
from marsad.files import atomic_write, read_records, system_errors, write_json
from marsad.finished_runs import best_scoring
from marsad.model_folder import ModelFolder

_BLOCKS_READ, _TOGETHER = 128, 8


@dataclass(frozen=True)
class EncoderFolder(ModelFolder):
    """The layout of such a folder."""

    FILES: ClassVar[Mapping[str, str]] = {
        "card": "README.md",
        "config": "config.json",
        "run": "adapt.yaml",
        "record": "adaptation.json",
        "evidence": "evidence.json",
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
class TeachingRecord:
    """What self-training did: what was labelled, the student's steps, seconds and dev scores."""

    labelled: Labelled
    steps: int
    seconds: float
    scores: Mapping[str, float]


@dataclass(frozen=True)
class AdaptationRecord:
    """``adaptation.json``: what an adaptation measured.

    ``texts`` are SHA-256 by file; ``words`` what blanks part in the blocks that were learnt from,
    both 0 where only labels were learnt.
    ``pieces_a_word`` is of the held-out text, of base and encoder; both read ``words_read`` of it,
    in ``seconds_read``, on ``device``. ``probes`` are dev scores of heads over the still encoder.
    """

    version: str
    texts: Mapping[str, str]
    blocks: int
    words: int
    pieces_a_word: Mapping[str, float]
    words_read: int
    seconds_read: Mapping[str, float]
    device: str
    stages: Mapping[str, StageRecord]
    probes: Mapping[str, Mapping[str, float]]
    teaching: TeachingRecord | None = None


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
    with system_errors(made.path):
        encoder.tokenizer.save_pretrained(made.path)
    compact.save_compact(weights_of(encoder), made["weights"])
    values = config.model_dump(mode="json", exclude_none=True, exclude={"corpora"})
    with atomic_write(made["run"]) as out:
        yaml.safe_dump(values, out, sort_keys=False, allow_unicode=True)
    write_json(made["record"], asdict(_measure(encoder, config, probes)))
    made.write_checksums()
    folder = EncoderFolder(config.output)
    folder.replace_with(made)
    return folder


def _measure(
    encoder: Encoder, config: AdaptConfig, probes: Mapping[str, Mapping[str, float]]
) -> AdaptationRecord:
    base = load_encoder(config.base)
    sides = {"base": base, "encoder": encoder}
    both = [own.tokenizer.backend_tokenizer for own in sides.values()]
    in_blocks = config.vocabulary or config.masking
    tokenizers = tokenizers_of(config, base, encoder)
    learnt = blocks_of(config, tokenizers, held_out=False)["text"] if in_blocks else []
    apart = list(blocks_of(config, both, held_out=True)["text"])
    some = apart[:_BLOCKS_READ]
    device = torch.device("cuda" if torch.cuda.is_available() else "cpu")
    return AdaptationRecord(
        version=__version__,
        texts=source_of(config).digests(),
        blocks=len(learnt),
        words=_count(learnt),
        pieces_a_word={side: pieces_a_word(own, apart) for side, own in sides.items()},
        words_read=_count(some),
        seconds_read=time_reading(sides, some, device),
        device=_in_words(device),
        stages={
            stage: _stage(stage_folder(config, stage) / "metrics.jsonl")
            for stage in ("vectors", "masking")
            if getattr(config, stage)
        },
        probes=probes,
        teaching=_teaching(stage_folder(config, "teaching")) if config.teaching else None,
    )


def _count(texts: Iterable[str]) -> int:
    return sum(len(text.split()) for text in texts)


def pieces_a_word(encoder: Encoder, texts: Sequence[str]) -> float:
    """Return how many pieces an encoder takes for what blanks part."""
    encodings = encoder.tokenizer.backend_tokenizer.encode_batch(
        list(texts), add_special_tokens=False
    )
    return sum(len(encoding.ids) for encoding in encodings) / _count(texts)


def time_reading(
    encoders: Mapping[str, Encoder],
    texts: Sequence[str],
    device: torch.device,
    *,
    rounds: int = 3,
) -> Mapping[str, float]:
    """Return the seconds that each encoder takes for the texts, the best of rounds in turn.

    Args:
        encoders: by name; they are moved to the device.
        texts: none of which has more pieces than an encoder has positions.
        device: that all of them read on.
        rounds: how often each reads all texts.
    """
    found: dict[str, list[float]] = {name: [] for name in encoders}
    with torch.inference_mode():
        for _ in range(rounds):
            for name, own in encoders.items():
                model = own.model.train(False).to(device)
                begun = _now(device)
                for first in range(0, len(texts), _TOGETHER):
                    some = list(texts[first : first + _TOGETHER])
                    inputs = own.tokenizer(some, padding=True, return_tensors="pt")
                    model(
                        input_ids=inputs.input_ids.to(device),
                        attention_mask=inputs.attention_mask.to(device),
                    )
                found[name].append(_now(device) - begun)
    return {name: min(seconds) for name, seconds in found.items()}


def _now(device: torch.device) -> float:
    """Return the seconds of a clock, once a device has done what it was given."""
    if device.type == "cuda":
        torch.cuda.synchronize(device)
    return time.perf_counter()


def _in_words(device: torch.device) -> str:
    """Return what a device is."""
    if device.type == "cuda":
        return str(torch.cuda.get_device_name(device))
    wide = torch.cpu.get_capabilities()
    kind = next((name for name in ("avx512_bf16", "avx512_f", "avx2") if wide.get(name)), "plain")
    return f"{torch.get_num_threads()} CPU threads ({kind})"


def _stage(log: Path) -> StageRecord:
    lines = [line for _, line in read_records(log)]
    held_out = [line for line in lines if "eval_loss" in line]
    return StageRecord(
        steps=lines[-1]["step"],
        seconds=lines[-1]["seconds"],
        before=held_out[0]["eval_loss"],
        after=held_out[-1]["eval_loss"],
    )


def _teaching(folder: Path) -> TeachingRecord:
    log = ModelFolder(folder / STUDENT)["log"]
    last = [line for _, line in read_records(log)][-1]
    return TeachingRecord(
        labelled=read_labelled(folder / LABELS),
        steps=last["step"],
        seconds=last["seconds"],
        scores=best_scoring(ModelFolder(folder / STUDENT)),
    )
