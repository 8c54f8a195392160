"""Compare our cleaning with AraBERT's: ``python train/compare_cleaning.py FOLDER [COUNT]``.

FOLDER holds ``*.txt.xz`` files of plain text, a paragraph a line; COUNT sentences of each are
read. The package ``arabert`` pins old libraries, so it gets an environment of its own:
``pip install marsad arabert==1.0.1``.
"""

import lzma
import sys
import time
from collections.abc import Iterator
from itertools import islice
from pathlib import Path

from arabert.preprocess import ArabertPreprocessor

from marsad.text.cleaning import CLEANINGS, clean
from marsad.text.sentences import split_sentences


def main(folder: str, count: int) -> None:
    """Print how many sentences of each file come out the same, and every one that does not."""
    reference = ArabertPreprocessor("bert-base-arabertv02")
    for path in sorted(Path(folder).glob("*.txt.xz")):
        same = total = 0
        seconds = {"arabert": 0.0, "marsad": 0.0}
        for sentence in islice(_sentences(path), count):
            begin = time.perf_counter()
            expected = reference.preprocess(sentence)
            middle = time.perf_counter()
            own = clean(sentence, CLEANINGS["arabert"]).text
            seconds["arabert"] += middle - begin
            seconds["marsad"] += time.perf_counter() - middle
            total += 1
            same += own == expected
            if own != expected:
                print(f"source   {sentence!r}\narabert  {expected!r}\nmarsad   {own!r}\n")
        ratio = seconds["marsad"] / seconds["arabert"]
        print(
            f"{path.name}: {same} of {total} sentences the same; {ratio:.2f} times arabert's time"
        )


def _sentences(path: Path) -> Iterator[str]:
    with lzma.open(path, "rt", encoding="utf-8") as lines:
        for line in lines:
            for start, end in split_sentences(line):
                yield line[start:end]


if __name__ == "__main__":
    if len(sys.argv) not in (2, 3):
        sys.exit("usage: python train/compare_cleaning.py FOLDER [COUNT]")
    main(sys.argv[1], int(sys.argv[2]) if len(sys.argv) == 3 else 20_000)
