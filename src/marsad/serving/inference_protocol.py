"""The Open Inference Protocol, version 2, which KServe and Triton clients speak.

A model takes one tensor ``text`` of strings and gives one tensor ``record`` of strings, the records
as JSON. Source: https://github.com/kserve/open-inference-protocol (REST).
"""

from typing import Any

from fastapi import APIRouter, Depends, Request
from starlette.exceptions import HTTPException

from marsad import __version__
from marsad.document import Document
from marsad.serving.problems import described
from marsad.serving.service import Service, service_of
from marsad.serving.wire import Inference

INPUT, OUTPUT, STRINGS = "text", "record", "BYTES"

router = APIRouter(prefix="/v2", tags=["Open Inference Protocol"])
_NO_MODEL = described(404)


def the_model(name: str, request: Request, version: str | None = None) -> Service:
    """Return the service of a model by its name and version; there is one."""
    service = service_of(request)
    stamp = service.reader.stamp
    if name != stamp.name or version not in (None, stamp.version):
        raise HTTPException(404, f"no such model; this server has {stamp.name} {stamp.version}")
    return service


@router.get("")
async def server() -> dict[str, Any]:
    """Say what the server is."""
    return {"name": "marsad", "version": __version__, "extensions": []}


@router.get("/health/live")
async def live() -> dict[str, bool]:
    """Say that the server lives."""
    return {"live": True}


@router.get("/health/ready")
async def ready() -> dict[str, bool]:
    """Say that the server takes requests: it listens once its model is loaded, until it stops."""
    return {"ready": True}


@router.get("/models/{name}", responses=_NO_MODEL)
@router.get("/models/{name}/versions/{version}", responses=_NO_MODEL)
async def model(service: Service = Depends(the_model)) -> dict[str, Any]:
    """Describe the model."""
    tensor = {"datatype": STRINGS, "shape": [-1]}
    return {
        "name": service.reader.stamp.name,
        "versions": [service.reader.stamp.version],
        "platform": "marsad",
        "inputs": [{"name": INPUT, **tensor}],
        "outputs": [{"name": OUTPUT, **tensor}],
    }


@router.get("/models/{name}/ready", responses=_NO_MODEL)
@router.get("/models/{name}/versions/{version}/ready", responses=_NO_MODEL)
async def model_ready(service: Service = Depends(the_model)) -> dict[str, Any]:
    """Say that the model is loaded."""
    return {"name": service.reader.stamp.name, "ready": True}


@router.post("/models/{name}/infer", responses=_NO_MODEL)
@router.post("/models/{name}/versions/{version}/infer", responses=_NO_MODEL)
async def infer(
    inference: Inference, request: Request, service: Service = Depends(the_model)
) -> dict[str, Any]:
    """Read texts."""
    match inference.inputs:
        case [one] if one.name == INPUT and one.datatype == STRINGS:
            texts = one.data
        case _:
            raise HTTPException(422, f"inputs: give one tensor {INPUT!r} of datatype {STRINGS}")
    if one.shape not in ([len(texts)], [len(texts), 1]):
        raise HTTPException(422, f"inputs.0.shape: {one.shape} holds no {len(texts)} strings")
    if not all(isinstance(text, str) for text in texts):
        raise HTTPException(422, "inputs.0.data: give strings")
    documents = [Document(str(number), text) for number, text in enumerate(texts)]
    read = await service.read(request, documents)
    return {
        "model_name": service.reader.stamp.name,
        "model_version": service.reader.stamp.version,
        **({"id": inference.id} if inference.id is not None else {}),
        "outputs": [
            {
                "name": OUTPUT,
                "datatype": STRINGS,
                "shape": [len(read)],
                "data": [document.to_json() for document in read],
            }
        ],
    }
