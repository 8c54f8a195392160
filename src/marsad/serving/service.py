"""The service: one model, its desk, and the bounds of what it is asked."""

import asyncio
from collections.abc import Sequence
from dataclasses import dataclass, field

from fastapi import Request

from marsad.document import Document
from marsad.errors import DataError
from marsad.inputs import DEEPEST, deeper
from marsad.model_folder import ModelFolder
from marsad.reader import Reader
from marsad.serving.desk import BusyError, Desk
from marsad.serving.limits import Limits
from marsad.serving.measures import Measures
from marsad.text.words import count_words

_LONGEST = 16  # letters that a word may have on average, and the space after it

_PATIENCE = 0.5  # seconds between two tries of a stream to get a place


@dataclass
class Service:
    """What the endpoints share."""

    reader: Reader
    folder: ModelFolder
    limits: Limits
    desk: Desk = field(init=False)
    measures: Measures = field(init=False)

    def __post_init__(self) -> None:
        self.desk = Desk(self.limits)
        self.measures = Measures(self.desk)

    async def read(
        self, request: Request, documents: Sequence[Document], *, abstain: float | None = None
    ) -> list[Document]:
        """Read the documents of a request.

        Args:
            request: whose log line counts them.
            documents: what is read.
            abstain: probability below which is withheld; by default as the model says.

        Raises:
            DataError: they are too many or too long, or hold what cannot be written.
            BusyError: there is no room.
        """
        if len(documents) > self.limits.documents:
            raise DataError(
                f"documents: {len(documents):,} are more than {self.limits.documents:,}; "
                "send them in several requests, or to /v1/predict/stream"
            )
        sizes = [await asyncio.to_thread(self.check, document) for document in documents]
        calibration = self.reader.calibration.abstaining(abstain)
        read = await self.desk.read(documents, sizes, self.reader.calibrated(calibration))
        self._count(request, sizes)
        return read

    async def read_when_free(self, request: Request, document: Document) -> Document:
        """Read one document of a stream, which waits until there is room.

        Raises:
            DataError: it is too long, or holds what cannot be written.
        """
        size = await asyncio.to_thread(self.check, document)
        while True:
            try:
                (read,) = await self.desk.read([document], [size], self.reader)
            except BusyError as busy:
                await asyncio.sleep(min(busy.seconds, _PATIENCE))
            else:
                self._count(request, [size])
                return read

    def check(self, document: Document) -> int:
        """Return the words of a document that may be read.

        Raises:
            DataError: it may not.
        """
        letters = len(document.text) // _LONGEST  # what has no spaces costs as much
        words = max(letters, count_words(document.text, most=self.limits.words + 1))
        if words > self.limits.words:
            raise DataError(
                f"document {document.id!r}: more than {self.limits.words:,} words; "
                "cut it into parts"
            )
        if deeper(document.meta, DEEPEST):
            raise DataError(
                f"document {document.id!r}: meta has more than {DEEPEST} brackets in brackets"
            )
        return words

    def _count(self, request: Request, sizes: Sequence[int]) -> None:
        self.measures.documents.inc(len(sizes))
        self.measures.words.inc(sum(sizes))
        read = request.state.read if hasattr(request.state, "read") else {}
        request.state.read = {
            "documents": read.get("documents", 0) + len(sizes),
            "words": read.get("words", 0) + sum(sizes),
        }


def service_of(request: Request) -> Service:
    """Return the service that a request is for."""
    service: Service = request.app.state.service
    return service
