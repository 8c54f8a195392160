"""Files of the user: read with a clear word on what is wrong, written whole or not at all."""

import errno
import glob
import hashlib
import json
import os
import re
import tempfile
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import Any, TextIO

from marsad.errors import DataError

_NUMBER = re.compile(r"\(os error (\d+)\)")
DISK_FULL = (errno.ENOSPC, errno.EDQUOT, errno.EFBIG)


def decode_text(data: bytes, where: str) -> str:
    """Decode UTF-8 text, dropping a byte-order mark.

    Raises:
        DataError: the bytes are empty, binary or not UTF-8.
    """
    if b"\x00" in data:
        raise DataError(f"{where}: binary data, not text; give a UTF-8 text file")
    try:
        text = data.decode("utf-8-sig")
    except UnicodeDecodeError as error:
        line = data[: error.start].count(b"\n") + 1
        raise DataError(
            f"{where}:{line}: not UTF-8 (byte {error.start}); convert it, "
            "for example with `iconv -f WINDOWS-1256 -t UTF-8`"
        ) from None
    if not text.strip():
        raise DataError(f"{where}: empty; nothing to read")
    return text


def read_text(path: Path) -> str:
    """Read a UTF-8 text file; line ends stay as they are, for offsets count them.

    Raises:
        DataError: the file is missing, a folder, unreadable, empty, binary or not UTF-8.
    """
    try:
        data = path.read_bytes()
    except FileNotFoundError:
        raise DataError(f"{path}: no such file; check the path") from None
    except IsADirectoryError:
        raise DataError(f"{path}: is a folder; name a file in it") from None
    except OSError as error:
        raise DataError(f"{path}: cannot be read ({error.strerror}); check its rights") from None
    return decode_text(data, str(path))


def read_records(path: Path) -> Iterator[tuple[str, dict[str, Any]]]:
    """Yield the objects of a JSON Lines file (https://jsonlines.org), each after its ``file:line``.

    Raises:
        DataError: a line is not a JSON object, or the file cannot be read.
    """
    for number, line in enumerate(read_text(path).split("\n"), start=1):
        if not line.strip():
            continue
        where = f"{path}:{number}"
        try:
            record = json.loads(line)
        except json.JSONDecodeError as error:
            raise DataError(
                f"{where}: not JSON ({error.msg} at column {error.colno}); one document a line"
            ) from None
        except (ValueError, RecursionError) as error:  # a number of thousands of digits, brackets
            raise DataError(f"{where}: JSON that cannot be read ({error}); mend it") from None
        if not isinstance(record, dict):
            raise DataError(f"{where}: a JSON {type(record).__name__}; one object a line")
        yield where, record


@contextmanager
def atomic_path(path: Path) -> Iterator[Path]:
    """Yield a temporary path beside ``path``, renamed to it when the block ends without error.

    Raises:
        DataError: nothing can be written there.
    """
    try:
        path.parent.mkdir(parents=True, exist_ok=True)
        handle, name = tempfile.mkstemp(dir=path.parent, prefix=_leading(path), suffix=path.suffix)
    except OSError as error:
        raise DataError(f"{path}: cannot be written ({error.strerror}); name another") from None
    os.close(handle)
    temporary = Path(name)
    try:
        yield temporary
        temporary.chmod(0o666 & ~_umask())
        try:
            temporary.replace(path)
        except IsADirectoryError:
            raise DataError(f"{path}: is a folder; name a file") from None
    finally:
        temporary.unlink(missing_ok=True)


def check_writable(path: Path) -> None:
    """Refuse a file that cannot be written, before long work is done for it.

    Raises:
        DataError: it is a folder, or nothing can be written beside it.
    """
    if path.is_dir():
        raise DataError(f"{path}: is a folder; name a file")
    try:
        path.parent.mkdir(parents=True, exist_ok=True)
        tempfile.TemporaryFile(dir=path.parent).close()
    except OSError as error:
        raise DataError(f"{path}: cannot be written ({error.strerror}); name another") from None


@contextmanager
def new_folder(path: Path) -> Iterator[Path]:
    """Yield a folder beside ``path``, renamed to it when the block ends without error.

    Raises:
        DataError: there is something at ``path`` that is not an empty folder, or it cannot be
            written.
    """
    if path.is_symlink() or (path.exists() and not (path.is_dir() and not any(path.iterdir()))):
        raise DataError(f"{path}: exists and is not an empty folder; name a new one")
    target = path.absolute()
    try:
        target.parent.mkdir(parents=True, exist_ok=True)
        with tempfile.TemporaryDirectory(dir=target.parent, prefix=_leading(target)) as temporary:
            folder = Path(temporary) / "folder"
            folder.mkdir()
            yield folder
            if target.exists():
                target.rmdir()
            folder.rename(target)
    except OSError as error:
        raise DataError(f"{path}: cannot be written ({error.strerror}); name another") from None


@contextmanager
def atomic_write(path: Path) -> Iterator[TextIO]:
    """Open ``path`` for writing UTF-8; it appears whole at the end of the block or not at all."""
    with atomic_path(path) as temporary, temporary.open("w", encoding="utf-8", newline="\n") as out:
        yield out


@contextmanager
def system_errors(path: Path) -> Iterator[None]:
    """Raise what the system says to a library of Rust inside the block as Python raises it.

    Raises:
        OSError: with the number that the library tells; its own error may be a bare Exception.
    """
    try:
        yield
    except Exception as error:
        found = _NUMBER.search(str(error))
        if isinstance(error, OSError) or not found:
            raise
        number = int(found[1])
        raise OSError(number, os.strerror(number), str(path)) from error


def write_json(path: Path, value: object) -> None:
    """Write a JSON value, a line for each of its parts, whole or not at all."""
    with atomic_write(path) as out:
        json.dump(value, out, ensure_ascii=False, indent=1)
        out.write("\n")


def remove_leftovers(path: Path) -> None:
    """Remove the temporary files beside a path whose writers were killed."""
    for leftover in path.parent.glob(f"{glob.escape(_leading(path))}*"):
        leftover.unlink(missing_ok=True)


def _leading(path: Path) -> str:
    """Return what the temporary files beside a path begin with."""
    return f".{path.name}."


def sha256(path: Path) -> str:
    """Return the SHA-256 of a file in hex."""
    with path.open("rb") as file:
        return hashlib.file_digest(file, "sha256").hexdigest()


def _umask() -> int:
    mask = os.umask(0)
    os.umask(mask)
    return mask
