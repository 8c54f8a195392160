"""Measure a model on public corpora: ``python train/measure_public.py MODEL [FOLDER]``.

FOLDER, or the environment variable MARSAD_CORPORA, holds ``wojood_sample/`` (the public sample of
SinaLab's Wojood) and ``arabic_event_gsr/`` (the Open Event Data Alliance's Arabic gold standard).
"""

import json
import os
import sys
from pathlib import Path

import marsad
from marsad.errors import MarsadError
from marsad.public import measure


def main(model: str, folder: str) -> int:
    """Print the figures as JSON; return the exit code."""
    try:
        print(json.dumps(measure(marsad.load(model), Path(folder)), indent=2))
    except MarsadError as error:
        print(f"marsad: {error}", file=sys.stderr)
        return 2
    return 0


if __name__ == "__main__":
    arguments = [*sys.argv[1:], os.environ.get("MARSAD_CORPORA", "")][:2]
    if not all(arguments) or len(arguments) < 2:
        sys.exit("usage: python train/measure_public.py MODEL FOLDER (or set MARSAD_CORPORA)")
    sys.exit(main(*arguments))
