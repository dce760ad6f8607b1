"""One client's life: it comes, asks for things, and leaves. Knows no sockets and no sentences: those are its door's.

A door gives it a link. The link reads *requests*; the session has each of them done, which causes an event
(chat/actions.py), and gives the answer, or the refusal, back to the link. Everything here runs in the client's own
greenlet, in blocking style, and whatever is raised here ends this client only.
"""

from __future__ import annotations

import logging
import time
from typing import TYPE_CHECKING, Any

import gevent.event
import msgspec

from .chat import rules
from .chat.answers import AlreadyHere, NoHistory, NotHere, SameName
from .chat.events import Arrived, Departed, Origin, Renamed
from .chat.state import LOBBY
from .errors import Refused
from .intake import Intake
from .link import Request  # noqa: TC001  msgspec reads the types of a struct

if TYPE_CHECKING:
    from collections.abc import Sequence

    from .chat.answers import Figures
    from .chat.events import Event
    from .chat.folding import Outcome
    from .chat.state import Room, State, User
    from .delivery.formats import Format
    from .delivery.sessions import Sessions
    from .errors import Refusal
    from .hub import Hub
    from .journal import History
    from .link import Link
    from .text.names import Name

logger = logging.getLogger(__name__)

SETTLE_SECONDS = 0.1
"""How long a command waits for what its author did before it to take effect."""

FLUSH_SECONDS = 5.0
"""How long a client that has left may take to read what is still its own."""


class SessionState(msgspec.Struct, frozen=True, omit_defaults=True):
    """A session, written down. JSON as it stands, if the link's state is."""

    user: int
    """Whom it speaks for; 0 if they have not come in."""

    link: dict[str, Any]
    requests: tuple[Request, ...] = ()
    """Those that it has not handled yet, the next one first."""

    unsent: bytes = b""
    """What its client has not been sent yet."""

    told_by: tuple[int, str] | None = None
    """See `Session`."""

    here: float = 0.0
    """How long its user has been here, in seconds."""

    idle: float = 0.0
    """How long ago its user last asked for something, in seconds."""

    owed: tuple[float, float, float] = (0.0, 0.0, 0.0)
    """See `Intake`: how much it has asked for lately."""


