"""``marsad serve``."""

import os
from pathlib import Path

import typer

TOKEN = "MARSAD_TOKEN"


def serve(
    model: Path = typer.Argument(help="A model folder."),
    host: str = typer.Option("127.0.0.1", "--host", help="The address to listen on."),
    port: int = typer.Option(8000, "--port", min=0, max=65535, help="The port; 0: a free one."),
    file: str = typer.Option(
        None, help="Which file to run: onnx_int8, onnx, weights, onnx_fp16. Default: the first."
    ),
    cors: list[str] = typer.Option(
        [], "--cors", help="A site whose pages may ask; may be repeated. None by default."
    ),
    max_body: int = typer.Option(8 * 2**20, min=1, help="Bytes of a request, or of a line."),
    max_documents: int = typer.Option(256, min=1, help="Documents of a request."),
    max_words: int = typer.Option(50_000, min=1, help="Words of a document."),
    max_waiting: int = typer.Option(
        200_000, min=1, help="Words that may wait; beyond, requests are turned away (429)."
    ),
    at_once: int = typer.Option(8, min=1, help="Documents that are read side by side."),
    timeout: float = typer.Option(300.0, min=0.1, max=1e6, help="Seconds for a request."),
) -> None:
    """Answer requests over HTTP; the variable MARSAD_TOKEN holds a token that clients must send.

    /docs describes the endpoints. SIGTERM lets it answer what it has accepted, then stop.
    """
    from marsad.errors import MissingExtraError
    from marsad.model_folder import ModelFolder
    from marsad.runtime import load

    try:
        from marsad.serving.server import run
    except ModuleNotFoundError as error:
        raise MissingExtraError(error.name or "fastapi", "serve") from None
    from marsad.serving.limits import Limits

    limits = Limits(
        body=max_body,
        documents=max_documents,
        words=max_words,
        waiting=max_waiting,
        at_once=at_once,
        seconds=timeout,
    )
    run(
        load(model, file=file),
        ModelFolder(model),
        host=host,
        port=port,
        limits=limits,
        token=os.environ.get(TOKEN) or None,
        origins=cors,
    )
