"""Blocks of a CoNLL file: the tokens of each sentence, with the tag that a system gave them.

Columns are parted by blanks or tabs: the first is the token, the last the system's tag. So both
``token tag`` and the ``token gold tag`` of conlleval
(https://www.clips.uantwerpen.be/conll2003/ner/bin/conlleval) can be read. A blank line or a
``-DOCSTART-`` line ends a block.
"""

import re
from pathlib import Path
from typing import NamedTuple

from marsad.errors import DataError
from marsad.files import read_text
from marsad.formats.conll_columns import DOCUMENT_START

_FEWEST = 2


class Token(NamedTuple):
    """A token, its tag and the place that they were read from, ``file:line``."""

    where: str
    text: str
    tag: str


def read_blocks(path: Path) -> list[list[Token]]:
    """Return the blocks of a file, none of them empty.

    Raises:
        DataError: a line has one column, or another number of them than those before.
    """
    blocks: list[list[Token]] = [[]]
    width = 0
    for number, line in enumerate(read_text(path).split("\n"), start=1):
        columns = re.split("[ \t]+", line.strip(" \t\r"))
        if columns == [""] or columns[0] == DOCUMENT_START:
            blocks.append([])
            continue
        width = width or len(columns)
        _check_width(columns, width, f"{path}:{number}")
        blocks[-1].append(Token(f"{path}:{number}", columns[0], columns[-1]))
    return [block for block in blocks if block]


def _check_width(columns: list[str], width: int, where: str) -> None:
    if len(columns) < _FEWEST:
        raise DataError(f"{where}: one column; give the token first and the predicted tag last")
    if len(columns) != width:
        raise DataError(f"{where}: {len(columns)} columns, and {width} before; make them the same")
