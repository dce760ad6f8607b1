"""One client's life: a name, a read loop, a goodbye. Knows no sockets: a door gives it a link.

Everything here runs in the client's own greenlet, in blocking style, and whatever is raised here ends this client only.
"""

from __future__ import annotations

import logging
import time
from collections import deque
from typing import TYPE_CHECKING, Any, ClassVar

from .chat.events import Left, Said
from .chat.rooms import LOBBY
from .doors.terminal import commands
from .doors.terminal.astray import Astray
from .doors.terminal.completion import complete
from .doors.terminal.lastsaid import LastSaid
from .doors.terminal.pages import columns_for, rows_for, take_page
from .errors import UserError
from .text import times
from .text.cleaning import clean
from .text.names import compared, parse_name
from .wire.lineedit import KEYS_HELP
from .wire.typed import TOO_LONG

if TYPE_CHECKING:
    from collections.abc import Iterable

    import gevent.event

    from .chat.events import Event, Joined, Turned
    from .chat.rooms import Room
    from .doors.terminal.link import Link
    from .hub import Hub, User
    from .wire.lineedit import Completions

logger = logging.getLogger(__name__)

FLUSH_SECONDS = 5.0
"""How long a client that has left may take to read what is still its own."""

SETTLE_SECONDS = 0.1
"""How long a command waits for what its author did before to take effect."""

_PAGE = 8192  # bytes of answers that are gathered before they are sent and waited for


