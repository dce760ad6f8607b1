"""How events look on a terminal. Knows events and bytes; knows no sockets and no people."""

from __future__ import annotations

import functools
import zlib
from typing import TYPE_CHECKING, Literal

import msgspec

from ...chat.events import (
    FOUND,
    FOUND_END,
    Arrived,
    CameBack,
    Deleted,
    Departed,
    Edited,
    Ignored,
    Invited,
    Joined,
    Left,
    MadePrivate,
    NotSent,
    Renamed,
    Said,
    Told,
    TopicSet,
    WentAway,
)
from ...chat.state import LOBBY
from ...text import times
from ...text.cells import cells, shortened, wrap
from ...text.cleaning import clean
from ...text.names import WORD
from ...wire.lineedit import BELL, END, ERASE, PROMPT
from ..sentences import sentence
from . import words

if TYPE_CHECKING:
    from collections.abc import Sequence

    from ...chat.answers import Welcome
    from ...chat.events import Event
    from ...errors import Refusal

COLOURS = (28, 29, 31, 32, 62, 64, 94, 98, 100, 130, 134, 160, 162, 164, 166, 168)
"""Of the 256 that terminals have, some that can be told apart, and read on black as on white: a contrast of 3.5 or more
(WCAG 2.2, "contrast ratio"; 3 is asked for large text, and a name is not much to read)."""

_RESET = "\x1b[0m"
_BOLD = "\x1b[1m"
_REVERSE = "\x1b[7m"
_INDENT = "\r\n    "  # before the second line of a message, and all that follow
_LONGEST_WAS = 30  # columns of what an edited line was
_LOST = (
    "This server has lost touch with the others, so it closes your connection. What you said last may not have been "
    "sent. Connect again to go on."
)
_UNCONFIRMED = (Arrived, Joined, Departed, Told)  # whoever does these is not told that it worked
_STAMPS = {"off": 0, "hh:mm": 6, "full": 20}  # columns of a time
_WIDTHS = range(10, 201, 10)  # see `wrapped_at`


