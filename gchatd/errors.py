"""What can go wrong, and who is told.

    GchatError
    ├── UserError      the person who typed is shown its text, and nothing else happens
    ├── Refused        the one who asked is told its refusal, in the words of their door
    ├── StoreError     history cannot be opened, read or copied: one line, exit status 1 (2 where it keeps the server
    │                  from starting)
    └── ConfigError    one line on standard error, exit status 2

A client that disconnects is not an error: most sessions end like that.
"""

from __future__ import annotations

import msgspec


class Refusal(msgspec.Struct, frozen=True, tag_field="refusal", tag=str.lower):
    """Why something that was asked for is not done. A value: its fields say what a door needs to word it."""


class GchatError(Exception):
    """The base of all errors that gchat raises on purpose."""


class UserError(GchatError):
    """What someone typed cannot be done. The text is one clear sentence, shown to them as it is."""


class Refused(GchatError):  # noqa: N818 - for the one who asked it is an answer
    """What was asked for is not done; `refusal` says why."""

    def __init__(self, refusal: Refusal) -> None:
        super().__init__(refusal)
        self.refusal = refusal


class StoreError(GchatError):
    """The history is missing, or cannot be used or written. The text is one line that says which, and why."""


class ConfigError(GchatError):
    """The server cannot start as it was told to. The text names the file, the section, the option and the value.

    It is one line whatever the file contains: unprintable characters are escaped.
    """

    def __init__(self, text: str) -> None:
        super().__init__("".join(char if char.isprintable() else repr(char)[1:-1] for char in text))
