"""Counts, shares and times as people read them."""

from __future__ import annotations

from collections.abc import Mapping
from datetime import UTC, datetime
from typing import Final

UNKNOWN: Final = "-"
NANOSECONDS: Final = 1_000_000_000


def spoken_id(value: str | int | None) -> str:
    """An id, or a dash where there is none."""
    return UNKNOWN if value is None else str(value) or UNKNOWN


def counted(count: int, what: str) -> str:
    """Such as `1 fault` and `2 faults`."""
    return f"{count:,} {what}" + ("" if count == 1 else "s")


def listing(counts: Mapping[str, int]) -> str:
    """Such as `error 2, warn 3`."""
    return ", ".join(f"{name} {count:,}" for name, count in counts.items())


def percent(part: int, whole: int) -> str:
    """A share, with as many digits as say something."""
    share = 100 * part / whole if whole else 0.0
    if 0 < share < 0.01:
        return "<0.01 %"
    return f"{share:.2f} %" if share < 1 else f"{share:.1f} %"


def moment(nanoseconds: int | None) -> str:
    """A time in UTC to the second, or a dash."""
    if nanoseconds is None:
        return UNKNOWN
    return f"{datetime.fromtimestamp(nanoseconds // NANOSECONDS, UTC):%Y-%m-%d %H:%M:%S}"


def until(start: int | None, end: int | None) -> str:
    """The moment that something ended; without its date where that is the one it began on."""
    from_day, _, _ = moment(start).partition(" ")
    day, _, time = moment(end).partition(" ")
    return time if time and day == from_day else moment(end)


def duration(seconds: float) -> str:
    """Such as `12.5 s`, `0:19:58` and `2d 3:00:00`."""
    if seconds < 60:
        return f"{seconds:.1f} s"
    minutes, second = divmod(int(seconds), 60)
    hours, minute = divmod(minutes, 60)
    days, hour = divmod(hours, 24)
    return (f"{days}d " if days else "") + f"{hour}:{minute:02}:{second:02}"
