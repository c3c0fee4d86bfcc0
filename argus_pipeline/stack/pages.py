"""The reader's window as a part of the local stack: `argus serve` on a port of 127.0.0.1."""

from __future__ import annotations

import os
import sys
import urllib.request
from collections.abc import Mapping
from dataclasses import dataclass
from pathlib import Path
from typing import Final

from argus_pipeline.stack import ports, processes
from argus_pipeline.stack.processes import Command, ProcessRecord

NAME: Final = "pages"
PORT: Final = 3100
READY_S: Final = 60.0
STOP_S: Final = 10.0


@dataclass(frozen=True, slots=True)
class Pages:
    """Starts and stops it."""

    home: Path
    root: Path

    def record(self) -> ProcessRecord | None:
        """The process, if it runs."""
        found = processes.load(self._file)
        return found if found is not None and processes.is_running(found) else None

    def start(self, environment: Mapping[str, str], port: int | None = None) -> ProcessRecord:
        """Start it, and wait until it answers.

        Args:
            environment: what it gets on top of this process's environment.
            port: where it was before; it is taken again where it is free.

        Raises:
            Unavailable: it ended or did not answer; the last lines of its log are in the error.
        """
        wanted = (port or PORT, PORT)
        port = next((one for one in wanted if ports.is_free(one)), None) or ports.free_ports(1)[0]
        module = ["-m", "argus_pipeline.cli.main", "serve", "--port", str(port)]
        record = processes.start(
            Command(
                NAME,
                [sys.executable, *module],
                log=self.home / "logs" / f"{NAME}.log",
                cwd=self.root,
                environment={**os.environ, **environment, "ARGUS_HOME": str(self.home)},
            ),
            address=f"http://{ports.HOST}:{port}",
        )
        processes.save(record, self._file)
        processes.wait_ready(record, lambda: _ask(record.address), patience_s=READY_S)
        return record

    def stop(self) -> bool:
        """Stop it; says whether it ran."""
        found = processes.load(self._file)
        stopped = found is not None and processes.stop(found, patience_s=STOP_S)
        self._file.unlink(missing_ok=True)
        return stopped

    @staticmethod
    def port_of(record: ProcessRecord) -> int:
        """Where it is."""
        return int(record.address.rpartition(":")[2])

    @property
    def _file(self) -> Path:
        return self.home / "run" / f"{NAME}.json"


def _ask(address: str) -> None:
    with urllib.request.urlopen(f"{address}/health", timeout=2) as answer:
        answer.read()
