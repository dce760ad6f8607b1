"""The operations of `Store` over Redis: one connection for them, and one on which the stream is read as it grows.

Blocks: it is for a native thread. Nothing is sent again by itself: redis-py's own retries resend in silence, and once
took 57 s.
"""

from __future__ import annotations

import importlib.resources
from typing import TYPE_CHECKING, Any

import msgspec
from redis import exceptions
from redis.backoff import NoBackoff
from redis.connection import ConnectionPool
from redis.exceptions import NoScriptError, RedisError, ResponseError
from redis.retry import Retry

from .polling import readable
from .store import (
    BoundsDifferError,
    Entry,
    Fenced,
    Fine,
    Joined,
    Leases,
    Outdated,
    Peer,
    Recovering,
    Refill,
    Restarted,
    StoreGone,
    StoreRefused,
)

if TYPE_CHECKING:
    from collections.abc import Mapping, Sequence

ANSWER_SECONDS = 5.0
"""How long an answer may take before the connection is given up."""

BLOCK_SECONDS = 2.0
"""How long Redis waits for the stream to grow before it answers that it has not."""

READ_ENTRIES = 200
"""Entries that are read in one go."""

OLDEST = 7
"""The first version of Redis whose scripts can say what they do when it is full."""

SNAPSHOT_SECONDS = 60
"""How long a snapshot waits for the node that asked for it."""

_HIGHEST = 2**64 - 1  # the highest second half that an id in Redis can have

_GONE = (exceptions.ConnectionError, exceptions.TimeoutError, exceptions.ReadOnlyError)
_HEADS = {True: "#!lua flags=allow-oom\n", False: "#!lua\n"}  # a batch is refused if Redis is full; a lease is not


