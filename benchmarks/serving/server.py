"""Starts and ends the process that serves."""

from __future__ import annotations

import os
import subprocess
import sys
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass
from pathlib import Path

import psutil

from benchmarks.serving.archive import Archive

ROOT = Path(__file__).resolve().parents[2]


@dataclass
class Served:
    """A server that answers at `address`."""

    address: str
    process: subprocess.Popen[str]

    @property
    def megabytes(self) -> float:
        """What it holds in memory."""
        return float(psutil.Process(self.process.pid).memory_info().rss) / 1e6


@contextmanager
def server(archive: Archive) -> Iterator[Served]:
    """One process that serves the archive on 127.0.0.1."""
    process = subprocess.Popen(
        [sys.executable, "-m", "benchmarks.serving.serving"],
        env={**os.environ, **archive.environment},
        cwd=ROOT,
        stdout=subprocess.PIPE,
        text=True,
    )
    try:
        assert process.stdout is not None
        address = process.stdout.readline().strip()
        if not address:
            raise RuntimeError("the server did not come up")
        yield Served(address, process)
    finally:
        process.terminate()
        try:
            process.wait(20)
        except subprocess.TimeoutExpired:
            process.kill()
