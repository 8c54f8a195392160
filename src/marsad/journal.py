"""A journal: the answers of a long run so far, so that a run that was killed goes on.

It lies beside the output as ``.OUTPUT.part``: a first line that says what the run is of, then one
line an input, in order. A line counts once it is whole, and answers count by groups, because those
of a group may have been read together. ``.OUTPUT.part.begun`` beside it names the folders that the
run has begun to put in place, which a folder that is there already cannot tell by itself.
"""

import json
from collections.abc import Iterable, Iterator
from pathlib import Path
from typing import Any

from marsad.errors import ConfigError, DataError


class Journal:
    """The journal of an output."""

    def __init__(self, output: Path, run: dict[str, Any], *, group: int) -> None:
        """Name a journal; nothing is read or written yet.

        Args:
            output: what is to be made.
            run: what must be the same for a run to go on, as JSON values.
            group: how many answers count together.
        """
        self.output = output
        self.path = output.with_name(f".{output.name}.part")
        self._begun = output.with_name(f".{output.name}.part.begun")
        self.group = group
        self._head = json.dumps(run, ensure_ascii=False, sort_keys=True) + "\n"

    def open(self, *, restart: bool = False) -> int:
        """Start or go on: return how many inputs are answered already.

        Raises:
            ConfigError: the journal is of another run.
            DataError: nothing can be written there.
        """
        try:
            self.path.parent.mkdir(parents=True, exist_ok=True)
            if restart or not self._has_head():
                self._begun.unlink(missing_ok=True)
                self.path.write_text(self._head, encoding="utf-8", newline="\n")
                return 0
        except OSError as error:
            raise DataError(
                f"{self.output}: cannot be written ({error.strerror}); name another"
            ) from None
        with self.path.open("r+b") as file:
            if file.readline() != self._head.encode():
                raise ConfigError(
                    f"{self.path}: an unfinished run of other inputs, model or options; give the "
                    "same command to finish it, or --restart to forget it"
                )
            at = end = file.tell()
            answers = done = 0
            for line in file:
                at += len(line)
                answers += line.endswith(b"\n")
                if answers % self.group == 0 and line.endswith(b"\n"):
                    done, end = answers, at
            file.truncate(end)
        return done

    def _has_head(self) -> bool:
        """Say whether there is a journal with a whole first line."""
        if not self.path.exists():
            return False
        with self.path.open("rb") as file:
            return file.readline().endswith(b"\n")

    def append(self, answers: Iterable[str]) -> None:
        """Add the answers of a group, one line each, without line ends.

        Raises:
            DataError: nothing more can be written there.
        """
        try:
            with self.path.open("a", encoding="utf-8", newline="\n") as file:
                file.write("".join(f"{answer}\n" for answer in answers))
        except OSError as error:
            raise DataError(
                f"{self.path}: cannot be written ({error.strerror}); mend that and give the same "
                "command to go on"
            ) from None

    def answers(self) -> Iterator[str]:
        """Yield all answers, without line ends."""
        with self.path.open(encoding="utf-8", newline="\n") as file:
            next(file)
            for line in file:
                yield line.removesuffix("\n")

    def remove(self) -> None:
        """Remove the journal of a run that is done."""
        self.path.unlink(missing_ok=True)  # first, for without it the other says nothing
        self._begun.unlink(missing_ok=True)

    def begin(self, folder: Path) -> None:
        """Note that a folder is about to be put in place, whole."""
        with self._begun.open("a", encoding="utf-8", newline="\n") as file:
            file.write(f"{json.dumps(str(folder.resolve()))}\n")

    def has_begun(self, folder: Path) -> bool:
        """Say whether the unfinished run may have put a folder in place."""
        if not self.path.exists() or not self._begun.exists():
            return False
        lines = self._begun.read_text(encoding="utf-8").split("\n")
        return json.dumps(str(folder.resolve())) in lines