class RedisStore:
    """See `Store`. Not connected until `connect`, and after `StoreGone` not until then again."""

    script = importlib.resources.files(__package__).joinpath("script.lua").read_text(encoding="utf-8")
    """What Redis does."""

    def __init__(self, url: str, name: str, lease_seconds: float, retain_days: float) -> None:
        """`name` is the setting cluster.name. Raises ValueError for a URL that is none."""
        self._pool = ConnectionPool.from_url(
            url,
            protocol=2,
            retry=Retry(NoBackoff(), 0),
            socket_timeout=ANSWER_SECONDS,
            socket_connect_timeout=ANSWER_SECONDS,
        )
        self._prefix = f"{{{name}}}:"
        self._keys = [self._prefix + key for key in ("stream", "nodes", "leases", "recovery", "marks")]
        self._lease = str(int(lease_seconds * 1000))
        self._retain = str(int(retain_days * 86_400_000))
        self._hashes: dict[bool, bytes] = {}
        self._asks: Any = None
        self._reads: Any = None
        self._reading = False  # whether Redis was asked for what comes next
        self._position = ""  # the id of the entry that was read last on this connection

    def connect(self) -> None:
        """Connect anew. Raises StoreGone."""
        self.disconnect()
        try:
            self._asks, self._reads = self._new_connection(), self._new_connection()
            self._asks.connect()
            self._reads.connect()
            self._hashes = {full: self._command("SCRIPT", "LOAD", head + self.script) for full, head in _HEADS.items()}
        except exceptions.AuthenticationError as error:
            raise StoreGone(f"Redis does not let this node in: {error}") from None
        except (RedisError, OSError) as error:
            raise StoreGone(_why(error)) from None

    def _new_connection(self) -> Any:
        """Make a connection, as the URL says. (The pool itself would make 100 in its life, and then no more.)"""
        return self._pool.connection_class(**self._pool.connection_kwargs)

    def disconnect(self) -> None:
        for connection in (self._asks, self._reads):
            if connection is not None:
                connection.disconnect()
        self._reading, self._position = False, ""

    def unfit(self) -> str:
        """Say why this Redis may lose what it was given, or is too old; nothing if it is fit."""
        text = b"".join(self._ask("INFO", section) for section in ("server", "memory", "persistence")).decode()
        facts = dict(line.split(":", 1) for line in text.splitlines() if ":" in line)
        if int(facts["redis_version"].split(".")[0]) < OLDEST:
            return f"this is Redis {facts['redis_version']}; gchat needs {OLDEST}.0 or newer"
        if facts.get("aof_enabled") != "1":
            return "this Redis keeps no append-only file, so it forgets everything when it ends (appendonly yes)"
        if facts.get("maxmemory", "0") != "0" and facts.get("maxmemory_policy") != "noeviction":
            return (
                f"this Redis drops data when it is full (maxmemory-policy {facts['maxmemory_policy']}; use noeviction)"
            )
        return ""

    def may_lose(self) -> str:
        """Say what a power failure may cost; nothing if that is nothing, or not known."""
        try:
            setting = self._ask("CONFIG", "GET", "appendfsync")
        except StoreRefused:  # not everybody may ask
            return ""
        if setting and setting[1] == b"always":
            return ""
        return "a power failure may cost what was said in the last second or two (appendfsync is not always)"

    # The operations.

    def join(self, identity: str, name: str, incarnation: int, place: int, bounds: str) -> Joined:
        answer = self._run("join", 0, identity, name, incarnation, place, bounds, self._lease)
        if answer[0] == b"recovering":
            raise Recovering
        if answer[0] == b"outdated":
            raise Outdated(int(answer[1]))
        if answer[0] == b"bounds":
            raise BoundsDifferError(answer[1].decode())
        node, joined_at, last, trimmed, *rest = answer[1:]
        peers = {
            int(number): msgspec.json.decode(details, type=Peer)
            for number, details in zip(rest[::2], rest[1::2], strict=True)
        }
        return Joined(int(node), int(joined_at), int(last), int(trimmed), peers)

    def append(
        self,
        node: int,
        batch: int,
        contact: int,
        seen: int,
        count: int,
        events: bytes,
        secrets: Sequence[tuple[str, str]],
    ) -> int:
        keys = [f"{self._prefix}told:{key}" for key, _ in secrets]
        texts = [text for _, text in secrets]
        values = (node, batch, contact, seen, count, events, *texts)
        return int(self._run("append", *values, keys=keys, allow_full=False)[1])

    def found(self, node: int) -> int | None:
        answer = self._run("found", node, self._lease)
        return int(answer[1]) if answer[0] == b"ok" else None

    def ready(self, node: int, place: int) -> bool:
        return bool(self._run("ready", node, place)[0] == b"ok")

    def renew(self, node: int) -> Leases:
        _, last, now, *leases = self._run("renew", node, self._lease, self._retain)
        return Leases(
            int(last),
            {int(peer): int(until) - int(now) for peer, until in zip(leases[::2], leases[1::2], strict=True)},
        )

    def leave(self, node: int) -> None:
        self._run("leave", node)

    def report(
        self, node: int, contact: int, seen: int, after: int, ready: bool, others: Sequence[int]
    ) -> Fine | Refill | None:
        answer = self._run("report", node, contact, seen, after, int(ready), self._lease, *others)
        if answer[0] == b"fine":
            return Fine(int(answer[1]))
        return Refill(answer[2].decode(), int(answer[1])) if answer[0] == b"refill" else None

    def refill(
        self, node: int, run: str, bounds: str, counter: int, peers: Mapping[int, Peer], after: int, last: int,
        entries: Sequence[Entry],
    ) -> None:  # fmt: skip
        details = [word for number, peer in peers.items() for word in (number, msgspec.json.encode(peer))]
        fields = [field for one in entries for field in (one.id, one.node, one.batch, one.at, one.data)]
        self._run("refill", node, run, bounds, counter, after, last, len(peers), *details, *fields)

    def entries(self, after: int, most: int) -> list[Entry]:
        # The entry in which the place is may go on after it.
        before = self._ask("XREVRANGE", self._keys[0], f"{after}-{_HIGHEST}", "-", "COUNT", 1)
        begins = before[0][0] if before and _entry(before[0]).last > after else f"{after + 1}-1"
        return [_entry(one) for one in self._ask("XRANGE", self._keys[0], begins, "+", "COUNT", most)]

    def secret(self, key: str) -> str | None:
        try:
            found = self._ask("GET", f"{self._prefix}told:{key}")
        except StoreRefused:  # what else was read must not get lost with it
            return None
        return None if found is None else found.decode()

    def give_snapshot(self, place: int, data: bytes) -> None:
        self._ask("SET", f"{self._prefix}snapshot:{place}", data, "EX", SNAPSHOT_SECONDS)

    def snapshot(self, place: int) -> bytes | None:
        found: bytes | None = self._ask("GET", f"{self._prefix}snapshot:{place}")
        return found

    # Reading the stream as it grows.

    def read(self, after: int) -> list[Entry]:
        """Return what has come after a place where an entry ends, if anything has; never waits for it.

        Redis is asked for what comes next in `wait`, so that whoever hears of this does so first.
        """
        try:
            if self._reads is None or self._reads._sock is None:  # it would connect by itself
                raise exceptions.ConnectionError("not connected")
            if not self._reading:
                # What stands first at the next place is a cut, if anything, and ends at this one.
                self._read_after(self._position or f"{after + 1}-0")
            if not self._reads.can_read(0):
                return []
            self._reading = False
            found: Any = self._reads.read_response(disable_decoding=True)
        except (RedisError, OSError) as error:
            self.disconnect()
            raise StoreGone(_why(error)) from None
        if not found:
            return []
        entries = [_entry(one) for one in found[0][1]]
        self._position = entries[-1].id
        return entries

    def _read_after(self, id: str) -> None:
        block = int(BLOCK_SECONDS * 1000)
        self._reads.send_command("XREAD", "COUNT", READ_ENTRIES, "BLOCK", block, "STREAMS", self._keys[0], id)
        self._reading = True

    def wait(self, wake: int, seconds: float) -> bool:
        """Wait until there may be something to read, until the descriptor `wake` is readable, or for some seconds.

        Returns whether the stream may have something; also if the connection is lost, which `read` tells.
        """
        try:
            reads = self._reads._sock if self._reads is not None else None  # redis-py has no public name for it
            if reads is None:
                return True
            if not self._reading and self._position:
                self._read_after(self._position)
            if self._reading and self._reads.can_read(0):  # in the parser already
                seconds = 0
        except (RedisError, OSError):
            self.disconnect()
            return True
        return reads.fileno() in readable([wake, reads.fileno()], seconds)

    # Below.

    def _run(self, operation: str, *values: Any, keys: Sequence[str] = (), allow_full: bool = True) -> list[Any]:
        """Run an operation of the script. Raises StoreGone, StoreRefused, Restarted, Fenced."""
        words = (len(self._keys) + len(keys), *self._keys, *keys, operation, *values)
        try:
            answer: list[Any] = self._ask("EVALSHA", self._hashes[allow_full], *words)
        except NoScriptError:
            self.disconnect()
            raise StoreGone("Redis was started anew") from None
        if answer[0] == b"restarted":
            raise Restarted
        if answer[0] == b"unknown":
            raise Fenced("the others have given this node up")
        return answer

    def _ask(self, *words: Any) -> Any:
        """Send a command and return its answer. Raises StoreGone, and StoreRefused if Redis says no."""
        try:
            return self._command(*words)
        except NoScriptError:
            raise
        except (*_GONE, OSError) as error:
            self.disconnect()
            raise StoreGone(_why(error)) from None
        except ResponseError as error:
            raise StoreRefused(_why(error)) from None

    def _command(self, *words: Any) -> Any:
        if self._asks is None or self._asks._sock is None:
            raise exceptions.ConnectionError("not connected")
        self._asks.send_command(*words)
        return self._asks.read_response(disable_decoding=True)


def _entry(found: Any) -> Entry:
    id, fields = found
    first, count = id.split(b"-")
    values = dict(zip(fields[::2], fields[1::2], strict=True))
    return Entry(int(first), int(count), int(values[b"n"]), int(values[b"b"]), int(values[b"t"]), values[b"d"])


def _why(error: Exception) -> str:
    """Say in one line what is wrong."""
    text = " ".join(str(error).split())
    if isinstance(error, exceptions.OutOfMemoryError) or (isinstance(error, ResponseError) and "OOM" in text):
        return "Redis has no memory left"
    if isinstance(error, ResponseError) and "MISCONF" in text:
        return "Redis cannot write to its disk"
    return text[:200].rstrip(".") or type(error).__name__
