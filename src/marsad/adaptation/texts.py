"""Open text: articles of files, cleaned as the encoder will read them, some of them held out.

An article is what stands between blank lines of a text file, or a document of a corpus of ours.
"""

import hashlib
import lzma
from collections.abc import Iterable, Iterator, Mapping
from dataclasses import dataclass
from itertools import groupby
from pathlib import Path

from marsad.adaptation.settings import OpenText
from marsad.benchmarks import corpora_folder
from marsad.corpus import read_corpus
from marsad.errors import DataError
from marsad.files import decode_text, sha256
from marsad.sections import PREFIX
from marsad.text.cleaning import Cleaning, clean

_PARTS = 10_000


def locate(text: OpenText, corpora: Path | None) -> Path:
    """Return the path of a text.

    Raises:
        DataError: there is no such file, or nobody says where the public corpora are.
    """
    path = Path(text.file)
    if text.file.startswith(PREFIX):
        path = corpora_folder(text.file, corpora) / text.file.removeprefix(PREFIX)
    if not path.is_file():
        raise DataError(f"{path}: no such file; check texts: in the configuration")
    return path


def read_articles(path: Path) -> Iterator[str]:
    """Yield the articles of a file, as they stand in it.

    Raises:
        DataError: the file is missing, or no text.
    """
    if path.suffix == ".jsonl":
        yield from (document.text for document in read_corpus(path))
        return
    try:
        data = path.read_bytes()
        data = lzma.decompress(data) if path.suffix == ".xz" else data
    except (OSError, lzma.LZMAError) as error:
        raise DataError(f"{path}: cannot be read ({error}); take it anew") from None
    lines = decode_text(data, str(path)).splitlines()
    for filled, article in groupby(lines, key=lambda line: bool(line.strip())):
        if filled:
            yield "\n".join(article)


def learnt_and_held_out(articles: Iterable[str], share: float) -> Iterator[tuple[str, bool]]:
    """Yield articles, and of each whether it is held out: by its letters, whatever its place."""
    for article in articles:
        digest = hashlib.sha256(article.encode("utf-8", "surrogatepass")).digest()
        yield article, int.from_bytes(digest[:8], "big") % _PARTS < share * _PARTS


def paragraphs(articles: Iterable[str], cleaning: Cleaning) -> Iterator[str]:
    """Yield the lines of articles that hold something once they are cleaned."""
    for article in articles:
        for line in article.splitlines():
            cleaned = clean(line, cleaning).text.strip()
            if cleaned:
                yield cleaned


@dataclass(frozen=True)
class TextSource:
    """Texts, how they are cleaned, and which share of their articles is held out."""

    texts: tuple[OpenText, ...]
    corpora: Path | None
    cleaning: Cleaning
    held_out: float

    def paragraphs(self, *, held_out: bool) -> Iterator[str]:
        """Yield what is learnt, or what is held out, cleaned.

        Raises:
            DataError: a text is missing or cannot be read.
        """
        for number in range(len(self.texts)):
            yield from paragraphs(self.articles(number, held_out=held_out), self.cleaning)

    def articles(self, number: int, *, held_out: bool = False) -> Iterator[str]:
        """Yield what is learnt, or what is held out, of one of the texts, as it stands there.

        Raises:
            DataError: it is missing or cannot be read.
        """
        articles = read_articles(locate(self.texts[number], self.corpora))
        parted = learnt_and_held_out(articles, self.held_out)
        return (own for own, apart in parted if apart is held_out)

    def digests(self) -> Mapping[str, str]:
        """Return the SHA-256 of each file.

        Raises:
            DataError: a text is missing.
        """
        return {text.file: sha256(locate(text, self.corpora)) for text in self.texts}
