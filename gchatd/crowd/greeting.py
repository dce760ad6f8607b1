"""Whether a gchat answers at an address: comes as a client does, hears the greeting, and leaves."""

from __future__ import annotations

import contextlib
import selectors
import socket
import time
from typing import TYPE_CHECKING, Final

from ..errors import GchatError

if TYPE_CHECKING:
    from collections.abc import Callable

    from .where import Target

GREETING: Final = b"server: Input username."
GREETING_SECONDS: Final = 10.0
"""What a server says first, and how long that may take."""

CALLERS: Final = 16
"""How many callers there are for each of several workers. The kernel deals them out at random: that one worker of six
gets none happens once in a million starts.
"""


class CrowdError(GchatError):
    """The show cannot go on. The text is one line that says why."""


def check_greeting(target: Target) -> None:
    """Connect once. Raises CrowdError if that fails, or if what answers is not gchat."""
    heard = b""
    try:
        with socket.create_connection((target.host, target.port), GREETING_SECONDS) as probe:
            while not heard.endswith(b"\n") and len(heard) < 100 and (more := probe.recv(100)):
                heard += more
    except TimeoutError:
        pass  # connected or not, nothing came
    except ConnectionRefusedError:
        raise CrowdError(f"--connect {target.name}: no server is listening there") from None
    except OSError as error:
        raise CrowdError(f"--connect {target.name}: {(error.strerror or str(error)).lower()}") from None
    if heard.rstrip() != GREETING:
        raise CrowdError(f"--connect {target.name}: no gchat server answers there")


def all_greet(address: tuple[str, int], workers: int, seconds: float, lives: Callable[[], bool]) -> bool:
    """Wait until every worker behind an address has greeted somebody, and has noticed that they have left.

    Until a worker has started, whoever comes to it waits at a socket that its supervisor has opened. Calls `lives` now
    and then: as soon as that is false, or when `seconds` have gone by, the answer is False.
    """
    until = time.monotonic() + seconds
    with contextlib.ExitStack() as leaving, selectors.DefaultSelector() as waiting:
        try:
            for _ in range(CALLERS * workers):
                caller = leaving.enter_context(socket.create_connection(address, seconds))
                waiting.register(caller, selectors.EVENT_READ, (caller, bytearray()))
            while waiting.get_map():
                if time.monotonic() > until or not lives():
                    return False
                for key, _ in waiting.select(0.1):
                    if not _still_waits(*key.data):
                        waiting.unregister(key.fileobj)
        except OSError:
            return False
    return True


def _still_waits(caller: socket.socket, heard: bytearray) -> bool:
    """Read what a caller is sent. Once greeted, they leave. Raises OSError if the server hangs up on them before."""
    more = caller.recv(100)
    heard += more
    if not more:
        if heard.rstrip() != GREETING:
            raise ConnectionError("not greeted")
        return False
    if heard.endswith(b"\n"):
        caller.shutdown(socket.SHUT_WR)
    return True
