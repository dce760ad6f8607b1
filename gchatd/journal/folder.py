"""The data directory: the lock on it, the files of the database, and what is wrong with them. Blocks, and knows no SQL.

One file, `history.db`, and what SQLite keeps beside it while it is open; `lock`; and, in a cluster, `node`.
"""

from __future__ import annotations

import contextlib
import fcntl
import os
import re
import secrets
from typing import TYPE_CHECKING

import apsw

from ..errors import StoreError

if TYPE_CHECKING:
    from collections.abc import Iterator
    from pathlib import Path

FILE = "history.db"
NODE = "node"


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


def node_identity(directory: Path) -> str:
    """Return the 16 hex digits that name a data directory for ever, and no other: make them up the first time.

    They stand in a file, with the number (inode) of that file. So a copy of the whole directory is another one.
    Raises StoreError. Whoever calls it has the lock.
    """
    path = directory / NODE
    try:
        with path.open("rb") as file:
            noted = re.fullmatch(rb"([0-9a-f]{16}) ([0-9]+)\n", file.read(100))
            if noted is not None and int(noted[2]) == os.fstat(file.fileno()).st_ino:
                return noted[1].decode()
    except FileNotFoundError:
        pass
    except OSError as error:
        raise StoreError(f"{path}: {reason(error)}") from None
    identity = secrets.token_hex(8)
    note_identity(directory, identity)
    return identity


def note_identity(directory: Path, identity: str) -> None:
    """Name a data directory; the name is on the disk then, and never half of it. Raises StoreError."""
    path = directory / NODE
    part = path.with_name(f"{NODE}.part")
    with complaining(path):
        part.unlink(missing_ok=True)
        file = os.open(part, os.O_WRONLY | os.O_CREAT | os.O_EXCL, 0o600)
        try:
            os.write(file, f"{identity} {os.fstat(file).st_ino}\n".encode())
            os.fsync(file)
        finally:
            os.close(file)
        part.rename(path)
        folder = os.open(directory, os.O_RDONLY | os.O_DIRECTORY)
        try:
            os.fsync(folder)
        finally:
            os.close(folder)


class Files:
    """The files of an open database: notices when somebody deletes or replaces one of them.

    Whoever has a file open keeps it, whatever happens to its name, so nobody would notice before the next start.
    """

    def __init__(self, directory: Path) -> None:
        """Note which files there are. Call it when the database is open: one that is not there was deleted already."""
        self._directory = directory
        names = (FILE, f"{FILE}-wal", f"{FILE}-shm")
        self._noted = {name: _identity(directory / name) for name in names}

    def missing(self) -> str | None:
        """Return the name of a file that was deleted or replaced, if one was. Raises OSError."""
        for name, identity in self._noted.items():
            if identity is None or _identity(self._directory / name) != identity:
                return name
        return None

    def clear_away(self) -> None:
        """Delete the write-ahead log of a database that is gone: SQLite would take it for the next one's.

        Call it when the database is closed. Raises OSError.
        """
        if self._noted[FILE] is None or _identity(self._directory / FILE) != self._noted[FILE]:
            for name, identity in self._noted.items():
                if name != FILE and identity is not None and _identity(self._directory / name) == identity:
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
