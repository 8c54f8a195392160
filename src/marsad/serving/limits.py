"""What a server takes upon itself, so that no client can make it fall over."""

from dataclasses import dataclass


@dataclass(frozen=True)
class Limits:
    """Bounds of a request, and of all requests together.

    ``body`` is in bytes, also of one line of a stream; ``bodies`` are the bytes of all that are not
    answered yet, streams apart. ``waiting`` are words of documents that were
    accepted and not yet answered: beyond them a request is turned away, unless nothing waits.
    ``at_once`` documents are read side by side, so that short ones pass long ones. A request is
    given up after ``seconds``, from its first byte on.
    """

    body: int = 8 * 2**20
    bodies: int = 64 * 2**20
    documents: int = 256
    words: int = 50_000
    waiting: int = 200_000
    at_once: int = 8
    seconds: float = 300.0
