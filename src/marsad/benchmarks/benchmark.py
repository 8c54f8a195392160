"""The types of a benchmark and of what is learnt from."""

from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field
from typing import Literal

from marsad.document import Document
from marsad.scoring.ruler import Ruler

Unit = Literal["documents", "sentences"]


@dataclass(frozen=True)
class Benchmark:
    """Annotated documents and how they are scored.

    ``data`` names them: the path of a file, or ``public:NAME``. ``digest`` is the SHA-256 of the
    file, ``unit`` what a document is, ``defects`` counts what was found wrong and how it was taken.
    """

    data: str
    documents: Sequence[Document]
    ruler: Ruler
    digest: str
    unit: Unit = "documents"
    defects: Mapping[str, int] = field(default_factory=dict)


@dataclass(frozen=True)
class Annotated:
    """A document to learn from, and how its annotation is to be read.

    ``source`` names the corpus whose labels it has, one of :attr:`Scheme.sources`; None: ours.
    ``votes`` says of event classes of that corpus whether its sentence reports one.
    """

    document: Document
    source: str | None = None
    votes: Mapping[str, bool] = field(default_factory=dict)
