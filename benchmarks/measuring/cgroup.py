"""A group of processes that Linux counts the CPU time of, and can hold to a share of a core.

Both versions of control groups, since distributions still have either. It takes root.
"""

from __future__ import annotations

import os
from collections.abc import Iterator
from contextlib import contextmanager, suppress
from pathlib import Path
from typing import Final

_ROOT: Final = Path("/sys/fs/cgroup")
_PERIOD_US: Final = 100_000


class Group:
    """One group; `remove` it when its processes are gone or moved."""

    def __init__(self, name: str) -> None:
        self._version_2 = (_ROOT / "cgroup.controllers").exists()
        controllers = ("",) if self._version_2 else ("cpu", "cpuacct")
        self._folders = [_ROOT / controller / name for controller in controllers]
        if self._version_2:
            with suppress(OSError):  # it is on already, or the limit will say that it is not
                (_ROOT / "cgroup.subtree_control").write_text("+cpu")
        for folder in self._folders:
            folder.mkdir()

    def add(self, pid: int) -> None:
        """Put a process into it; what it starts from then on is in it, too."""
        for folder in self._folders:
            (folder / "cgroup.procs").write_text(str(pid))

    def release(self, pid: int) -> None:
        """Take a process out of it; what it started stays in."""
        for folder in self._folders:
            (folder.parent / "cgroup.procs").write_text(str(pid))

    def limit(self, cores: float | None) -> None:
        """Hold all of it together to a share of a core, or to nothing."""
        quota = None if cores is None else round(cores * _PERIOD_US)
        if self._version_2:
            text = f"{'max' if quota is None else quota} {_PERIOD_US}"
            (self._folders[0] / "cpu.max").write_text(text)
        else:
            (self._folders[0] / "cpu.cfs_period_us").write_text(str(_PERIOD_US))
            (self._folders[0] / "cpu.cfs_quota_us").write_text(str(-1 if quota is None else quota))

    def cpu_s(self) -> float:
        """CPU seconds that it has taken, those of processes that are gone included."""
        if self._version_2:
            lines = (self._folders[0] / "cpu.stat").read_text().splitlines()
            return int(dict(line.split() for line in lines)["usage_usec"]) / 1e6
        return int((self._folders[1] / "cpuacct.usage").read_text()) / 1e9

    def remove(self) -> None:
        """Move what is left of it out, and remove it."""
        for folder in self._folders:
            for pid in (folder / "cgroup.procs").read_text().split():
                with suppress(OSError):
                    (folder.parent / "cgroup.procs").write_text(pid)
            folder.rmdir()


@contextmanager
def counted(name: str) -> Iterator[Group]:
    """A group with this process, and with everything that it starts."""
    group = Group(f"{name}-{os.getpid()}")
    group.add(os.getpid())
    try:
        yield group
    finally:
        group.remove()
