"""The quarantine record: what was wrong with a recording, where, and how much was saved.

Faults are written to a local file as they come, since a badly damaged recording can have millions.
"""

from __future__ import annotations

import json
from collections.abc import Mapping
from pathlib import Path
from typing import IO, Any, Final

from argus_pipeline.recordings.result import Fault

QUARANTINE_SCHEMA: Final = 1
KEPT_FAULTS: Final = 20
"""So many of the first faults are in the recording's result; the record here lists every one."""


class FaultLog:
    """Takes faults one by one; keeps the first in memory and all of them in a file."""

    def __init__(self, path: Path) -> None:
        self.count = 0
        self.first: list[Fault] = []
        self._path = path
        self._file: IO[str] | None = None

    def add(self, fault: Fault) -> None:
        """Take down one fault."""
        if self.count < KEPT_FAULTS:
            self.first.append(fault)
        if self._file is None:
            self._file = self._path.open("w", encoding="utf-8")
        line = {"offset": fault.offset, "length": fault.length, "reason": fault.reason}
        self._file.write((",\n  " if self.count else "  ") + json.dumps(line, ensure_ascii=False))
        self.count += 1

    def write_record(self, target: Path, facts: Mapping[str, Any]) -> Path:
        """Write the record: `facts` about the recording, then `fault_count` and all `faults`."""
        self.close()
        head = json.dumps(
            {"schema": QUARANTINE_SCHEMA, **facts, "fault_count": self.count},
            indent=1,
            ensure_ascii=False,
        )
        with target.open("w", encoding="utf-8") as out:
            out.write(head.removesuffix("\n}") + ',\n "faults": [\n')
            if self.count:
                with self._path.open(encoding="utf-8") as faults:
                    while block := faults.read(1 << 20):
                        out.write(block)
            out.write("\n ]\n}\n")
        self._path.unlink(missing_ok=True)
        return target

    def close(self) -> None:
        """Close the file of faults."""
        if self._file is not None:
            self._file.close()
            self._file = None
