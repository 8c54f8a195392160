"""A folder for one process: who else would work in it is told to wait."""

import logging
import sys
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path

from marsad.errors import ConfigError

if sys.platform != "win32":
    import fcntl

log = logging.getLogger(__name__)


@contextmanager
def alone(lock: Path, *, work: str) -> Iterator[None]:
    """Keep others out until the block, or the process, has ended.

    Args:
        lock: a file of no other use, made with its folder where it is missing.
        work: what is done in the folder, for the message.

    Raises:
        ConfigError: another process has the lock.
    """
    lock.parent.mkdir(parents=True, exist_ok=True)
    with lock.open("w", encoding="utf-8") as file:
        try:
            if sys.platform != "win32":
                fcntl.flock(file, fcntl.LOCK_EX | fcntl.LOCK_NB)
        except BlockingIOError:
            raise ConfigError(
                f"{lock.parent}: another {work} is at work here; "
                "wait for it, or give another output"
            ) from None
        except OSError as error:  # some network drives have no locks
            log.warning("%s: %s; start no other %s here", lock, error.strerror, work)
        yield
