"""Measure a model on public corpora: ``python train/measure_public.py MODEL [FOLDER]``.

FOLDER, or the environment variable MARSAD_CORPORA, holds ``wojood_sample/`` (the public sample of
SinaLab's Wojood) and ``arabic_event_gsr/`` (the Open Event Data Alliance's Arabic gold standard).
"""

import json
import os
import sys
from pathlib import Path

import marsad
from marsad.public import measure

if __name__ == "__main__":
    model, *rest = sys.argv[1:]
    folder = Path(rest[0] if rest else os.environ["MARSAD_CORPORA"])
    print(json.dumps(measure(marsad.load(model), folder), indent=2))
