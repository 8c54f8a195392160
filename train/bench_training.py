"""Training speed against transformers' own recipe: ``bench_training.py [key.sub=value …]``.

Learns from ANERcorp where --source or MARSAD_CORPORA names the folder of the public corpora, else
from the configuration's own files. See :mod:`marsad.bench_training` for what is measured, and for
what --padding means: by default the baseline pads every sentence to 128 tokens.
"""

import argparse
import math
import os
import sys
from collections.abc import Sequence
from pathlib import Path
from typing import get_args

from marsad.bench_training.baseline import Padding
from marsad.bench_training.material import anercorp, own_corpus
from marsad.bench_training.race import race
from marsad.benchmarks import SOURCE_VARIABLE
from marsad.config import load_config
from marsad.errors import MarsadError
from marsad.files import check_writable, write_json


def main(arguments: Sequence[str] | None = None) -> int:
    """Print the tables; return the exit code."""
    options = _parse(arguments)
    try:
        if options.output:
            check_writable(options.output)
        config = load_config(options.config, overrides=tuple(options.overrides))
        material = anercorp(options.source) if options.source else own_corpus(config)
        result = race(
            config,
            material,
            seeds=options.seeds,
            scorings=options.scorings,
            epochs=options.epochs,
            padding=options.padding,
        )
        for line in result.to_lines():
            print(line)
        if options.output:
            write_json(options.output, result.to_record())
    except MarsadError as error:
        print(f"marsad: {error}", file=sys.stderr)
        return 2
    return 0


def _parse(arguments: Sequence[str] | None) -> argparse.Namespace:
    known = os.environ.get(SOURCE_VARIABLE)
    parser = argparse.ArgumentParser(description="Compare the speed of training with run_ner's.")
    parser.add_argument("overrides", nargs="*", help="key.sub=value of the configuration")
    parser.add_argument("--config", type=Path, default=Path("configs/ner.yaml"), help="our run")
    parser.add_argument("--source", type=Path, default=Path(known) if known else None)
    parser.add_argument("--seeds", type=int, nargs="+", default=[13], help="a heat for each")
    parser.add_argument("--scorings", type=_count, default=2, help="scorings an epoch")
    parser.add_argument("--epochs", type=_amount, help="of both recipes, for a trial")
    parser.add_argument(
        "--padding",
        choices=get_args(Padding),
        default="length",
        help="the baseline pads to 128 tokens, or, as run_ner does by default, to a batch's longest"
        " sentence",
    )
    parser.add_argument("--output", type=Path, help="write all figures here, as JSON")
    return parser.parse_args(arguments)


def _count(text: str) -> int:
    if (value := int(text)) < 1:
        raise argparse.ArgumentTypeError(f"{text} is not 1 or more")
    return value


def _amount(text: str) -> float:
    value = float(text)
    if not (value > 0 and math.isfinite(value)):
        raise argparse.ArgumentTypeError(f"{text} is not a number above 0")
    return value


if __name__ == "__main__":
    sys.exit(main())
