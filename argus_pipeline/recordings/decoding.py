"""One recording through its decoder: a file in, files of tables out.

Bad data never raises: it ends in a result that says what was wrong, where, what was expected and
what to do. Memory stays bounded whatever the recording's size.
"""

from __future__ import annotations

from collections.abc import Callable, Collection, Mapping
from dataclasses import dataclass
from pathlib import Path
from typing import Final

import argus_native
import pyarrow as pa
import pyarrow.compute as pc

from argus_pipeline.errors import BadInput
from argus_pipeline.recordings.cancellation import Cancellation
from argus_pipeline.recordings.quarantine import FaultLog
from argus_pipeline.recordings.reading import PARSER_VERSION, Reading, open_reading
from argus_pipeline.recordings.result import Fault, Status
from argus_pipeline.recordings.source import CancelledError, Source
from argus_pipeline.recordings.specifications import Specifications
from argus_pipeline.recordings.tables import (
    CSV,
    FORMATS,
    LIFECYCLES,
    SOURCES,
    CsvStyle,
    TableBatch,
    TableFiles,
    WrittenTable,
)
from argus_pipeline.recordings.verdict import status_of, warnings_of, why_unreadable
from argus_pipeline.scratch import scratch_folder

_QUARANTINE_NAME: Final = "quarantine.json"


@dataclass(frozen=True, slots=True)
class ParsedRecording:
    """What one recording gave: counts in bytes, messages and faults, and the files written.

    `size` and all offsets count in the decompressed recording, `stored_size` and `unread_bytes`
    (what a torn compressed stream left out) in the recording as it was given. `kept_raw` counts
    what was kept as raw bytes, by kind. `quarantine` is the file that lists all faults; there is
    none where nothing was wrong.
    """

    format: str | None
    status: Status
    size: int
    stored_size: int
    compression: str | None
    unread_bytes: int
    rows: int
    decoded_bytes: int
    quarantined_bytes: int
    fault_count: int
    faults: tuple[Fault, ...]
    kept_raw: Mapping[str, int]
    warnings: tuple[str, ...]
    error: str | None
    lifecycles: int
    lost_messages: int
    tables: tuple[WrittenTable, ...]
    quarantine: Path | None


def parse_recording(
    source: Source,
    folder: Path,
    *,
    name: str,
    specifications: Specifications | None = None,
    formats: Collection[str] = FORMATS,
    style: CsvStyle | None = None,
    threads: int = 1,
    strict: bool = False,
    progress: Callable[[int], None] | None = None,
    cancellation: Cancellation | None = None,
) -> ParsedRecording:
    """Parse a recording into files `<table>.csv`, `<table>.parquet` and `quarantine.json`.

    Args:
        source: the recording.
        folder: an existing folder for the files; those of the same names are replaced.
        name: the recording's name, for messages.
        specifications: what it is read with.
        formats: `csv`, `parquet` or both.
        style: delimiter and line end of the CSV.
        threads: that read this one recording.
        strict: stop at the first byte that cannot be decoded.
        progress: called now and then with a number of bytes; they add up to the stored size.
        cancellation: ends it early.

    Raises:
        BadInput: something cannot be decoded, with `strict`.
        CancelledError: it was cancelled.
    """
    style = style or CsvStyle()
    cancellation = cancellation or Cancellation()
    reading, notes = open_reading(
        source, specifications, threads=threads, csv=CSV in formats, style=style
    )
    tables = TableFiles(folder, formats=formats, style=style)
    facts = _DltFacts()
    with scratch_folder() as scratch:
        faults = FaultLog(scratch / "faults")

        def take_faults() -> None:
            for offset, length, reason in reading.take_faults():
                if strict:
                    raise _strict(name, offset, reason)
                faults.add(Fault(offset, length, reason))

        reported = 0
        cancel = getattr(reading, "cancel", None) or (lambda: None)
        with cancellation.calling(cancel):
            for batch in reading:
                facts.add(batch)
                tables.append(batch)
                take_faults()
                if cancellation():
                    break
                if progress and isinstance(reading, argus_native.Reader):
                    done = source.stored_size * reading.bytes_done // max(reading.bytes_to_do, 1)
                    progress(done - reported)
                    reported = done
        if cancellation():
            raise CancelledError
        take_faults()
        if progress:
            progress(source.stored_size - reported)
        return _conclude(
            reading, source, tables.close(), faults, folder, name, specifications, facts, notes
        )


class _DltFacts:
    """What the small tables of a DLT recording say, for its result."""

    def __init__(self) -> None:
        self.lifecycles = 0
        self.lost_messages = 0

    def add(self, batch: TableBatch) -> None:
        if batch.table == LIFECYCLES:
            self.lifecycles += batch.rows
        elif batch.table == SOURCES:
            lost = pa.record_batch(batch).column("lost")
            self.lost_messages += pc.sum(lost).as_py() or 0


def _strict(name: str, offset: int, reason: str) -> BadInput:
    return BadInput(
        reason,
        where=f"{name}, byte {offset}",
        expected="a recording without damage, as --strict asks",
        hint="Without --strict the damaged bytes are quarantined and the rest is parsed",
    )


def _conclude(
    parser: Reading,
    source: Source,
    tables: tuple[WrittenTable, ...],
    faults: FaultLog,
    folder: Path,
    name: str,
    specifications: Specifications | None,
    facts: _DltFacts,
    notes: tuple[str, ...],
) -> ParsedRecording:
    kept_raw = parser.undecoded
    status = status_of(
        rows=parser.rows, quarantined_bytes=parser.quarantined_bytes, kept_raw=kept_raw
    )
    if source.problem is not None and status is Status.PARSED:
        status = Status.PARTIAL
    error = None
    if status is Status.QUARANTINED:
        error = why_unreadable(parser, source, faults.first, name)
    warnings = (*notes, *warnings_of(parser, source, faults, specifications, facts.lost_messages))
    unread = source.problem.length if source.problem else 0
    target = folder / _QUARANTINE_NAME
    target.unlink(missing_ok=True)
    quarantine = None
    if status is not Status.PARSED:
        record = {
            "recording": name,
            "size": parser.bytes_in,
            "stored_size": source.stored_size,
            "compression": source.compression,
            "offsets_in": source.offsets_in,
            "unread_bytes": unread,
            "format": parser.format,
            "status": str(status),
            "parser_version": PARSER_VERSION,
            "messages": parser.rows,
            "decoded_bytes": parser.decoded_bytes,
            "quarantined_bytes": parser.quarantined_bytes,
            "error": error,
            "warnings": list(warnings),
            "kept_raw": kept_raw,
        }
        quarantine = faults.write_record(target, record)
    faults.close()
    return ParsedRecording(
        format=parser.format,
        status=status,
        size=parser.bytes_in,
        stored_size=source.stored_size,
        compression=source.compression,
        unread_bytes=unread,
        rows=parser.rows,
        decoded_bytes=parser.decoded_bytes,
        quarantined_bytes=parser.quarantined_bytes,
        fault_count=faults.count,
        faults=tuple(faults.first),
        kept_raw=kept_raw,
        warnings=warnings,
        error=error,
        lifecycles=facts.lifecycles,
        lost_messages=facts.lost_messages,
        tables=tables,
        quarantine=quarantine,
    )
