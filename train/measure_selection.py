"""Measure what selecting buys: ``python train/measure_selection.py CONFIG [key=value …]``.

Three rounds of a fifth of the training documents each, with the configuration's seed; a line of
JSON for each model. An hour on one core with ``configs/joint.yaml train.epochs=3``.
"""

import json
import sys
from dataclasses import asdict
from pathlib import Path

from marsad.config import load_config
from marsad.errors import MarsadError
from marsad.learning_curve import measure


def main(config: str, *overrides: str) -> int:
    """Print the points of both ways; return the exit code."""
    try:
        run = load_config(Path(config), overrides=overrides)
        for point in measure(run, rounds=3, share=0.2, seed=run.seed):
            print(json.dumps(asdict(point)), flush=True)
    except MarsadError as error:
        print(f"marsad: {error}", file=sys.stderr)
        return 2
    return 0


if __name__ == "__main__":
    if len(sys.argv) < 2:
        sys.exit("usage: python train/measure_selection.py CONFIG [key=value …]")
    sys.exit(main(*sys.argv[1:]))
