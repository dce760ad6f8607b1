"""Closes those who do not say who they are in time, and those who say nothing for too long. Knows no sockets."""

from __future__ import annotations

import time
from collections import Counter
from typing import TYPE_CHECKING, Final

from ..chat.answers import IdleTooLong, NoNameYet
from ..text.phrases import plainly

if TYPE_CHECKING:
    from ..delivery.listener import Listener
    from ..delivery.sessions import Sessions
    from ..errors import Refusal
    from ..settings import Limits

IDLE_SWEEP_SECONDS: Final = 1.0
"""How often all sessions are looked at, where `limits.idle` asks for it: 18,000 take a millisecond."""


class Deadlines:
    """What clients have to do in time. One for all: a client that waits costs no timer."""

    def __init__(self, sessions: Sessions, limits: Limits) -> None:
        self.closed: Counter[str] = Counter()
        """How many were closed, by the setting that they did not keep to."""
        self._sessions = sessions
        self._look_for_idle_at = 0.0
        self.configure(limits)

    def configure(self, limits: Limits) -> None:
        """Go by these limits from now on, for those who are here, too."""
        self._login_seconds = limits.login_seconds
        self._idle_seconds = limits.idle

    def close_late(self) -> None:
        """Close every client whose deadline has passed. To be called now and then; never switches."""
        now = time.monotonic()
        if self._login_seconds:
            self._close_nameless(now - self._login_seconds)
        if self._idle_seconds and now >= self._look_for_idle_at:
            self._look_for_idle_at = now + IDLE_SWEEP_SECONDS
            self._close_idle(now - self._idle_seconds)

    def _close_nameless(self, since: float) -> None:
        late = []
        for session, came_at in self._sessions.nameless.items():
            if came_at > since:
                break  # they are in the order in which they came
            late.append(session)
        for session in late:
            del self._sessions.nameless[session]
            seconds = self._login_seconds
            self.closed["login_seconds"] += 1
            self._close(session, NoNameYet(seconds), f"gave no name for {plainly(seconds)} s (limits.login_seconds)")

    def _close_idle(self, since: float) -> None:
        for session in list(self._sessions.by_id.values()):
            if session.user is not None and session.active_at < since and not session.outbox.failed:
                seconds = self._idle_seconds
                self.closed["idle"] += 1
                self._close(session, IdleTooLong(seconds), f"typed nothing for {plainly(seconds)} s (limits.idle)")

    def _close(self, session: Listener, refusal: Refusal, why: str) -> None:
        """Tell a client why it is closed, and close it."""
        session.outbox.display(session.format.frame(session.format.refuse(refusal)))
        session.outbox.fail(why)
