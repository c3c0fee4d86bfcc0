"""Celery workers as parts of the local stack: each is an `argus worker`."""

from __future__ import annotations

import os
import sys
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Final

from argus_pipeline.stack import processes
from argus_pipeline.stack.processes import Command, ProcessRecord

STOP_S: Final = 20.0


@dataclass(frozen=True, slots=True)
class Workers:
    """Starts and stops them."""

    home: Path
    root: Path

    def records(self) -> Sequence[ProcessRecord]:
        """Those that run."""
        found = (processes.load(path) for path in self._files())
        return [record for record in found if record and processes.is_running(record)]

    def start(self, wanted: int, environment: Mapping[str, str]) -> Sequence[ProcessRecord]:
        """Start what is missing of so many."""
        running = {record.name for record in self.records()}
        for number in range(1, wanted + 1):
            name = f"worker-{number}"
            if name in running:
                continue
            slots = os.environ.get("ARGUS_WORKER_SLOTS") or "1"
            record = processes.start(
                Command(
                    name,
                    [
                        *(sys.executable, "-m", "argus_pipeline.cli.main", "worker"),
                        *("--name", name, "--slots", slots, "--leads", "1"),
                    ],
                    log=self.home / "logs" / f"{name}.log",
                    cwd=self.root,
                    environment={
                        **os.environ,
                        **environment,
                        "ARGUS_HOME": str(self.home),
                        "ARGUS_ROOT": str(self.root),
                    },
                ),
                address="",
            )
            processes.save(record, self.home / "run" / f"{name}.json")
        return self.records()

    def stop(self) -> list[str]:
        """Let them finish what they have begun, for a while; returns the names of the stopped."""
        stopped = []
        for path in self._files():
            record = processes.load(path)
            if record is not None and processes.stop(record, patience_s=STOP_S):
                stopped.append(record.name)
            path.unlink(missing_ok=True)
        return stopped

    def _files(self) -> Sequence[Path]:
        return sorted((self.home / "run").glob("worker-*.json"))
