"""The errors that Marsad raises on purpose.

Every message says what is wrong, where, and what to do. The command line prints it as one line
and exits with code 2; anything else that escapes is a fault of ours and exits with code 1.
"""

from collections.abc import Iterable
from difflib import get_close_matches


class MarsadError(Exception):
    """The caller's input, file, configuration or model is wrong."""


class DataError(MarsadError):
    """A document, corpus file or text cannot be read."""


class ConfigError(MarsadError):
    """A configuration or a command-line override is wrong."""


class ModelError(MarsadError):
    """A model folder or an encoder is missing, incomplete or does not fit."""


class TrainingError(MarsadError):
    """A run cannot go on: its loss is no number, or memory or disk is used up."""


class ExportError(MarsadError):
    """An exported model does not do what the checkpoint does."""


class MissingExtraError(MarsadError):
    """A package of an optional extra is not installed."""

    def __init__(self, package: str, extra: str) -> None:
        super().__init__(f"{package} is not installed; run: pip install 'marsad[{extra}]'")


def did_you_mean(word: str, known: Iterable[str], *, alike: float = 0.6) -> str:
    """Return `` (did you mean 'x'?)`` for the nearest known word, or the empty string.

    ``alike`` is how near it must be, of 1.
    """
    nearest = get_close_matches(word, list(known), n=1, cutoff=alike)
    return f" (did you mean {nearest[0]!r}?)" if nearest else ""
