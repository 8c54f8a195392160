"""Streams: a document a line in, a record a line out, in order, as fast as they are taken."""

import asyncio
import contextlib
import json
from collections import deque
from collections.abc import AsyncGenerator, AsyncIterator

from fastapi import Request, Response
from pydantic import ValidationError
from starlette.requests import ClientDisconnect
from starlette.types import Receive, Scope, Send

from marsad.errors import DataError
from marsad.serving.limits import Limits
from marsad.serving.problems import problem
from marsad.serving.service import Service
from marsad.serving.wire import Given

MEDIA_TYPE = "application/x-ndjson"


class Lines(Response):
    """Lines that are sent as they come, while the request is still read.

    starlette's own streaming response listens for the client's leaving by the same channel that the
    rest of the body comes through, and would swallow it.
    """

    media_type = MEDIA_TYPE

    def __init__(self, lines: AsyncGenerator[bytes], status_code: int = 200) -> None:
        super().__init__(status_code=status_code)
        del self.headers["content-length"]
        self.lines = lines

    async def __call__(self, scope: Scope, receive: Receive, send: Send) -> None:
        """Send the lines until the client has them, or is gone."""
        await send(
            {"type": "http.response.start", "status": self.status_code, "headers": self.raw_headers}
        )
        with contextlib.suppress(ClientDisconnect):
            async with contextlib.aclosing(self.lines):
                async for line in self.lines:
                    await send({"type": "http.response.body", "body": line, "more_body": True})
            await send({"type": "http.response.body", "body": b"", "more_body": False})


async def answers(request: Request, service: Service) -> AsyncGenerator[bytes]:
    """Yield a line for each line of a request: a record, or ``{"line": …, "problem": …}``.

    As many lines are in work as documents may be read side by side. What is answered is sent at
    once, also while the client sends nothing.
    """
    tasks: deque[asyncio.Task[bytes]] = deque()
    lines, number = _lines(request, service.limits), 0
    coming: asyncio.Task[bytes | None] | None = asyncio.create_task(_next(lines))
    try:
        while coming or tasks:
            free = coming if len(tasks) < service.limits.at_once else None
            waited = {own for own in (free, *list(tasks)[:1]) if own}
            await asyncio.wait(waited, return_when=asyncio.FIRST_COMPLETED)
            while tasks and tasks[0].done():
                yield await tasks.popleft()
            if free is None or not free.done():
                continue
            line = await free
            number += 1
            coming = None if line is None else asyncio.create_task(_next(lines))
            if line and line.strip():
                tasks.append(asyncio.create_task(_answer(request, service, line, number)))
    except (_LineTooLongError, TimeoutError) as error:
        while tasks:
            yield await tasks.popleft()
        status, detail = 408, f"nothing came for {service.limits.seconds:g} s; the stream is closed"
        if isinstance(error, _LineTooLongError):
            status = 413
            detail = f"more than {service.limits.body:,} bytes; the rest is unread"
        yield _problem(number + 1, status, detail)
    finally:
        for task in (*tasks, *([coming] if coming else [])):
            task.cancel()


async def _next(lines: AsyncIterator[bytes]) -> bytes | None:
    """Return the next line, None at the end."""
    return await anext(lines, None)


async def _answer(request: Request, service: Service, line: bytes, number: int) -> bytes:
    try:
        given = Given.model_validate_json(line)
        document = await service.read_when_free(request, given.document(number))
    except ValidationError as error:
        first = error.errors(include_input=False)[0]
        at = ".".join(str(part) for part in first["loc"])
        return _problem(number, 422, f"{at}: {first['msg']}" if at else first["msg"])
    except DataError as error:
        return _problem(number, 422, str(error))
    return document.to_json().encode() + b"\n"


def _problem(number: int, status: int, detail: str) -> bytes:
    line = {"line": number, "problem": problem(status, detail)}
    return json.dumps(line, ensure_ascii=False).encode() + b"\n"


class _LineTooLongError(Exception):
    """A line has more bytes than a body may have."""


async def _lines(request: Request, limits: Limits) -> AsyncIterator[bytes]:
    """Yield the lines of a request.

    Raises:
        _LineTooLongError: one is too long.
        TimeoutError: nothing came for too long.
    """
    begun: list[bytes] = []  # of a line whose end has not come
    size, chunks = 0, aiter(request.stream())
    while True:
        async with asyncio.timeout(limits.seconds):
            chunk = await anext(chunks, None)
        if chunk is None:
            break
        *ends, rest = chunk.split(b"\n")
        for end in ends:
            if size + len(end) > limits.body:
                raise _LineTooLongError
            yield b"".join([*begun, end])
            begun, size = [], 0
        begun.append(rest)
        size += len(rest)
        if size > limits.body:
            raise _LineTooLongError
    yield b"".join(begun)
