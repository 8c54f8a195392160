"""Server processes for tests: ``marsad serve`` on a free port of the loopback."""

import os
import subprocess
import sys
import threading
import time
from collections.abc import Callable
from dataclasses import dataclass
from pathlib import Path

import httpx

from tests.ports import free_port


@dataclass
class Server:
    """A running server: its process, a client of it, and what it has logged."""

    process: subprocess.Popen[str]
    client: httpx.Client
    port: int
    log: list[str]

    @property
    def address(self) -> str:
        return f"http://127.0.0.1:{self.port}"

    def stop(self) -> None:
        self.client.close()
        self.process.kill()
        self.process.wait()


Start = Callable[..., Server]


def start_server(folder: Path, *options: str, token: str = "") -> Server:
    """Start a server of a model and wait until it takes requests."""
    port = free_port()
    process = subprocess.Popen(
        [
            sys.executable, "-c", "from marsad.cli import main; main()", "serve",
            str(folder), "--port", str(port), *options,
        ],
        stderr=subprocess.PIPE,
        text=True,
        env={**os.environ, "MARSAD_TOKEN": token},
    )  # fmt: skip
    server = Server(
        process, httpx.Client(base_url=f"http://127.0.0.1:{port}", timeout=60), port, []
    )
    threading.Thread(target=lambda: server.log.extend(process.stderr or ()), daemon=True).start()
    for _ in range(600):
        try:
            server.client.get("/readyz").raise_for_status()
        except httpx.TransportError:
            assert process.poll() is None, server.log
            time.sleep(0.1)
        else:
            return server
    raise AssertionError(server.log)
