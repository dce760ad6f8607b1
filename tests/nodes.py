"""The vocabulary of the tests of a cluster: several nodes that are one chat, and what their histories have."""

from __future__ import annotations

import itertools
import json
import signal
from concurrent.futures import ThreadPoolExecutor
from typing import TYPE_CHECKING

import apsw
from people import Person, Server, eventually
from redisserver import RedisServer

from gchatd.journal.folder import FILE

if TYPE_CHECKING:
    from pathlib import Path


class Node(Server):
    """One of several servers that are one chat."""

    def __init__(self, name: str, **settings: object) -> None:
        self.name = name
        try:
            super().__init__(cluster__node=name, **settings)
        except AssertionError:
            self.process.kill()
            self.process.wait()
            raise

    def freeze(self) -> None:
        self.process.send_signal(signal.SIGSTOP)

    def thaw(self) -> None:
        self.process.send_signal(signal.SIGCONT)

    def lines(self) -> list[tuple[int, int, str]]:
        """All rows of its history: id, time and event."""
        db = apsw.Connection(str(self.data / FILE), flags=apsw.SQLITE_OPEN_READONLY)
        try:
            return db.execute("select id, at, event from events order by id").fetchall()
        finally:
            db.close()


class Chat:
    """Nodes that share a Redis. A node that starts again under its name has the data that it had."""

    def __init__(self, home: Path, redis: RedisServer | None = None, **settings: object) -> None:
        self._own_redis = RedisServer() if redis is None else None
        self.redis = redis or self._own_redis
        assert self.redis is not None
        self._home = home
        self._settings = {"cluster__redis": self.redis.url, **settings}
        self.all: list[Node] = []
        self.witnesses: list[Person] = []
        self._counter = itertools.count()

    def data(self, name: str) -> Path:
        """The data directory of a node."""
        return self._home / name

    def settings(self, **settings: object) -> dict[str, object]:
        """The settings of a node that was not started yet, as words for the command line."""
        settings = {"server__data": self.data("none"), "history__replay": 0, **self._settings, **settings}
        return {name.replace("__", "."): value for name, value in settings.items()}

    def node(self, name: str, **settings: object) -> Node:
        """Start a node."""
        node = Node(name, **{"data": self.data(name), **self._settings, **settings})
        self.all.append(node)
        return node

    def nodes(self, *names: str) -> list[Node]:
        """Start some nodes at the same time."""
        with ThreadPoolExecutor() as several:
            return list(several.map(self.node, names))

    def people_in(self, *nodes: Node) -> list[Person]:
        """Let a witness into each of some nodes. They are in no room. See `is_heard_everywhere`."""
        for witness in self.witnesses:
            witness.hangs_up()
        self.witnesses = [Person(node, f"witness{number}") for number, node in enumerate(nodes)]
        for witness in self.witnesses:
            witness.says("/leave lobby")
            while "You left lobby" not in witness.reads_line():
                pass
        return self.witnesses

    def is_heard_everywhere(self) -> None:
        """Wait until all that happened so far has been heard on each node that has a witness."""
        for one in self.witnesses:
            for other in self.witnesses:
                if one is not other:
                    text = f"{next(self._counter)}"
                    one.says(f"/msg {other.name} {text}")
                    while other.reads_line() != f"{one.name} -> you : {text}":
                        pass

    def have_the_same_history(self, *nodes: Node) -> list[tuple[int, int, str]]:
        """Wait until some nodes have all that was said in their histories; return it, which is the same everywhere."""

        last = self.last_said()

        def same() -> bool:
            first, *others = [node.lines() for node in nodes]
            return (first[-1][0] if first else 0) >= last and all(other == first for other in others)

        eventually(same)
        return nodes[0].lines()

    def last_said(self) -> int:
        """The place of the last line in the stream."""
        for id, fields in self.redis.ask("XREVRANGE", "{gchat}:stream", "+", "-"):
            first, events = int(id.split(b"-")[0]), json.loads(fields[b"d"])
            said = [place for place, event in enumerate(events, first) if event["event"] == "said"]
            if said:
                return said[-1]
        return 0

    def texts(self, *nodes: Node) -> list[str]:
        """What was said, in the order in which some nodes have it, once they all have the same."""
        events = [json.loads(event) for _, _, event in self.have_the_same_history(*nodes)]
        return [event["text"] for event in events if event["event"] == "said"]

    def close(self) -> None:
        for witness in self.witnesses:
            witness.hangs_up()
        for node in self.all:
            node.thaw()
            node.close()
        if self._own_redis is not None:
            self._own_redis.close()
        for node in self.all:
            assert "Traceback" not in node.log(), node.log()
