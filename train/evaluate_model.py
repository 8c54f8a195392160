"""Evaluate a model: ``python train/evaluate_model.py MODEL DATA``."""

import sys

from marsad.cli import run

if __name__ == "__main__":
    sys.exit(run(["evaluate", *sys.argv[1:]]))
