"""What was put into a fleet: the truth that a diagnosis can be measured by."""

from __future__ import annotations

import json
from collections.abc import Mapping
from dataclasses import asdict, dataclass
from datetime import UTC, datetime, timedelta
from pathlib import Path
from typing import Any, Final

TRUTH_FILE: Final = "truth.json"
SCHEMA: Final = 1


@dataclass(frozen=True, slots=True)
class RecordingTruth:
    """A recording: its size in bytes and how many messages were written, before any damage."""

    name: str
    size: int
    messages: int


@dataclass(frozen=True, slots=True)
class BatchTruth:
    """A batch: its folder, what the upload says of it, and its recordings."""

    batch: str
    vehicle: str
    platform: str
    firmware: str
    firmware_from: str | None
    priority: str
    healthy: bool
    recordings: tuple[RecordingTruth, ...]


@dataclass(frozen=True, slots=True)
class FaultTruth:
    """All messages of one recording that report one code.

    Args:
        kind: a few words on the fault.
        severity: the worst of them.
        count: how many are readable; those that the damage destroyed do not count.
        first_time: of the first readable one: the receiver's clock, ISO 8601 in UTC.
        offset: where that one begins in the recording, in bytes.
        by_firmware: how many of them under each version that the ECU ran.
    """

    batch: str
    vehicle: str
    kind: str
    code: str
    ecu: str
    severity: str
    recording: str
    count: int
    first_time: str
    offset: int
    by_firmware: Mapping[str, int]


@dataclass(frozen=True, slots=True)
class AnomalyTruth:
    """A signal that leaves its usual range together with a fault.

    Args:
        with_codes: the faults that it comes with.
        count: how many samples lie outside.
    """

    batch: str
    kind: str
    recording: str
    table: str
    signal: str
    with_codes: tuple[str, ...]
    count: int
    lowest: float
    first_time: str


@dataclass(frozen=True, slots=True)
class LossTruth:
    """Messages that an ECU lost: a gap of its counter, and a control message that says so."""

    batch: str
    recording: str
    ecu: str
    messages: int


@dataclass(frozen=True, slots=True)
class DamageTruth:
    """Bytes of a recording that are damaged.

    Args:
        what: "overwritten with garbage", or "truncated".
        offset: of the first damaged byte.
        size: how many bytes were overwritten or cut off.
        unreadable_from: first byte of the first message that is lost.
        unreadable_to: the byte after the last one that is lost and still in the file.
        messages_lost: how many messages cannot be read any more.
    """

    batch: str
    recording: str
    what: str
    offset: int
    size: int
    unreadable_from: int
    unreadable_to: int
    messages_lost: int


@dataclass(frozen=True, slots=True)
class FleetTruth:
    """Everything that was put into a fleet."""

    seed: int
    start: str
    batches: tuple[BatchTruth, ...]
    faults: tuple[FaultTruth, ...]
    anomalies: tuple[AnomalyTruth, ...]
    losses: tuple[LossTruth, ...]
    damages: tuple[DamageTruth, ...]

    def to_json(self) -> str:
        """The content of `truth.json`."""
        return json.dumps({"schema": SCHEMA, **asdict(self)}, indent=1, ensure_ascii=False) + "\n"


def read_truth(folder: Path) -> dict[str, Any]:
    """The `truth.json` of a simulated fleet as plain JSON.

    Raises:
        OSError: there is none.
        ValueError: it is not one that `argus simulate` wrote.
    """
    content = json.loads((folder / TRUTH_FILE).read_text("utf-8"))
    if not isinstance(content, dict) or content.get("schema") != SCHEMA:
        raise ValueError("not the truth of a simulated fleet")
    return content


def iso_time(nanoseconds: int) -> str:
    """Nanoseconds since the epoch as ISO 8601 in UTC, to the microsecond, without rounding up."""
    moment = datetime(1970, 1, 1, tzinfo=UTC) + timedelta(microseconds=nanoseconds // 1000)
    return moment.isoformat(timespec="microseconds").replace("+00:00", "Z")