def wrapped_at(columns: int) -> int:
    """Return the width at which lines are wrapped for a window of so many columns; 0 if those are not known.

    There are 20 such widths, so that it costs next to nothing how many windows there are: each look is rendered once.
    """
    return min(max(columns // 10 * 10, _WIDTHS[0]), _WIDTHS[-1]) if columns else 0


class Look(msgspec.Struct, frozen=True, gc=False):
    """A wire format: see `delivery.formats.Format`. Without arguments: plain lines, for clients that send such."""

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

    headed: bool = False
    """Lines start with the name of their room."""

    columns: int = 0
    """The width at which lines are wrapped: see `wrapped_at`. 0: the terminal wraps them."""

    @property
    def wide(self) -> Look:
        return _wide(self) if self.columns else self

    def width(self, data: bytes) -> int:
        return max(map(_columns_of, data.split(b"\r\n")))

    def fits(self, width: int) -> bool:
        return width < self.columns  # the last column stays free: terminals do not agree on what happens there

    @property
    def echo(self) -> bool:
        return self.rich

    @property
    def elsewhere(self) -> Look:
        return _headed(self)

    @property
    def unstamped(self) -> Look:
        return _unstamped(self.theme, self.notices, self.reader, self.headed, self._columns_left)

    def stamp(self, at: int) -> bytes:
        if self.time == "off" or self.reader:
            return b""
        return _stamp(at // 1000 * 1000 + self.offset * 60_000, self.time == "full")

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
        line = self._laid_out(self._line(event), self._columns_left)
        return self.stamp(event.at) + line if line else b""

    def render_own(self, event: Event) -> bytes:
        if isinstance(event, Said):
            return self.render(event) if self.rich else b""
        if isinstance(event, _UNCONFIRMED):
            return b""
        words = _confirmation(event)
        return self.render(event) if words is None else self.notice(words) if words else b""

    def render_mention(self, event: Event, name: str) -> bytes:
        if not self.mentions:
            return self.render(event)
        line = self._line(event)
        if self.rich or self.theme != "mono":
            line = self._marked(line, event, name, _BOLD if self.theme == "mono" else _REVERSE)
        rings = BELL if self.bell != "off" else b""
        return self.stamp(event.at) + self._laid_out(line, self._columns_left) + rings

    def _marked(self, line: str, event: Event, name: str, mark: str) -> str:
        """Mark a name wherever the line mentions it; in a line for that person alone, mark `you`."""
        if isinstance(event, (Told, Invited)):
            head, you, text = line.partition(" you")
            line = f"{head} {mark}you{_RESET}{text}" if you else line
        if not isinstance(event, (Said, Edited, Told)):
            return line
        text = self._text(event.text)
        marked = WORD.sub(lambda word: f"{mark}{word[0]}{_RESET}" if word[0].lower() == name else word[0], text)
        return line.removesuffix(text) + marked

    def render_past(self, event: Event, now: int) -> bytes:
        line = self._line(event)
        if isinstance(event, Said) and event.edited:
            line += " (edited)"
        if self.theme == "mono" or self.reader:
            line = line.replace(FOUND, "*").replace(FOUND_END, "*")
        else:
            line = line.replace(FOUND, _REVERSE).replace(FOUND_END, _RESET)
        return self._laid_out(f"[{self._moment(event.at, now)}] {line}", self.columns)

    def moment(self, at: int, now: int) -> str:
        return f"{self._moment(at, now)} {self.zone}"

    def notice(self, text: str) -> bytes:
        return self._laid_out(f"server: {text}", self.columns)

    def frame(self, data: bytes, alert: bool = False) -> bytes:
        if alert and self.bell == "all" and not self.reader:
            data += BELL
        return ERASE + data + PROMPT if self.rich else data

    def farewell(self, lost: bool = False) -> bytes:
        notice = self.notice(_LOST if lost else "The server is shutting down.")
        return ERASE + notice + END if self.rich else notice

    def refuse(self, refusal: Refusal, label: str = "") -> bytes:  # noqa: ARG002  people see no labels
        return self.notice(clean(sentence(refusal)))

    def welcome(self, welcome: Welcome) -> bytes:
        return b"".join(map(self.notice, words.welcome(welcome)))

    def replay(self, room: str, lines: Sequence[bytes]) -> bytes:
        which = f"last {len(lines)} lines" if len(lines) > 1 else "last line"
        head = self.notice(f"The {which} in {room}, times in {self.zone}:")
        return b"".join([head, *lines, self.notice("What follows is live.")])

    @property
    def _columns_left(self) -> int:
        """The width that is left for a line after its time."""
        stamp = 0 if self.reader else _STAMPS[self.time]
        return max(self.columns - stamp, _WIDTHS[0]) if self.columns else 0

    def _laid_out(self, line: str, columns: int) -> bytes:
        """Return a line as it is sent; nothing for an empty one."""
        if not line:
            return b""
        data = line.encode()
        if columns and len(data) >= columns:  # a character takes no more columns than bytes
            data = "\r\n".join(wrap(row, columns - 1) for row in line.split("\r\n")).encode()
        return data + b"\r\n"

    def _moment(self, at: int, now: int) -> str:
        offset = self.offset * 60_000
        return times.brief(at + offset, times.day(now + offset))

    def _line(self, event: Event) -> str:
        line = self._words(event)
        if line and self.headed and isinstance(event, (Said, Edited, Deleted)):
            line = f"[{event.room}] {line}"
        return line

    def _words(self, event: Event) -> str:
        name = self._name(event.name)
        match event:
            case Said(text=text, action=True):
                return f"* {name} {self._text(text)}"
            case Said(text=text):
                return f"{name} : {self._text(text)}"
            case Told(text="", sealed=sealed) if sealed:
                return f"server: {name} told you something, but it got lost on the way. Ask them to say it again."
            case Told(text=text):
                return f"{name} -> you : {self._text(text)}"
            case Edited(text=text, was=was):
                return f"* {name} edited{self._quoted(was)}: {self._text(text)}"
            case Deleted():
                return f"* {name} deleted a message."
        words = _notice(event, self.notices)
        return f"server: {words}" if words else ""

    def _text(self, text: str) -> str:
        return text.replace("\n", " " if self.reader else _INDENT) if "\n" in text else text

    def _quoted(self, was: str) -> str:
        first, more, _ = was.partition("\n")
        short = shortened(first, _LONGEST_WAS)
        return f' "{short}{"…" if more and short == first else ""}"' if was else ""

    def _name(self, name: str) -> str:
        if self.theme == "mono" or self.reader:
            return name
        return f"{_colour(name) if self.theme == 'colour' else _BOLD}{name}{_RESET}"


def _columns_of(line: bytes) -> int:
    return len(line) if line.isascii() and b"\x1b" not in line else cells(line.decode())


@functools.lru_cache(4096)
def _colour(name: str) -> str:
    """The sequence that begins a name's colour: the same for a name wherever and whenever it is shown."""
    return f"\x1b[38;5;{COLOURS[zlib.crc32(name.casefold().encode()) % len(COLOURS)]}m"


@functools.lru_cache(4096)
def same_look(look: Look) -> Look:
    """Return the same object for all equal looks: most people's are equal."""
    return look


@functools.lru_cache(256)
def _headed(look: Look) -> Look:
    return same_look(msgspec.structs.replace(look, headed=True))


@functools.lru_cache(256)
def _wide(look: Look) -> Look:
    return same_look(msgspec.structs.replace(look, columns=0))


@functools.cache  # there are 24, times the widths
def _unstamped(
    theme: Literal["mono", "colour", "contrast"], notices: bool, reader: bool, headed: bool, columns: int
) -> Look:
    return Look(theme=theme, notices=notices, reader=reader, headed=headed, columns=columns)


@functools.lru_cache(512)  # somebody lives in each of some 40 offsets
def _stamp(moment: int, fully: bool) -> bytes:
    return f"{times.in_full(moment) if fully else times.brief(moment, times.day(moment))} ".encode()


def _notice(event: Event, notices: bool) -> str:
    """What the server says about an event; with `notices`, also if somebody comes, leaves or is renamed."""
    match event:
        case NotSent(of="arrived"):
            return ""  # who cannot come in is told so by a refusal
        case NotSent(why=why):
            return f"Not sent: {why}."
        case TopicSet(name=name, room=room, topic=topic):
            return f"{name} set the topic of {room}: {topic}" if topic else f"{name} cleared the topic of {room}."
        case MadePrivate(name=name, room=room, key=key):
            return f"{name} made {room} private. To come back: /join {room} {key}"
        case Invited(name=name, room=room):
            return f"{name} invites you to {room}: /join {room}"
        case Joined(name=name, room=room) | Arrived(name=name, room=room) if notices:
            return f"{name} joined." if room == LOBBY else f"{name} joined {room}."
        case Left(name=name, room=room) if notices:
            return f"{name} left {room}."
        case Departed(name=name, words=words) if notices:
            return f"{name} left{': ' if words else '.'}{words}"
        case Renamed(name=name, to=to) if notices:
            return f"{name} is now {to}."
    return ""


def _confirmation(event: Event) -> str | None:
    """What the server says to the person who caused an event; None if they see what everybody sees."""
    match event:
        case Edited() | Deleted():
            return f"{type(event).__name__}."
        case Left(room=room):
            return f"You left {room}."
        case Invited(to=to, room=room):
            return f"You invited {to} to {room}."
        case Ignored(whom=whom, on=True):
            return f"You are now ignoring {whom}. To stop: /unignore {whom}"
        case Ignored(whom=whom):
            return f"You are no longer ignoring {whom}."
        case WentAway(words=words):
            return f"You are away{': ' if words else '.'}{words}"
        case CameBack():
            return "You are back."
        case Renamed(to=to):
            return f"Your username is {to}."
    return None
