"""The guard before all requests: who may ask, how much and how long, and a line of log for each.

Written against ASGI itself, since it has to count the bytes of a body while it comes.
"""

import asyncio
import hmac
import json
import logging
import re
import time
import uuid

from starlette.responses import JSONResponse
from starlette.types import ASGIApp, Message, Receive, Scope, Send

from marsad.serving import pages
from marsad.serving.limits import Limits
from marsad.serving.measures import Measures
from marsad.serving.problems import answer

log = logging.getLogger("marsad.serve")

OPEN = frozenset({"/healthz", "/readyz", "/v2/health/live", "/v2/health/ready", *pages.PATHS})
_NAME = re.compile(r"[A-Za-z0-9._-]{1,64}")
STREAMS = frozenset({"/v1/predict/stream"})  # bounded by the line, not by the body


class Guard:
    """Asks for the token, bounds body and time, counts, and logs without a document's text."""

    def __init__(
        self,
        app: ASGIApp,
        *,
        limits: Limits,
        measures: Measures,
        token: str | None = None,
    ) -> None:
        self.app, self.limits, self.measures, self.token = app, limits, measures, token
        self.held = 0  # bytes of bodies

    async def __call__(self, scope: Scope, receive: Receive, send: Send) -> None:
        """Pass a request on, if it may pass."""
        if scope["type"] != "http":
            await self.app(scope, receive, send)
            return
        begun, request = time.perf_counter(), _name_of(scope)
        status = 499  # the client left before an answer

        async def answering(message: Message) -> None:
            nonlocal status
            if message["type"] == "http.response.start":
                status = message["status"]
                message["headers"] = [*message["headers"], (b"x-request-id", request.encode())]
            await send(message)

        try:
            await self._pass(scope, receive, answering)
        except Exception:
            status = 500
            raise
        finally:
            seconds = time.perf_counter() - begun
            path = getattr(scope.get("route"), "path", "other")
            self.measures.requests.labels(path, str(status)).inc()
            self.measures.seconds.labels(path).observe(seconds)
            line = {
                "request": request,
                "method": scope["method"],
                "path": path,
                "status": status,
                "seconds": round(seconds, 4),
                **scope.get("state", {}).get("read", {}),
            }
            log.info(json.dumps(line))

    async def _pass(self, scope: Scope, receive: Receive, send: Send) -> None:
        path, headers = scope["path"], dict(scope["headers"])
        if self.token and path not in OPEN and not self._known(headers.get(b"authorization", b"")):
            refusal = answer(
                401, "send the server's token: Authorization: Bearer TOKEN",
                headers={"WWW-Authenticate": "Bearer"},
            )  # fmt: skip
            await refusal(scope, receive, send)
            return
        if path in STREAMS:
            await self.app(scope, receive, send)
            return
        body = _Body(receive, self)
        started = whole = False

        async def starting(message: Message) -> None:
            nonlocal started, whole
            if body.refused:  # what the app makes of the broken body is not sent
                return
            started = True
            if message["type"] == "http.response.body":
                whole = not message.get("more_body", False)
                message = {**message, "more_body": True}
            await send(message)

        late: JSONResponse | None = None
        try:
            async with asyncio.timeout(self.limits.seconds):
                await self.app(scope, body.receive, starting)
        except TimeoutError:
            late = answer(
                503, f"not answered within {self.limits.seconds:g} s; send less at a time"
            )
        finally:
            try:
                if whole:  # this returns once the client has taken the rest, or is given up
                    await send({"type": "http.response.body", "body": b""})
            finally:
                self.held -= body.size
        if body.refused == 413:
            late = answer(
                413, f"the body has more than {self.limits.body:,} bytes; send less at a time"
            )
        if body.refused == 429:
            late = answer(
                429, "too many bodies are being sent; try again", headers={"Retry-After": "1"}
            )
        if late is not None and not started:
            await late(scope, receive, send)

    def _known(self, given: bytes) -> bool:
        assert self.token is not None
        scheme, _, token = given.partition(b" ")  # RFC 9110, 11.1: the scheme in any case
        known = hmac.compare_digest(token.strip(), self.token.encode())
        return known and scheme.lower() == b"bearer"


def _name_of(scope: Scope) -> str:
    """Return the name that a client gives its request, where it is one, or a new one."""
    given = dict(scope["headers"]).get(b"x-request-id", b"").decode("latin-1")
    return given if _NAME.fullmatch(given) else uuid.uuid4().hex[:16]


class _Body:
    """A body that breaks off where it is too large, or where all bodies together are."""

    def __init__(self, receive: Receive, guard: Guard) -> None:
        self._receive, self._guard = receive, guard
        self.size = 0
        self.refused = 0  # the status, if it is

    async def receive(self) -> Message:
        message = await self._receive()
        size, limits = len(message.get("body", b"")), self._guard.limits
        self.size += size
        self._guard.held += size
        if self.size > limits.body:
            self.refused = 413
        elif size and self._guard.held > max(limits.bodies, limits.body):
            self.refused = 429
        return {"type": "http.disconnect"} if self.refused else message
