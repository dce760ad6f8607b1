"""What can go wrong, and who is told.

    GchatError
    ├── Refused        what somebody asked for cannot be done: their door tells them why, and nothing else happens
    ├── NotATimeError  what was typed is not a time, or not a time zone
    ├── StoreError     history cannot be opened, read or copied: one line, exit status 1 (2 where it keeps the server
    │                  from starting)
    └── ConfigError    one line on standard error, exit status 2

A client that disconnects is not an error: most sessions end like that.
"""

from __future__ import annotations

import msgspec


class Refusal(msgspec.Struct, frozen=True, tag_field="refusal", tag=str.lower):
    """Why something cannot be done: a value with what a door needs to word it. JSON as it stands."""


class GchatError(Exception):
    """The base of all errors that gchat raises on purpose."""


class Refused(GchatError):  # noqa: N818  a refusal is no error of ours
    """What somebody asked for cannot be done, for this reason."""

    def __init__(self, refusal: Refusal) -> None:
        super().__init__(refusal)
        self.refusal = refusal


class NotATimeError(GchatError):
    """What was typed is not a time. The text is a sentence that says what would be right."""


class StoreError(GchatError):
    """The history is missing, or cannot be used or written. The text is one line that says which, and why."""


class ConfigError(GchatError):
    """The server cannot start as it was told to. The text names the file, the section, the option and the value.

    It is one line whatever the file contains: unprintable characters are escaped.
    """

    def __init__(self, text: str) -> None:
        super().__init__("".join(char if char.isprintable() else repr(char)[1:-1] for char in text))
