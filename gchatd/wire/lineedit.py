"""The line being typed, on a terminal that sends every key: keys in, lines and bytes for the screen out. No I/O.

    editor = LineEditor(limit=8192)
    typed, screen = editor.feed(b"Hello\\r")

The line stands below everything else, after a prompt, on as many rows as it needs. The prompt is `> `, or names the
room where the line will be heard: `dev> `. What others say goes above it: `around` puts it there in one go. Everything
that is sent to the terminal passes through here, in order, so the editor always knows where the cursor stands.

Keys are those of xterm (ctlseqs, "PC-Style Function Keys", "Bracketed Paste Mode"), commands those of GNU readline: see
keys.py.
"""

from __future__ import annotations

import re
from dataclasses import KW_ONLY, dataclass, field
from typing import TYPE_CHECKING, Final

from ..text.cells import columns_of, lay_out, shortened, width
from ..text.cleaning import clean
from .keys import (
    BEGUN,
    CR,
    CTRL_C,
    CTRL_D,
    CTRL_L,
    CTRL_Y,
    EDITS,
    KEY,
    KEYS_HELP,
    LF,
    LONGEST_SEQUENCE,
    PASTE,
    PASTE_END,
    TAB,
)
from .linebuffer import COPIED, LineBuffer
from .typed import Ask, Candidates, Completions, Interrupt, Quit, TooMuch, Typed
from .written import Written

if TYPE_CHECKING:
    from collections.abc import Callable

    Complete = Callable[[str], Completions]

__all__ = ["KEYS_HELP", "Ask", "Candidates", "Completions", "Interrupt", "LineEditor", "Quit", "TooMuch", "Typed"]

PROMPT: Final = b"> "
ERASE: Final = b"\r\x1b[J"
"""Clears a row that holds only the prompt, and everything below it."""

BEGIN: Final = b"\x1b[?2004h"
"""Sent first: the terminal is to mark what is pasted."""

END: Final = b"\x1b[?2004l"
"""Sent last: it need not any more."""

BELL: Final = b"\a"
MANY_LINES: Final = 3
"""A message of more lines than this is sent only by a second Enter."""

LONGEST_PROMPT: Final = 20
"""The most columns of a prompt. It also takes no more than half of the window."""

MOST_WORK: Final = 60_000
"""How much work is done at a time, as a `LineBuffer` counts it: about 4 ms. The rest of what was typed waits."""

_NEWLINE = "\u21b5"  # stands for the end of a line within a message
_LONGEST_ECHO = 1000  # characters of a command that stay on the screen
_LOOKUPS = 4  # Tabs that are looked up in one piece of input: each may look at every name there is
_KEY_WORK = 16  # the least that a key costs
_INCOMPLETE = re.compile(
    rb"(?:[\xc2-\xdf]|[\xe0-\xef][\x80-\xbf]?|[\xf0-\xf4][\x80-\xbf]{0,2})\Z"
)  # the beginning of a character
_NO_UTF8 = re.compile("[\udc80-\udcff]")


