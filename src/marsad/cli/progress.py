"""How far a command is, on stderr."""

from collections.abc import Iterable, Sequence

from rich.console import Console
from rich.progress import track

from marsad.document import Document


def show_progress(documents: Sequence[Document], *, doing: str = "reading") -> Iterable[Document]:
    """Pass documents on under a progress bar."""
    return track(documents, doing, console=Console(stderr=True), transient=True)
