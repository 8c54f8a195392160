"""Ports for processes that tests start and that listen only after a while."""

import os
import socket
from random import Random

# Below those that a system hands out by itself, so that nobody is given one meanwhile.
RANGE = range(12_000, 29_000)
_NUMBERS = Random(os.getpid())


def free_port() -> int:
    """Return a port of this machine that nobody listens at, and that is no one's by chance."""
    while True:
        port = _NUMBERS.choice(RANGE)
        with socket.socket() as probe:
            try:
                probe.bind(("", port))
            except OSError:
                continue
            return port
