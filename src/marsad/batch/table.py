"""Records as rows of parquet, with nested columns; a document that cannot be read is a row too."""

import json
from collections.abc import Iterable
from pathlib import Path
from typing import Any

import pyarrow as pa
from pyarrow import parquet

from marsad.document import Document
from marsad.errors import DataError
from marsad.files import atomic_path
from marsad.inputs import Rejected

_EVENT = pa.struct(
    [
        ("type", pa.string()),
        ("realis", pa.string()),
        ("family", pa.string()),
        ("score", pa.float64()),
    ]
)
_SPAN = [("start", pa.int32()), ("end", pa.int32())]

SCHEMA = pa.schema(
    [
        ("id", pa.string()),
        ("text", pa.string()),
        ("meta", pa.string()),
        ("sentences", pa.list_(pa.struct([*_SPAN, ("events", pa.list_(_EVENT))]))),
        (
            "entities",
            pa.list_(
                pa.struct(
                    [*_SPAN, ("label", pa.string()), ("text", pa.string()), ("score", pa.float64())]
                )
            ),
        ),
        ("coverage", pa.float64()),
        ("warnings", pa.list_(pa.string())),
        (
            "model",
            pa.struct([("name", pa.string()), ("version", pa.string()), ("digest", pa.string())]),
        ),
        ("where", pa.string()),
        ("problem", pa.string()),
    ]
)


def write_part(path: Path, answers: Iterable[Document | Rejected]) -> None:
    """Write answers into a file that appears whole or not at all.

    Args:
        path: the file.
        answers: a record is one of :meth:`Document.to_record`, its ``meta`` as JSON; of what
            cannot be read ``where`` and ``problem`` say where it is and why.

    Raises:
        DataError: nothing can be written there.
    """
    rows = [_row(answer) for answer in answers]
    table = pa.Table.from_pylist(rows, schema=SCHEMA)
    with atomic_path(path) as temporary:
        try:
            parquet.write_table(table, temporary, compression="zstd")
        except OSError as error:
            raise DataError(
                f"{path}: cannot be written ({error}); free some space, and run again"
            ) from None


def count_problems(path: Path) -> int:
    """Return how many documents of a part could not be read; only the file's footer is looked at.

    Raises:
        DataError: the file is missing or damaged.
    """
    try:
        footer = parquet.read_metadata(path)
    except (pa.ArrowException, OSError) as error:
        raise DataError(f"{path}: cannot be read ({error}); remove it and run again") from None
    column = SCHEMA.get_field_index("problem") - len(SCHEMA)
    groups = (footer.row_group(number) for number in range(footer.num_row_groups))
    return sum(
        own.num_rows - own.column(own.num_columns + column).statistics.null_count
        for own in groups
        if own.num_rows
    )


def _row(answer: Document | Rejected) -> dict[str, Any]:
    if isinstance(answer, Rejected):
        return {"where": answer.where, "problem": answer.reason}
    record = answer.to_record()
    meta = record.get("meta")
    return {**record, "meta": json.dumps(meta, ensure_ascii=False) if meta else None}
