"""The data directory: the lock on it, the files of the database, and what is wrong with them. Blocks, and knows no SQL.

One file, `history.db`, and what SQLite keeps beside it while it is open; and `lock`.
"""

from __future__ import annotations

import contextlib
import fcntl
import os
from typing import TYPE_CHECKING

import apsw

from ..errors import StoreError

if TYPE_CHECKING:
    from collections.abc import Iterator
    from pathlib import Path

FILE = "history.db"


class Lock:
    """The right to write into a data directory: an flock, which the system releases when the process has ended."""

    def __init__(self, directory: Path) -> None:
        """Take the lock; create the directory if it is missing. Raises StoreError if another process has the lock."""
        self._path = directory / "lock"
        try:
            directory.mkdir(mode=0o700, parents=True, exist_ok=True)
            self._file = os.open(self._path, os.O_RDWR | os.O_CREAT, 0o600)
        except OSError as error:
            raise StoreError(reason(error)) from None
        os.set_inheritable(self._file, True)  # so that a program that takes over from this one can take it over, too
        try:
            fcntl.flock(self._file, fcntl.LOCK_EX | fcntl.LOCK_NB)
        except BlockingIOError:
            pid = os.pread(self._file, 32, 0).decode("ascii", "replace").strip()
            os.close(self._file)
            raise StoreError(f"in use by another gchat, process {pid or '(just starting)'}") from None
        with contextlib.suppress(OSError):  # on a full disk the lock works without the pid
            os.ftruncate(self._file, 0)
            os.pwrite(self._file, f"{os.getpid()}\n".encode(), 0)

    @property
    def is_there(self) -> bool:
        """Whether the file that is locked is still the one that another process would try to lock."""
        return _identity(self._path) == _identity(self._file)

    def close(self) -> None:
        os.close(self._file)


class Files:
    """The files of an open database: notices when somebody deletes or replaces one of them.

    Whoever has a file open keeps it, whatever happens to its name, so nobody would notice before the next start.
    """

    def __init__(self, directory: Path) -> None:
        """Note which files there are. Call it when the database is open."""
        self._directory = directory
        names = (FILE, f"{FILE}-wal", f"{FILE}-shm")
        self._noted = {name: identity for name in names if (identity := _identity(directory / name)) is not None}

    def missing(self) -> str | None:
        """Return the name of a file that was deleted or replaced, if one was. Raises OSError."""
        for name, identity in self._noted.items():
            if _identity(self._directory / name) != identity:
                return name
        return None

    def clear_away(self) -> None:
        """Delete the write-ahead log of a database that is gone: SQLite would take it for the next one's.

        Call it when the database is closed. Raises OSError.
        """
        if _identity(self._directory / FILE) != self._noted.get(FILE):
            for name, identity in self._noted.items():
                if name != FILE and _identity(self._directory / name) == identity:
                    (self._directory / name).unlink()


def _identity(file: Path | int) -> tuple[int, int] | None:
    """Return what tells a file from all others, or None if there is no such file. Raises OSError."""
    try:
        status = os.stat(file)
    except (FileNotFoundError, NotADirectoryError):
        return None
    return status.st_dev, status.st_ino


@contextlib.contextmanager
def complaining(path: Path) -> Iterator[None]:
    """Turn whatever goes wrong with a file of ours into a StoreError that names the file."""
    try:
        yield
    except (apsw.IOError, apsw.CantOpenError) as error:  # which a full disk is to SQLite while it opens a database
        raise StoreError(f"{path}: {'the disk is full' if _is_full(path.parent) else reason(error)}") from None
    except (apsw.Error, OSError, StoreError) as error:
        raise StoreError(f"{path}: {reason(error)}") from None


def _is_full(directory: Path) -> bool:
    """Whether a directory's file system has no space left, or takes no more files."""
    try:
        room = os.statvfs(directory)
    except OSError:
        return False
    return room.f_bavail == 0 or (room.f_files > 0 and room.f_favail == 0)


def reason(error: Exception) -> str:
    """Say in a few words, in lower case, what went wrong."""
    if isinstance(error, apsw.NotADBError):
        return "not a gchat database"
    if isinstance(error, apsw.FullError):
        return "the disk is full"
    if isinstance(error, apsw.IOError):
        return "the disk has failed (I/O error)"
    if isinstance(error, apsw.BusyError):
        return "another program has locked the database"
    if isinstance(error, OSError):
        return (error.strerror or str(error)).lower()
    return str(error) or type(error).__name__
