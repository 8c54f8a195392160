"""Where blocks of tokens stand in the texts that a system read.

The tokens of a block stand one after another, as :mod:`marsad.predictions.texts` says. Blocks
follow each other through the texts, and none crosses from one text into the next. What lies between
two blocks was not read: the end of a sentence that was cut short, or whole sentences and documents.

A short block may fit in many places: a full stop also fits the end of every sentence that was cut
short. So of all ways to place the blocks, one is taken with the fewest blocks that begin inside an
annotated sentence and, of such ways, the fewest that end inside a word; blocks stand as early as
that allows. Where each sentence was read, whole or its beginning, that way is the right one and the
only one: each block starts a sentence, and there are as many of both.
"""

from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from typing import NamedTuple

from marsad.document import Document
from marsad.predictions.blocks import Token
from marsad.predictions.texts import Span, Texts


class PlacedBlock(NamedTuple):
    """Which document a block stands in, counted from 0, and where its tokens stand there."""

    document: int
    spans: list[Span]


@dataclass(frozen=True, slots=True)
class _Path:
    """A way to place the blocks so far: the last one stands at ``[start, end)``.

    ``cost`` counts the blocks that begin inside an annotated sentence, and those that end inside a
    word.
    """

    start: int = 0
    end: int = 0
    cost: tuple[int, int] = (0, 0)
    before: "_Path | None" = None


def place_blocks(
    blocks: Sequence[Sequence[Token]], documents: Sequence[Document]
) -> list[PlacedBlock]:
    """Find the places of blocks, in order.

    Raises:
        DataError: there is none for a block; the message names the first token that does not fit.
    """
    texts = Texts(documents)
    paths = [_Path()]
    for block in blocks:
        found = [longer for path in paths for longer in _places(texts, block, path)]
        if not found:
            raise texts.misfit(block, paths[0].end)
        paths = _worth_keeping(found)
    starts = reversed(list(_starts(paths[-1])))
    return [_placed(texts, block, start) for block, start in zip(blocks, starts, strict=True)]


def _places(texts: Texts, block: Sequence[Token], path: _Path) -> Iterator[_Path]:
    """Yield the first place of each cost, the cheapest first, where it is earlier than those.

    No later place is better: it leaves less room, and costs as much.
    """
    limit = len(texts.text)
    inside, cut = path.cost
    for first, begins_inside, ends_cut in (
        (texts.first_sentence, 0, 0),
        (texts.first_sentence, 0, 1),
        (texts.first, 1, 0),
        (texts.first, 1, 1),
    ):
        if spans := first(block, path.end, limit, whole=not ends_cut):
            limit = spans[0].start
            yield _Path(limit, spans[-1].end, (inside + begins_inside, cut + ends_cut), path)


def _worth_keeping(paths: Sequence[_Path]) -> list[_Path]:
    """Return the paths that are cheaper than all that end no later; the first ends first."""
    kept: list[_Path] = []
    for path in sorted(paths, key=lambda p: (p.end, p.cost)):
        if not kept or path.cost < kept[-1].cost:
            kept.append(path)
    return kept


def _starts(path: _Path) -> Iterator[int]:
    """Yield where the blocks of a path start, from the last to the first."""
    while path.before:
        yield path.start
        path = path.before


def _placed(texts: Texts, block: Sequence[Token], start: int) -> PlacedBlock:
    number, offset = texts.locate(start)
    shift = start - offset
    spans = texts.walk(block, start, whole=False) or []
    return PlacedBlock(number, [Span(s.start - shift, s.end - shift) for s in spans])
