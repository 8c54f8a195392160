"""The desk: takes documents of all requests, as many as it can answer, and reads them.

Windows have no company on a CPU, so requests share cores, not batches: several documents are read
side by side, each window by window, and the system's scheduler is fair among them.
"""

import asyncio
import time
from collections.abc import Sequence
from concurrent.futures import Future, ThreadPoolExecutor
from contextlib import suppress
from dataclasses import dataclass
from functools import partial

from marsad.document import Document
from marsad.reader import Reader
from marsad.serving.limits import Limits

_FIRST_PACE = 500.0  # words a second, until some were read


@dataclass
class BusyError(Exception):
    """There is no room for a request; after ``seconds`` there may be."""

    seconds: float


class Desk:
    """Reads documents in threads, bounded by the words that wait."""

    def __init__(self, limits: Limits) -> None:
        self.limits = limits
        self.waiting = 0
        self._pool = ThreadPoolExecutor(limits.at_once, thread_name_prefix="marsad-desk")
        self._words, self._seconds = 0, 0.0

    @property
    def pace(self) -> float:
        """Words a second, of all that was read while anything was."""
        return self._words / self._seconds if self._words else _FIRST_PACE

    def close(self) -> None:
        """Read what is begun, and no more."""
        self._pool.shutdown(cancel_futures=True)

    async def read(
        self, documents: Sequence[Document], sizes: Sequence[int], reader: Reader
    ) -> list[Document]:
        """Return the documents, read, in order; what is given up while it waits is not read.

        What is given up while it is read goes on waiting until that has ended.

        Args:
            documents: what is read.
            sizes: their words.
            reader: reads.

        Raises:
            BusyError: too many words wait.
        """
        sizes = [max(1, size) for size in sizes]
        if self.waiting and self.waiting + sum(sizes) > self.limits.waiting:
            raise BusyError(self.waiting / self.pace)
        if not self.waiting:
            self._begun = time.monotonic()
        self.waiting += sum(sizes)
        loop = asyncio.get_running_loop()
        tasks = [self._pool.submit(reader, own) for own in documents]
        for task, size in zip(tasks, sizes, strict=True):
            task.add_done_callback(partial(self._ended, loop, size))
        try:
            return list(await asyncio.gather(*map(asyncio.wrap_future, tasks)))
        finally:
            for task in tasks:
                task.cancel()

    def _ended(self, loop: asyncio.AbstractEventLoop, words: int, task: Future[Document]) -> None:
        """Tell the loop, from the thread that read."""
        with suppress(RuntimeError):  # the loop is closed; nobody waits any more
            loop.call_soon_threadsafe(self._leave, words, task.cancelled())

    def _leave(self, words: int, cancelled: bool) -> None:
        self.waiting -= words
        now = time.monotonic()
        self._seconds += now - self._begun
        self._begun = now
        self._words += 0 if cancelled else words
