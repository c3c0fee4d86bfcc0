"""Lifecycles and lost messages of undamaged recordings with plain boots, in the simplest form.

A lifecycle is the time between two boots of an ECU. Where the receiver's clock is steady, each
message tells a moment at which its ECU's uptime was 0, too late by the message's own delay; so the
earliest of these moments is the boot, and a message that tells one after everything that was
received before begins a new lifecycle. Suspended ECUs and clocks that jump need more than this.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass, field
from typing import Any

from oracle.dlt_payload import Row

Tables = dict[str, list[dict[str, Any]]]
_LARGEST_GAP = 240  # of 256: a counter that is further ahead is behind, and its message late


@dataclass
class Lifecycle:
    """The messages of an ECU from one boot to the next."""

    ecu: str
    number: int
    start: int = 0
    rows: list[Row] = field(default_factory=list)

    def table_row(self) -> dict[str, Any]:
        stored = [row["storage_time_ns"] for row in self.rows]
        uptimes = [row["uptime_ns"] for row in self.rows if _tells_uptime(row)]
        versions = [row["software_version"] for row in self.rows if row["software_version"]]
        return {
            "ecu": self.ecu,
            "lifecycle": self.number,
            "kind": "boot",
            "boot": self.number,
            "start": self.start,
            "end": self.start + max(uptimes),
            "software_version": versions[0] if versions else None,
            "first_storage_time": min(stored),
            "last_storage_time": max(stored),
            "first_uptime_s": min(uptimes) / 10**9,
            "last_uptime_s": max(uptimes) / 10**9,
            "first_offset": self.rows[0]["offset"],
            "last_offset": self.rows[-1]["offset"],
            "messages": len(self.rows),
            "control_requests": sum(_is_request(row) for row in self.rows),
        }


def add_times(rows: Sequence[Row]) -> Tables:
    """Add `time` and `lifecycle` to each row; return the tables `lifecycles` and `sources`.

    Every message needs a storage time and an ECU, and the first one of each ECU an uptime.
    """
    by_ecu: dict[str, list[Lifecycle]] = {}
    for row in rows:
        _lifecycle_of(row, by_ecu.setdefault(row["ecu"], [])).rows.append(row)
    found = [one for lifecycles in by_ecu.values() for one in lifecycles]
    for one in found:
        one.start = min(_boot_by(row) for row in one.rows if _tells_uptime(row))
        for row in one.rows:
            row["lifecycle"] = one.number
            if _tells_uptime(row):
                row["time"] = one.start + row["uptime_ns"]
            else:
                row["time"] = row["ecu_time_ns"] or row["storage_time_ns"]
    return {"lifecycles": [one.table_row() for one in found], "sources": sources(rows)}


def sources(rows: Sequence[Row]) -> list[dict[str, Any]]:
    """What is missing by the counters, where each context of an application counts for itself.

    Control messages have no part in it: many senders give them a constant counter.
    """
    table: dict[tuple[Any, ...], dict[str, Any]] = {}
    last: dict[tuple[Any, ...], int] = {}
    for row in rows:
        if row["type"] == "control":
            continue
        key = (row["ecu"], row["app"], row["context"], row["lifecycle"])
        counts = table.setdefault(
            key,
            {
                **dict(zip(("ecu", "app", "context", "lifecycle"), key, strict=True)),
                **dict.fromkeys(("messages", "lost", "gaps", "repeated", "reordered"), 0),
            },
        )
        counts["messages"] += 1
        ahead = (row["counter"] - last.get(key, row["counter"] - 1)) % 256
        if ahead == 0:
            counts["repeated"] += 1
        elif ahead > _LARGEST_GAP:
            counts["reordered"] += 1
            continue
        elif ahead > 1:
            counts["gaps"] += 1
            counts["lost"] += ahead - 1
        last[key] = row["counter"]
    return list(table.values())


def _lifecycle_of(row: Row, lifecycles: list[Lifecycle]) -> Lifecycle:
    if not lifecycles or (
        _tells_uptime(row)
        and _boot_by(row) > max(other["storage_time_ns"] for other in lifecycles[-1].rows)
    ):
        lifecycles.append(Lifecycle(row["ecu"], len(lifecycles) + 1))
    return lifecycles[-1]


def _boot_by(row: Row) -> int:
    """The moment at which the uptime was 0, if this message was received at once."""
    return int(row["storage_time_ns"] - row["uptime_ns"])


def _is_request(row: Row) -> bool:
    """Requests come from the logger, whose uptime and counter say nothing of the ECU."""
    return bool(row["type"] == "control" and row["subtype"] == "request")


def _tells_uptime(row: Row) -> bool:
    return row["uptime_ns"] is not None and not _is_request(row)
