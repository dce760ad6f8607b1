"""Moments, as people write and read them. They are kept in milliseconds since 1970, UTC."""

from __future__ import annotations

import math
import re
import time
from datetime import UTC, datetime, timedelta, timezone

from ..errors import NotATimeError

DAY = 86_400_000
"""Milliseconds of a day."""

_SECONDS = {"s": 1, "m": 60, "h": 3600, "d": 86400, "w": 604800}


def parse(text: str, at: datetime | None = None, offset: int = 0) -> int:
    """Read `2026-11-22`, `2026-11-22 18:30`, or `18:30` (the last time the clock showed that).

    Seconds and an offset (`18:30:05+02:00`) may follow; else it is the time of a zone so many minutes from UTC. `at` is
    the moment that it is. Gives milliseconds since 1970; raises NotATimeError.
    """
    zone = timezone(timedelta(minutes=offset))
    now = (at or datetime.now(UTC)).astimezone(zone)
    try:
        return _milliseconds(datetime.fromisoformat(text.strip()), zone)
    except (ValueError, OverflowError):
        pass
    try:
        moment = _milliseconds(datetime.fromisoformat(f"{now.date()}T{text.strip()}"), zone)
    except (ValueError, OverflowError):
        where = "in your time zone" if offset else "UTC"
        right = f"Try 18:30, 2026-11-22 or 2026-11-22 18:30 ({where})"
        raise NotATimeError(f"That is not a time: {text}. {right}.") from None
    days_ahead = math.ceil((moment - now.timestamp() * 1000) / DAY)
    return moment - max(0, days_ahead) * DAY


def _milliseconds(moment: datetime, zone: timezone) -> int:
    """Give the milliseconds since 1970 until a moment; if it names no zone, it is in this one. Raises ValueError."""
    if not 1 < moment.year < 9999:  # else there are zones in which it cannot be shown
        raise ValueError
    return int((moment if moment.tzinfo is not None else moment.replace(tzinfo=zone)).timestamp() * 1000)


def parse_since(text: str, at: int | None = None) -> int:
    """Read how long ago something was (`30m`, `1h`, `2d`), or what `parse` reads. `at` is the moment that it is.

    Gives milliseconds since 1970; raises NotATimeError.
    """
    ago = re.fullmatch(r"\s*(\d{1,9}) ?([smhdw])\s*", text, re.ASCII | re.IGNORECASE)
    if ago is None:
        try:
            return parse(text)
        except NotATimeError as error:
            raise NotATimeError(str(error).replace("Try ", "Try 1h, ")) from None
    return (now() if at is None else at) - int(ago[1]) * 1000 * _SECONDS[ago[2].lower()]


def parse_offset(text: str) -> int:
    """Read an offset from UTC, such as `+02:00` or `-3`, and give it in minutes. Raises NotATimeError."""
    match = re.fullmatch(r"([+-])(\d{1,2})(?::?([0-5]\d))?", text)
    minutes = int(match[2]) * 60 + int(match[3] or 0) if match is not None else 0
    if match is None or minutes > 14 * 60 or minutes % 15:
        raise NotATimeError(f"That is not a time zone: {text}. Try +02:00.")
    return -minutes if match[1] == "-" else minutes


def now() -> int:
    """Give the current time."""
    return time.time_ns() // 1_000_000


def day(at: int) -> int:
    """Give the number of the day of a moment."""
    return at // DAY


def brief(at: int, today: int) -> str:
    """Give a moment as hours and minutes, with the date first unless it was on the day with the number `today`."""
    return datetime.fromtimestamp(at / 1000, UTC).strftime("%H:%M" if day(at) == today else "%Y-%m-%d %H:%M")


def in_full(at: int) -> str:
    """Give a moment as date and time, to the second."""
    return datetime.fromtimestamp(at / 1000, UTC).strftime("%Y-%m-%d %H:%M:%S")


def duration(seconds: float) -> str:
    """Give a duration as people say it: `5 s`, `3 min`, `2 h 5 min`, `3 d 2 h`."""
    minutes, hours, days = int(seconds // 60), int(seconds // 3600), int(seconds // 86400)
    if days:
        return f"{days} d {hours % 24} h"
    if hours:
        return f"{hours} h {minutes % 60} min"
    return f"{minutes} min" if minutes else f"{int(seconds)} s"
