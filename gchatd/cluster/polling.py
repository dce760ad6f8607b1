"""Waiting for descriptors, in a native thread. Knows nothing else."""

from __future__ import annotations

import select
from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from collections.abc import Sequence


def readable(descriptors: Sequence[int], seconds: float) -> set[int]:
    """Wait until one of some descriptors is readable or has failed, or for so long; return those that are.

    (`select` would refuse descriptors above 1023, of which a server with many clients has nothing else.)
    """
    poll = select.poll()
    for descriptor in descriptors:
        poll.register(descriptor, select.POLLIN)
    return {descriptor for descriptor, _ in poll.poll(max(0.0, seconds) * 1000)}
