"""What people open: the page at ``/`` and the API's description at ``/docs``, both without a CDN.

Swagger UI comes from the package fastapi-offline.

They hold nothing of the model, so they are open where the rest asks for a token. The policy lets a
page run its own scripts and styles and ask its own server, and nothing else.
"""

from pathlib import Path

import fastapi_offline
from fastapi import APIRouter, Response
from starlette.exceptions import HTTPException

_HERE = Path(__file__).parent / "page"
_TYPES = {".html": "text/html", ".js": "text/javascript", ".css": "text/css"}
_SWAGGER = Path(fastapi_offline.__file__).parent / "static"
_FILES = {
    **{path.name: path for path in sorted(_HERE.iterdir()) if path.suffix in _TYPES},
    **{name: _SWAGGER / name for name in ("swagger-ui.css", "swagger-ui-bundle.js")},
}
PATHS = frozenset({"/", "/docs", "/openapi.json", *(f"/page/{name}" for name in _FILES)})

_HEADERS = {
    "Content-Security-Policy": "default-src 'none'; script-src 'self'; style-src 'self'; "
    "connect-src 'self'; img-src data:; base-uri 'none'; form-action 'none'; "
    "frame-ancestors 'none'",
    "Referrer-Policy": "no-referrer",
    "X-Content-Type-Options": "nosniff",
    "Cache-Control": "no-cache",
}

router = APIRouter(include_in_schema=False)


@router.get("/")
async def page() -> Response:
    """Return the page."""
    return _file("index.html")


@router.get("/docs")
async def docs() -> Response:
    """Return the description of the API for people."""
    return _file("api.html")


@router.get("/page/{name}")
async def part(name: str) -> Response:
    """Return a script or style of the pages."""
    return _file(name)


def _file(name: str) -> Response:
    if name not in _FILES:
        raise HTTPException(404, "no such file")
    path = _FILES[name]
    return Response(
        path.read_bytes(), media_type=f"{_TYPES[path.suffix]}; charset=utf-8", headers=_HEADERS
    )
