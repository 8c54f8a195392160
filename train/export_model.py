"""Export a model to ONNX: ``python train/export_model.py MODEL``."""

import sys

from marsad.cli import run

if __name__ == "__main__":
    sys.exit(run(["export", *sys.argv[1:]]))
