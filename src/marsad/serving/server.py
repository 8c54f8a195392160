"""The process: the app under uvicorn."""

import errno
import json
import logging
import os
import socket
from collections.abc import Sequence

import uvicorn

from marsad.errors import ConfigError
from marsad.model_folder import ModelFolder
from marsad.reader import Reader
from marsad.serving.app import create_app
from marsad.serving.connection import Connection
from marsad.serving.limits import Limits


def run(
    reader: Reader,
    folder: ModelFolder,
    *,
    host: str,
    port: int,
    limits: Limits,
    token: str | None = None,
    origins: Sequence[str] = (),
) -> None:
    """Serve until a signal comes; then answer what was accepted, and stop.

    Raises:
        ConfigError: nothing can listen at that address.
    """
    listening = _listen(host, port)
    handler = logging.StreamHandler()
    handler.setFormatter(logging.Formatter("%(message)s"))
    log = logging.getLogger("marsad.serve")
    log.addHandler(handler)
    log.setLevel(logging.INFO)
    log.propagate = False
    app = create_app(reader, folder, limits=limits, token=token, origins=origins)
    config = uvicorn.Config(
        app,
        http=Connection.patient(limits.seconds),
        access_log=False,
        log_level="warning",
        timeout_graceful_shutdown=2 * int(limits.seconds) + 2,
        server_header=False,
    )
    taken = f"[{host}]" if ":" in host else host
    log.info(json.dumps({"listening": f"http://{taken}:{listening[0].getsockname()[1]}"}))
    uvicorn.Server(config).run(sockets=listening)


def _listen(host: str, port: int) -> list[socket.socket]:
    """Listen at all addresses of a host, before uvicorn does.

    It would end the process with lines of its own if it could not.

    Raises:
        ConfigError: nothing can listen there.
    """
    listening: list[socket.socket] = []
    try:
        found = socket.getaddrinfo(host, port, type=socket.SOCK_STREAM)
        for kind, address in dict.fromkeys((kind, own[0]) for kind, *_, own in found):
            same = listening[0].getsockname()[1] if listening else port  # also where any was asked
            try:
                listening.append(socket.create_server((address, same), family=kind))
            except OSError as error:
                if not listening or error.errno == errno.EADDRINUSE:
                    raise
        return listening
    except (OSError, UnicodeError) as error:  # the latter of a name that can be no host's
        number = getattr(error, "errno", None) or 0  # below 0 where the host's name is the trouble
        reason = os.strerror(number) if number > 0 else getattr(error, "strerror", "no host's name")
        raise ConfigError(
            f"{host}:{port}: cannot listen there ({reason}); name another --host or --port"
        ) from None