class Session:
    """One connection. `user` is whom it speaks for, once it has a name; `number` is its own and never used again."""

    __slots__ = (
        "_astray",
        "_ended",
        "_last_said",
        "_line_limit",
        "_link",
        "_replies",
        "_rest",
        "_stuck",
        "_words",
        "doubted",
        "format",
        "heard",
        "hub",
        "number",
        "outbox",
        "room",
        "told_by",
        "unheard",
        "user",
    )

    keys: ClassVar = KEYS_HELP
    """The keys that edit a line, and what they do, for `/help keys`."""

    def __init__(self, hub: Hub, link: Link, line_limit: int) -> None:
        self.hub = hub
        self.format = link.format
        self.outbox = link.outbox
        self.user: User | None = None
        self.room: Room | None = None
        """The current room: what this client types goes there."""
        self.unheard = 0
        """How many of its own events have not taken effect yet."""
        self.heard: gevent.event.Event | None = None
        """Set when the last of them has; None unless somebody waits for that."""
        self.told_by: tuple[int, str] | None = None
        """Who sent it the last private message, as session number and name: `/reply` goes there."""
        self.doubted = ""
        """The word typed just now that may have been meant as a command, such as `exit`."""
        self._astray: Astray | None = None
        self._stuck = False  # whether `settle` has timed out since its events last took effect
        self._last_said: LastSaid | None = None  # made when needed
        self._rest: deque[bytes] | None = None  # the pages of a long list that were not shown yet
        self._link = link
        self._line_limit = line_limit
        self._replies = b""  # answers, gathered until this session waits for input again
        self._ended = ""  # why this session is over, for the log
        self._words = ""  # parting words, for the others
        self.number = self.outbox.session = hub.number(self)

    def __str__(self) -> str:
        """The session's tag in the log."""
        return f"[{self._link} {self.user}]" if self.user is not None else f"[{self._link}]"

    def run(self) -> None:
        """Serve this client. Blocks its greenlet until the client is gone; raises nothing."""
        try:
            self._ask_for_name()
            while self._take_lines():  # the first may have come along with the connection
                self._send_replies()
                self._wait()
                self.hub.pace.pause()  # many may have sent a lot at the same time
        except BaseException:  # SystemExit and KeyboardInterrupt too: gevent would take them to the main greenlet
            logger.exception("%s failed", self)
            self._ended = "failed: see the traceback above"
        finally:
            self._say_goodbye()

    # What commands use.

    def reply(self, text: str) -> None:
        """Tell this client something, as the server. Goes out together with other answers of the same turn.

        The text may quote what was typed; control characters are removed here.
        """
        self._replies += self.format.notice(clean(text))

    def does(self, event: Event) -> None:
        """Broadcast an event. Answers gathered so far are sent first, so the client sees them before its effects."""
        if self._replies:
            self._send_replies()
        self.hub.broadcast(event)

    def reply_in_pages(self, lines: Iterable[str]) -> None:
        """Show the first page of a list; `reply_with_rest` shows the next."""
        self._rest = deque(map(self.format.notice, lines))
        self.reply_with_rest()

    def reply_with_rest(self) -> None:
        """Show the next page of a list. Raises UserError if there is none."""
        if not self._rest:
            raise UserError("There is nothing more to show.")
        self._replies += take_page(self._rest, self._link.height, self._link.width)
        if self._rest:
            self.reply(f"{len(self._rest)} more line{'s' if len(self._rest) > 1 else ''}: /more")

    @property
    def page(self) -> int:
        """How many rows of a list are shown at a time."""
        return rows_for(self._link.height)

    @property
    def columns(self) -> int:
        """How many columns a line of a list may have."""
        return columns_for(self._link.width)

    def reply_with_events(self, head: str, events: Iterable[Event], notes: Iterable[str] = ()) -> None:
        """Show this client something of the past, a page at a time if the size of its window is known. Switches."""
        now = times.now()
        lines = deque([self.format.notice(head)])
        for event in events:
            lines.append(self.format.recall(event, now))
            self.hub.pace.pause()
        lines.extend(map(self.format.notice, notes))
        if self._link.height:
            self._rest = lines
            self.reply_with_rest()
            return
        while lines and not self.outbox.failed:
            self._replies += lines.popleft()
            self._take_turns()

    def say(self, text: str, action: bool = False) -> None:
        """Say something in the current room. May switch, while too much is undelivered.

        Raises UserError if it cannot be said: see `Hub.wait_to_talk`.
        """
        assert self.user is not None
        self.last_said.refuses()
        room = self.meant_room("sent")
        self.hub.wait_to_talk()
        self.last_said.says()
        self.does(Said(room=room.name, name=self.user.name.shown, text=text, action=action, origin=self.number))

    @property
    def last_said(self) -> LastSaid:
        """What this session said last."""
        if self._last_said is None:
            self._last_said = LastSaid()
        return self._last_said

    def in_room(self) -> Room:
        """Give the current room. Raises UserError if there is none."""
        if self.room is None:
            raise UserError("You are not in a room. To join one: /join lobby")
        return self.room

    def meant_room(self, done: str = "done") -> Room:
        """Return the current room, for something that its people will notice.

        Raises UserError if there is none, or if another room was meant: see `go_astray`.
        """
        if self._astray is not None:
            meant = self._astray.room
            where = f"still in {self.room.name}, not in" if self.room is not None else "in no room, not even in"
            raise UserError(f"Not {done}: you are {where} {meant}.")
        return self.in_room()

    def move(self, event: Joined | Turned | Left) -> None:
        """Broadcast an event that changes the current room, and wait until it has taken effect. Switches."""
        self.does(event)
        self.hub.wait_for(self)
        if isinstance(event, Left) or (self.room is not None and compared(self.room.name) == compared(event.room)):
            self._astray = None
        else:
            self.go_astray(event.room)

    def go_astray(self, room: str) -> None:
        """Note that this session could not enter a room, so what was meant for it is not said elsewhere (astray.py)."""
        self._astray = Astray(room)

    def settle(self) -> None:
        """Give what this session did so far a moment to take effect; only once while a disk is stuck. Switches."""
        if self.unheard and not self._stuck:
            self._stuck = not self.hub.wait_for(self, SETTLE_SECONDS)

    def all_heard(self) -> None:
        """Note that everything this session did has taken effect, or never will."""
        self._stuck = False
        if self.heard is not None:
            self.heard.set()
            self.heard = None

    def turn_to(self, room: Room | None) -> None:
        """Make another room the current one. From now on its lines are shown without the room's name."""
        if room is self.room:
            return
        before, self.room = self.room, room
        for each in (before, room):
            if each is not None:
                each.audience.regroup(self, each)
        self.show_room()

    def show_room(self) -> None:
        """Let the prompt name the current room, unless its user is in the lobby alone, or in no room."""
        rooms = self.user.rooms if self.user is not None else ()
        talks_in = self.room.name if self.room is not None and self.room in rooms else ""
        self._link.name_room("" if talks_in == LOBBY and len(rooms) == 1 else talks_in)

    def take_name(self, typed: str) -> None:
        """Take a username, or change it. Raises UserError for a name that is taken or not allowed."""
        name = parse_name(typed)
        if self.user is None:
            self.hub.claim(name, self)
            logger.info("%s came", self)
            self.reply(f"Your username is {name.shown}.")
            for line in self.hub.motd:
                self.reply(line)
            self._send_replies()  # before fan-out shows what was said lately
        else:
            self.hub.wait_to_talk()
            tag = str(self)
            self._send_replies()
            self.hub.rename(self.user, name, self)
            logger.info("%s is %s now", tag, name.shown)
            self.reply(f"Your username is {name.shown}.")

    def restyle(self, **changes: Any) -> None:
        """Change how things look to this client: see `doors.look.Look`."""
        self._link.restyle(**changes)
        self._take_format()

    def be_rich(self, rich: bool) -> None:
        """Ask the client to send every key, or only lines. Takes effect when the client has agreed."""
        self._send_replies()
        (self._link.be_rich if rich else self._link.be_plain)()
        self._take_format()

    def clear_screen(self) -> None:
        """Clear the client's screen. Raises UserError if the client cannot do that for us."""
        self._send_replies()
        if not self._link.clear():
            raise UserError("Only a terminal with line editing can be cleared. To turn that on: /rich")

    def quit(self, words: str) -> None:
        """End this session after the current line, with parting words for the others."""
        self._ended = "quit"
        self._words = words
        self.reply("Goodbye.")

    # The read loop.

    def _ask_for_name(self) -> None:
        self.reply("Input username.")

    def _send_replies(self) -> None:
        data, self._replies = self._replies, b""
        if data:
            data = self.format.frame(data)
        data += self._link.take_held()
        if data:
            self.outbox.display(data)

    def _take_format(self) -> None:
        """Switch to the link's format, if that has changed."""
        if self._link.format is not self.format:
            self._send_replies()
            self.format = self._link.format
            if self.user is not None:
                for room in self.user.rooms:
                    room.audience.restyled(self)
                self.show_room()

    def _complete(self, before: str) -> Completions:
        return complete(self.hub, self.user, before)

    def _take_turns(self) -> None:
        """Wait for a client that asks for more than it reads, and let others have their turn. May switch."""
        if len(self._replies) > _PAGE:
            self._send_replies()
            self.outbox.flush()
        self.hub.pace.pause()

    def _wait(self) -> None:
        """Wait until something was typed."""
        since = time.monotonic()
        self._link.wait()
        if self._astray is not None and self._astray.is_over(since):
            self._astray = None

    def _take_lines(self) -> bool:
        """Handle the lines that have come; tell whether there may be more. Switches now and then."""
        lines = self._link.read(self._complete)
        if lines is None:
            return False
        self._take_format()
        for line in lines:
            try:
                self._handle(line)
            except UserError as error:
                self.reply(clean(str(error)))  # it may quote what was typed
            if self._ended:
                return False
            if self.user is None:
                self._ask_for_name()
            if len(lines) > 1:
                self._take_turns()
        return True

    def _handle(self, line: str) -> None:
        if self.user is not None:
            self.user.active_at = time.monotonic()
        if line == TOO_LONG:
            self.last_said.refuses()  # it may have been a private message
            raise UserError(f"That line was too long, so it was dropped. The limit is {self._line_limit} bytes.")
        text = "\n".join(map(clean, line.split("\n"))) if "\n" in line else clean(line)
        if text.startswith("/") and not text.startswith("//"):
            commands.run(self, text, line)
        elif self.user is None:
            commands.check_is_no_command(self, text)
            self.take_name(line)
        elif text.strip():
            self.last_said.refuses()  # unless it is said below
            commands.check_is_no_command(self, text)
            self.say(text.removeprefix("/") if text.startswith("//") else text)

    def _say_goodbye(self) -> None:
        """Leave, and let the client read what is still its own."""
        try:
            self.hub.depart(self, self._words)
            logger.info("%s left: %s", self, self.outbox.failed or self._ended or self._link.refused or "hung up")
            if not self._link.refused:
                self._send_replies()
            self._link.close()
            self.outbox.flush(FLUSH_SECONDS)
        except BaseException:  # as in run: what is raised here would reach the main greenlet
            logger.exception("%s failed to say goodbye", self)
