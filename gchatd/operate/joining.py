"""How a server becomes part of a cluster: its journal in Redis, its own history, and what the others know."""

from __future__ import annotations

import importlib.util
import platform
import re
import secrets
from pathlib import Path
from typing import TYPE_CHECKING

import msgspec

from ..chat.folding import fold
from ..chat.state import LOBBY, State
from ..cluster.member import Member
from ..cluster.store import BoundsDifferError, Fenced, Restarted, StoreGone, StoreRefused
from ..errors import ConfigError, StoreError
from ..hub import Hub, restored
from ..journal import History

if TYPE_CHECKING:
    from collections.abc import Sequence

    from ..chat.state import Bounds
    from ..journal.redis import RedisJournal
    from ..settings import Settings
    from .worker import Worker

FORMAT = 1
"""The version of the events in the stream. Servers that do not read each other's events do not work together."""


def join(config: Settings, bounds: Bounds, motd: Sequence[str], worker: Worker | None) -> tuple[Hub, RedisJournal]:
    """Join the other servers; return a hub that knows what they know, and its journal.

    Blocks until another server has told us, or until we know that there is none. Raises ConfigError and StoreError.
    """
    _check_redis_is_installed()
    from ..cluster.redisstore import RedisStore
    from ..journal.redis import RedisJournal
    from ..journal.replica import Replica

    cluster, directory = config.cluster, Path(config.server.data)
    history = History(directory) if config.history.keep else None
    try:
        store = RedisStore(cluster.redis, cluster.name, cluster.lease_seconds, cluster.retain)
    except ValueError as error:
        raise config.complain("cluster", "redis", _without_password(cluster.redis), str(error)) from None
    try:
        replica = Replica(directory, config.history) if history is not None else None
    except StoreError as error:
        raise config.complain("server", "data", directory, str(error)) from None
    identity = replica.identity if replica is not None else secrets.token_hex(8)
    name = cluster.node or platform.node() + (f"/{worker.number}" if worker is not None else "")
    agreed = msgspec.json.encode({"format": FORMAT, **msgspec.structs.asdict(bounds)}).decode()
    try:
        journal = RedisJournal(store, Member(store, identity, name, agreed), replica, cluster)
    except BoundsDifferError as error:
        raise ConfigError(_difference(agreed, str(error))) from None
    except (StoreGone, StoreRefused, Restarted, Fenced) as error:
        why = str(error) or "Redis was started anew meanwhile"
        raise config.complain("cluster", "redis", _without_password(cluster.redis), why) from None
    if replica is not None and history is not None:
        replica.on_loss, history.on_search = history.let_go, journal.index_soon
    hub = Hub(journal, journal.state or _founded(journal, bounds, history), config.history.queue, history, motd)
    hub.figures = lambda: journal.figures
    hub.on_snapshot_asked = lambda pause: journal.give_snapshot(hub.state.snapshot(pause))
    return hub, journal


def _without_password(url: str) -> str:
    """Return a URL for the eyes of whoever reads the log."""
    return re.sub(r"(?<=//)[^/@]*@", "***@", url)


def _founded(journal: RedisJournal, bounds: Bounds, history: History | None) -> State:
    """Return the state in which a chat begins anew: with the rooms that the history has, and nobody in them."""
    state = State(bounds)
    rooms = history.rooms(bounds.most_rooms, bounds.replay, LOBBY) if history is not None else []
    for place, (name, events) in enumerate(reversed(rooms), 1):  # the first are the first to make way
        fold(state, msgspec.structs.replace(restored(name, events), place=place))
    state.newest = history.newest() if history is not None else 0
    state.place, state.nodes = journal.began_at, dict(journal.nodes)
    return state


def _difference(ours: str, theirs: str) -> str:
    """Say in which setting this server differs from the others."""
    names = {
        "format": "the version of gchat",
        "most_rooms": "rooms.most",
        "announce_up_to": "rooms.announce_up_to",
        "replay": "history.replay",
    }
    mine, others = msgspec.json.decode(ours), msgspec.json.decode(theirs)
    differ = [
        f"{what} ({mine.get(key)} here, {others.get(key)} there)"
        for key, what in names.items()
        if mine.get(key) != others.get(key)
    ]
    return f"the other servers of this chat differ in {', '.join(differ)}: it must be the same everywhere"


def _check_redis_is_installed() -> None:
    """Raise ConfigError if what the way to Redis needs is not installed."""
    missing = [package for package in ("redis", "hiredis") if importlib.util.find_spec(package) is None]
    if missing:
        raise ConfigError(
            f"a chat of several processes needs {', '.join(missing)}: run `make cluster`, or "
            "`pip install -r requirements-cluster.txt` (gchat[cluster]) first"
        )
