"""A model of the store that does everything in Redis, too, by script.lua, and compares what comes of it."""

from __future__ import annotations

import json
import re
from typing import TYPE_CHECKING, Any

import msgspec
from storemodel import Keys, Model

from gchatd.cluster.redisstore import RedisStore
from gchatd.cluster.store import Peer, StoreRefused
from gchatd.errors import GchatError

if TYPE_CHECKING:
    from collections.abc import Callable, Iterator

    from redisserver import RedisServer

    from gchatd.cluster.store import Entry

NAME = "test"
KEYS = [f"{{{NAME}}}:{key}" for key in ("stream", "nodes", "leases", "recovery", "marks", "recovery:dead")]
NUMBERS = ("last", "counter", "trimmed", "renewed", "base", "cut", "founded", "fresh")
OPERATIONS = ("join", "append", "renew", "found", "ready", "leave", "report", "refill", "entries")


class TimedStore(RedisStore):
    """Redis, but that the time, and the name of its run, are the tests' own."""

    script = re.sub(
        r"local function (now|run_id)\(\).*?\nend\n",
        lambda found: (
            f'local function {found[1]}()\n    return redis.call("GET", "{found[1]}") + 0\nend\n'
            if found[1] == "now"
            else 'local function run_id()\n    return redis.call("GET", "run_id")\nend\n'
        ),
        RedisStore.script,
        flags=re.DOTALL,
    )


def outcome(operation: Callable[..., Any], args: tuple[Any, ...]) -> Any:
    """Return what comes of an operation, in a form that can be compared."""
    try:
        return operation(*args)
    except GchatError as error:
        return error


def decoded(entry: Entry) -> Any:
    return entry._replace(data=json.loads(entry.data))


class Both(Model):
    """A model that does everything in Redis as well, and compares."""

    def __init__(self, redis: RedisServer, lease: int = 15_000, retain: int = 86_400_000) -> None:
        super().__init__(lease=lease, retain=retain)
        self.redis = redis
        self.store = TimedStore(redis.url, NAME, lease / 1000, retain / 86_400_000)
        self.store.connect()
        self.done = 0
        self._copies: list[tuple[Keys, list[bytes | None]]] = []
        redis.ask("SET", "run_id", self.run)

    def copy(self) -> Keys:
        keys = super().copy()
        self._copies.append((keys, [self.redis.ask("DUMP", key) for key in KEYS]))
        return keys

    def restart(self, keys: Keys | None = None) -> None:
        super().restart(keys)
        self.redis.ask("SET", "run_id", self.run)
        if keys is not None:
            self.redis.ask("DEL", *KEYS)
            dumps = next(dumps for copied, dumps in self._copies if copied is keys)
            for key, dump in zip(KEYS, dumps, strict=True):
                if dump is not None:
                    self.redis.ask("RESTORE", key, 0, dump)
        self.compare()

    def flush(self) -> None:
        super().flush()
        self.redis.ask("DEL", *KEYS)

    def compare(self) -> None:
        """Compare all that is kept, but of the stream only what came last."""
        values = {key.decode(): value for key, value in _pairs(self.redis.ask("HGETALL", KEYS[1]))}
        keys = self.keys
        assert {name: int(values.pop(name, 0)) for name in NUMBERS} == {name: getattr(keys, name) for name in NUMBERS}
        assert values.pop("run", None) == (None if keys.run is None else keys.run.encode())
        assert values.pop("bounds", b"").decode() == keys.bounds
        nodes = {int(key[5:]): values.pop(key) for key in list(values) if key.startswith("node:")}
        assert {number: msgspec.json.decode(text, type=Peer) for number, text in nodes.items()} == keys.nodes
        assert {key: int(value) for key, value in values.items()} == {
            f"identity:{identity}": number for identity, number in keys.identities.items()
        }
        leases = dict(_pairs(self.redis.ask("ZRANGE", KEYS[2], 0, -1, "WITHSCORES")))
        assert {int(node): int(float(until)) for node, until in leases.items()} == keys.leases
        self.compare_stream(2)

    def compare_stream(self, most: int) -> None:
        """Compare the last entries."""
        there, expected = self.redis.ask("XLEN", KEYS[0]), len(self.keys.stream)
        assert there == expected or (there > expected and self.keys.trimmed)  # Redis trims a hundred at a time
        theirs = self.store.entries(self.keys.stream[-most:][0].first - 2, 10**6) if self.keys.stream else []
        assert [decoded(one) for one in theirs[-most:]] == [decoded(one) for one in self.keys.stream[-most:]]


def _pairs(found: Any) -> Iterator[tuple[Any, Any]]:
    return iter(found.items()) if isinstance(found, dict) else iter(found)


def _in_both(operation: str) -> Callable[..., Any]:
    """Return a method that does something in the model and in Redis."""

    def do(self: Both, *args: Any) -> Any:
        mine = outcome(lambda *args: getattr(Model, operation)(self, *args), args)
        if not isinstance(mine, StoreRefused):  # that is a matter of Redis' settings
            self.done += 1
            self.redis.ask("SET", "now", self.now)
            theirs = outcome(getattr(self.store, operation), args)
            if operation == "entries":
                assert [decoded(one) for one in theirs] == [decoded(one) for one in mine]
            elif isinstance(mine, GchatError):
                assert type(mine) is type(theirs), f"{operation}{args}: {mine!r} and {theirs!r}"
            else:
                assert theirs == mine, f"{operation}{args}"
            if operation != "entries":
                self.compare()
        if isinstance(mine, Exception):
            raise mine
        return mine

    return do


for _operation in OPERATIONS:
    setattr(Both, _operation, _in_both(_operation))
