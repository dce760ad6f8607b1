"""How what happens looks on a terminal. Knows events and bytes; knows no sockets and no people."""

from __future__ import annotations

import functools
import zlib
from typing import TYPE_CHECKING, Literal

import msgspec

from .. import times
from ..events import FOUND, FOUND_END, Joined, Left, NotSent, Renamed, Said
from ..wire.lineedit import BELL, END, ERASE, PROMPT

if TYPE_CHECKING:
    from ..events import Event

COLOURS = (28, 29, 31, 32, 62, 64, 94, 98, 100, 130, 134, 160, 162, 164, 166, 168)
"""Of the 256 that terminals have, some that can be told apart, and read on black as on white: a contrast of 3.5 or more
(WCAG 2.2, "contrast ratio"; 3 is asked for large text, and a name is not much to read)."""

_RESET = "\x1b[0m"
_BOLD = "\x1b[1m"
_REVERSE = "\x1b[7m"
_INDENT = "\r\n    "  # before the second line of a message, and all that follow


class Look(msgspec.Struct, frozen=True, gc=False):
    """A wire format: see `fanout.Format`. The one without arguments is plain lines, for whoever sends plain lines."""

    rich: bool = False
    """There is a line being typed, below what is shown (wire/lineedit.py); one's own words are shown like others'."""

    theme: Literal["mono", "colour", "contrast"] = "mono"
    time: Literal["off", "hh:mm", "full"] = "off"
    offset: int = 0
    """Minutes that are added to UTC where a time is shown."""

    bell: Literal["off", "mentions", "all"] = "off"
    notices: bool = False
    reader: bool = False
    """For a screen reader: one line an event, and none of theme, time and bell."""

    @property
    def echo(self) -> bool:
        return self.rich

    @property
    def mentions(self) -> bool:
        return not self.reader and (self.rich or self.theme != "mono" or self.bell != "off")

    @property
    def zone(self) -> str:
        if not self.offset:
            return "UTC"
        hours, minutes = divmod(abs(self.offset), 60)
        return f"UTC{'-' if self.offset < 0 else '+'}{hours:02}:{minutes:02}"

    def render(self, event: Event) -> bytes:
        line = self._line(event)
        if not line or self.time == "off" or self.reader:
            return line.encode()
        moment = event.at + self.offset * 60_000
        shown = times.show_fully(moment) if self.time == "full" else times.show(moment, times.day(moment))
        return f"{shown} {line}".encode()

    def render_mention(self, event: Event) -> bytes:
        line = self.render(event).decode().removesuffix("\r\n")
        if self.theme == "colour":
            line = line.replace(_colour(event.name), _colour(event.name) + _REVERSE, 1)
        elif self.rich or self.theme == "contrast":
            line = f"{_REVERSE if self.theme == 'contrast' else _BOLD}{line.replace(_RESET, '')}{_RESET}"
        return line.encode() + b"\r\n" + (BELL if self.bell != "off" else b"")

    def recall(self, event: Event, now: int) -> bytes:
        moment = event.at + self.offset * 60_000
        line = self._line(event)
        if self.theme == "mono" or self.reader:
            line = line.replace(FOUND, "*").replace(FOUND_END, "*")
        else:
            line = line.replace(FOUND, _REVERSE).replace(FOUND_END, _RESET)
        return f"[{times.show(moment, times.day(now + self.offset * 60_000))}] {line}".encode()

    def notice(self, text: str) -> bytes:
        return f"server: {text}\r\n".encode()

    def frame(self, data: bytes, alert: bool = False) -> bytes:
        if alert and self.bell == "all" and not self.reader:
            data += BELL
        return ERASE + data + PROMPT if self.rich else data

    def farewell(self, text: str) -> bytes:
        # Something as long as a prompt, which the line being typed takes the place of.
        return ERASE + self.notice(text) + END + b"\r" * len(PROMPT) if self.rich else self.notice(text)

    def _line(self, event: Event) -> str:
        match event:
            case Said():
                text = event.text
                if "\n" in text:
                    text = text.replace("\n", " " if self.reader else _INDENT)
                name = self._name(event.name)
                return f"* {name} {text}\r\n" if event.action else f"{name} : {text}\r\n"
            case NotSent():
                return f"server: Not sent: {event.why}.\r\n"
            case Joined() if self.notices:
                return f"server: {event.name} joined.\r\n"
            case Left() if self.notices:
                return f"server: {event.name} left{': ' if event.words else '.'}{event.words}\r\n"
            case Renamed() if self.notices:
                return f"server: {event.name} is now {event.to}.\r\n"
        return ""

    def _name(self, name: str) -> str:
        if self.theme == "mono" or self.reader:
            return name
        return f"{_colour(name) if self.theme == 'colour' else _BOLD}{name}{_RESET}"


@functools.lru_cache(4096)
def _colour(name: str) -> str:
    """The sequence that begins a name's colour: the same for a name wherever and whenever it is shown."""
    return f"\x1b[38;5;{COLOURS[zlib.crc32(name.casefold().encode()) % len(COLOURS)]}m"
