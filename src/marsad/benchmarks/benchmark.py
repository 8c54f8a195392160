"""The type of a benchmark."""

from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field

from marsad.document import Document
from marsad.scoring.ruler import Ruler


@dataclass(frozen=True)
class Benchmark:
    """Annotated documents and how they are scored.

    ``data`` says where they come from, ``digest`` is the SHA-256 of the file, ``defects`` counts
    what was found wrong in it and how it was taken.
    """

    name: str
    data: str
    documents: Sequence[Document]
    ruler: Ruler
    digest: str
    defects: Mapping[str, int] = field(default_factory=dict)
