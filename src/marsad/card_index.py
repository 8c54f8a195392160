"""The index of a folder of models and encoders, made of their cards."""

from collections.abc import Iterator, Sequence
from pathlib import Path

from marsad.adaptation.card import read_evidence, read_record
from marsad.adaptation.folder import EncoderFolder
from marsad.adaptation.settings import load_adaptation
from marsad.card import load
from marsad.card_tables import summary
from marsad.errors import ModelError
from marsad.files import atomic_write
from marsad.model_folder import ModelFolder

_OPENING = "# Models\n\nMade by `marsad card index` of the cards in these folders.\n"


def write_index(folder: Path) -> Path:
    """Write ``README.md`` of a folder of models.

    Raises:
        ModelError: there is no such folder, or a card or record in it is missing or damaged.
    """
    inside, path = _inside(folder), folder / "README.md"
    if path.exists() and not path.read_text(encoding="utf-8").startswith(_OPENING):
        raise ModelError(f"{path}: is no index; move it away first")
    text = _text(inside)
    with atomic_write(path) as out:
        out.write(text)
    return path


def index_text(folder: Path) -> str:
    """Return what :func:`write_index` writes, and raise what it raises."""
    return _text(_inside(folder))


def _inside(folder: Path) -> list[Path]:
    if not folder.is_dir():
        raise ModelError(f"{folder}: no such folder; name one that holds model folders")
    inside = sorted(own.parent for own in folder.glob("*/config.json"))
    if not inside or (folder / "config.json").exists():
        raise ModelError(f"{folder}: holds no model folders; name the folder around them")
    return inside


def _text(inside: Sequence[Path]) -> str:
    encoders = [EncoderFolder(path) for path in inside if EncoderFolder(path)["record"].exists()]
    models = [ModelFolder(path) for path in inside if EncoderFolder(path) not in encoders]
    parts = [_OPENING]
    if models:
        parts += _table(_MODELS, map(_model, models))
    if encoders:
        parts += _table(_ENCODERS, map(_encoder, encoders))
    return "".join([*parts, *map(_figures, models)])


_MODELS = ("model", "task", "MB", "licence", "learnt from")
_ENCODERS = ("encoder", "made of", "MB", "licences of its texts", "words", "compared over")


def _table(head: tuple[str, ...], rows: Iterator[tuple[str, ...]]) -> Iterator[str]:
    yield "\n"
    for cells in (head, tuple("---" for _ in head), *rows):
        yield f"| {' | '.join(cells)} |\n"


def _model(folder: ModelFolder) -> tuple[str, ...]:
    card = load(folder.path)
    return (
        f"[{card.name}]({folder.path.name}/README.md)",
        card.task,
        _megabytes(folder),
        card.licence,
        ", ".join(f"`{corpus}`" for corpus in card.learnt_from),
    )


def _figures(folder: ModelFolder) -> str:
    card = load(folder.path)
    return f"\n## {card.name}\n\n{summary(card.metrics.evaluations)}\n"


def _encoder(folder: EncoderFolder) -> tuple[str, ...]:
    config = load_adaptation(folder.require("run", "take the folder anew"))
    record = read_record(folder)
    words = record.words or (record.teaching.labelled.words if record.teaching else 0)
    compared = dict.fromkeys(row.data for row in read_evidence(folder))
    return (
        f"[{config.name}]({folder.path.name}/README.md)",
        f"`{config.base}`",
        _megabytes(folder),
        ", ".join(dict.fromkeys(text.licence for text in config.texts)),
        f"{words:,}",
        ", ".join(f"`{data}`" for data in compared) or "nothing yet",
    )


def _megabytes(folder: ModelFolder) -> str:
    return f"{sum(path.stat().st_size for path in folder.present()) / 1e6:.1f}"
