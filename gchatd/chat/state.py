"""Users and rooms, as the events so far have made them. Knows no sessions: those are in one process, users in all.

`folding.fold` alone changes a state. Whoever folds the same events comes to the same state; `snapshot` writes it down,
`restore` goes on from there.
"""

from __future__ import annotations

from collections import deque
from typing import TYPE_CHECKING, TypeVar

import msgspec

from ..text.names import Name, compared
from .events import Said  # noqa: TC001  msgspec reads the types of a struct

if TYPE_CHECKING:
    from collections.abc import Callable, Iterable, Iterator

    Record = TypeVar("Record")

LOBBY = "lobby"
"""The room where everybody starts."""

_COUNT_BITS = 32

NOBODY: dict[str | int, str] = {}
"""The `User.ignoring` of most people: one empty dict for all of them, never written to."""

NOTHING: list[Said] = []
"""The `User.said` of people who have said nothing yet: one empty list for all of them, never written to."""


class Bounds(msgspec.Struct, frozen=True):
    """What states must agree on to fold alike: the settings `rooms.most`, `rooms.announce_up_to`, `history.replay`."""

    most_rooms: int = 10_000
    announce_up_to: int = 50
    replay: int = 0


class Node(msgspec.Struct, frozen=True):
    """A node that shares the stream: what it is called, what names its data directory, whether it takes clients."""

    name: str
    identity: str = ""
    ready: bool = False


def user_id(node: int, count: int) -> int:
    """Return the id of the user with this number (below 2**32) among those who came in through a node."""
    return node << _COUNT_BITS | count


def node_of(user: int) -> int:
    """Return the node through which a user came in, by the user's id."""
    return user >> _COUNT_BITS


class User:
    """Somebody who is here and has a name."""

    __slots__ = ("away", "id", "ignoring", "invitations", "name", "rooms", "said", "since")

    def __init__(self, id: int, name: Name, since: int) -> None:
        self.id = id
        self.name = name
        self.since = since
        """When they came, in milliseconds since 1970."""
        self.rooms: tuple[Room, ...] = ()
        """The rooms that they are in, in the order in which they joined."""
        self.invitations: tuple[Room, ...] = ()
        """The private rooms that they may enter without a key."""
        self.away: str | None = None
        """Why they are away (may be empty); None: they are here."""
        self.ignoring = NOBODY
        """Whom they ignore, by compared name or by user id, and the name as they typed it."""
        self.said = NOTHING
        """Their last lines, oldest first, as they read now: those they can still change."""

    def __str__(self) -> str:
        return self.name.shown


class Room:
    """One room: its name, its topic, and its members in the order they came."""

    __slots__ = ("founder", "invited", "key", "members", "name", "recent", "spoken", "topic", "version")

    def __init__(self, name: str, replay: int = 0) -> None:
        """Create an empty room that remembers the last `replay` lines said in it."""
        self.name = name
        self.topic = ""
        self.key = ""
        """Brings people back into a private room. Empty: the room is public."""
        self.founder = 0
        """The id of the user who created the room, until they leave it."""
        self.invited: set[int] = set()
        """The ids of users who may enter a private room without its key until they depart: invited, or once members."""
        self.members: dict[int, User] = {}
        self.spoken = False
        """Whether anything was ever said in it. Such a room stays when it is empty, and so does a private one."""
        self.recent: deque[Said] = deque(maxlen=replay)
        self.version = 0
        """The place of the event that last changed `recent`: bytes that were rendered at the same version are right."""

    @property
    def private(self) -> bool:
        return bool(self.key)

    def admits(self, user: User, key: str = "") -> bool:
        """Whether a user may enter the room, and may know that it exists."""
        return not self.private or user.id in self.invited or key == self.key


