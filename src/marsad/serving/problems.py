"""What was wrong with a request, as a problem (RFC 9457): never with the text that was sent."""

import math
from collections.abc import Mapping
from http import HTTPStatus
from typing import Any

from fastapi import FastAPI, Request
from fastapi.exceptions import RequestValidationError
from fastapi.responses import JSONResponse
from starlette.exceptions import HTTPException

from marsad.errors import MarsadError
from marsad.serving.desk import BusyError

MEDIA_TYPE = "application/problem+json"

_MEANINGS = {
    401: "The token is missing or wrong.",
    404: "There is no such thing here.",
    413: "The body is too large.",
    422: "The request is not as described, or asks too much.",
    429: "Too many words wait, or bytes of bodies; Retry-After says how long.",
    503: "Not answered in time.",
}
_SCHEMA = {
    "type": "object",
    "properties": {
        "title": {"type": "string"},
        "status": {"type": "integer"},
        "detail": {"type": "string"},
    },
    "required": ["title", "status", "detail"],
}


def described(*statuses: int) -> dict[int | str, dict[str, Any]]:
    """Return what OpenAPI says of answers with these statuses."""
    return {
        status: {"description": _MEANINGS[status], "content": {MEDIA_TYPE: {"schema": _SCHEMA}}}
        for status in statuses
    }


def problem(status: int, detail: str, **more: Any) -> dict[str, Any]:  # noqa: ANN401
    """Return a problem; ``more`` are members of its own."""
    return {"title": HTTPStatus(status).phrase, "status": status, "detail": detail, **more}


def answer(
    status: int,
    detail: str,
    *,
    headers: Mapping[str, str] | None = None,
    **more: Any,  # noqa: ANN401
) -> JSONResponse:
    """Return a problem as a response."""
    return JSONResponse(
        problem(status, detail, **more), status, headers=headers, media_type=MEDIA_TYPE
    )


def add_handlers(app: FastAPI) -> None:
    """Let an app answer errors with problems."""

    @app.exception_handler(RequestValidationError)
    async def invalid(_: Request, error: RequestValidationError) -> JSONResponse:
        errors = [
            {"at": ".".join(str(part) for part in own["loc"]), "reason": own["msg"]}
            for own in error.errors()
        ]
        first = errors[0]
        return answer(422, f"{first['at']}: {first['reason']}", errors=errors)

    @app.exception_handler(HTTPException)
    async def refused(_: Request, error: HTTPException) -> JSONResponse:
        return answer(error.status_code, str(error.detail), headers=error.headers)

    @app.exception_handler(MarsadError)
    async def wrong(_: Request, error: MarsadError) -> JSONResponse:
        return answer(422, str(error))

    @app.exception_handler(BusyError)
    async def busy(_: Request, error: BusyError) -> JSONResponse:
        seconds = max(1, math.ceil(error.seconds))
        return answer(
            429,
            f"too many words wait to be read; try again in about {seconds} s",
            headers={"Retry-After": str(seconds)},
        )
