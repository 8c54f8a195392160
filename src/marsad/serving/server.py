"""The process: the app under uvicorn."""

import logging
import os
import socket
from collections.abc import Sequence

import uvicorn

from marsad.errors import ConfigError
from marsad.model_folder import ModelFolder
from marsad.reader import Reader
from marsad.serving.app import create_app
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
    _check_address(host, port)
    handler = logging.StreamHandler()
    handler.setFormatter(logging.Formatter("%(message)s"))
    log = logging.getLogger("marsad.serve")
    log.addHandler(handler)
    log.setLevel(logging.INFO)
    log.propagate = False
    app = create_app(reader, folder, limits=limits, token=token, origins=origins)
    uvicorn.run(
        app,
        host=host,
        port=port,
        access_log=False,
        log_level="warning",
        timeout_graceful_shutdown=int(limits.seconds) + 1,
        server_header=False,
    )


def _check_address(host: str, port: int) -> None:
    """Try to listen, for uvicorn ends the process with lines of its own where it cannot."""
    try:
        kind = socket.getaddrinfo(host, port, type=socket.SOCK_STREAM)[0][0]
        socket.create_server((host, port), family=kind).close()
    except OSError as error:
        number = error.errno or 0  # below 0 where the name of the host is the trouble
        reason = os.strerror(number) if number > 0 else error.strerror
        raise ConfigError(
            f"{host}:{port}: cannot listen there ({reason}); name another --host or --port"
        ) from None
