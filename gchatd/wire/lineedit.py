"""The line being typed, on a terminal that sends every key: keys in, finished lines and what to show out. No I/O.

    editor = LineEditor(limit=8192)
    typed, screen = editor.feed(b"Hello\\r")

The line stands below everything else, after a prompt, on as many rows as it needs. What others say goes above it:
`around` puts it there in one go. All that is shown passes through here in the order in which it is sent, so the editor
always knows where the cursor stands.

Keys are those of xterm (ctlseqs, "PC-Style Function Keys", "Bracketed Paste Mode"), commands those of GNU readline.
"""

from __future__ import annotations

import os
import re
from typing import TYPE_CHECKING, Final, NamedTuple

from .cells import columns_of, lay_out, width
from .linebuffer import LineBuffer
from .text import clean

if TYPE_CHECKING:
    from collections.abc import Callable

    Complete = Callable[[str], "Completions"]

PROMPT: Final = b"> "
ERASE: Final = b"\r\x1b[J"
"""Removes a row that holds nothing but the prompt, and whatever is below."""

BEGIN: Final = b"\x1b[?2004h"
"""What a terminal is told at first: to mark what is pasted."""

END: Final = b"\x1b[?2004l"
"""What it is told at last."""

BELL: Final = b"\a"
MANY_LINES: Final = 3
"""A message of more lines than this is asked about first."""

_NEWLINE = "\u21b5"  # how the end of a line within a message is shown
_LONGEST_SEQUENCE = 32  # characters of an escape sequence; a longer one is none
_LONGEST_ECHO = 1000  # characters of a command that stay on the screen
_COMPLETIONS = 4  # Tabs that are looked up in one piece of input: each may ask for all the names there are
_PASTE_END = "\x1b[201~"
_INCOMPLETE = re.compile(
    rb"(?:[\xc2-\xdf]|[\xe0-\xef][\x80-\xbf]?|[\xf0-\xf4][\x80-\xbf]{0,2})\Z"
)  # the beginning of a character
_NO_UTF8 = re.compile("[\udc80-\udcff]")
_KEY = re.compile(
    r"""
      \x1b\[ [0-?]* [\ -/]* [@-~]      # CSI
    | \x1bO [\ -~]                     # SS3
    | \x1b [^\[O\x1b]                  # Alt and a key
    | [\x00-\x1a\x1c-\x1f\x7f]         # Ctrl and a key
    | [^\x00-\x1f\x7f]+                # text
    | \x1b (?= [^\[O] )                # a lone Escape
    """,
    re.VERBOSE,
)
_BEGUN = re.compile(r"\x1b(?:\[[0-?]*[ -/]*|O)?")


class Completions(NamedTuple):
    """What the word before the cursor may become: where it starts, and the whole words, with what follows each."""

    start: int
    words: list[str]


class Candidates(NamedTuple):
    """Somebody pressed Tab twice: these are the words to choose from."""

    words: list[str]


class TooMuch(NamedTuple):
    """Something was pasted that no message can hold."""

    bytes: int
    lines: int


class Ask(NamedTuple):
    """Enter was pressed on a message of so many lines; another Enter sends it."""

    lines: int


class Quit:
    """Ctrl-D was pressed on an empty line."""


Typed = str | Candidates | TooMuch | Ask | Quit


