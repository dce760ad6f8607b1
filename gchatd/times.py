"""Moments, as people write them and read them. They are kept in milliseconds since 1970, UTC, and shown in UTC."""

from __future__ import annotations

import time
from datetime import UTC, datetime, timedelta

from .errors import UserError


def parse(text: str, now: datetime | None = None) -> int:
    """Read `2026-11-22`, `2026-11-22 18:30`, or `18:30` (the last time it was so late). UTC unless it says otherwise.

    Seconds and an offset (`18:30:05+02:00`) may follow. Gives milliseconds since 1970; raises UserError.
    """
    now = now or datetime.now(UTC)
    try:
        moment = datetime.fromisoformat(text.strip())
        if moment.tzinfo is None:
            moment = moment.replace(tzinfo=UTC)
        return int(moment.timestamp() * 1000)
    except (ValueError, OverflowError):
        pass
    try:
        moment = datetime.fromisoformat(f"{now.date()}T{text.strip()}")
    except ValueError:
        raise UserError(f"That is not a time: {text}. Try 18:30, 2026-11-22 or 2026-11-22 18:30 (UTC).") from None
    if moment.tzinfo is None:
        moment = moment.replace(tzinfo=UTC)
    while moment > now:
        moment -= timedelta(days=1)
    return int(moment.timestamp() * 1000)


def day(at: int | None = None) -> int:
    """Give the number of the day of a moment, or of today."""
    return (time.time_ns() // 1_000_000 if at is None else at) // 86_400_000


def show(at: int, today: int) -> str:
    """Give a moment as hours and minutes, with the date in front if it was not on the day with the number `today`."""
    return datetime.fromtimestamp(at / 1000, UTC).strftime("%H:%M" if day(at) == today else "%Y-%m-%d %H:%M")


def show_fully(at: int) -> str:
    """Give a moment as date and time, to the second."""
    return datetime.fromtimestamp(at / 1000, UTC).strftime("%Y-%m-%d %H:%M:%S")
