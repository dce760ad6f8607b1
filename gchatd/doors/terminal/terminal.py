"""A person at a terminal: their current room, long lists a page at a time, and what they are told.

Commands work on this. What is done with a typed line is in link.py; the wire is behind connection.py.
"""

from __future__ import annotations

from collections import deque
from typing import TYPE_CHECKING, Any, ClassVar

import msgspec

from ...chat import actions
from ...chat.state import LOBBY
from ...text import times
from ...text.cleaning import clean
from ...text.names import compared
from ...wire.lineedit import KEYS_HELP
from ..sentences import sorry
from .astray import Astray
from .lastsaid import LastSaid
from .pages import columns_for, rows_for, take_page

if TYPE_CHECKING:
    from collections.abc import Iterable

    from ...chat.events import Event
    from ...chat.state import Room
    from ...delivery.outbox import Outbox
    from ...session import Session
    from ...text.names import Name
    from .connection import TelnetConnection
    from .look import Look

_MOST_GATHERED = 8192  # bytes of answers that are gathered before they are sent and waited for


class TerminalState(msgspec.Struct, frozen=True, omit_defaults=True):
    """A terminal, written down: its connection, and what it remembers."""

    connection: dict[str, Any]
    room: str = ""
    doubted: str = ""
    astray: str = ""
    last_said: tuple[str, str | None] = ("", None)
    rest: tuple[bytes, ...] = ()


