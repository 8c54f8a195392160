"""Connections: one whose client takes nothing of what it is sent is aborted.

uvicorn closes such a connection once what it holds is taken, which may be never.
"""

import asyncio
import struct
import sys

from uvicorn.protocols.http.auto import AutoHTTPProtocol

if sys.platform != "win32":
    import fcntl
    import termios


class Connection(AutoHTTPProtocol):  # type: ignore[valid-type, misc]
    """uvicorn's connection, with a look at what is left unsent every so many seconds."""

    seconds: float
    _next: asyncio.TimerHandle | None = None

    @classmethod
    def patient(cls, seconds: float) -> type["Connection"]:
        """Return connections that wait for so many seconds."""
        return type(cls.__name__, (cls,), {"seconds": seconds})

    def pause_writing(self) -> None:
        """Look again later, for too much is unsent."""
        super().pause_writing()
        self._look(None)

    def resume_writing(self) -> None:
        """Rest, for most of it was taken."""
        self._rest()
        super().resume_writing()

    def connection_lost(self, exc: Exception | None) -> None:
        """Rest, for it is over."""
        self._rest()
        super().connection_lost(exc)

    def _look(self, before: int | None) -> None:
        left = self.transport.get_write_buffer_size() + self._in_the_system()
        if before is not None and left >= before:
            self.transport.abort()
            return
        loop = asyncio.get_running_loop()
        self._next = loop.call_later(self.seconds, self._look, left)

    def _in_the_system(self) -> int:
        """Return the bytes that the system holds: it takes more of ours only now and then."""
        if sys.platform == "win32":  # which does not tell
            return 0
        wire = self.transport.get_extra_info("socket")
        (held,) = struct.unpack("i", fcntl.ioctl(wire.fileno(), termios.TIOCOUTQ, bytes(4)))
        return int(held)

    def _rest(self) -> None:
        if self._next:
            self._next.cancel()
            self._next = None
