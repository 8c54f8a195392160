"""A tiny model, and servers of it."""

from collections.abc import Iterator
from pathlib import Path

import pytest

from marsad.export import export
from marsad.model_folder import ModelFolder
from marsad.training import train
from tests.runs import tiny_run
from tests.serving.servers import Server, Start, start_server


@pytest.fixture(scope="package")
def folder(
    tiny_encoder: Path, tiny_corpus: Path, tmp_path_factory: pytest.TempPathFactory
) -> ModelFolder:
    """A model that learnt its few documents well enough to find something."""
    output = tmp_path_factory.mktemp("serve") / "tiny"
    schedule = {"epochs": 12, "batch_size": 4, "learning_rate": 3e-3}
    made = train(tiny_run(tiny_encoder, tiny_corpus, output, train=schedule))
    export(made, int8=False)
    return made


@pytest.fixture(scope="module")
def start(folder: ModelFolder) -> Iterator[Start]:
    """Start servers by options; they are stopped at the end."""
    started: list[Server] = []

    def begin(*options: str, token: str = "") -> Server:
        started.append(start_server(folder.path, *options, token=token))
        return started[-1]

    yield begin
    for server in started:
        server.stop()


@pytest.fixture(scope="module")
def server(start: Start) -> Server:
    options = {"--max-body": 200_000, "--max-documents": 8, "--max-words": 2000}
    return start(*(str(part) for pair in options.items() for part in pair))
