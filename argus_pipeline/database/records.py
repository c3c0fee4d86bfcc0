"""Writes what became of a batch. The same input twice changes nothing.

Each function takes a session and leaves the commit to it. Texts come from recordings of strangers:
what Postgres cannot hold (NUL, lone surrogates) is replaced by U+FFFD.
"""

from __future__ import annotations

import re
from collections.abc import Iterable, Sequence
from dataclasses import asdict, dataclass
from typing import Any

from sqlalchemy import case, delete, func, insert, or_, select
from sqlalchemy.dialects import postgresql
from sqlalchemy.orm import Session

from argus_pipeline.batches.manifest import Manifest
from argus_pipeline.database.models import Base, Batch, Diagnosis, EventCount, Recording
from argus_pipeline.errors import ArgusError
from argus_pipeline.recordings.result import RecordingResult

# Postgres takes 65,535 parameters in a statement.
_ROWS_A_STATEMENT = 1000
_UNSTORABLE = re.compile("[\0\ud800-\udfff]")


@dataclass(frozen=True, slots=True)
class EventCountRow:
    """How many messages share a source, a code and a severity; None where one is unknown."""

    ecu: str | None
    app: str | None
    code: str | None
    severity: str
    messages: int


def upsert_batch(session: Session, manifest: Manifest, etag: str) -> bool:
    """Write the batch as its manifest describes it, and say whether anything changed.

    Args:
        session: where to write.
        manifest: what the batch is.
        etag: of the manifest's bytes in the bucket.
    """
    row = {
        "batch": manifest.batch,
        "vehicle": manifest.vehicle,
        "platform": manifest.platform,
        "firmware": manifest.firmware,
        "firmware_from": manifest.firmware_from,
        "campaign": manifest.campaign,
        "priority": manifest.priority,
        "created": manifest.created,
        "manifest_etag": etag,
        "files": len(manifest.files),
        "bytes": sum(file.size for file in manifest.files),
        "tags": storable(dict(manifest.tags)),
    }
    return _upsert(session, Batch, ("batch",), [row]) > 0


def upsert_recordings(session: Session, batch: str, results: Sequence[RecordingResult]) -> int:
    """Make the batch's result rows those of `results`, which are all of its recordings.

    Rows of recordings that are not among them are removed, as after a mended manifest.

    Returns:
        How many rows were written or removed.

    Raises:
        ArgusError: the batch is not registered.
    """
    _lock(session, batch)
    names = [result.recording for result in results]
    gone = delete(Recording).where(Recording.batch == batch, Recording.recording.not_in(names))
    removed = len(session.scalars(gone.returning(Recording.recording)).all())
    rows = [_recording_row(batch, result) for result in results]
    return removed + _upsert(session, Recording, ("batch", "recording"), rows)


def replace_event_counts(session: Session, batch: str, rows: Iterable[EventCountRow]) -> int:
    """Make the batch's event counts those of `rows`; rows of the same key are added up.

    Returns:
        How many rows were written or removed: 0 when they were the same already.

    Raises:
        ArgusError: the batch is not registered.
    """
    _lock(session, batch)
    wanted: dict[tuple[str | None, str | None, str | None, str], int] = {}
    for row in rows:
        key = (*(storable(part) for part in (row.ecu, row.app, row.code)), row.severity)
        wanted[key] = wanted.get(key, 0) + row.messages
    found = {
        (row.ecu, row.app, row.code, row.severity): (row.id, row.messages)
        for row in session.scalars(select(EventCount).where(EventCount.batch == batch))
    }
    stale = [n for key, (n, messages) in found.items() if wanted.get(key) != messages]
    fresh = [
        {"batch": batch, "ecu": key[0], "app": key[1], "code": key[2], "severity": key[3]}
        | {"messages": messages}
        for key, messages in wanted.items()
        if key not in found or found[key][1] != messages
    ]
    if stale:
        session.execute(delete(EventCount).where(EventCount.id.in_(stale)))
        session.expire_all()
    for start in range(0, len(fresh), _ROWS_A_STATEMENT):
        session.execute(insert(EventCount), fresh[start : start + _ROWS_A_STATEMENT])
    return len(stale) + len(fresh)


