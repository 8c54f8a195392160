"""The types of a benchmark, of what is learnt from, and of what a corpus says of itself."""

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
    ``votes`` says of event classes of that corpus whether its sentence reports one. Of our labels
    ``entities`` and ``events`` say what was annotated; nothing is known of the other.
    """

    document: Document
    source: str | None = None
    votes: Mapping[str, bool] = field(default_factory=dict)
    entities: bool = True
    events: bool = True


@dataclass(frozen=True)
class Publication:
    """Where a public corpus is from and what it asks of those who use it.

    ``source`` names its labels, one of :attr:`Scheme.sources`. ``share_alike`` is the licence, in
    the Hugging Face hub's words, that what is derived from the corpus must have; None: any.
    """

    title: str
    source: str
    labels: str
    citation: str
    licence: str
    url: str
    share_alike: str | None = None
