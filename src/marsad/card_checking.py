"""Whether a card is what the record of its folder makes."""

import re
from collections.abc import Sequence, Set
from difflib import unified_diff
from itertools import islice
from pathlib import Path

from marsad.calibration import read_calibrations
from marsad.card_tables import named
from marsad.card_writing import SEEN, card_text
from marsad.config import load_config
from marsad.errors import ModelError
from marsad.files import read_text
from marsad.metrics import read_metrics
from marsad.model_folder import ModelFolder
from marsad.sections import PREFIX

_FLAGGED = re.compile(rf"> Figures on (.*?) {SEEN}\. ?(.*)")


def check_card(folder: ModelFolder) -> list[str]:
    """Compare the card with what the record makes, and return what could not be compared.

    What it says of files that it was learnt from cannot be told where these are not. Which figures
    are on texts that were seen cannot where any file is not that it would have to be told from. The
    files are returned.

    Raises:
        MarsadError: it is another card, or there is none, or no record.
    """
    run = load_config(folder.require("run", "take the folder anew"))
    path = folder.require("card", "write it with `marsad card write`")
    written = read_text(path)
    metrics = read_metrics(folder)
    scored = [*metrics.evaluations, *metrics.seeds, *metrics.stress]
    fitted_on = [own.fitted_on for own in read_calibrations(folder).values() if own.fitted_on]
    files = (*(part.corpus for part in run.data.parts), run.data.dev, *fitted_on, *scored)
    gone = [f for f in dict.fromkeys(files) if not f.startswith(PREFIX) and not Path(f).exists()]
    data = {named(own) for own in scored}
    made = card_text(folder)
    _compare(_without(gone, written, data), _without(gone, made, data), path)
    return gone


def _without(corpora: Sequence[str], card: str, data: Set[str]) -> list[str]:
    """Return the lines of a card but what corpora would have to be here for.

    Args:
        corpora: files that are gone, learnt from or not.
        card: the card.
        data: names of all that the card has figures on, as it shows them.
    """
    if not corpora:
        return card.splitlines()
    openings = tuple(f"- `{named(corpus)}`" for corpus in corpora)
    lines = (line for line in card.splitlines() if not line.startswith(openings))
    return [*filter(None, (_unflagged(line, data) for line in lines))]


def _unflagged(line: str, data: Set[str]) -> str:
    """Return a line without the sentence on which data were seen before."""
    found = _FLAGGED.match(line)
    if not found or not data >= {*found[1].split(", ")}:
        return line
    return f"> {found[2]}" if found[2] else ""


def _compare(written: Sequence[str], made: Sequence[str], path: Path) -> None:
    """Compare the lines of a card with what the record makes.

    Raises:
        ModelError: they differ; the message shows the first difference.
    """
    if written != made:
        lines = unified_diff(written, made, lineterm="", n=0)
        first = " / ".join(islice((x for x in lines if not x.startswith(("---", "+++", "@@"))), 2))
        raise ModelError(
            f"{path}: is not what the record makes; run: marsad card write {path.parent} ({first})"
        )