class Session(Intake):
    """One connection. `user` is whom it speaks for, once they have come in; `id` is its own and never used again."""

    __slots__ = (
        "_ended",
        "_greeted",
        "_heard",
        "_stuck",
        "_words",
        "active_at",
        "came_at",
        "claimed",
        "format",
        "id",
        "label",
        "told_by",
        "unheard",
        "user",
    )

    def __init__(self, hub: Hub, sessions: Sessions, link: Link) -> None:
        super().__init__(sessions, link)
        self.hub = hub
        self.format = link.format
        self.outbox = link.outbox
        self.user: User | None = None
        self.claimed = 0
        """The id of its user, as soon as they have a name; `user` follows once they have come in. 0: no name yet."""
        self.came_at = 0.0
        """When its user came (monotonic)."""
        self.active_at = 0.0
        """When its user last asked for something (monotonic)."""
        self.told_by: tuple[int, str] | None = None
        """Who told its user something last, by id, and what they were called then."""
        self.label = ""
        """The label of the request that is being done."""
        self.unheard = 0
        """How many events that it broadcast have not taken effect yet."""
        self._greeted = False  # whether the client was told what to do first
        self._stuck = False  # whether `settle` has timed out, and some of them still have not
        self._heard: gevent.event.Event | None = None  # made when somebody waits until they all have
        self._ended = ""  # why this session is over, for the log
        self._words = ""  # parting words, for the others
        self.id = self.outbox.session = sessions.add(self)
        link.open(self)

    def state(self) -> SessionState:
        """Write this session down, without its connection. Right only until the next switch."""
        requests, now = tuple(reversed(self._requests)), time.monotonic()
        link = self._link.state()  # may send something
        unsent, here, idle = self.outbox.state(), now - self.came_at, now - self.active_at
        return SessionState(self.claimed, link, requests, unsent, self.told_by, here, idle, self.owed())

    @classmethod
    def restore(cls, hub: Hub, sessions: Sessions, link: Link, state: SessionState) -> Session:
        """Return a session that goes on where this state was written down. Its user is in the hub's state already."""
        session, now = cls(hub, sessions, link), time.monotonic()
        session._greeted = True
        session.came_at, session.active_at = now - state.here, now - state.idle
        user = hub.state.users.get(state.user)
        if user is not None:
            session.claimed = user.id
            sessions.arrive(session, user)
        link.restore(state.link)
        for room in user.rooms if user is not None else ():
            sessions.enter(session, room)
        session._requests = [*reversed(state.requests)] if state.requests else ()
        session.told_by = state.told_by
        session.owes(state.owed)
        session.outbox.restore(state.unsent)
        return session

    def __str__(self) -> str:
        """The session's tag in the log."""
        return f"[{self._link} {self.user}]" if self.user is not None else f"[{self._link}]"

    def run(self) -> None:
        """Serve this client. Blocks its greenlet until the client is gone; raises nothing."""
        try:
            if not self._greeted:
                self._greeted = True
                self._link.greet()
            while self._serve():  # the first request may have come along with the connection
                self._link.send_answers()
                self._link.wait()
                self._sessions.pace.pause(self._comes_or_goes)  # many may have sent a lot at the same time
        except BaseException:  # SystemExit and KeyboardInterrupt too: gevent would take them to the main greenlet
            logger.exception("%s failed", self)
            self._ended = "failed: see the traceback above"
        finally:
            self._say_goodbye()

    def _comes_or_goes(self) -> bool:
        return not self.claimed or self.outbox.transport.has_hung_up()

    def _serve(self) -> bool:
        """Handle the requests that have come; tell whether there may be more. Switches now and then."""
        if not self._requests:
            self._read()
        while self._requests:
            self._wait_for_turn(self._requests[-1])
            if not self._requests:
                break
            self.handle(self._requests.pop())
            if self._ended:
                return False
            if self._requests:
                self._link.wait_for_reader()
                self.let_others_run()
        self._requests = ()
        return not self._gone

    def handle(self, request: Request) -> None:
        """Have a request done. What comes of it carries its label."""
        self.active_at = time.monotonic()
        self._sessions.requests += 1
        self.label = request.label
        try:
            answer = self._link.perform(request)
        except Refused as refused:
            self._link.refuse(refused.refusal, request.label)
        else:
            if answer is not None:
                self._link.answer(answer, request.label)
        self.label = ""

    # What actions need: see `chat.asker.Asker`.

    @property
    def me(self) -> User:
        if self.user is None:
            if self.claimed:
                self.wait_for_effect()
            if self.user is None:
                raise Refused(NotHere())
        return self.user

    @property
    def chat(self) -> State:
        return self.hub.state

    @property
    def library(self) -> History:
        if self.hub.history is None:
            raise Refused(NoHistory())
        self.hub.wait_for_history()
        return self.hub.history

    @property
    def motd(self) -> Sequence[str]:
        return self.hub.motd

    @property
    def up_seconds(self) -> float:
        return time.monotonic() - self.hub.started_at

    @property
    def figures(self) -> Figures | None:
        return self.hub.figures()

    def here_seconds(self, user: User) -> float | None:
        came_at = [one.came_at for one in self._sessions.of(user.id)]
        return time.monotonic() - min(came_at) if came_at else None

    def idle_seconds(self, user: User) -> float | None:
        active_at = [one.active_at for one in self._sessions.of(user.id)]
        return time.monotonic() - max(active_at) if active_at else None

    def recall(self, name: Name) -> Room | None:
        me = self.me
        restored = self.hub.recall(name)
        if restored is not None:
            self.broadcast(self._signed(restored, me.id, me.name.shown))
            self.wait_for_effect()
        return self.hub.rooms.get(name.compared)

    def does(self, event: Event) -> None:
        me = self.user or self.me
        event = self._signed(event, me.id, me.name.shown)
        refusal = rules.check(self.hub.state, event)
        if refusal is not None:
            self._check_again(event, refusal)
        self.hub.wait_to_talk()
        self.broadcast(event)

    def claims(self, name: Name) -> None:
        me = self.me
        if name == me.name:  # before others are asked for it
            raise Refused(SameName(name.shown))
        self.hub.wait_to_talk()
        self.hub.claim(name, me.id)
        self.broadcast(self._signed(Renamed(to=name.shown), me.id, me.name.shown))
        self.wait_for_effect()  # so that what follows is said under the new name

    def _check_again(self, event: Event, refusal: Refusal) -> None:
        """Raise Refused if the rules still do not allow an event once what this session did before has taken effect.

        That may have been what the event needs. Switches if there is something to wait for.
        """
        again: Refusal | None = refusal
        if self.unheard:
            self.settle()
            again = rules.check(self.hub.state, event)
        if again is not None:
            raise Refused(again)

    def _signed(self, event: Event, user: int, name: str) -> Event:
        origin = Origin(self.hub.node, self.id, self.label)
        return msgspec.structs.replace(event, user=user, name=name, origin=origin)

    def broadcast(self, event: Event) -> None:
        """Broadcast an event. Answers gathered so far are sent first, so the client sees them before its effects."""
        self._link.send_answers()
        self.unheard += 1
        self.hub.broadcast(event)

    # Coming in.

    def arrive(self, name: Name) -> None:
        """Come into the chat, and into the lobby, under this name. Returns at once, before that has taken effect.

        Where other nodes may be faster, it returns afterwards, and switches until then. (`Link.happened` was called
        meanwhile.) Raises Refused if the name is taken, or if this session has a name already.
        """
        if self.claimed:
            raise Refused(AlreadyHere())
        self.hub.check_name(name)
        self.claimed = self.hub.new_user()
        self._sessions.has_name(self)
        self.came_at = self.active_at = time.monotonic()
        self.unheard += 1
        origin = Origin(self.hub.node, self.id, self.label)
        self.hub.broadcast(Arrived(room=LOBBY, user=self.claimed, name=name.shown, origin=origin))
        if self.hub.shared:
            self.wait_for_effect()
            if self.user is None:
                self.claimed = 0
                raise Refused(self.hub.why_not(name))

    @property
    def ended(self) -> bool:
        """Whether the current request is the last one."""
        return bool(self._ended)

    def quit(self, words: str) -> None:
        """End this session after the current request, with parting words for the others."""
        self._ended = "quit"
        self._words = words

    # What delivery tells it: see `delivery.listener.Listener`.

    def format_in(self, room: str) -> Format:
        return self._link.format_in(room)

    def happened(self, outcome: Outcome) -> None:
        if isinstance(outcome.event, Arrived):
            if outcome.refusal is None:
                logger.info("%s came", self)
        elif isinstance(outcome.event, Departed) and outcome.refusal is not None:
            self._sessions.remove(self)  # its user never came in
        elif isinstance(outcome.event, Renamed) and outcome.refusal is None:
            logger.info("[%s %s] is %s now", self._link, outcome.event.name, self.user)
        if not self._ended:
            self._link.happened(outcome)

    @property
    def door(self) -> str:
        return self._link.door

    def wait_no_more(self) -> None:
        """Go on: all that this session did has taken effect, or never will."""
        self._stuck = False
        if self._heard is not None:
            self._heard.set()
            self._heard = None

    def wait_for_effect(self, seconds: float | None = None) -> bool:
        """Wait until everything that this session did so far has taken effect. Returns whether it has. Switches.

        It has not if `seconds` were not enough, or if the server is shutting down. Whether the connection still works
        makes no difference.
        """
        if self.unheard and not self.hub.closed:
            self._heard = self._heard or gevent.event.Event()
            self._heard.wait(seconds)
        return not self.unheard

    def settle(self) -> None:
        """Give what this session did so far a moment to take effect; only once while a disk is stuck. Switches."""
        if self.unheard and not self._stuck:
            self._stuck = not self.wait_for_effect(SETTLE_SECONDS)

    def restyle(self, format: Format) -> None:
        """Read another format from now on, or the same one in other rooms."""
        self.format = format
        self._sessions.restyled(self)

    # Leaving.

    def depart(self) -> None:
        """Leave the chat. If its user had a name, the session stays registered until `Departed` has taken effect, so
        that what they said before still reaches people.
        """
        if self.claimed:
            name = self.user.name.shown if self.user is not None else ""
            self.hub.broadcast(self._signed(Departed(words=self._words), self.claimed, name))
        else:
            self._sessions.remove(self)

    def _say_goodbye(self) -> None:
        """Leave, and let the client read what is still its own."""
        try:
            self._ended = self.outbox.failed or self._link.refused or self._ended or "hung up"
            tag = str(self)
            self.depart()
            line = f"{tag} left: {self._ended}"
            if self.claimed:
                logger.info("%s", line)
            else:
                self._sessions.repeats.log(tag.rpartition(":")[0][1:], f"left: {self._ended}", line)
            if not self._link.refused:
                self._link.send_answers()
            self._link.close()
            self.outbox.flush(FLUSH_SECONDS)
        except BaseException:  # as in run: what is raised here would reach the main greenlet
            logger.exception("%s failed to say goodbye", self)
