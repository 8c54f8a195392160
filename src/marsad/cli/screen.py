"""Where tables are printed."""

import os

from rich.console import Console

_WIDE = 200  # columns


def screen() -> Console:
    """Return a console for tables; in a pipe or a file no figure is cut to a screen's width."""
    console = Console()
    if not console.is_terminal and "COLUMNS" not in os.environ:
        console.width = _WIDE
    return console
