"""A clock that can be set back for Dagster's processes only, by libfaketime where there is one.

A time namespace is not enough, since it leaves the wall clock alone, and setting the machine's own
clock would set it back for everybody. libfaketime (the wheel `libfaketime`, or the system's) is
loaded before the C library and reads its offset from a file. Version 0.9.10, which Debian 12 has,
makes every `time.sleep` of Python 3.11 fail with EINVAL once the monotonic clock is left alone, so
each one that is found has to show first that a process can sleep under it.
"""

from __future__ import annotations

import importlib.util
import os
import subprocess
import sys
import tempfile
import time
from collections.abc import Mapping
from pathlib import Path
from typing import Final

_PLACES: Final = (
    "/usr/lib/x86_64-linux-gnu/faketime/libfaketimeMT.so.1",
    "/usr/lib/aarch64-linux-gnu/faketime/libfaketimeMT.so.1",
    "/usr/lib/faketime/libfaketimeMT.so.1",
)
HINT: Final = (
    "no libfaketime here that lets a process sleep: `pip install libfaketime`, "
    "or name one with CHAOS_FAKETIME"
)


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
        return _environment(self.library, self._file)

    def set_back(self, seconds: int) -> None:
        """Set it back by so many seconds; 0 is the right time."""
        beside = self._file.with_suffix(".new")
        beside.write_text(f"-{seconds}s\n" if seconds else "+0\n")
        beside.chmod(0o644)
        beside.replace(self._file)


def find_library() -> Path | None:
    """libfaketime: by CHAOS_FAKETIME, of the Python package, or of the system; one that works."""
    named = os.environ.get("CHAOS_FAKETIME")
    places = [Path(named)] if named else []
    package = importlib.util.find_spec("libfaketime")
    if not named and package is not None and package.origin:
        places += sorted(Path(package.origin).parent.rglob("libfaketime*.so.1"))
    if not named:
        places += [Path(place) for place in _PLACES]
    return next((place for place in places if place.is_file() and _works(place)), None)


def _environment(library: Path, offset: Path) -> Mapping[str, str]:
    return {
        "LD_PRELOAD": str(library),
        "FAKETIME_TIMESTAMP_FILE": str(offset),
        "FAKETIME_CACHE_DURATION": "1",
        # Waits go by the monotonic clock, which never jumps.
        "FAKETIME_DONT_FAKE_MONOTONIC": "1",
        "DONT_FAKE_MONOTONIC": "1",
    }


def _works(library: Path) -> bool:
    """Whether a process under it can sleep, and sees a clock that is an hour slow."""
    with tempfile.TemporaryDirectory() as folder:
        offset = Path(folder) / "offset"
        offset.write_text("-3600s\n")
        done = subprocess.run(
            [sys.executable, "-c", "import time; time.sleep(0.01); print(time.time())"],
            env={**os.environ, **_environment(library, offset)},
            capture_output=True,
            text=True,
            timeout=30,
            check=False,
        )
    return done.returncode == 0 and abs(time.time() - 3600 - float(done.stdout)) < 60
