"""Firmware versions, compared as versions: `v2.10` comes after `v2.9`.

A version becomes a key, a tuple of whole numbers. Tuples in Python and `bigint[]` in Postgres
have the same order, so a range can be filtered in SQL.

The key is the numbers without trailing zeros, then a phase below every number, then the number of
that phase: `v2.3.1-rc2` is (2, 3, 1, -3, 2) and `v2.3.1` is (2, 3, 1, -2). So a version comes after
its pre-releases, and before its hot fixes and before everything that has one number more.

`v2.%` stands for every version whose first number is 2: an interval of keys.
"""

from __future__ import annotations

import re
from typing import Final

_RELEASE: Final = -2
_PHASES: Final = {
    "dev": -6,
    "snapshot": -6,
    "alpha": -5,
    "a": -5,
    "beta": -4,
    "b": -4,
    "rc": -3,
    "c": -3,
    "pre": -3,
    "preview": -3,
    "post": -1,
    "hotfix": -1,
    "patch": -1,
    "hf": -1,
}
_VERSION = re.compile(
    r"\s*(?:(?:v|ver|version|fw|firmware|sw|release|rel)[-_. ]?)?"
    r"(?P<numbers>\d+(?:\.\d+)*)(?P<rest>.*)",
    re.IGNORECASE | re.DOTALL,
)
_PHASE = re.compile(r"[-_.~ ]?(?P<word>[a-z]+)[-_. ]?(?P<number>\d{0,18})(?![0-9])", re.IGNORECASE)
# 18 decimal digits fit into Postgres's bigint, whatever they are.
_MAX_DIGITS: Final = 18
# The largest number of Postgres's bigint: above every number that a version can have.
_TOP: Final = 2**63 - 1
_PREFIX: Final = ".%"

Key = tuple[int, ...]
Span = tuple[Key, Key]
"""The lowest and the highest key of an interval, both inclusive."""


def version_key(text: str) -> Key | None:
    """The sort key of a firmware version, or None for a text that is no version.

    `v`, `sw-` and the like in front are ignored, and so is a suffix that names no phase:
    `v2.3.1-J7` and `v2.3.1+build5` are builds of `v2.3.1`.
    """
    found = _VERSION.fullmatch(text)
    if found is None:
        return None
    parts = found["numbers"].split(".")
    if any(len(part) > _MAX_DIGITS for part in parts):
        return None
    numbers = [int(part) for part in parts]
    while numbers and numbers[-1] == 0:
        numbers.pop()
    return (*numbers, *_phase(found["rest"]))


def version_span(text: str) -> Span | None:
    """The keys that a version, or a prefix such as `v2.%`, stands for; None for any other text."""
    if not text.strip().endswith(_PREFIX):
        key = version_key(text)
        return None if key is None or "%" in text else (key, key)
    found = _VERSION.fullmatch(text.strip().removesuffix(_PREFIX))
    if found is None or found["rest"] or version_key(found[0]) is None:
        return None
    numbers = [int(part) for part in found["numbers"].split(".")]
    highest = (*numbers, _TOP)
    while numbers and numbers[-1] == 0:
        numbers.pop()
    # Pre-releases have a key below that of the release, and above its numbers alone.
    return tuple(numbers), highest


def is_prefix(text: str) -> bool:
    """Whether a text stands for all versions that begin alike, as `v2.%` does."""
    return text.strip().endswith(_PREFIX) and version_span(text) is not None


def overlaps(span: Span | None, minimum: Key | None, maximum: Key | None) -> bool:
    """Whether any version of a span lies between two bounds, as `in_range` has it for one."""
    if span is None:
        return minimum is None and maximum is None
    return (minimum is None or minimum <= span[1]) and (maximum is None or span[0] <= maximum)


def in_range(
    key: Key | None,
    minimum: Key | None,
    maximum: Key | None,
) -> bool:
    """Whether a version lies between two bounds, both inclusive; None as a bound is no bound.

    A version that is unknown (None) lies within no bound, but within a range without any.
    """
    return overlaps(None if key is None else (key, key), minimum, maximum)


def _phase(rest: str) -> tuple[int, ...]:
    found = _PHASE.match(rest)
    phase = _PHASES.get(found["word"].lower()) if found else None
    if found is None or phase is None:
        return (_RELEASE,)
    return (phase, int(found["number"] or 0))