class State:
    """Who is here, and which rooms there are."""

    def __init__(self, bounds: Bounds | None = None) -> None:
        self.bounds = bounds or Bounds()
        self.place = 0
        """The place in the stream of the last event that was folded."""
        self.newest = 0
        """The id of the last event of history that was folded: what history has above it is still to be heard."""
        self.users: dict[int, User] = {}
        self.names: dict[str, User] = {}
        """The users by the compared forms of their names."""
        self.rooms: dict[str, Room] = {LOBBY: Room(LOBBY, self.bounds.replay)}
        """The rooms by the compared forms of their names."""
        self.ignorers: dict[str | int, set[int]] = {}
        """Who ignores a compared name, or a user id: the ids of these users."""
        self.claims: dict[str, int] = {}
        """The names, compared, that somebody is about to take: by whom. Empty where one node is alone."""
        self.nodes: dict[int, Node] = {}
        """The nodes that share the stream. Empty where one is alone."""

    def room(self, name: str) -> Room | None:
        """Return the room of this name, if there is one."""
        return self.rooms.get(compared(name))

    @property
    def has_room_for_more(self) -> bool:
        """Whether another room can be created: there are few, or one is empty and can be forgotten."""
        return len(self.rooms) < self.bounds.most_rooms or self.empty_room() is not None

    def empty_room(self) -> Room | None:
        """Return the first room that nobody is in, if there is one; never the lobby."""
        return next((room for room in self.rooms.values() if not room.members and room.name != LOBBY), None)

    def giver(self, asker: int, attempt: int) -> int:
        """Return the node that gives a snapshot to the node `asker`, which has asked so often before; 0: nobody can."""
        ready = sorted(number for number, node in self.nodes.items() if node.ready and number != asker)
        return ready[attempt % len(ready)] if ready else 0

    def snapshot(self, pause: Callable[[], None] = lambda: None) -> Snapshot:
        """Write this state down. Takes 5 us a user, and calls `pause` now and then: no event is folded meanwhile."""
        claims, nodes = tuple(self.claims.items()), tuple(self.nodes.items())
        users, rooms = _in_steps(self._user_records(), pause), _in_steps(self._room_records(), pause)
        return Snapshot(self.bounds, self.place, users, rooms, claims, nodes, self.newest)

    @classmethod
    def restore(cls, snapshot: Snapshot) -> State:
        """Return the state that a snapshot was taken of."""
        state = cls(snapshot.bounds)
        state.place, state.claims, state.nodes = snapshot.place, dict(snapshot.claims), dict(snapshot.nodes)
        state.newest = snapshot.newest
        for record in snapshot.users:
            user = User(record.id, record.name, record.since)
            user.away = record.away
            user.said = list(record.said) or NOTHING
            user.ignoring = dict(record.ignoring) or NOBODY
            for whom in user.ignoring:
                state.ignorers.setdefault(whom, set()).add(user.id)
            state.users[user.id] = state.names[user.name.compared] = user
        state.rooms.clear()
        for kept in snapshot.rooms:
            room = state.rooms[compared(kept.name)] = Room(kept.name, state.bounds.replay)
            room.topic, room.key, room.founder = kept.topic, kept.key, kept.founder
            room.spoken, room.version = kept.spoken, kept.version
            room.recent.extend(kept.recent)
            room.members = {id: state.users[id] for id in kept.members}
            for id in kept.invited:
                room.invited.add(id)
                state.users[id].invitations += (room,)
        for record in snapshot.users:
            state.users[record.id].rooms = tuple(state.rooms[compared(name)] for name in record.rooms)
        return state

    def _user_records(self) -> Iterator[UserRecord]:
        for user in self.users.values():
            rooms = tuple(room.name for room in user.rooms)
            ignoring = tuple(user.ignoring.items())
            yield UserRecord(user.id, user.name, user.since, rooms, user.away, ignoring, tuple(user.said))

    def _room_records(self) -> Iterator[RoomRecord]:
        for room in self.rooms.values():
            invited = tuple(sorted(room.invited))
            yield RoomRecord(
                room.name, room.topic, room.key, room.founder, invited, tuple(room.members), room.spoken,
                tuple(room.recent), room.version,
            )  # fmt: skip


class UserRecord(msgspec.Struct, frozen=True, gc=False, omit_defaults=True, array_like=True):
    """A user in a snapshot: see `User`."""

    id: int
    name: Name
    since: int
    rooms: tuple[str, ...] = ()
    away: str | None = None
    ignoring: tuple[tuple[str | int, str], ...] = ()
    said: tuple[Said, ...] = ()


class RoomRecord(msgspec.Struct, frozen=True, gc=False, omit_defaults=True):
    """A room in a snapshot: see `Room`."""

    name: str
    topic: str = ""
    key: str = ""
    founder: int = 0
    invited: tuple[int, ...] = ()
    members: tuple[int, ...] = ()
    spoken: bool = False
    recent: tuple[Said, ...] = ()
    version: int = 0


class Snapshot(msgspec.Struct, frozen=True):
    """A state, written down. JSON as it stands: `msgspec.json.decode(data, type=Snapshot)`."""

    bounds: Bounds
    place: int
    users: tuple[UserRecord, ...]
    rooms: tuple[RoomRecord, ...]
    claims: tuple[tuple[str, int], ...] = ()
    nodes: tuple[tuple[int, Node], ...] = ()
    newest: int = 0


def _in_steps(records: Iterable[Record], pause: Callable[[], None]) -> tuple[Record, ...]:
    """Collect records, with a pause before every 256 of them."""
    collected: list[Record] = []
    for count, record in enumerate(records):
        if not count % 256:
            pause()
        collected.append(record)
    return tuple(collected)