def upsert_diagnosis(
    session: Session,
    batch: str,
    *,
    verdict: str,
    label: str,
    confidence: float | None,
    top_codes: Sequence[str],
    content: dict[str, Any],
    embedding: Sequence[float] | None = None,
    embedder: str | None = None,
) -> bool:
    """Write the one diagnosis of a batch, and say whether anything changed.

    What a person said of it (`confirmed`) stays, unless the verdict is another one now.

    Args:
        session: where to write.
        batch: a registered batch.
        verdict: the likely root cause in one sentence, or that it is unknown.
        label: `fast_path`, `evidence_only` or `llm`.
        confidence: 0 to 1, or None where it means nothing.
        top_codes: the codes that matter most, the first first.
        content: the whole diagnosis as JSON.
        embedding: its vector, with the embedder that made it.
        embedder: the name of that embedder.
    """
    row = {
        "batch": batch,
        "verdict": storable(verdict),
        "label": label,
        "confidence": confidence,
        "top_codes": storable(list(top_codes)),
        "content": storable(content),
        "embedding": None if embedding is None else [float(number) for number in embedding],
        "embedder": embedder,
    }
    return _upsert(session, Diagnosis, ("batch",), [row]) > 0


def storable(value: Any) -> Any:
    """The value with every text in it made such that Postgres can hold it."""
    if isinstance(value, str):
        return _UNSTORABLE.sub("\ufffd", value)
    if isinstance(value, dict):
        return {storable(key): storable(item) for key, item in value.items()}
    if isinstance(value, list | tuple):
        return [storable(item) for item in value]
    return value


def _recording_row(batch: str, result: RecordingResult) -> dict[str, Any]:
    return {
        "batch": batch,
        "recording": result.recording,
        "status": result.status.value,
        "format": result.format,
        "size": result.size,
        "rows": result.rows,
        "decoded_bytes": result.decoded_bytes,
        "quarantined_bytes": result.quarantined_bytes,
        "fault_count": result.fault_count,
        "error": storable(result.error),
        "input_hash": result.input_hash,
        "parser_version": result.parser_version,
        "tables": storable([asdict(table) for table in result.tables]),
        "lifecycles": result.lifecycles,
        "lost_messages": result.lost_messages,
        "compression": result.compression,
        "stored_size": result.stored_size,
        "unread_bytes": result.unread_bytes,
    }


def _lock(session: Session, batch: str) -> None:
    """Hold the batch's row, so that two writers of its rows come one after the other."""
    held = session.scalar(select(Batch.batch).where(Batch.batch == batch).with_for_update())
    if held is None:
        raise ArgusError(f"the batch {batch!r} is not registered", hint="Write its manifest first")


def _upsert(
    session: Session, model: type[Base], keys: tuple[str, ...], rows: list[dict[str, Any]]
) -> int:
    """Insert rows of one table or bring them up to date, and count those that changed."""
    changed = 0
    table = model.__table__
    for start in range(0, len(rows), _ROWS_A_STATEMENT):
        statement = postgresql.insert(model).values(rows[start : start + _ROWS_A_STATEMENT])
        new = statement.excluded
        columns = [name for name in rows[0] if name not in keys]
        values: dict[str, Any] = {name: new[name] for name in columns}
        if model is Diagnosis:
            values["updated_at"] = func.now()
            same = Diagnosis.verdict.is_not_distinct_from(new["verdict"])
            values["confirmed"] = case((same, Diagnosis.confirmed), else_=None)
        upsert = statement.on_conflict_do_update(
            index_elements=keys,
            set_=values,
            # Without this a repeat would write a new version of every row.
            where=or_(*(table.c[name].is_distinct_from(new[name]) for name in columns)),
        ).returning(*(table.c[key] for key in keys))
        changed += len(session.execute(upsert).all())
    return changed


def manifest_etags(session: Session, batches: Sequence[str]) -> dict[str, str]:
    """By batch, the ETag of the manifest that its rows were written from; others are left out."""
    query = select(Batch.batch, Batch.manifest_etag).where(Batch.batch.in_(batches))
    return dict(session.execute(query).tuples().all())


def diagnosis_content(session: Session, batch: str) -> dict[str, Any] | None:
    """The whole diagnosis of a batch, or None where it has none."""
    return session.execute(
        select(Diagnosis.content).where(Diagnosis.batch == batch)
    ).scalar_one_or_none()
