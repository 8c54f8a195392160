"""Where the texts and the annotation of corpora are from, and what licence they ask for."""

from collections.abc import Iterable, Mapping
from dataclasses import dataclass
from pathlib import Path

import yaml

from marsad.benchmarks import PREFIX, PUBLICATIONS
from marsad.corpus import read_placed
from marsad.encoders.own import BUILTIN, OWN, own_folder

ORIGIN = "origin"  # the key of a document's metadata
WRITTEN_BY_A_MODEL = "language model"
_SYNTHETIC = (
    "texts and annotation were written by a language model, not by people, and the events in them "
    "are invented; the corpus's dataset card says how"
)


@dataclass(frozen=True)
class LicenceAsked:
    """A licence, in the Hugging Face hub's words, and the corpus or encoder that asks for it."""

    licence: str
    source: str

    def __str__(self) -> str:
        """Return a sentence for a card."""
        return (
            f"The licence of {self.source} asks for the same licence of what is derived from it: "
            f"this model is under {self.licence.upper()}."
        )


def licence_asked(corpora: Iterable[str], encoder: str = "") -> LicenceAsked | None:
    """Return the licence that corpora which are learnt from ask for, or else an encoder of ours.

    Args:
        corpora: files and ``public:`` names.
        encoder: as in a configuration; a folder's card says what it asks for.

    Raises:
        ModelError: the encoder that comes with marsad is not in this installation.
    """
    for own in (PUBLICATIONS[name] for name in corpora if name in PUBLICATIONS):
        if own.share_alike:
            return LicenceAsked(own.share_alike, own.title)
    folder = own_folder() if encoder == f"{BUILTIN}{OWN}" else Path(encoder)
    card = folder / "README.md"
    if not (encoder and card.is_file()):
        return None
    metadata = _metadata(card.read_text(encoding="utf-8"))
    licence = str(metadata.get("license", "")).lower()
    name = metadata.get("model_name", folder.name)
    return LicenceAsked(licence, f"its encoder, {name},") if "-sa-" in licence else None


def _metadata(card: str) -> Mapping[str, object]:
    """Return what stands before the text of a card; nothing where that is no metadata."""
    if not card.startswith("---\n"):
        return {}
    try:
        found = yaml.safe_load(card.split("---\n")[1])
    except yaml.YAMLError:
        return {}
    return found if isinstance(found, Mapping) else {}


def provenance(corpus: str) -> str:
    """Return what is known of a training corpus, a file of ours or a ``public:`` name.

    Raises:
        DataError: the file is there but is no file of documents.
    """
    if corpus.startswith(PREFIX):
        own = PUBLICATIONS[corpus]
        return f"{own.title} ({own.citation}): {own.labels}; {own.licence}; {own.url}"
    path = Path(corpus)
    return _origin_of(path) if path.exists() else "not at hand when this card was written"


def _origin_of(path: Path) -> str:
    origins = [str(placed.document.meta.get(ORIGIN, "")) for placed in read_placed(path)]
    synthetic = sum(WRITTEN_BY_A_MODEL in origin for origin in origins)
    if synthetic:
        some = f"of {synthetic} of its {len(origins)} documents, "
        return f"{some if synthetic < len(origins) else ''}{_SYNTHETIC}"
    if any(origins):
        return "where its texts are from stands in its documents"
    return "its documents do not say where its texts are from"
