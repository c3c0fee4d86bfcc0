"""What an inspection found: the facts about one recording, and how they are written as JSON."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import asdict, dataclass, fields, is_dataclass
from datetime import UTC, datetime
from typing import Any, Final

from argus_pipeline.recordings.reading import PARSER_VERSION
from argus_pipeline.recordings.result import Fault, Status
from argus_pipeline.recordings.tally import Lifecycle, Losses, Sender

INSPECTION_SCHEMA: Final = 1
_NANOSECONDS: Final = 1_000_000_000


@dataclass(frozen=True, slots=True)
class Ecu:
    """What one ECU sent. Applications and contexts without an id do not count."""

    ecu: str | None
    messages: int
    applications: int
    contexts: int
    lifecycles: int
    lost: int


@dataclass(frozen=True, slots=True)
class MessageType:
    """A type of `.rec` messages from one sender.

    `message` is its name where the specification has it; `decoded` says whether they fit together.
    `id` and `sender` are None for what is beyond the 256th table.
    """

    message: str | None
    id: int | None
    sender: int | None
    messages: int
    decoded: bool


@dataclass(frozen=True, slots=True)
class FaultReason:
    """How much could not be decoded for one reason."""

    reason: str
    faults: int
    bytes: int


@dataclass(frozen=True, slots=True)
class Inspection:
    """What one recording holds.

    `size` and all offsets count in the decompressed recording; `stored_size` and
    `compression_fault`, the place from which on compressed data could not be read, in the recording
    as it was given. Times are nanoseconds since 1970 in UTC. Counts count everything; lists are cut
    to the length that was asked for: ECUs, senders, message types and kinds of raw bytes to those
    with the most messages, `losses` to the senders with the most, the reasons of faults to
    those with the most bytes, lifecycles and faults to the first.
    """

    recording: str
    status: Status
    format: str | None
    decoder: str | None
    """Name and version of the decoder of another package that read it."""
    size: int
    stored_size: int
    compression: str | None
    compression_fault: Fault | None
    messages: int
    first_time: int | None
    last_time: int | None
    verbose: int
    non_verbose: int
    control: int
    types: Mapping[str, int]
    severities: Mapping[str, int]
    ecu_count: int
    app_count: int
    context_count: int
    ecus: tuple[Ecu, ...]
    sender_count: int
    senders: tuple[Sender, ...]
    lifecycle_count: int
    lifecycle_kinds: Mapping[str, int]
    lifecycles: tuple[Lifecycle, ...]
    lost_messages: int
    loss_count: int
    losses: tuple[Losses, ...]
    message_type_count: int
    message_types: tuple[MessageType, ...]
    tables: Mapping[str, int]
    """Rows by table, of a decoder of another package."""
    decoded_bytes: int
    quarantined_bytes: int
    fault_count: int
    fault_reason_count: int
    fault_reasons: tuple[FaultReason, ...]
    faults: tuple[Fault, ...]
    kept_raw_kind_count: int
    kept_raw: Mapping[str, int]
    warnings: tuple[str, ...]
    error: str | None

    @property
    def is_whole(self) -> bool:
        """Whether nothing was quarantined or kept raw."""
        return self.status is Status.PARSED

    def to_dict(self) -> dict[str, Any]:
        """All fields under their names for JSON, times as in the tables' CSV."""
        content = {field.name: _plain(getattr(self, field.name)) for field in fields(self)}
        content["first_time"] = utc_text(self.first_time)
        content["last_time"] = utc_text(self.last_time)
        for written, found in zip(content["lifecycles"], self.lifecycles, strict=True):
            written["start"], written["end"] = utc_text(found.start), utc_text(found.end)
        return {"schema": INSPECTION_SCHEMA, "parser_version": PARSER_VERSION, **content}


def utc_text(nanoseconds: int | None) -> str | None:
    """A time as the CSV writes it: `2025-10-09T08:53:20.014263000Z`."""
    if nanoseconds is None:
        return None
    seconds, rest = divmod(nanoseconds, _NANOSECONDS)
    return f"{datetime.fromtimestamp(seconds, UTC):%Y-%m-%dT%H:%M:%S}.{rest:09d}Z"


def _plain(value: Any) -> Any:
    if isinstance(value, Mapping):
        return dict(value)
    if isinstance(value, tuple):
        return [_plain(item) for item in value]
    if isinstance(value, Status):
        return str(value)
    return asdict(value) if is_dataclass(value) and not isinstance(value, type) else value
