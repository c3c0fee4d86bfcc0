"""Folders for what a step works on, which do not outlive a process that was killed for long."""

from __future__ import annotations

import fcntl
import os
import shutil
import tempfile
import time
from collections.abc import Iterator
from contextlib import contextmanager, suppress
from pathlib import Path
from typing import Final

_PREFIX: Final = "argus-scratch-"
_LOCK: Final = ".in-use"
_NEW_S: Final = 60.0
"""So young a folder may not be locked yet."""


@contextmanager
def scratch_folder() -> Iterator[Path]:
    """A folder of one's own below TMPDIR, removed in the end.

    Who is killed leaves it behind, with tables of gigabytes. So each call first removes those that
    nobody uses any more: a user holds a lock, which the system takes back with the process and what
    it forked.
    """
    _remove_abandoned(Path(tempfile.gettempdir()))
    with (
        tempfile.TemporaryDirectory(prefix=_PREFIX) as name,
        (Path(name) / _LOCK).open("wb") as lock,
    ):
        fcntl.flock(lock, fcntl.LOCK_EX)
        yield Path(name)


def _remove_abandoned(parent: Path) -> None:
    for folder in parent.glob(f"{_PREFIX}*"):
        # Another user's, or one that another process removes at this moment, is left to them.
        with suppress(OSError):
            about = folder.lstat()
            if about.st_uid == os.geteuid() and time.time() - about.st_mtime > _NEW_S:
                _remove_unlocked(folder)


def _remove_unlocked(folder: Path) -> None:
    try:
        with (folder / _LOCK).open("r+b") as lock:
            fcntl.flock(lock, fcntl.LOCK_EX | fcntl.LOCK_NB)
    except FileNotFoundError:
        pass  # killed before it was there
    shutil.rmtree(folder)
