"""The `tail` that Dagster starts for the logs of a run."""

from __future__ import annotations

import subprocess
import time
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path

import psutil


@contextmanager
def tail_of_logs(folder: Path, run_id: str) -> Iterator[subprocess.Popen[bytes]]:
    """One that copies logs in `folder`, for as long as a `with` lasts."""
    log = folder / "storage" / run_id / "compute_logs" / "steps.out"
    log.parent.mkdir(parents=True)
    log.touch()
    command = ["tail", "-F", "-c", "+0", str(log)]
    with subprocess.Popen(command, stdout=subprocess.DEVNULL) as process:
        try:
            # Its name and arguments are there a moment after Popen returns.
            while psutil.Process(process.pid).cmdline() != command:
                time.sleep(0.01)
            yield process
        finally:
            process.kill()