@dataclass(slots=True, eq=False, repr=False)
class LineEditor(Written):
    """See the module. A message has at most `limit` bytes and `most_lines` lines."""

    limit: int
    most_lines: int = 100
    columns: int = 0  # of the window; 0: unknown
    height: int = 0  # of the window; 0: unknown
    _: KW_ONLY
    behind: bool = False
    """Whether there was no time for everything typed. Then call `feed` again, with or without more data."""
    room: str = ""
    """The room that the prompt names; empty: none."""
    _line: LineBuffer = field(default_factory=LineBuffer)
    _asked: bool = False  # whether it has asked if this message is to be sent
    _unread_bytes: bytes = b""  # the beginning of a character
    _unread: str = ""  # the beginning of an escape sequence, or what there was no time for
    _skip: str = ""  # the characters that mean nothing now, as they come after a CR
    _pasted: list[str] | None = None  # the paste so far; None: nothing is being pasted
    _tabs: int = 0  # Tabs in a row
    # Of this piece of input:
    _may_send: int = 0  # characters of lines that it may still finish
    _lookups: int = 0  # Tabs that may still be looked up
    _interrupted: bool = False  # whether it had a Ctrl-C on an empty line
    _wiped: bool = False  # whether it had a Ctrl-L
    # The prompt, and its columns:
    _prompt: bytes = PROMPT
    _prompt_width: int = len(PROMPT)
    # What is on the screen: a text, and the cursor in it, in this row of the text and this column of the window.
    _painted: str = ""
    _painted_at: int = 0
    _row: int = 0
    _column: int = len(PROMPT)
    _painting: bytes = b""  # the bytes that painted it, if they can be sent again

    def feed(self, data: bytes, complete: Complete | None = None) -> tuple[list[Typed], bytes]:
        """Take what was typed; return what came of it, and bytes for the screen.

        A message leaves the screen when it is sent, as its author hears it like everybody else; a command stays there.
        `complete` finds what the text before the cursor may become. Stops after MOST_WORK: see `behind`.
        """
        typed: list[Typed] = []
        screen = bytearray()
        text = self._unread + self._decode(data)
        self._unread = ""
        at = 0
        if not self.behind:
            self._may_send, self._lookups = self.limit + len(data), _LOOKUPS
            self._interrupted = self._wiped = False
        self.behind = False
        self._line.work = 0
        while at < len(text):
            if self._line.work > MOST_WORK:
                self._unread, self.behind = text[at:], True
                return typed, bytes(screen)
            self._line.work += _KEY_WORK
            if self._pasted is not None:
                at = self._take_paste(text, at, typed, screen)
                continue
            match = KEY.match(text, at)
            if match is None:
                if BEGUN.fullmatch(text, at) and len(text) - at < LONGEST_SEQUENCE:
                    self._unread = text[at:]
                    break
                at += 1  # it begins like a sequence and is none
                continue
            at = match.end()
            if match[0] == CTRL_L:
                self._tabs, self._wiped = 0, True
            elif match[0] == TAB:
                self._tab(complete, typed, screen)
            else:
                self._tabs = 0
                self._press(match[0], typed, screen)
        return typed, bytes(screen + (self.wipe() if self._wiped else self._repaint()))

    def begin(self) -> bytes:
        """Return the first bytes for the screen. They replace what the terminal itself echoed of the line."""
        return BEGIN + ERASE + self._prompt

    def wipe(self) -> bytes:
        """Return the bytes that clear the screen and leave only the line."""
        return b"\x1b[H\x1b[2J" + self._paint()

    def framed(self, data: bytes) -> bytes:
        """Frame whole lines as `around` takes them."""
        return ERASE + data + PROMPT

    def resize(self, columns: int, height: int) -> bytes:
        """Set the size of the window, in characters (0: unknown); return bytes for the screen."""
        hidden = self._hide()
        self.columns, self.height = columns, height
        self._set_prompt()
        return hidden + self._paint()

    def name_room(self, room: str) -> bytes:
        """Name this room in the prompt (empty: none); return bytes for the screen."""
        hidden = self._hide()
        self.room = room
        self._set_prompt()
        return hidden + self._paint()

    def _set_prompt(self) -> None:
        room = shortened(self.room, min(LONGEST_PROMPT, columns_of(self.columns) // 2) - len(PROMPT))
        self._prompt = room.encode() + PROMPT
        self._prompt_width = sum(map(width, room)) + len(PROMPT)

    def around(self, framed: bytes) -> bytes:
        """Return the bytes that put others' lines above the line being typed.

        `framed` is what everybody gets who is typing nothing: ERASE, whole lines, PROMPT. (Whole lines alone will do:
        they were on their way when the client became a terminal.) If it ends with END, the server's last words, the
        line is not painted again.
        """
        if framed.endswith(END):
            return self._up() + framed
        if not framed.startswith(ERASE):
            framed = self.framed(framed)
        if not self._painted:
            return framed if not self.room else framed[: -len(PROMPT)] + self._prompt
        return self._up() + framed[: -len(PROMPT)] + (self._painting or self._paint())

    def leave(self) -> bytes:
        """Return the bytes that remove the line from the screen for good."""
        return self._hide() + END

    @property
    def unread(self) -> str:
        """The keys there was no time for."""
        return self._unread if self.behind else ""

    @property
    def stands(self) -> bool:
        """Whether others' lines need `around`: a line, or the name of a room, is on the screen or about to be."""
        return bool(self.text or self._painted or self.room)

    @property
    def window(self) -> tuple[int, int]:
        """The columns and the height of the window, 0 where unknown."""
        return self.columns, self.height

    @property
    def text(self) -> str:
        """What is being typed."""
        return self._line.text

    # Keys.

    def _press(self, key: str, typed: list[Typed], screen: bytearray) -> None:
        if key in (CR, LF):
            if key not in self._skip:
                self._enter(typed, screen)
            self._skip = "\n\0" if key == CR else ""
            return
        if key == "\0" and "\0" in self._skip:
            self._skip = ""
            return
        self._skip = ""
        if key >= " " and key != "\x7f":
            self._insert(clean(key), screen)
        elif key == CTRL_D and not self.text:
            typed.append(Quit())
        elif key == CTRL_Y:
            self._insert(self._line.killed, screen)
        elif key == PASTE:
            self._pasted = []
        else:
            if key == CTRL_C and not (self.text or self._interrupted):
                self._interrupted = True
                typed.append(Interrupt())
            edit = EDITS.get(key)
            if edit is not None:
                edit(self._line)
                self._asked = False

    def _enter(self, typed: list[Typed], screen: bytearray) -> None:
        text = self._line.text
        self._line.work += len(text) // COPIED
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
            shown = text[:_LONGEST_ECHO]
            rows = lay_out(shown, 0, self._prompt_width, self.columns, len(shown)).rows
            screen += self._hide() + self._prompt + b"\r\n".join(map(_visible, rows)) + b"\r\n" + self._prompt
            self._painted, self._painted_at, self._row, self._column = "", 0, 0, self._prompt_width
        self._line.finish()

    def _insert(self, text: str, screen: bytearray) -> None:
        """Insert text at the cursor, or ring the bell if that makes the message too long."""
        line = self._line
        line.work += (len(line.text) + len(text)) // COPIED
        if len(line.text) + len(text) > self.limit // 4 and len((line.text + text).encode()) > self.limit:
            screen += BELL
        else:
            line.insert(text)
            self._asked = False

    def _tab(self, complete: Complete | None, typed: list[Typed], screen: bytearray) -> None:
        if complete is None or not self._lookups:
            return
        line = self._line
        start, words, common, count = complete(line.text[: line.at])
        self._lookups -= 1
        line.work += MOST_WORK  # it may have looked at every name there is
        self._tabs += 1
        word = line.text[start : line.at]
        whole = words[0] if count == 1 else words[0][: len(common)] if words else ""
        longer = count == 1 or (len(common) > len(word) and len(whole.casefold()) == len(common))
        if longer and len((line.text + whole).encode()) <= self.limit:
            line.cut(start, line.at)
            self._insert(whole, screen)
            self._tabs = 0 if count == 1 else 1
        elif longer or not words:
            screen += BELL
        elif self._tabs == 2 or (self._tabs == 1 and not word):
            typed.append(Candidates(words, count))

    # Pasting.

    def _take_paste(self, text: str, at: int, typed: list[Typed], screen: bytearray) -> int:
        """Take what is pasted, as far as it goes; return where to go on."""
        assert self._pasted is not None
        end = text.find(PASTE_END, at)
        if end < 0 and (cancel := text.find("\x03", at)) >= 0:  # a paste without an end is got out of by Ctrl-C
            self._pasted = None
            return cancel + 1
        if end < 0:
            last = text.rfind("\x1b", max(at, len(text) - len(PASTE_END) + 1))
            stop = last if last >= 0 and PASTE_END.startswith(text[last:]) else len(text)
            self._unread = text[stop:]
            self._keep_pasted(text[at:stop])
            return len(text)
        self._keep_pasted(text[at:end])
        pasted, self._pasted = "".join(self._pasted), None
        lines = re.split(r"\r\n|\r\0|\r|\n", pasted.rstrip("\r\n\0"))
        message = "\n".join(clean(line) for line in lines)
        self._line.work += (len(self.text) + len(message)) // COPIED
        size = len((self.text + message).encode())
        if size > self.limit or self.text.count("\n") + len(lines) > self.most_lines:
            typed.append(TooMuch(self.limit, self.most_lines))
        else:
            self._insert(message, screen)
        return end + len(PASTE_END)

    def _keep_pasted(self, text: str) -> None:
        """Keep a piece of a paste. More than twice the size of a message is not kept: it is too much anyway."""
        assert self._pasted is not None
        held = sum(map(len, self._pasted))
        self._pasted.append(text[: max(0, 2 * self.limit + 2 - held)])
        if len(self._pasted) > 16:
            self._pasted = ["".join(self._pasted)]

    # The screen.

    def _repaint(self) -> bytes:
        """Return the bytes that bring the screen up to date."""
        text, at = self._line.text, self._line.at
        if (text, at) == (self._painted, self._painted_at):
            return b""
        if self._painted_at == len(self._painted) and at == len(text):
            added = text[len(self._painted) :]
            if added and text.startswith(self._painted) and "\n" not in added:
                column = self._column + sum(map(width, added))
                if column < columns_of(self.columns):
                    self._painted, self._painted_at, self._column, self._painting = text, at, column, b""
                    return added.encode()
        return self._hide() + self._paint()

    def _up(self) -> bytes:
        return b"\x1b[%dA" % self._row if self._row else b""

    def _hide(self) -> bytes:
        return self._up() + ERASE

    def _paint(self) -> bytes:
        """Return prompt and line, to be sent when the cursor is at the start of an empty row."""
        text, at = self._line.text, self._line.at
        layout = lay_out(text, at, self._prompt_width, self.columns, self.height)
        self._painted, self._painted_at, self._row, self._column = text, at, layout.row, layout.column
        shown = (b"" if layout.cut else self._prompt) + b"\r\n".join(map(_visible, layout.rows))
        if at < len(text):
            back = len(layout.rows) - 1 - layout.row
            shown += (b"\x1b[%dA" % back if back else b"") + b"\r"
            shown += b"\x1b[%dC" % layout.column if layout.column else b""
        self._painting = shown
        return shown

    def _decode(self, data: bytes) -> str:
        """Read UTF-8, whose last character may still be incomplete, and any other bytes as Latin-1."""
        data = self._unread_bytes + data
        begun = _INCOMPLETE.search(data, max(0, len(data) - 3))
        end = begun.start() if begun is not None else len(data)
        data, self._unread_bytes = data[:end], data[end:]
        text = data.decode("utf-8", "surrogateescape")
        return _NO_UTF8.sub(lambda match: chr(ord(match[0]) - 0xDC00), text)


def _visible(text: str) -> bytes:
    return text.replace("\n", _NEWLINE).encode()
