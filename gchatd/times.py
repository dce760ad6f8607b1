"""Moments, as people write them and read them. They are kept in milliseconds since 1970, UTC, and shown in UTC."""

from __future__ import annotations

import re
import time
from datetime import UTC, datetime, timedelta

from .errors import UserError


def parse(text: str, at: datetime | None = None) -> int:
    """Read `2026-11-22`, `2026-11-22 18:30`, or `18:30` (the last time it was so late). UTC unless it says otherwise.

    Seconds and an offset (`18:30:05+02:00`) may follow. Gives milliseconds since 1970; raises UserError.
    """
    today = at or datetime.now(UTC)
    try:
        moment = datetime.fromisoformat(text.strip())
        if moment.tzinfo is None:
            moment = moment.replace(tzinfo=UTC)
        return int(moment.timestamp() * 1000)
    except (ValueError, OverflowError):
        pass
    try:
        moment = datetime.fromisoformat(f"{today.date()}T{text.strip()}")
    except ValueError:
        raise UserError(f"That is not a time: {text}. Try 18:30, 2026-11-22 or 2026-11-22 18:30 (UTC).") from None
    if moment.tzinfo is None:
        moment = moment.replace(tzinfo=UTC)
    while moment > today:
        moment -= timedelta(days=1)
    return int(moment.timestamp() * 1000)


def parse_offset(text: str) -> int:
    """Read how far a clock is from UTC, such as `+02:00` or `-3`; give minutes. Raises UserError."""
    match = re.fullmatch(r"([+-])(\d{1,2})(?::?([0-5]\d))?", text)
    minutes = int(match[2]) * 60 + int(match[3] or 0) if match is not None else 0
    if match is None or minutes > 14 * 60 or minutes % 15:
        raise UserError(f"That is not how far a clock is from UTC: {text}. Try +02:00.")
    return -minutes if match[1] == "-" else minutes


def now() -> int:
    """Give the moment that it is."""
    return time.time_ns() // 1_000_000


def day(at: int) -> int:
    """Give the number of the day of a moment."""
    return at // 86_400_000


def show(at: int, today: int) -> str:
    """Give a moment as hours and minutes, with the date in front if it was not on the day with the number `today`."""
    return datetime.fromtimestamp(at / 1000, UTC).strftime("%H:%M" if day(at) == today else "%Y-%m-%d %H:%M")


def show_fully(at: int) -> str:
    """Give a moment as date and time, to the second."""
    return datetime.fromtimestamp(at / 1000, UTC).strftime("%Y-%m-%d %H:%M:%S")


def duration(seconds: float) -> str:
    """Give how long something took as people say it: `5 s`, `3 min`, `2 h 5 min`, `3 d 2 h`."""
    minutes, hours, days = int(seconds // 60), int(seconds // 3600), int(seconds // 86400)
    if days:
        return f"{days} d {hours % 24} h"
    if hours:
        return f"{hours} h {minutes % 60} min"
    return f"{minutes} min" if minutes else f"{int(seconds)} s"
