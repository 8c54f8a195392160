"""A file or folder for one process: who else would work on it is told to wait."""

import logging
import sys
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import TextIO

from marsad.errors import ConfigError, DataError

if sys.platform != "win32":
    import fcntl

log = logging.getLogger(__name__)


@contextmanager
def alone(place: Path, *, work: str, lock: Path | None = None) -> Iterator[None]:
    """Keep others from a file or folder until the block, or the process, has ended.

    Args:
        place: what is worked on.
        work: what is done there, for the message.
        lock: a file of no other use, made with its folder where it is missing; by default
            ``.NAME.lock`` beside the place.

    Raises:
        ConfigError: another process has the lock.
        DataError: nothing can be written there.
    """
    with _opened(lock or _beside(place), place) as file:
        try:
            if sys.platform != "win32":
                fcntl.flock(file, fcntl.LOCK_EX | fcntl.LOCK_NB)
        except BlockingIOError:
            raise ConfigError(
                f"{place}: another {work} is at work here; wait for it, or give another output"
            ) from None
        except OSError as error:  # some network drives have no locks
            log.warning("%s: %s; start no other %s here", place, error.strerror, work)
        yield


def _beside(place: Path) -> Path:
    own = place.resolve()  # also where it is called by a dot
    return own.with_name(f".{own.name}.lock")


def _opened(lock: Path, place: Path) -> TextIO:
    try:
        lock.parent.mkdir(parents=True, exist_ok=True)
        return lock.open("w", encoding="utf-8")
    except OSError as error:
        raise DataError(f"{place}: cannot be written ({error.strerror}); name another") from None
