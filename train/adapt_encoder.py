"""Adapt an encoder: ``python train/adapt_encoder.py configs/adapt-encoder.yaml [key=value …]``."""

import sys

from marsad.cli import run

if __name__ == "__main__":
    sys.exit(run(["adapt", *sys.argv[1:]]))
