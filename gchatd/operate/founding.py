"""How a server begins: a hub and its journal, as the settings say, and what greets people."""

from __future__ import annotations

from pathlib import Path
from typing import TYPE_CHECKING

from ..chat.state import LOBBY, Bounds, State
from ..errors import StoreError
from ..files import read_file
from ..hub import Hub, restored
from ..journal import History, MemoryJournal, SqliteJournal
from ..text.cleaning import clean
from . import joining

if TYPE_CHECKING:
    from ..journal import Journal
    from ..settings import Settings
    from .worker import Worker

MOST_MOTD_LINES = 50


def hub_and_journal(config: Settings, worker: Worker | None) -> tuple[Hub, Journal]:
    """Make a hub and its journal. If history is kept, the hub knows the rooms and what was said in them.

    Raises ConfigError, and StoreError.
    """
    keep, directory, motd = config.history.keep, Path(config.server.data), read_motd(config)
    bounds = Bounds(config.rooms.most, config.rooms.announce_up_to, config.history.replay if keep else 0)
    if config.cluster.redis:
        return joining.join(config, bounds, motd, worker)
    if not keep:
        memory = MemoryJournal()
        return Hub(memory, State(bounds), motd=motd), memory
    history = History(directory)
    try:
        journal = SqliteJournal(directory, config.history)
        rooms, state = history.rooms(bounds.most_rooms, bounds.replay, LOBBY), State(bounds)
        state.newest = history.newest()
    except StoreError as error:
        raise config.complain("server", "data", directory, str(error)) from None
    journal.on_loss, history.on_search = history.let_go, journal.index_soon
    hub = Hub(journal, state, config.history.queue, history, motd)
    for name, events in reversed(rooms):  # the first are the first to make way
        hub.broadcast(restored(name, events))
    return hub, journal


def read_motd(config: Settings) -> list[str]:
    """Read the message of the day. Raises ConfigError."""
    if not config.server.motd:
        return []
    try:
        lines = read_file(config.server.motd).decode("utf-8-sig").splitlines()
    except OSError as error:
        trouble = (error.strerror or str(error)).lower()
        raise config.complain("server", "motd", config.server.motd, f"cannot be read: {trouble}") from None
    except UnicodeDecodeError as error:
        raise config.complain("server", "motd", config.server.motd, f"is not UTF-8 at byte {error.start}") from None
    if len(lines) > MOST_MOTD_LINES:
        trouble = f"has {len(lines)} lines, expected at most {MOST_MOTD_LINES}"
        raise config.complain("server", "motd", config.server.motd, trouble)
    return [clean(line) for line in lines]
