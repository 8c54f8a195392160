"""The app: what a model answers over HTTP."""

from collections.abc import AsyncIterator, Sequence
from contextlib import asynccontextmanager
from dataclasses import asdict
from typing import Any

from fastapi import APIRouter, Depends, FastAPI, Request, Response
from fastapi.middleware.cors import CORSMiddleware
from fastapi.responses import JSONResponse
from fastapi.security import HTTPBearer
from starlette.exceptions import HTTPException

from marsad import __version__
from marsad.labels import scheme
from marsad.model_folder import ModelFolder
from marsad.reader import Reader
from marsad.serving import inference_protocol, pages, streaming
from marsad.serving.guard import Guard
from marsad.serving.limits import Limits
from marsad.serving.problems import add_handlers, described
from marsad.serving.service import Service, service_of
from marsad.serving.wire import Answered, Asked, Described, Given

_MARKDOWN: dict[int | str, dict[str, Any]] = {200: {"content": {"text/markdown": {}}}}

router = APIRouter()


def create_app(
    reader: Reader,
    folder: ModelFolder,
    *,
    limits: Limits | None = None,
    token: str | None = None,
    origins: Sequence[str] = (),
) -> FastAPI:
    """Return the app of a model.

    Args:
        reader: reads.
        folder: the model's, for its card.
        limits: what a client may ask.
        token: what clients must send, if anything.
        origins: pages of other sites that may ask; none by default.
    """
    service = Service(reader, folder, limits or Limits())

    @asynccontextmanager
    async def living(_: FastAPI) -> AsyncIterator[None]:
        yield
        service.desk.close()

    app = FastAPI(
        title="Marsad",
        version=__version__,
        summary="Entities and events in Arabic conflict news.",
        lifespan=living,
        responses=described(401, 413, 422, 429, 503),
        docs_url=None,
        redoc_url=None,
    )
    app.state.service = service
    # The guard asks for the token; this says so in the API's description.
    asked = [Depends(HTTPBearer(auto_error=False))] if token else []
    app.include_router(router, dependencies=asked)
    app.include_router(inference_protocol.router, dependencies=asked)
    app.include_router(pages.router)
    add_handlers(app)
    app.add_middleware(Guard, limits=service.limits, measures=service.measures, token=token)
    if origins:
        app.add_middleware(
            CORSMiddleware,
            allow_origins=list(origins),
            allow_methods=["GET", "POST"],
            allow_headers=["Authorization", "Content-Type", "X-Request-ID"],
            expose_headers=["Retry-After", "X-Request-ID"],
        )
    return app


@router.post("/v1/predict", response_model=Answered)
async def predict(asked: Asked, request: Request) -> Response:
    """Read one document, or many; the records come in their order."""
    read = await service_of(request).read(request, asked.given(), abstain=asked.abstain)
    return JSONResponse({"documents": [document.to_record() for document in read]})


@router.post(
    "/v1/predict/stream",
    response_class=streaming.Lines,
    responses={200: {"content": {streaming.MEDIA_TYPE: {}}}},
    openapi_extra={
        "requestBody": {
            "required": True,
            "content": {streaming.MEDIA_TYPE: {"schema": Given.model_json_schema()}},
        }
    },
)
async def predict_stream(request: Request) -> streaming.Lines:
    """Read a document a line; a record a line comes back, in order, while lines are still sent."""
    service = service_of(request)
    return streaming.Lines(streaming.answers(request, service))


@router.get("/v1/labels")
async def labels() -> dict[str, Any]:
    """Describe the labels."""
    own = scheme()
    return {
        "version": own.version,
        "digest": own.digest,
        "entities": [asdict(label) for label in own.entities],
        "events": [asdict(label) for label in own.events],
        "realis": [asdict(value) for value in own.realis],
        "families": [asdict(family) for family in own.families],
    }


@router.get("/v1/model")
async def model(request: Request) -> Described:
    """Describe the model, and what a request may ask of it."""
    service = service_of(request)
    stamp = service.reader.stamp
    return Described(
        name=stamp.name,
        version=stamp.version,
        digest=stamp.digest,
        file=service.reader.source,
        abstain=asdict(service.reader.calibration.abstain),
        limits=asdict(service.limits),
    )


@router.get("/v1/card", response_class=Response, responses={**_MARKDOWN, **described(404)})
async def card(request: Request) -> Response:
    """Return the model's card: what it was made of, how good it is and what it is not for."""
    path = service_of(request).folder["card"]
    if not path.exists():
        raise HTTPException(404, "this model has no card")
    return Response(path.read_bytes(), media_type="text/markdown; charset=utf-8")


@router.get("/healthz")
async def healthy() -> dict[str, str]:
    """Say that the process lives."""
    return {"status": "ok"}


@router.get("/readyz")
async def ready() -> dict[str, str]:
    """Say that requests are taken: the server listens once its model is loaded, until it stops."""
    return {"status": "ready"}


@router.get("/metrics", response_class=Response, responses={200: {"content": {"text/plain": {}}}})
async def metrics(request: Request) -> Response:
    """Return the figures for Prometheus."""
    own = service_of(request).measures
    return Response(own.render(), media_type=own.media_type)
