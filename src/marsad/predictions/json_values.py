"""JSON as other systems write it: one value a file, or one a line."""

import json
from pathlib import Path

from marsad.errors import DataError
from marsad.files import read_text

# What the parser raises: on bad syntax and endless numbers the first, on endless nesting the other.
PARSE_ERRORS = (ValueError, RecursionError)


def read_json(path: Path) -> object:
    """Read the value of a JSON file, or the list of those of JSON Lines (https://jsonlines.org).

    Raises:
        DataError: the file is neither, or cannot be read.
    """
    text = read_text(path)
    try:
        value: object = json.loads(text)
    except PARSE_ERRORS as error:
        if "Extra data" not in str(error):  # a whole value, and something after it
            raise _not_json(str(path), error) from None
        lines = enumerate(text.split("\n"), start=1)
        return [_parse_line(line, f"{path}:{number}") for number, line in lines if line.strip()]
    return value


def _parse_line(line: str, where: str) -> object:
    try:
        value: object = json.loads(line)
    except PARSE_ERRORS as error:
        raise _not_json(where, error) from None
    return value


def _not_json(where: str, error: Exception) -> DataError:
    return DataError(f"{where}: not JSON ({error}); write it with a JSON library")
