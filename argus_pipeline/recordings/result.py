"""What became of one recording: the envelope that the fan-out returns and the bucket keeps.

A bad recording is data, not an exception. Its result says what was wrong and how much was saved,
and every byte of it is counted: `decoded_bytes + quarantined_bytes == size`.
"""

from __future__ import annotations

import json
from dataclasses import asdict, dataclass
from enum import StrEnum
from typing import Any, Final

RESULT_SCHEMA: Final = 2


class Status(StrEnum):
    """How a recording ended."""

    PARSED = "parsed"  # every byte was decoded
    PARTIAL = "partial"  # tables exist, and something is quarantined or kept raw
    QUARANTINED = "quarantined"  # nothing could be decoded


@dataclass(frozen=True, slots=True)
class Fault:
    """A stretch of bytes that could not be decoded."""

    offset: int
    length: int
    reason: str


@dataclass(frozen=True, slots=True)
class TableOutput:
    """One table of a recording and the two objects that hold it, by their ETags."""

    name: str
    rows: int
    csv_key: str
    csv_etag: str
    parquet_key: str
    parquet_etag: str
    columns: tuple[tuple[str, str], ...] = ()
    """Column names and Arrow types, in order."""


@dataclass(frozen=True, slots=True)
class RecordingResult:
    """The result of one recording.

    `faults` lists the first of them only (`fault_count` counts all), so that a result stays small
    whatever was damaged; the quarantine record in the bucket lists every one.
    `input_hash` covers the recording's bytes and the specifications it was read with.
    `size` and all offsets count in the decompressed recording; `stored_size`, where it differs, and
    `unread_bytes`, what a torn compressed stream left out, in the recording as it was uploaded.
    """

    recording: str
    size: int
    input_hash: str
    parser_version: str
    format: str | None
    status: Status
    rows: int
    decoded_bytes: int
    quarantined_bytes: int
    fault_count: int
    faults: tuple[Fault, ...]
    warnings: tuple[str, ...]
    error: str | None
    tables: tuple[TableOutput, ...]
    lifecycles: int = 0
    lost_messages: int = 0
    compression: str | None = None
    stored_size: int | None = None
    unread_bytes: int = 0

    def to_json(self) -> bytes:
        """The result as JSON, the same bytes for the same result."""
        return json.dumps(
            {"schema": RESULT_SCHEMA, **asdict(self)}, indent=1, ensure_ascii=False
        ).encode()

    @classmethod
    def from_json(cls, data: bytes | str) -> RecordingResult:
        """Read a result back.

        Raises:
            ValueError: this is not a result of this schema (it then counts as not there).
        """
        content: dict[str, Any] = json.loads(data)
        if not isinstance(content, dict) or content.pop("schema", None) != RESULT_SCHEMA:
            raise ValueError(f"a recording result of another schema than {RESULT_SCHEMA}")
        try:
            content["status"] = Status(content["status"])
            content["faults"] = tuple(Fault(**fault) for fault in content["faults"])
            content["warnings"] = tuple(content["warnings"])
            content["tables"] = tuple(
                TableOutput(**{**t, "columns": tuple((n, k) for n, k in t["columns"])})
                for t in content["tables"]
            )
            return cls(**content)
        except (KeyError, TypeError) as error:
            raise ValueError(f"not a recording result: {error}") from error