class Terminal:
    """What one person sees. Its methods do not switch, unless they say so."""

    __slots__ = (
        "_last_said",
        "_replies",
        "_rest",
        "astray",
        "doubted",
        "look",
        "room",
        "session",
        "telnet",
    )

    keys: ClassVar = KEYS_HELP
    """The keys that edit a line, and what they do, for `/help keys`."""

    session: Session

    def __init__(self, telnet: TelnetConnection) -> None:
        self.telnet = telnet
        self.look = telnet.look
        """How things look to this client."""
        self.room: Room | None = None
        """The current room: what is typed goes there, and its lines do not start with its name."""
        self.doubted = ""
        """The last line, if it was a word such as `exit`, which was probably meant as a command."""
        self.astray: Astray | None = None
        """The room for which the lines typed just now were meant, if it could not be entered."""
        self._last_said: LastSaid | None = None  # made when needed
        self._rest: deque[bytes] | None = None  # the pages of a long list that were not sent yet
        self._replies = b""  # answers, gathered until the session waits for input again

    def __str__(self) -> str:
        return str(self.telnet)

    # What the session uses: see `gchatd.link.Link`. The rest of that is in TerminalLink.

    @property
    def format(self) -> Look:
        return self.look

    @property
    def outbox(self) -> Outbox:
        return self.telnet.outbox

    @property
    def refused(self) -> str:
        return self.telnet.refused

    def format_in(self, room: str) -> Look:
        is_current = not room or (self.room is not None and self.room.name == room)
        return self.look if is_current else self.look.elsewhere

    def send_answers(self) -> None:
        if self._replies:
            data, self._replies = self._replies, b""
            self.outbox.display(self.look.frame(data) + self.telnet.take_held())

    def close(self) -> None:
        self.telnet.close()
        del self.session  # which has this: leave no cycle behind

    def wait_for_reader(self) -> None:
        if len(self._replies) > _MOST_GATHERED:
            self.send_answers()
            self.outbox.flush()

    # What commands use.

    def reply(self, text: str) -> None:
        """Tell this client something, as the server. Goes out together with other answers to the same request.

        The text may quote what was typed; control characters are removed here.
        """
        self._replies += self.look.notice(clean(text))

    def reply_in_pages(self, lines: Iterable[str]) -> None:
        """Reply with the first page of a list; `reply_with_rest` gives the next."""
        self._rest = deque(self.look.notice(clean(line)) for line in lines)
        self.reply_with_rest()

    def reply_with_rest(self) -> None:
        """Reply with the next page of a list. Raises Refused if there is none."""
        if not self._rest:
            raise sorry("There is nothing more to show.")
        self._replies += take_page(self._rest, self.telnet.height, self.telnet.width)
        if self._rest:
            self.reply(f"{len(self._rest)} more line{'s' if len(self._rest) > 1 else ''}: /more")
        else:
            self._rest = None

    @property
    def page(self) -> int:
        """How many rows a page of a list has."""
        return rows_for(self.telnet.height)

    @property
    def columns(self) -> int:
        """How many columns a line of a list may have."""
        return columns_for(self.telnet.width)

    def reply_with_events(self, head: str, events: Iterable[Event], notes: Iterable[str] = ()) -> None:
        """Reply with something of the past, a page at a time if the size of the window is known. Switches."""
        now = times.now()
        lines = deque([self.look.notice(head)])
        for event in events:
            lines.append(self.look.render_past(event, now))
            self.session.let_others_run()
        lines.extend(map(self.look.notice, notes))
        if self.telnet.height:
            self._rest = lines
            self.reply_with_rest()
            return
        while lines and not self.outbox.failed:
            self._replies += lines.popleft()
            self.wait_for_reader()
            self.session.let_others_run()

    def say(self, text: str, action: bool = False) -> None:
        """Say something in the current room. May switch, while too much is undelivered.

        Raises Refused if it cannot be said.
        """
        self.last_said.refuses()
        actions.say(self.session, self.meant_room("sent"), text, action)
        self.last_said.says(text)

    @property
    def last_said(self) -> LastSaid:
        """What this session said last."""
        if self._last_said is None:
            self._last_said = LastSaid()
        return self._last_said

    def in_room(self) -> Room:
        """Return the current room. Raises Refused if there is none. Switches while its user is on the way in."""
        if self.session.claimed and self.session.user is None:
            self.session.wait_for_effect()
        if self.room is None:
            raise sorry("You are not in a room. To join one: /join lobby")
        return self.room

    def meant_room(self, done: str = "done") -> Room:
        """Return the current room, for something that its people will notice. Switches as `in_room` does.

        Raises Refused if there is none, or if another room was meant: see `go_astray`. `done` is what it then is not.
        """
        if self.astray is not None:
            meant = self.astray.room
            where = f"still in {self.room.name}, not in" if self.room is not None else "in no room, not even in"
            raise sorry(f"Not {done}: you are {where} {meant}.")
        return self.in_room()

    def join(self, name: Name, key: str) -> None:
        """Join a room and talk there. Switches until that has taken effect. Raises Refused if it is not allowed."""
        actions.join(self.session, name, key)
        if self.room is not None and compared(self.room.name) == name.compared:
            self.astray = None
        else:
            room = self.session.chat.rooms.get(name.compared)
            self.go_astray(room.name if room is not None else name.shown)

    def go_astray(self, room: str) -> None:
        """Note that a room could not be entered, so that what was meant for it is said nowhere else (astray.py)."""
        self.astray = Astray(room)

    def go(self, room: Room) -> None:
        """Talk in another of its user's rooms, once what they did before has taken effect. Switches."""
        self.session.wait_for_effect()
        self.astray = None
        self.talk_in(room)
        self.reply(f"You are now talking in {room.name}.")

    def leave(self, room: Room) -> None:
        """Leave a room, and tell the client where it talks now. Switches until that has taken effect."""
        actions.leave(self.session, room)
        self.astray = None
        if self.room is None:
            self.reply("You are not in a room now. To join one: /join lobby")
        else:
            self.reply(f"You are now talking in {self.room.name}.")

    def talk_in(self, room: Room | None) -> None:
        """Make this room the current one. From now on its lines do not start with its name."""
        if room is not self.room:
            self.room = room
            self.session.restyle(self.look)
            self.name_room()

    def name_room(self) -> None:
        """Name the current room in the prompt, unless its user is in the lobby alone, or in no room."""
        rooms = self.session.user.rooms if self.session.user is not None else ()
        talks_in = self.room.name if self.room is not None and self.room in rooms else ""
        self.telnet.name_room("" if talks_in == LOBBY and len(rooms) == 1 else talks_in)

    def restyle(self, **changes: Any) -> None:
        """Change how things look to this client: see `look.Look`."""
        self.telnet.restyle(**changes)
        self.take_look()

    def be_rich(self, rich: bool) -> None:
        """Ask the client to send every key, or only lines. Takes effect when the client has agreed."""
        self.send_answers()
        (self.telnet.be_rich if rich else self.telnet.be_plain)()
        self.take_look()

    def clear_screen(self) -> None:
        """Clear the client's screen. Raises Refused if there is no line editing."""
        self.send_answers()
        if not self.telnet.clear():
            raise sorry("Only a terminal with line editing can be cleared. To turn that on: /rich")

    def quit(self, words: str) -> None:
        """End the session after this request, with parting words for the others."""
        self.session.quit(words)
        self.reply("Goodbye.")

    def ask_for_name(self) -> None:
        """Ask for a username."""
        self.reply("Input username.")

    def take_look(self) -> None:
        """Go over to the connection's look, if that has changed."""
        if self.telnet.look is not self.look:
            self.send_answers()
            self.look = self.telnet.look
            self.session.restyle(self.look)
            if self.session.user is not None:
                self.name_room()
