"""Reads small files that an operator names, without waiting: what is no file (a pipe, a device) might never end."""

from __future__ import annotations

import errno
import os
import stat
from typing import Final

MOST_BYTES: Final = 1 << 20


def read_file(name: str) -> bytes:
    """Return what is in a file. Raises OSError, also for what is no regular file, or has more than MOST_BYTES."""
    descriptor = os.open(name, os.O_RDONLY | os.O_NONBLOCK | os.O_CLOEXEC)
    with open(descriptor, "rb") as file:
        if not stat.S_ISREG(os.fstat(descriptor).st_mode):
            raise OSError(errno.EINVAL, "is no regular file")
        data = file.read(MOST_BYTES + 1)
    if len(data) > MOST_BYTES:
        raise OSError(errno.EFBIG, f"has more than {MOST_BYTES} bytes")
    return data
