"""The command line: parses, calls the library, prints. Heavy packages load inside commands."""

import codecs
import errno
import io
import logging
import sys
import traceback

import typer
from rich.console import Console
from rich.logging import RichHandler

from marsad import __version__
from marsad.cli import (
    adapt,
    batch,
    bench,
    calibrate,
    card,
    compare,
    data,
    evaluate,
    export,
    predict,
    seeds,
    serve,
    train,
)
from marsad.errors import MarsadError, MissingExtraError
from marsad.files import DISK_FULL

_OUR_FAULT = "marsad: this is our fault; please report it with the lines above"

# typer exports this error's subclass alone.
UsageError: type[Exception] = typer.BadParameter.__bases__[0]

app = typer.Typer(
    help="Marsad: entities and events in Arabic conflict news.",
    no_args_is_help=True,
    pretty_exceptions_enable=False,
)
app.add_typer(data.app, name="data")
app.command("train")(train.train)
app.command("adapt")(adapt.adapt)
app.command("evaluate")(evaluate.evaluate)
app.command("compare")(compare.compare)
app.command("seeds")(seeds.seeds)
app.command("calibrate")(calibrate.calibrate)
app.command("export")(export.export)
app.command("predict")(predict.predict)
app.command("batch")(batch.batch)
app.command("serve")(serve.serve)
app.command("bench")(bench.bench)
app.add_typer(card.app, name="card")


def _print_version(wanted: bool) -> None:
    if wanted:
        typer.echo(__version__)
        raise typer.Exit


@app.callback()
def _options(
    version: bool = typer.Option(
        False, "--version", callback=_print_version, is_eager=True, help="Print the version."
    ),
    verbose: bool = typer.Option(False, "--verbose", "-v", help="Say more on stderr."),
) -> None:
    handler = RichHandler(console=Console(stderr=True), show_time=False, show_path=False)
    logging.basicConfig(format="%(message)s", handlers=[handler], level=logging.WARNING)
    logging.getLogger("marsad").setLevel(logging.INFO if verbose else logging.WARNING)


def run(arguments: list[str] | None = None) -> int:
    """Run a command and return its exit code: 0, 2 for wrong input, 1 for a fault of ours."""
    for stream in (sys.stdout, sys.stderr):
        if isinstance(stream, io.TextIOWrapper) and codecs.lookup(stream.encoding).name != "utf-8":
            # As files are written; others lack our letters.
            stream.reconfigure(encoding="utf-8", errors=stream.errors)
    try:
        code = app(args=arguments, standalone_mode=False)
    except MarsadError as error:
        print(f"marsad: {error}", file=sys.stderr)
        return 2
    except UsageError as error:
        message = " ".join(error.format_message().split())  # type: ignore[attr-defined]
        if message:  # none where there was no command, and the help stands there already
            print(f"marsad: {message}; see --help", file=sys.stderr)
        return 2
    except ModuleNotFoundError as error:
        if (error.name or "marsad").startswith("marsad"):
            raise
        print(f"marsad: {MissingExtraError(error.name or '', 'train')}", file=sys.stderr)
        return 2
    except (KeyboardInterrupt, typer.Abort):
        print("marsad: interrupted", file=sys.stderr)
        return 130
    except SystemExit:  # typer's, where whoever read our output has gone
        return 0
    except OSError as error:
        if reason := _limit_of_the_system(error):
            print(f"marsad: {reason}", file=sys.stderr)
            return 2
        traceback.print_exc()
        print(_OUR_FAULT, file=sys.stderr)
        return 1
    except Exception:
        traceback.print_exc()
        print(_OUR_FAULT, file=sys.stderr)
        return 1
    return code if isinstance(code, int) else 0


def _limit_of_the_system(error: OSError) -> str | None:
    if error.errno in DISK_FULL:
        return f"the disk is full ({error.strerror}); free some space and run the command again"
    if error.errno == errno.ENAMETOOLONG:
        name = str(error.filename)
        return f"{name[:40]}…: too long for a file's name; name a file, or pipe a text to `-`"
    return None


def main() -> None:
    """Entry point of the ``marsad`` command."""
    sys.exit(run())
