"""What the benchmark prints: sections of lines, as a table or as JSON."""

from __future__ import annotations

import json
import os
import platform
import re
from collections.abc import Sequence
from dataclasses import asdict, dataclass, field
from pathlib import Path
from typing import Any


@dataclass(frozen=True, slots=True)
class Section:
    """One figure: lines of cells under a heading, and what has to be said about them."""

    name: str
    title: str
    columns: tuple[str, ...]
    rows: list[tuple[str, ...]] = field(default_factory=list)
    notes: list[str] = field(default_factory=list)
    figures: list[dict[str, Any]] = field(default_factory=list)
    wrong: list[str] = field(default_factory=list)
    """What came out wrong: a figure for a wrong output is none."""

    def text(self) -> str:
        """The section as lines of text: the first column left, the others right."""
        cells = [self.columns, *self.rows]
        widths = [max(len(row[i]) for row in cells) for i in range(len(self.columns))]
        lines = [f"\n{self.name}: {self.title}"]
        for row in cells:
            first, *others = (
                cell.ljust(width) if i == 0 else cell.rjust(width)
                for i, (cell, width) in enumerate(zip(row, widths, strict=True))
            )
            lines.append("  " + "  ".join([first, *others]).rstrip())
        lines += [f"  - {note}" for note in self.notes]
        lines += [f"  ! {wrong}" for wrong in self.wrong]
        return "\n".join(lines)

    def to_dict(self) -> dict[str, Any]:
        """For JSON."""
        return asdict(self)


def show(sections: Sequence[Section], *, as_json: bool) -> int:
    """Print the machine and the sections; the exit status, 1 where a figure came out wrong."""
    if as_json:
        content = {"machine": machine(), "sections": [one.to_dict() for one in sections]}
        print(json.dumps(content, indent=1))
    else:
        print("  ".join(f"{name}: {value}" for name, value in machine().items() if value))
        print("\n".join(one.text() for one in sections))
    return 1 if any(one.wrong for one in sections) else 0


def machine() -> dict[str, Any]:
    """The machine that the figures are of."""
    model = re.search(r"^model name\s*: (.*)$", _read("/proc/cpuinfo"), re.MULTILINE)
    memory = re.search(r"^MemTotal:\s+(\d+) kB", _read("/proc/meminfo"), re.MULTILINE)
    flags = set(_read("/proc/cpuinfo").split())
    return {
        "cpu": model[1].strip() if model else platform.processor() or "unknown",
        "cores": len(_cores()),
        "vector": next((name for name in ("avx512f", "avx2", "asimd") if name in flags), ""),
        "memory_gb": round(int(memory[1]) / 1e6, 1) if memory else None,
        "system": f"{platform.system()} {platform.release().split('-')[0]}",
        "python": platform.python_version(),
        "load": _read("/proc/loadavg").split()[0] if _read("/proc/loadavg") else "",
    }


def _cores() -> set[int]:
    return os.sched_getaffinity(0)


def _read(path: str) -> str:
    try:
        return Path(path).read_text()
    except OSError:
        return ""
