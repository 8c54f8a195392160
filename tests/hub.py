"""A stand-in of the hub: its protocol as far as an upload needs, with large files by LFS."""

import base64
import hashlib
import json
import threading
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass, field
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from typing import Any


@dataclass
class Hub:
    """What was uploaded: files by repository, and what was asked."""

    address: str = ""
    token: str = "hf_right"
    files: dict[str, dict[str, bytes]] = field(default_factory=dict)
    private: dict[str, bool] = field(default_factory=dict)
    objects: dict[str, bytes] = field(default_factory=dict)
    asked: list[str] = field(default_factory=list)
    broken: bool = False


@contextmanager
def hub() -> Iterator[Hub]:
    """Run one on a free port."""
    own = Hub()
    handler = type("Handler", (_Handler,), {"hub": own})
    server = ThreadingHTTPServer(("127.0.0.1", 0), handler)
    own.address = f"http://127.0.0.1:{server.server_port}"
    threading.Thread(target=server.serve_forever, daemon=True).start()
    yield own
    server.shutdown()
    server.server_close()


class _Handler(BaseHTTPRequestHandler):
    hub: Hub

    def log_message(self, *_: object) -> None:
        pass

    def _answer(self, value: Any, status: int = 200) -> None:
        body = json.dumps(value).encode()
        self.send_response(status)
        self.send_header("Content-Type", "application/json")
        self.send_header("Content-Length", str(len(body)))
        self.end_headers()
        self.wfile.write(body)

    def _body(self) -> bytes:
        if self.headers.get("Transfer-Encoding") == "chunked":
            body = b""
            while size := int(self.rfile.readline(), 16):
                body += self.rfile.read(size)
                self.rfile.readline()
            self.rfile.readline()
            return body
        return self.rfile.read(int(self.headers.get("Content-Length", 0)))

    def do_GET(self) -> None:
        self.hub.asked.append(self.path)
        name, tree, _ = self.path.removeprefix("/api/models/").partition("/tree/main")
        if not tree:
            self._answer({"error": "no such thing"}, 404)
            return
        files = self.hub.files[name].items()
        self._answer(
            [{"type": "file", "path": p, "oid": "0" * 40, "size": len(c)} for p, c in files]
        )

    def do_PUT(self) -> None:
        """Take a large file."""
        body = self._body()
        name = self.path.rpartition("/")[2]
        assert hashlib.sha256(body).hexdigest() == name
        self.hub.objects[name] = body
        self._answer({})

    def do_POST(self) -> None:
        body = self._body()
        self.hub.asked.append(self.path)
        if self.headers.get("Authorization") != f"Bearer {self.hub.token}":
            self._answer({"error": "Invalid username or password."}, 401)
            return
        path = self.path.partition("?")[0]
        if path == "/api/repos/create":
            asked = json.loads(body)
            name = "/".join(filter(None, (asked.get("organization"), asked["name"])))
            self.hub.private.setdefault(
                name, asked.get("private") or asked.get("visibility") == "private"
            )
            self.hub.files.setdefault(name, {})
            self._answer({"url": f"{self.hub.address}/{name}"})
        elif path == "/api/validate-yaml":
            self._answer({"errors": [], "warnings": []})
        elif path.endswith("/preupload/main"):
            modes = [
                {
                    "path": file["path"],
                    "uploadMode": "lfs" if file["path"].endswith(".safetensors") else "regular",
                    "shouldIgnore": False,
                }
                for file in json.loads(body)["files"]
            ]
            self._answer({"files": modes})
        elif path.endswith("/info/lfs/objects/batch"):
            objects = [
                {
                    **own,
                    "actions": {"upload": {"href": f"{self.hub.address}/objects/{own['oid']}"}},
                }
                for own in json.loads(body)["objects"]
            ]
            self._answer({"transfer": "basic", "objects": objects})
        elif path.endswith("/commit/main"):
            self._commit(path, body)
        else:
            self._answer({"error": f"unknown: {path}"}, 404)

    def _commit(self, path: str, body: bytes) -> None:
        if self.hub.broken:
            self._answer({"error": "out of order"}, 500)
            return
        name = path.removeprefix("/api/models/").removesuffix("/commit/main")
        files = {}
        for line in map(json.loads, body.splitlines()):
            own = line["value"]
            if line["key"] == "file":
                files[own["path"]] = base64.b64decode(own["content"])
            elif line["key"] == "lfsFile":
                files[own["path"]] = self.hub.objects[own["oid"]]
            elif line["key"] == "deletedFile":
                del self.hub.files[name][own["path"]]
        self.hub.files[name].update(files)
        url = f"{self.hub.address}/{name}/commit/0123456789012345678901234567890123456789"
        self._answer({"commitUrl": url, "commitOid": url[-40:], "pullRequestUrl": None})
