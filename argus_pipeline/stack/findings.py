"""What `argus doctor` says of one thing that it looked at."""

from __future__ import annotations

from dataclasses import dataclass
from enum import StrEnum


class Level(StrEnum):
    """How a check ended."""

    OK = "ok"
    WARN = "warn"  # something works less well, or is only needed by some
    FAIL = "fail"  # Argus does not work without it


@dataclass(frozen=True, slots=True)
class Finding:
    """One finding: what was looked at, what is so, and what to do where it is not well."""

    level: Level
    name: str
    what: str
    fix: str = ""


def ok(name: str, what: str) -> Finding:
    """All is well."""
    return Finding(Level.OK, name, what)


def warn(name: str, what: str, fix: str) -> Finding:
    """Argus works, but not as well as it could."""
    return Finding(Level.WARN, name, what, fix)


def fail(name: str, what: str, fix: str) -> Finding:
    """Argus does not work."""
    return Finding(Level.FAIL, name, what, fix)
