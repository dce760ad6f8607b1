"""What can go wrong, and who is told.

    GchatError
    ├── UserError      its text is shown to the person who typed; nothing else happens
    ├── StoreError     history cannot be opened, read or copied: one line, exit status 1 (2 where it keeps the server
    │                  from starting)
    └── ConfigError    one line on standard error, exit status 2

A peer that goes away is not an error: it is how most sessions end.
"""

from __future__ import annotations


class GchatError(Exception):
    """The root of everything that gchat raises on purpose."""


class UserError(GchatError):
    """Something a person typed cannot be done. The text is one clear sentence, shown to that person as it is."""


class StoreError(GchatError):
    """History is not there, cannot be used, or cannot be written. The text is one line that says which, and why."""


class ConfigError(GchatError):
    """The server cannot start as it was told to. The text names the file, the section, the option and the value.

    It is one line, whatever was in the file: what cannot be printed is written as an escape.
    """

    def __init__(self, text: str) -> None:
        super().__init__("".join(char if char.isprintable() else repr(char)[1:-1] for char in text))
