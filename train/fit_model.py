"""Fit a model: ``python train/fit_model.py configs/joint.yaml [key.sub=value …]``."""

import sys

from marsad.cli import run

if __name__ == "__main__":
    sys.exit(run(["train", *sys.argv[1:]]))
