"""Evidence from the manifest and from the results of the recordings."""

from __future__ import annotations

from collections.abc import Sequence
from typing import Final

from argus_pipeline.batches.manifest import Manifest
from argus_pipeline.diagnosis.ecus import EcuHistory
from argus_pipeline.diagnosis.evidence import Evidence, Kind, Reference
from argus_pipeline.diagnosis.log_evidence import NAME_CHARACTERS, Listed
from argus_pipeline.diagnosis.model import RecordingState
from argus_pipeline.diagnosis.text import amount, clean, moment
from argus_pipeline.recordings.result import RecordingResult, Status
from argus_pipeline.storage.keys import MANIFEST_NAME

MAX_DAMAGE_EVIDENCE: Final = 5
MAX_DAMAGE_LISTED: Final = 50
_REASON_CHARACTERS: Final = 100
_FULL_REASON_CHARACTERS: Final = 400


def update_evidence(manifest: Manifest, histories: Sequence[EcuHistory] = ()) -> Evidence:
    """What the manifest and the ECUs' own answers say about an update."""
    platform, firmware = _name(manifest.platform), _name(manifest.firmware)
    if manifest.firmware_from is None:
        statement = (
            f"Platform {platform}, firmware {firmware}; the manifest names no update in or"
            " before this batch."
        )
    else:
        statement = (
            f"Platform {platform}; the batch contains or follows an update from firmware"
            f" {_name(manifest.firmware_from)} to {firmware}, as its manifest says."
        )
    changes = sorted((h.changes[0] for h in histories if h.changes), key=lambda c: (c.time, c.ecu))
    if not changes:
        return Evidence("", Kind.UPDATE, statement, references=(Reference(MANIFEST_NAME),))
    first, last = changes[0], changes[-1]
    statement += (
        f" By their own answers (GetSoftwareVersion) {amount(len(changes), 'ECU')} booted with"
        f" other software than before: {_name(first.ecu)} went from {first.before} to"
        f" {first.after} at {moment(first.time)}"
    )
    if len(changes) > 1:
        statement += f", the last, {_name(last.ecu)}, at {moment(last.time)}"
    return Evidence(
        "",
        Kind.UPDATE,
        statement + ".",
        {"updated_ecus": len(changes)},
        (Reference(MANIFEST_NAME),),
        time=first.time,
    )


def damage_evidence(results: Sequence[RecordingResult]) -> Listed:
    """The recordings that were not decoded whole, the one that lost most first."""
    damaged = _damaged(results)
    return Listed(
        tuple(_damage(result) for result in damaged[:MAX_DAMAGE_EVIDENCE]),
        total=len(damaged),
        weight=sum(result.quarantined_bytes for result in damaged),
    )


def recording_states(
    results: Sequence[RecordingResult], evidence: Sequence[Evidence]
) -> tuple[tuple[RecordingState, ...], int]:
    """The damaged recordings with what was saved of each, and how many more there are."""
    ids = {
        piece.references[0].recording: piece.id for piece in evidence if piece.kind is Kind.DAMAGE
    }
    damaged = _damaged(results)
    return (
        tuple(_state(result, ids) for result in damaged[:MAX_DAMAGE_LISTED]),
        max(len(damaged) - MAX_DAMAGE_LISTED, 0),
    )


def _damaged(results: Sequence[RecordingResult]) -> list[RecordingResult]:
    return sorted(
        (result for result in results if result.status is not Status.PARSED),
        key=lambda r: (r.status is not Status.QUARANTINED, -r.quarantined_bytes, r.recording),
    )


def _damage(result: RecordingResult) -> Evidence:
    numbers: dict[str, int | float] = {
        "size": result.size,
        "rows": result.rows,
        "quarantined_bytes": result.quarantined_bytes,
        "fault_count": result.fault_count,
    }
    offset = result.faults[0].offset if result.faults else None
    if offset is not None:
        numbers["first_fault_offset"] = offset
    return Evidence(
        "",
        Kind.DAMAGE,
        _damage_statement(result, offset),
        numbers,
        (Reference(_name(result.recording), offset),),
    )


def _damage_statement(result: RecordingResult, offset: int | None) -> str:
    name, reason = _name(result.recording), _reason(result, _REASON_CHARACTERS)
    if result.status is Status.QUARANTINED:
        return f"{name} could not be read, none of its {amount(result.size, 'byte')} ({reason})."
    saved = f"{amount(result.rows, 'message')} {'was' if result.rows == 1 else 'were'} saved"
    if result.quarantined_bytes == 0:
        return f"{name} was read with reservations ({reason}); {saved}."
    first = "" if offset is None else f", the first at byte {offset:,}"
    return (
        f"{name} is damaged: {result.quarantined_bytes:,} of {amount(result.size, 'byte')} in"
        f" {amount(result.fault_count, 'stretch', 'stretches')} could not be decoded{first}"
        f" ({reason}); {saved}."
    )


def _state(result: RecordingResult, ids: dict[str, str]) -> RecordingState:
    name = _name(result.recording)
    return RecordingState(
        recording=name,
        status=str(result.status),
        size=result.size,
        rows=result.rows,
        decoded_bytes=result.decoded_bytes,
        quarantined_bytes=result.quarantined_bytes,
        fault_count=result.fault_count,
        first_fault_offset=result.faults[0].offset if result.faults else None,
        reason=_reason(result, _FULL_REASON_CHARACTERS),
        evidence=ids.get(name),
    )


def _reason(result: RecordingResult, limit: int) -> str:
    faults = (fault.reason for fault in result.faults)
    reason = result.error or next(faults, None) or next(iter(result.warnings), None)
    # An error names its recording, and so does what it stands in.
    told = (reason or "no reason was given").removeprefix(f"{result.recording}: ")
    return clean(told, limit).rstrip(".")


def _name(name: str) -> str:
    return clean(name, NAME_CHARACTERS)
