"""Text that remembers which characters of the caller's string each of its own stands for."""

import re
from collections.abc import Callable
from dataclasses import dataclass


@dataclass(frozen=True)
class AlignedText:
    """A rewritten text: character ``i`` stands for the source's ``[starts[i], ends[i])``.

    Offsets are code points. ``ends`` decreases nowhere but inside a match that was rewritten, so
    the source of any slice that cuts none is one range.
    """

    text: str
    starts: list[int]
    ends: list[int]

    @classmethod
    def of(cls, text: str) -> "AlignedText":
        """Return a text that stands for itself."""
        return cls(text, list(range(len(text))), list(range(1, len(text) + 1)))

    def source(self, start: int, end: int) -> tuple[int, int]:
        """Return what the slice ``[start, end)`` of this text stands for in the source."""
        if start >= end:
            at = self.ends[end - 1] if end else 0
            return at, at
        return self.starts[start], self.ends[end - 1]

    def sub(
        self, pattern: re.Pattern[str], *template: int | str, last: int | None = None
    ) -> "AlignedText":
        """Rewrite every match, as :func:`re.sub` does.

        Args:
            pattern: what to look for.
            template: what comes in its place, part by part: a group's number keeps the group's
                characters and what they stand for; a string's characters stand for the whole match.
            last: search no further than this offset.
        """
        return self.rewrite(pattern, lambda match: template, last=last)

    def rewrite(
        self,
        pattern: re.Pattern[str],
        template_of: Callable[[re.Match[str]], tuple[int | str, ...]],
        *,
        last: int | None = None,
    ) -> "AlignedText":
        """Rewrite every match by a template that depends on it; see :meth:`sub`."""
        text: list[str] = []
        starts: list[int] = []
        ends: list[int] = []

        def keep(begin: int, end: int) -> None:
            text.append(self.text[begin:end])
            starts.extend(self.starts[begin:end])
            ends.extend(self.ends[begin:end])

        done = 0
        found = False
        for match in pattern.finditer(self.text, 0, len(self.text) if last is None else last):
            keep(done, match.start())
            for part in template_of(match):
                if isinstance(part, int):
                    keep(*match.span(part))
                else:
                    text.append(part)
                    starts.extend([self.starts[match.start()]] * len(part))
                    ends.extend([self.ends[match.end() - 1]] * len(part))
            done = match.end()
            found = True
        if not found:
            return self
        keep(done, len(self.text))
        return AlignedText("".join(text), starts, ends)

    def strip(self) -> "AlignedText":
        """Drop the blanks at both ends."""
        begin = len(self.text) - len(self.text.lstrip())
        own = slice(begin, max(begin, len(self.text.rstrip())))
        return AlignedText(self.text[own], self.starts[own], self.ends[own])

    def replace_characters(self, table: dict[int, str]) -> "AlignedText":
        """Replace single characters by single characters."""
        return AlignedText(self.text.translate(table), self.starts, self.ends)