class LineEditor:
    """See the module. `limit` is in bytes, of a whole message; `most_lines` is what a message may have."""

    __slots__ = (
        "_asked",
        "_column",
        "_limit",
        "_line",
        "_may_send",
        "_most_lines",
        "_painted",
        "_painted_at",
        "_pasted",
        "_row",
        "_shown",
        "_skip",
        "_tabs",
        "_unread",
        "_unread_bytes",
        "window",
    )

    def __init__(self, limit: int, most_lines: int = 100, columns: int = 0, height: int = 0) -> None:
        self._line = LineBuffer()
        self._asked = False  # whether Enter has been asked about
        self._limit = limit
        self._most_lines = most_lines
        self._unread_bytes = b""  # the beginning of a character
        self._unread = ""  # the beginning of an escape sequence
        self._skip = ""  # what may follow a CR and means nothing
        self._pasted: list[str] | None = None  # while something is pasted
        self._tabs = 0  # Tabs in a row
        self._may_send = 0  # characters of lines that this piece of input may still finish
        self.window = columns, height
        # What the screen shows: the text, and where in it; which of its rows the cursor is in, and which column.
        self._painted = ""
        self._painted_at = self._row = 0
        self._column = len(PROMPT)
        self._shown = b""  # what `_show` gave for that, if anything

    def feed(self, data: bytes, complete: Complete | None = None) -> tuple[list[Typed], bytes]:
        """Take what was typed; give what came of it, and what to show for it. Takes time linear in `data`.

        A line that was said is removed from the screen, as its author will hear it like everybody; a command stays.
        `complete` is asked for the words that the text before the cursor may become.
        """
        typed: list[Typed] = []
        screen = bytearray()
        text = self._unread + self._decode(data)
        self._unread = ""
        at, lookups, wiped = 0, 0, False
        self._may_send = self._limit + len(data)
        while at < len(text):
            if self._pasted is not None:
                at = self._take_paste(text, at, typed, screen)
                continue
            match = _KEY.match(text, at)
            if match is None:
                if _BEGUN.fullmatch(text, at) and len(text) - at < _LONGEST_SEQUENCE:
                    self._unread = text[at:]
                    break
                at += 1  # it begins like a sequence and is none
                continue
            at = match.end()
            key = match[0]
            if key == "\t":
                lookups += 1
                if lookups <= _COMPLETIONS and complete is not None:
                    self._complete(complete, typed, screen)
                continue
            self._tabs = 0
            if key >= " " and key != "\x7f":
                self._skip = ""
                self._insert(clean(key), screen)
            elif key == "\x0c":
                wiped = True
            else:
                self._press(key, typed, screen)
        return typed, bytes(screen + (b"\x1b[H\x1b[2J" + self._show() if wiped else self._repaint()))

    def begin(self) -> bytes:
        """Give what to show at first, in place of what the terminal itself showed of the line being typed."""
        return BEGIN + ERASE + PROMPT

    def framed(self, data: bytes) -> bytes:
        """Give whole lines as `around` takes them."""
        return ERASE + data + PROMPT

    def resize(self, columns: int, height: int) -> bytes:
        """Take the size of the window, in characters (0: unknown); give what to show."""
        hidden = self._hide()
        self.window = columns, height
        return hidden + self._show()

    def around(self, framed: bytes) -> bytes:
        """Give what shows others' lines above the line being typed.

        `framed` is what is shown where nothing is being typed: ERASE, whole lines, PROMPT. (Whole lines alone will do:
        what was on its way when the client became a terminal.)
        """
        if not framed.startswith(ERASE):
            framed = self.framed(framed)
        if not self._painted:
            return framed
        return self._up() + framed[: -len(PROMPT)] + (self._shown or self._show())

    def leave(self) -> bytes:
        """Give what removes the line from the screen for good."""
        return self._hide() + END

    @property
    def text(self) -> str:
        """What is being typed."""
        return self._line.text

    # Keys.

    def _press(self, key: str, typed: list[Typed], screen: bytearray) -> None:
        if key in ("\r", "\n"):
            if key not in self._skip:
                self._enter(typed, screen)
            self._skip = "\n\0" if key == "\r" else ""
            return
        if key == "\0" and "\0" in self._skip:
            self._skip = ""
            return
        self._skip = ""
        if key == "\x04" and not self.text:
            typed.append(Quit())
        elif key == "\x19":
            self._insert(self._line.killed, screen)
        elif key == "\x1b[200~":
            self._pasted = []
        else:
            edit = _KEYS.get(key)
            if edit is not None:
                edit(self._line)
                self._asked = False

    def _enter(self, typed: list[Typed], screen: bytearray) -> None:
        text = self._line.text
        lines = text.count("\n") + 1
        if lines > MANY_LINES and not self._asked:
            self._asked = True
            typed.append(Ask(lines))
            return
        self._may_send -= len(text)
        if self._may_send < 0:  # the same line over and over again, with two keys each
            screen += BELL
            return
        typed.append(text if text.strip() else "")
        if text.startswith("/") and not text.startswith("//"):
            screen += self._hide() + PROMPT + _visible(text[:_LONGEST_ECHO]) + b"\r\n" + PROMPT
            self._painted, self._painted_at, self._row, self._column = "", 0, 0, len(PROMPT)
        self._line.finish()

    def _insert(self, text: str, screen: bytearray) -> None:
        """Insert something at the cursor, unless the message would get too long: that rings the bell."""
        line = self._line
        if len(line.text) + len(text) > self._limit // 4 and len((line.text + text).encode()) > self._limit:
            screen += BELL
        else:
            line.insert(text)
            self._asked = False

    def _complete(self, complete: Complete, typed: list[Typed], screen: bytearray) -> None:
        line = self._line
        start, words = complete(line.text[: line.at])
        self._tabs += 1
        common = os.path.commonprefix([word.casefold() for word in words])  # noqa: RUF071  # that is what is wanted
        word = line.text[start : line.at]
        whole = words[0] if len(words) == 1 else words[0][: len(common)] if words else ""
        longer = len(words) == 1 or (len(common) > len(word) and len(whole.casefold()) == len(common))
        if longer and len((line.text + whole).encode()) <= self._limit:
            line.cut(start, line.at)
            self._insert(whole, screen)
            self._tabs = 0 if len(words) == 1 else 1
        elif longer or not words:
            screen += BELL
        elif self._tabs == 2:
            typed.append(Candidates(words))

    # Pasting.

    def _take_paste(self, text: str, at: int, typed: list[Typed], screen: bytearray) -> int:
        """Take what is pasted, as far as it goes; give where to go on."""
        assert self._pasted is not None
        end = text.find(_PASTE_END, at)
        if end < 0 and (cancel := text.find("\x03", at)) >= 0:  # a paste without an end is got out of by Ctrl-C
            self._pasted = None
            return cancel + 1
        if end < 0:
            last = text.rfind("\x1b", max(at, len(text) - len(_PASTE_END) + 1))
            stop = last if last >= 0 and _PASTE_END.startswith(text[last:]) else len(text)
            self._unread = text[stop:]
            self._keep_pasted(text[at:stop])
            return len(text)
        self._keep_pasted(text[at:end])
        pasted, self._pasted = "".join(self._pasted), None
        lines = re.split(r"\r\n|\r\0|\r|\n", pasted.rstrip("\r\n\0"))
        message = "\n".join(clean(line) for line in lines)
        size = len((self.text + message).encode())
        if size > self._limit or self.text.count("\n") + len(lines) > self._most_lines:
            typed.append(TooMuch(self._limit, self._most_lines))
        else:
            self._insert(message, screen)
        return end + len(_PASTE_END)

    def _keep_pasted(self, text: str) -> None:
        """Keep a piece of what is pasted, but no more than twice what a message may have: it is too much then."""
        assert self._pasted is not None
        held = sum(map(len, self._pasted))
        self._pasted.append(text[: max(0, 2 * self._limit + 2 - held)])
        if len(self._pasted) > 16:
            self._pasted = ["".join(self._pasted)]

    # The screen.

    def _repaint(self) -> bytes:
        """Give what makes the screen show what there is."""
        text, at = self._line.text, self._line.at
        if (text, at) == (self._painted, self._painted_at):
            return b""
        if self._painted_at == len(self._painted) and at == len(text):
            added = text[len(self._painted) :]
            if added and text.startswith(self._painted) and "\n" not in added:
                column = self._column + sum(map(width, added))
                if column < columns_of(self.window[0]):
                    self._painted, self._painted_at, self._column, self._shown = text, at, column, b""
                    return added.encode()
        return self._hide() + self._show()

    def _up(self) -> bytes:
        return b"\x1b[%dA" % self._row if self._row else b""

    def _hide(self) -> bytes:
        return self._up() + ERASE

    def _show(self) -> bytes:
        """Give prompt and line, from the first column of an empty row."""
        text, at = self._line.text, self._line.at
        place = lay_out(text, at, len(PROMPT), *self.window)
        self._painted, self._painted_at, self._row, self._column = text, at, place.row, place.column
        shown = (b"" if place.cut else PROMPT) + b"\r\n".join(map(_visible, place.rows))
        if at < len(text):
            back = len(place.rows) - 1 - place.row
            shown += (b"\x1b[%dA" % back if back else b"") + b"\r"
            shown += b"\x1b[%dC" % place.column if place.column else b""
        self._shown = shown
        return shown

    def _decode(self, data: bytes) -> str:
        """Read UTF-8, whose last character may not be complete yet, and what is none as Latin-1."""
        data = self._unread_bytes + data
        begun = _INCOMPLETE.search(data, max(0, len(data) - 3))
        end = begun.start() if begun is not None else len(data)
        data, self._unread_bytes = data[:end], data[end:]
        text = data.decode("utf-8", "surrogateescape")
        return _NO_UTF8.sub(lambda match: chr(ord(match[0]) - 0xDC00), text)


