"""Training speed against transformers' own recipe: ``bench_training.py [key.sub=value …]``.

Learns from ANERcorp where --source or MARSAD_CORPORA names the folder of the public corpora, else
from the configuration's own files. See :mod:`marsad.bench_training` for what is measured.
"""

import argparse
import json
import os
import sys
from collections.abc import Sequence
from pathlib import Path

from marsad.bench_training.material import anercorp, own_corpus
from marsad.bench_training.race import race
from marsad.benchmarks import SOURCE_VARIABLE
from marsad.config import load_config
from marsad.errors import MarsadError
from marsad.files import atomic_write


def main(arguments: Sequence[str] | None = None) -> int:
    """Print the tables; return the exit code."""
    options = _parse(arguments)
    try:
        config = load_config(options.config, overrides=tuple(options.overrides))
        material = anercorp(options.source) if options.source else own_corpus(config)
        result = race(
            config,
            material,
            seeds=options.seeds,
            scorings=options.scorings,
            epochs=options.epochs,
        )
        if options.output:
            with atomic_write(options.output) as out:
                json.dump(result.to_record(), out, indent=1)
                out.write("\n")
    except MarsadError as error:
        print(f"marsad: {error}", file=sys.stderr)
        return 2
    for line in result.to_lines():
        print(line)
    return 0


def _parse(arguments: Sequence[str] | None) -> argparse.Namespace:
    known = os.environ.get(SOURCE_VARIABLE)
    parser = argparse.ArgumentParser(description="Compare the speed of training with run_ner's.")
    parser.add_argument("overrides", nargs="*", help="key.sub=value of the configuration")
    parser.add_argument("--config", type=Path, default=Path("configs/ner.yaml"), help="our run")
    parser.add_argument("--source", type=Path, default=Path(known) if known else None)
    parser.add_argument("--seeds", type=int, nargs="+", default=[13], help="a heat for each")
    parser.add_argument("--scorings", type=int, default=4, help="scorings an epoch")
    parser.add_argument("--epochs", type=float, help="of both recipes, for a trial")
    parser.add_argument("--output", type=Path, help="write all figures here, as JSON")
    return parser.parse_args(arguments)


if __name__ == "__main__":
    sys.exit(main())
