"""Sentences of Arabic news, lossless: together they cover every non-space character."""

import re
from collections.abc import Iterator

import regex

# A full stop after a letter on its own is part of an abbreviation or initial: د. ، أ.د. ، ص.ب ، J.
# Joiners are inside a word, and marks of direction may stand around it.
_ABBREVIATED = regex.compile(
    r"(?<![\w\p{M}\u200c\u200d]\p{Cf}*)(?:و?[ء-ي]|هـ|[A-Z])[^\P{Cf}\u200c\u200d]*$"
)
_LONGEST_ABBREVIATION = 10  # with such marks
FEWEST_WORDS = 4
MOST_CHARACTERS = 4000
_LINE_ENDS = "\n\r\v\f\x1c-\x1e\x85\u2028\u2029"  # those of str.splitlines
_STOPS = ".!?؟…۔"
# What may follow the stop before the sentence is over: quotes and brackets, marks of direction and
# other signs that are not seen, pictures, the number of a footnote.
_CLOSERS = (
    r"(?:[»”\"'’)\]\u200b\u200e\u200f\u061c\u202a-\u202e\u2066-\u2069\ufeff"
    r"\u200d\ufe0f\u2600-\u27bf\u2b00-\u2bff\U0001f000-\U0001faff]|\[\d{1,3}\])*"
)
_ADDRESS = re.compile(r"(?:https?://|www\.|@|[A-Za-z0-9]\.[a-z]{2,10}/)[!#-;=?-~]+")
_NAME = re.compile(r"(?:\w[\w.+%-]*)?\Z")
_LONGEST_NAME = 64  # before the @ of an address (RFC 5321, section 4.5.3.1.1)
_SPACES = re.compile(r"\s+")
_LINE_END = re.compile(f"[{_LINE_ENDS}]")
_BREAK = re.compile(
    rf"[{_LINE_ENDS}]+"  # always end a sentence: headings, paragraphs, bullets
    # a run of stops is tried once, not from each of its dots
    rf"|(?<![{_STOPS}])(?P<stop>[{_STOPS}]+){_CLOSERS}(?=\s|$|[^\W\d_]|[«“\"(<])"
)


def split_sentences(text: str) -> list[tuple[int, int]]:
    """Split a text into sentences, as half-open offsets without the spaces around them.

    A line end always closes a sentence. A full stop closes one when a space, a letter or an
    opening quote follows (careless copy leaves the space out), but not inside a number (14.30) or
    an address (t.me/x?a=b) and not after an abbreviation (د. ، أ.د.). Two dots (..) are a pause.
    What has fewer than four words, as careless stops leave behind, goes to the sentence before it
    on its line, or, at the start of a line, to the one after it. A text that has no stops is cut at
    spaces, so that no sentence with a space in it is longer than ``MOST_CHARACTERS``.
    """
    sentences = []
    start = 0
    addresses = _Addresses(text)
    for match in _BREAK.finditer(text):
        if match["stop"] == ".." or (match["stop"] == "." and _is_abbreviation(text, match)):
            continue
        if match["stop"] and addresses.go_on_after(match.start("stop")):
            continue
        sentences.append((start, match.end()))
        start = match.end()
    sentences.append((start, len(text)))
    trimmed = (_trim(text, *sentence) for sentence in sentences)
    joined = _join_fragments(text, [(a, b) for a, b in trimmed if a < b])
    return [part for sentence in joined for part in _cut_endless(text, *sentence)]


def _is_abbreviation(text: str, match: re.Match[str]) -> bool:
    stop, end = match.start("stop"), match.end()
    if _ABBREVIATED.search(text[max(0, stop - _LONGEST_ABBREVIATION) : stop]):
        return True
    around = text[stop - 1 : stop] + text[end : end + 1]  # example.org
    return len(around) == 2 and around.isascii() and around.isalpha()


class _Addresses:
    """The web and mail addresses of a text, asked about in the order of the text."""

    def __init__(self, text: str) -> None:
        self._text = text
        self._found = _ADDRESS.finditer(text)
        self._start = self._end = 0

    def go_on_after(self, stop: int) -> bool:
        """Say whether a stop is inside an address: letters or digits of it come after."""
        while self._end <= stop and (match := next(self._found, None)):
            self._start, self._end = self._bounds(match)
        return self._start <= stop < self._end

    def _bounds(self, match: re.Match[str]) -> tuple[int, int]:
        """Return where an address begins, with the name before an @, and its last letters end."""
        start, end = match.span()
        while end > start and not self._text[end - 1].isalnum():
            end -= 1
        if self._text[start] == "@":
            before = self._text[max(0, start - _LONGEST_NAME) : start]
            start -= len(_NAME.search(before)[0])  # type: ignore[index]
        return start, end


def _trim(text: str, start: int, end: int) -> tuple[int, int]:
    piece = text[start:end]
    lead = len(piece) - len(piece.lstrip())
    return start + lead, start + len(piece.rstrip()) if piece.strip() else start + lead


def _join_fragments(text: str, sentences: list[tuple[int, int]]) -> list[tuple[int, int]]:
    """Join what is too short to stand alone to its neighbour on the same line."""
    joined: list[tuple[int, int]] = []
    before = 0  # words of the last one
    for start, end in sentences:
        words = len(text[start:end].split())
        same_line = joined and not _LINE_END.search(text, joined[-1][1], start)
        if same_line and min(before, words) < FEWEST_WORDS:
            before += words - (joined[-1][1] == start)  # no space between: one word
            joined[-1] = (joined[-1][0], end)
        else:
            joined.append((start, end))
            before = words
    return joined


def _cut_endless(text: str, start: int, end: int) -> Iterator[tuple[int, int]]:
    """Cut what is too long at the last space before the limit, or at the first one after it."""
    while end - start > MOST_CHARACTERS:
        near = start + MOST_CHARACTERS
        before = list(_SPACES.finditer(text, start, near))
        space = before[-1] if before else _SPACES.search(text, near, end)
        if space is None:
            break
        yield start, space.start()
        start = space.end()
    yield start, end