def _visible(text: str) -> bytes:
    return text.replace("\n", _NEWLINE).encode()


_KEYS: dict[str, Callable[[LineBuffer], None]] = {
    **dict.fromkeys(["\x1b[D", "\x1bOD", "\x02"], LineBuffer.left),
    **dict.fromkeys(["\x1b[C", "\x1bOC", "\x06"], LineBuffer.right),
    **dict.fromkeys(["\x1b[H", "\x1bOH", "\x1b[1~", "\x1b[7~", "\x01"], LineBuffer.home),
    **dict.fromkeys(["\x1b[F", "\x1bOF", "\x1b[4~", "\x1b[8~", "\x05"], LineBuffer.end),
    **dict.fromkeys(["\x1bb", "\x1b[1;5D", "\x1b[1;3D", "\x1b[5D", "\x1bOd"], LineBuffer.word_left),
    **dict.fromkeys(["\x1bf", "\x1b[1;5C", "\x1b[1;3C", "\x1b[5C", "\x1bOc"], LineBuffer.word_right),
    **dict.fromkeys(["\x7f", "\x08"], LineBuffer.backspace),
    **dict.fromkeys(["\x1b[3~", "\x04"], LineBuffer.delete),
    **dict.fromkeys(["\x1b[A", "\x1bOA", "\x10"], LineBuffer.earlier),
    **dict.fromkeys(["\x1b[B", "\x1bOB", "\x0e"], LineBuffer.later),
    **dict.fromkeys(["\x1b\x7f", "\x1b\x08"], LineBuffer.kill_word_left),
    "\x1bd": LineBuffer.kill_word_right,
    "\x03": LineBuffer.clear,
    "\x0b": LineBuffer.kill_to_end,
    "\x15": LineBuffer.kill_to_start,
    "\x17": LineBuffer.kill_word,
}
