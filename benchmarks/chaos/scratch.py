"""The work folder of the stack, small enough to be filled up."""

from __future__ import annotations

import contextlib
import os
import subprocess
from pathlib import Path
from typing import Final

# Argus itself keeps 512 MiB free.
MEGABYTES: Final = 768


class Scratch:
    """A file system in memory where this process may mount one, and a plain folder else."""

    def __init__(self, folder: Path) -> None:
        self.folder = folder
        self.is_small = False

    def make(self) -> None:
        """Make it."""
        self.folder.mkdir(parents=True)
        with contextlib.suppress(OSError):
            done = subprocess.run(
                ["mount", "-t", "tmpfs", "-o", f"size={MEGABYTES}m", "argus-chaos", self.folder],
                capture_output=True,
            )
            self.is_small = done.returncode == 0
        self.folder.chmod(0o1777)

    def fill(self) -> None:
        """Leave no byte free."""
        with (self.folder / "filler").open("wb") as file:
            with contextlib.suppress(OSError):
                while True:
                    file.write(bytes(1 << 20))
                    file.flush()
            with contextlib.suppress(OSError):
                os.write(file.fileno(), bytes(4096))

    def clear(self) -> None:
        """Give the room back."""
        (self.folder / "filler").unlink(missing_ok=True)

    def end(self) -> None:
        """Unmount it."""
        if self.is_small:
            subprocess.run(["umount", "--lazy", self.folder], capture_output=True, check=False)
