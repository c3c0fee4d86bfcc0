"""A clock that can be set back for Dagster's processes only, by libfaketime where there is one.

A time namespace is not enough, since it leaves the wall clock alone, and setting the machine's own
clock would set it back for everybody. libfaketime (`apt install libfaketime`, or the wheel
`libfaketime`) is loaded before the C library and reads its offset from a file.
"""

from __future__ import annotations

import importlib.util
import os
from collections.abc import Mapping
from pathlib import Path
from typing import Final

_PLACES: Final = (
    "/usr/lib/x86_64-linux-gnu/faketime/libfaketimeMT.so.1",
    "/usr/lib/aarch64-linux-gnu/faketime/libfaketimeMT.so.1",
    "/usr/lib/faketime/libfaketimeMT.so.1",
)
HINT: Final = "no libfaketime here: `apt install libfaketime`, or name one with CHAOS_FAKETIME"


class Clock:
    """The offset of the processes' clock; without a libfaketime it cannot be set."""

    def __init__(self, file: Path) -> None:
        self._file = file
        self.library = find_library()

    def environment(self) -> Mapping[str, str]:
        """What processes need to follow this clock."""
        if self.library is None:
            return {}
        self.set_back(0)
        return {
            "LD_PRELOAD": str(self.library),
            "FAKETIME_TIMESTAMP_FILE": str(self._file),
            "FAKETIME_CACHE_DURATION": "1",
            # Waits go by the monotonic clock, which never jumps.
            "FAKETIME_DONT_FAKE_MONOTONIC": "1",
            "DONT_FAKE_MONOTONIC": "1",
        }

    def set_back(self, seconds: int) -> None:
        """Set it back by so many seconds; 0 is the right time."""
        beside = self._file.with_suffix(".new")
        beside.write_text(f"-{seconds}s\n" if seconds else "+0\n")
        beside.chmod(0o644)
        beside.replace(self._file)


def find_library() -> Path | None:
    """libfaketime: by CHAOS_FAKETIME, of the system, or of the Python package."""
    named = os.environ.get("CHAOS_FAKETIME")
    places = [Path(named)] if named else [Path(place) for place in _PLACES]
    package = importlib.util.find_spec("libfaketime")
    if package is not None and package.origin:
        places += sorted(Path(package.origin).parent.rglob("libfaketime*.so.1"))
    return next((place for place in places if place.is_file()), None)
