"""A model's card for machines: what its ``README.md`` tells people, as typed fields.

``docs/card.schema.json`` describes the record to other tools (JSON Schema 2020-12). Reading one
needs no more than the runtime does.
"""

from dataclasses import dataclass
from functools import cache
from pathlib import Path
from typing import Any

import yaml
from pydantic import TypeAdapter

from marsad.closed import close_schema
from marsad.config import load_config
from marsad.errors import ModelError
from marsad.files import read_text
from marsad.labels import scheme
from marsad.metrics import Metrics, read_metrics
from marsad.model_folder import ModelFolder, read_settings
from marsad.tasks import Task

USES = (
    "For monitoring groups, newsrooms and researchers who turn articles into searchable data and "
    "keep a person in the loop."
)
LIMITS = (
    "Not for targeting or identifying people.",
    "Not for automatic claims of casualties or responsibility: the model repeats what a text says, "
    "not what happened.",
    "Scores on other sources, other countries and other years will be lower; measure before you "
    "rely on it.",
)


@dataclass(frozen=True)
class Card:
    """What is known of a model.

    ``entities`` and ``events`` are the labels of the tasks that it reads; ``learnt_from`` and
    ``chosen_on`` name corpora; ``metrics`` is all of ``metrics.json``.
    """

    name: str
    version: str
    task: Task
    licence: str
    encoder: str
    entities: tuple[str, ...]
    events: tuple[str, ...]
    learnt_from: tuple[str, ...]
    chosen_on: str
    uses: str
    limits: tuple[str, ...]
    metrics: Metrics

    def to_json(self) -> str:
        """Return the card as JSON."""
        return _adapter().dump_json(self, indent=1).decode()


def load(path: str | Path) -> Card:
    """Read the card of a model folder.

    Raises:
        ModelError: there is no card, or a file of its record is missing, damaged or was changed.
    """
    folder = ModelFolder(Path(path))
    text = read_text(folder.require("card", "write it with `marsad card write`"))
    folder.verify("card", "config", "run", "metrics", "labels")
    settings = read_settings(folder)
    run = load_config(folder.require("run", "take the folder anew"))
    return Card(
        name=settings.name,
        version=settings.version,
        task=settings.task,
        licence=_licence(text, folder),
        encoder=run.encoder,
        entities=scheme().entity_names if settings.task != "events" else (),
        events=scheme().event_names if settings.task != "ner" else (),
        learnt_from=tuple(part.corpus for part in run.data.parts),
        chosen_on=run.data.dev,
        uses=USES,
        limits=LIMITS,
        metrics=read_metrics(folder),
    )


def card_schema() -> dict[str, Any]:
    """Return the JSON Schema of a card."""
    dialect = "https://json-schema.org/draft/2020-12/schema"
    own: dict[str, Any] = close_schema(_adapter().json_schema())
    return {"$schema": dialect, **own, "title": "A model's card"}


@cache
def _adapter() -> TypeAdapter[Card]:
    return TypeAdapter(Card)


def _licence(text: str, folder: ModelFolder) -> str:
    """Return the licence of a card's metadata, which stand before its text."""
    try:
        return str(yaml.safe_load(text.split("---\n")[1])["license"])
    except (IndexError, KeyError, TypeError, yaml.YAMLError):
        raise ModelError(
            f"{folder['card']}: has no metadata; write it with `marsad card write`"
        ) from None
