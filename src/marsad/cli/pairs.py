"""Options of the form ``KEY=VALUE`` that may be repeated."""

from collections.abc import Iterable

from marsad.errors import ConfigError


def read_pairs(options: Iterable[str], name: str, form: str) -> dict[str, str]:
    """Read options of the form ``KEY=VALUE``.

    Args:
        options: as they were given.
        name: of the option.
        form: what to give, in words.

    Raises:
        ConfigError: one is malformed or given twice.
    """
    pairs: dict[str, str] = {}
    for option in options:
        key, _, value = option.rpartition("=")
        if not key or not value:
            raise ConfigError(f"{name} {option}: give {form}")
        if key in pairs:
            raise ConfigError(f"{name} {key}: given twice")
        pairs[key] = value
    return pairs
