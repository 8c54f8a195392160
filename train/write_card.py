"""Write a model's card from its record: ``python train/write_card.py MODEL``."""

import sys

from marsad.cli import run

if __name__ == "__main__":
    sys.exit(run(["card", "write", *sys.argv[1:]]))
