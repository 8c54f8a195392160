"""Marsad (مرصد, observatory): Arabic conflict news into data.

``marsad.load(folder)`` gives a reader; ``reader(text)`` gives a :class:`Document` with entities
on exact character spans and, for each sentence, its events. Importing this package loads
neither torch nor transformers.
"""

from typing import TYPE_CHECKING, Any

__version__ = "0.1.0"

if TYPE_CHECKING:
    from marsad.document import Document as Document
    from marsad.document import Entity as Entity
    from marsad.document import Event as Event
    from marsad.document import Sentence as Sentence
    from marsad.runtime import load as load

__all__ = ["Document", "Entity", "Event", "Sentence", "__version__", "load"]


def __getattr__(name: str) -> Any:  # noqa: ANN401
    """Import the public names on first use, so that ``import marsad`` stays cheap."""
    if name == "load":
        from marsad.runtime import load

        return load
    if name in ("Document", "Entity", "Event", "Sentence"):
        import marsad.document

        return getattr(marsad.document, name)
    raise AttributeError(f"module 'marsad' has no attribute {name!r}")
