"""How many connections there may be: from one address, and in all. Knows no sockets.

An address is an IPv4 address, or the 64 bits of an IPv6 one that name a network: whoever has one address of it has all.
"""

from __future__ import annotations

import time
from collections import Counter, deque
from functools import lru_cache
from ipaddress import IPv4Address, IPv6Address, ip_address, ip_network
from itertools import islice
from typing import TYPE_CHECKING, Final

if TYPE_CHECKING:
    from collections.abc import Iterable

LATELY_SECONDS: Final = 600.0
LATELY_TIMES: Final = 4
"""In LATELY_SECONDS an address may connect so many times as often as it may be connected at once."""

MOST_KNOWN: Final = 50_000
"""Of how many addresses it is known how often they connected lately. Beyond that, who came longest ago is forgotten."""


class Addresses:
    """Who is connected, and how often each address came lately. `most` is how many may be in all; 0: any number."""

    def __init__(self, per_address: int, exempt: Iterable[str] = (), most: int = 0) -> None:
        self.count = 0
        self.turned_away: Counter[str] = Counter()
        """How many were, by the reason in a word."""
        self._here: Counter[str] = Counter()  # those that are exempt, too: they may not be for ever
        self._lately: dict[str, deque[float]] = {}  # when each came, within LATELY_SECONDS; who came last is last
        self._key = lru_cache(maxsize=1024)(network_of)
        self.configure(per_address, exempt, most)

    def configure(self, per_address: int, exempt: Iterable[str] = (), most: int = 0) -> None:
        """Go by other limits from now on. Whoever is here stays."""
        self._per_address = per_address
        self._most = most
        networks = [ip_network(network) for network in exempt]

        @lru_cache(maxsize=1024)
        def is_exempt(host: str) -> bool:
            address = _address(host)
            return any(address in network for network in networks if network.version == address.version)

        self._is_exempt = is_exempt

    def refusal(self, host: str) -> str:
        """Return why one more connection from this host cannot be, as a sentence; nothing if it can, and is counted."""
        if self._most and self.count >= self._most:
            self.turned_away["full"] += 1
            return "This server is full. Try again later."
        refusal = self.enter(host)
        self.count += not refusal
        return refusal

    def enter(self, host: str) -> str:
        """Do what `refusal` does for a client behind a proxy, whose connection is counted already."""
        key = self._key(host)
        if key and not self._is_exempt(host):
            if self._here[key] >= self._per_address:
                self.turned_away["address"] += 1
                return "There are too many connections from your address."
            if not self._came_seldom(key):
                self.turned_away["address_lately"] += 1
                return "There were too many connections from your address lately. Try again in ten minutes."
        if key:
            self._here[key] += 1
        return ""

    def leave(self, host: str) -> None:
        """Note that a connection that was counted has ended."""
        self.count -= 1
        self.exit(host)

    def exit(self, host: str) -> None:
        """Note that a client that entered behind a proxy is gone."""
        if key := self._key(host):
            self._here[key] -= 1
            if not self._here[key]:
                del self._here[key]

    def _came_seldom(self, key: str) -> bool:
        """Note that an address comes, unless it did so too often lately; tell whether it may."""
        now = time.monotonic()
        self._forget(now - LATELY_SECONDS)
        came = self._lately.pop(key, None) or deque()
        while came and came[0] <= now - LATELY_SECONDS:
            came.popleft()
        may = len(came) < LATELY_TIMES * self._per_address
        if may:
            came.append(now)
        self._lately[key] = came
        return may

    def _forget(self, since: float) -> None:
        """Forget two addresses, if they did not come since then, or are too many: faster than new ones can come."""
        for key in list(islice(self._lately, 2)):
            came = self._lately[key]
            if len(self._lately) < MOST_KNOWN and came and came[-1] > since:
                return
            del self._lately[key]


def _address(host: str) -> IPv4Address | IPv6Address:
    """Read an address of the internet. Raises ValueError for any other, such as a Unix socket's."""
    address = ip_address(host.partition("%")[0])
    return (address.ipv4_mapped or address) if isinstance(address, IPv6Address) else address


def network_of(host: str) -> str:
    """Return what connections from this host are counted under; nothing for one that is nowhere on the internet."""
    try:
        address = _address(host)
    except ValueError:
        return ""
    return str(address) if isinstance(address, IPv4Address) else f"{int(address) >> 64:x}"
