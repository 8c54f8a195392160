"""The card of an encoder, computed from the record of its adaptation and of models over it."""

import json
from collections.abc import Mapping, Sequence
from dataclasses import asdict
from functools import cache
from pathlib import Path
from statistics import mean, stdev

from huggingface_hub import ModelCardData
from jinja2 import Environment, StrictUndefined
from pydantic import TypeAdapter

from marsad.adaptation.evidence import Compared
from marsad.adaptation.folder import AdaptationRecord, EncoderFolder
from marsad.adaptation.settings import AdaptConfig, load_adaptation
from marsad.benchmarks.provenance import licence_asked
from marsad.closed import parse_closed
from marsad.errors import ModelError
from marsad.files import atomic_write, write_json

_TEMPLATE = Path(__file__).with_name("card.md.jinja")
_STAGES = {"vectors": "Vectors of new pieces.", "masking": "Masked words."}
_LOSSES = {
    "vectors": "share of the base's variance over words that is left,",
    "masking": "cross-entropy of masked pieces, in nats,",
}
_SHARE_ALIKE = "-SA-"  # in an SPDX name


def write_encoder_card(folder: EncoderFolder) -> Path:
    """Write ``README.md`` from what the folder records.

    Raises:
        ModelError: a file of the record is missing or damaged.
    """
    config = load_adaptation(folder.require("run", "name a folder that `marsad adapt` wrote"))
    record = read_record(folder)
    evidence = read_evidence(folder)
    sizes = json.loads(folder["config"].read_text(encoding="utf-8"))
    environment = Environment(
        undefined=StrictUndefined, trim_blocks=True, lstrip_blocks=True, autoescape=False
    )
    environment.globals |= {"spread": _spread, "difference": _difference}
    text = environment.from_string(_TEMPLATE.read_text(encoding="utf-8")).render(
        config=config,
        record=record,
        evidence=evidence,
        stages=_STAGES,
        losses=_LOSSES,
        figures=list(next(iter(record.probes.values()), {})),
        folder=folder.path,
        layers=sizes["num_hidden_layers"],
        width=sizes["hidden_size"],
        pieces=sizes["vocab_size"],
        megabytes=folder["weights"].stat().st_size / 1e6,
        share_alike=list(_share_alike(config)),
    )
    with atomic_write(folder["card"]) as out:
        out.write(f"---\n{_metadata(config).to_yaml()}\n---\n\n{text}")
    folder.write_checksums()
    return folder["card"]


def read_record(folder: EncoderFolder) -> AdaptationRecord:
    """Return what an adaptation measured.

    Raises:
        ModelError: the record is missing or damaged.
    """
    path = folder.require("record", "name a folder that `marsad adapt` wrote")
    try:
        return parse_closed(_record_type(), path.read_bytes())
    except ValueError as error:
        raise ModelError(f"{path}: {error} is wrong; take the folder anew") from None


def read_evidence(folder: EncoderFolder) -> list[Compared]:
    """Return what is known of models over base and encoder; empty where nobody compared any.

    Raises:
        ModelError: the file is damaged.
    """
    path = folder["evidence"]
    if not path.exists():
        return []
    try:
        return parse_closed(_evidence_type(), path.read_bytes())
    except ValueError as error:
        raise ModelError(f"{path}: {error} is wrong; compare the models again") from None


def write_evidence(folder: EncoderFolder, evidence: Sequence[Compared]) -> None:
    """Write what is known of models over base and encoder."""
    write_json(folder["evidence"], [asdict(row) for row in evidence])


@cache
def _record_type() -> TypeAdapter[AdaptationRecord]:
    return TypeAdapter(AdaptationRecord)


@cache
def _evidence_type() -> TypeAdapter[list[Compared]]:
    return TypeAdapter(list[Compared])


def _share_alike(config: AdaptConfig) -> dict[str, str]:
    """Return the licences that ask for the same of what is derived, by what asks for them."""
    asking = {text.title: text.licence for text in config.texts if _SHARE_ALIKE in text.licence}
    asked = licence_asked((), config.base)
    return asking | ({f"the base, {config.base},": asked.licence} if asked else {})


def _metadata(config: AdaptConfig) -> ModelCardData:
    alike = list(_share_alike(config).values())
    return ModelCardData(
        language="ar",
        license=alike[0].lower() if alike else "apache-2.0",
        library_name="marsad",
        pipeline_tag="feature-extraction",
        tags=["arabic", "news", "encoder"],
        model_name=config.name,
    )


def _spread(values: Mapping[str, float]) -> str:
    """Return mean and deviation in points, and the number of seeds."""
    points = [100 * value for value in values.values()]
    deviation = f" ± {stdev(points):.1f}" if len(points) > 1 else ""
    return f"{mean(points):.1f}{deviation} ({len(points)})"


def _difference(row: Compared) -> float:
    """Return by how many points the mean is higher over the encoder."""
    return 100 * (mean(row.after.values()) - mean(row.before.values()))
