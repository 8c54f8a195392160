"""``marsad batch``."""

from collections.abc import Iterable
from enum import StrEnum
from functools import partial
from pathlib import Path

import typer
from rich.console import Console
from rich.progress import track


class EngineName(StrEnum):
    """Who reads."""

    local = "local"
    ray = "ray"


def batch(
    source: Path = typer.Argument(
        help="A .jsonl or .parquet file of documents with id and text, or a folder of such and of "
        "text files."
    ),
    output: Path = typer.Argument(help="A folder for parquet files; one that broke off goes on."),
    model: Path = typer.Option(..., "--model", "-m", help="A model folder."),
    engine: EngineName = typer.Option(
        EngineName.local, help="local: this process on all cores; ray: a pool of readers."
    ),
    size: int = typer.Option(1000, "--size", min=1, help="Documents in a file of the output."),
    workers: str = typer.Option(
        "", "--workers", help="Readers of ray: how many, or LEAST:MOST. Default: one a core."
    ),
    cores: int = typer.Option(1, "--cores", min=1, help="Cores of a reader of ray."),
    address: str = typer.Option(
        None, "--address", help="A running cluster, e.g. auto; by default one starts here."
    ),
    file: str = typer.Option(
        None, help="Which file to run: onnx_int8, onnx, weights, onnx_fp16. Default: the first."
    ),
    abstain: float = typer.Option(
        None, help="Withhold what is less probable; by default as the model's calibration says."
    ),
    restart: bool = typer.Option(
        False, "--restart", help="Forget what another run left in the folder."
    ),
) -> None:
    """Read very many documents into a folder of parquet files, on one machine or on a cluster.

    What cannot be read is a row with the reason in it; the exit code is 2 then.
    """
    from marsad.errors import ConfigError, MissingExtraError
    from marsad.input_files import STANDARD_INPUT, find_files
    from marsad.runtime import load

    try:
        from marsad.batch.run import locally, run
    except ModuleNotFoundError as error:
        raise MissingExtraError(error.name or "pyarrow", "parquet") from None
    if str(source) == STANDARD_INPUT:
        raise ConfigError("-: a run that may go on cannot read standard input; name a file")
    reader = load(model, file=file, abstain=abstain)
    if engine == EngineName.local and (workers or cores > 1 or address):
        raise ConfigError("--workers, --cores and --address are for --engine ray; leave them out")
    if engine == EngineName.local:
        own = locally(reader, output)
    else:
        least, most = _bounds(workers, cores)
        try:
            from marsad.batch.cluster import Cluster, on_cluster
        except ModuleNotFoundError as error:
            raise MissingExtraError(error.name or "ray", "ray") from None
        opened = partial(load, model.resolve(), file=file, abstain=abstain, cores=cores)
        own = on_cluster(opened, output, Cluster(address, least, most, cores))
    files = find_files([source.resolve()], apart=[output])  # as every node must find them
    run(files, output, reader, own, size=size, restart=restart, watch=_watch)
    typer.echo(f"{output}: read")


def _bounds(workers: str, cores: int) -> tuple[int, int]:
    from marsad.cores import available_cores
    from marsad.errors import ConfigError

    if not workers:
        own = max(1, available_cores() // cores)
        return own, own
    least, _, most = workers.partition(":")
    try:
        bounds = int(least), int(most or least)
    except ValueError:
        bounds = 0, 0
    if not 1 <= bounds[0] <= bounds[1]:
        raise ConfigError(f"--workers {workers}: give a number, or two as LEAST:MOST")
    return bounds


def _watch(done: Iterable[int], total: int) -> Iterable[int]:
    console = Console(stderr=True)
    return track(done, "reading parts", total=total, console=console, transient=True)
