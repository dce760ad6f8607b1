"""The link of a session whose client is a terminal: lines in, sentences out. See `gchatd.link.Link`."""

from __future__ import annotations

import time
from collections import deque
from typing import TYPE_CHECKING, Any

import msgspec

from ...chat.answers import AlreadyInRoom
from ...chat.events import Arrived
from ...errors import Refused
from ...link import Request
from ...text.cleaning import clean
from ...text.names import parse_name
from ...wire.typed import TOO_LONG
from ..sentences import sorry
from . import commands, words
from .astray import Astray
from .completion import complete
from .terminal import Terminal, TerminalState

if TYPE_CHECKING:
    from collections.abc import Sequence

    from ...chat.answers import Answer
    from ...chat.folding import Outcome
    from ...errors import Refusal
    from ...session import Session
    from ...wire.typed import Completions


class TerminalLink(Terminal):
    """A terminal, as a session sees it: what is typed there, and what is to be answered."""

    __slots__ = ()

    door = "terminal"

    def open(self, session: Session) -> None:
        self.session = session

    def greet(self) -> None:
        self.ask_for_name()

    def state(self) -> dict[str, Any]:
        self.send_answers()
        room = self.room.name if self.room is not None else ""
        astray = self.astray.room if self.astray is not None else ""
        last_said = self.last_said.fixed, self.last_said.text
        rest = tuple(self._rest or ())
        state = TerminalState(self.telnet.state(), room, self.doubted, astray, last_said, rest)
        values: dict[str, Any] = msgspec.to_builtins(state)
        return values

    def restore(self, state: dict[str, Any]) -> None:
        was = msgspec.convert(state, TerminalState)
        self.room = self.session.chat.room(was.room)
        self.doubted = was.doubted
        self.astray = Astray(was.astray) if was.astray else None
        self.last_said.fixed, self.last_said.text = was.last_said
        self._rest = deque(was.rest) if was.rest else None

    def wait(self) -> None:
        if held := self.telnet.take_held():
            self.outbox.display(held)
        since = time.monotonic()
        self.telnet.wait()
        if self.astray is not None and self.astray.is_over(since):
            self.astray = None

    def read(self) -> Sequence[Request] | None:
        lines = self.telnet.read(self._complete)
        if lines is None:
            return None
        self.take_look()
        return [Request(line) for line in lines]

    def perform(self, request: Request) -> Answer | None:
        line, session = request.text, self.session
        if not session.claimed and self.telnet.turns_away(line):
            session.quit("")
            return None
        if line == TOO_LONG:
            self.last_said.refuses()  # it may have been a private message
            raise sorry(f"That line was too long, so it was dropped. The limit is {self.telnet.line_limit} bytes.")
        text = "\n".join(map(clean, line.split("\n"))) if "\n" in line else clean(line)
        answer = None
        if text.startswith("/") and not text.startswith("//"):
            answer = commands.run(self, text, line)
        elif not session.claimed:
            commands.check_is_no_command(self, text)
            self._come_in(line)
        elif text.strip():
            try:
                commands.check_is_no_command(self, text)
            except Refused:
                self.last_said.refuses()
                raise
            self.say(text.removeprefix("/") if text.startswith("//") else text)
        if not (session.claimed or session.ended):
            self.ask_for_name()
        return answer

    def answer(self, answer: Answer, label: str) -> None:  # noqa: ARG002  people do not label what they type
        current = self.room.name if self.room is not None else ""
        lines = words.lines(answer, self.columns, self.look.moment, current)
        if words.may_be_long(answer):
            self.reply_in_pages(lines)
        else:  # leaves the rest of a long list where it is
            for line in lines:
                self.reply(line)

    def refuse(self, refusal: Refusal, label: str) -> None:
        self._replies += self.look.refuse(refusal, label)
        if not self.session.claimed:
            self.ask_for_name()

    def happened(self, outcome: Outcome) -> None:
        user = outcome.user
        if isinstance(outcome.event, Arrived) and outcome.refusal is None and self.session.hub.shared:
            self._tell_name(outcome.event.name)
        if isinstance(outcome.refusal, AlreadyInRoom):  # such as the lobby, into which they were on their way
            self.talk_in(self.session.chat.room(outcome.refusal.room))
        elif outcome.entered is not None and user is not None:
            self.room = outcome.entered
            if len(user.rooms) > 1:  # the room that was current before reads differently now
                self.session.restyle(self.look)
            self.name_room()
        elif outcome.left and user is not None:
            if self.room in outcome.left:
                self.talk_in(user.rooms[-1] if user.rooms else None)
            self.name_room()

    def _come_in(self, typed: str) -> None:
        """Take a username, as it was typed. May switch. Raises Refused for one that is taken or not allowed."""
        name = parse_name(typed)
        self.session.arrive(name)
        self.telnet.trust()
        if not self.session.hub.shared:  # else that was said when it had taken effect
            self._tell_name(name.shown)

    def _tell_name(self, name: str) -> None:
        self.reply(f"Your username is {name}.")
        for line in self.session.motd:
            self.reply(line)
        self.send_answers()  # before fan-out sends what was said lately

    def _complete(self, before: str) -> Completions:
        return complete(self.session, before)
