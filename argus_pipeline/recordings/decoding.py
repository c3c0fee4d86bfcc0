"""One recording through the native parser: a stream of bytes in, files of tables out.

Bad data never raises: it ends in a result that says what was wrong, where, what was expected and
what to do. Memory stays bounded whatever the recording's size.
"""

from __future__ import annotations

import tempfile
from collections.abc import Callable, Collection, Mapping
from dataclasses import dataclass
from pathlib import Path
from typing import IO, Final

import argus_native

from argus_pipeline.errors import BadInput
from argus_pipeline.recordings.quarantine import FaultLog
from argus_pipeline.recordings.result import Fault, Status
from argus_pipeline.recordings.specifications import Specifications
from argus_pipeline.recordings.tables import FORMATS, CsvStyle, TableFiles, WrittenTable

PARSER_VERSION: Final = argus_native.__version__
CHUNK_BYTES: Final = 1024 * 1024
NON_VERBOSE: Final = "non-verbose message without a catalogue"
"""Kind of raw bytes that is no defect: everything but the payload of such a message is decoded."""

_NAMED_KINDS: Final = 10
_QUARANTINE_NAME: Final = "quarantine.json"
_REC: Final = "rec"
_EXPECTED: Final = "an AUTOSAR DLT recording or a .rec recording"
_NO_SPECIFICATION_HINT: Final = (
    "Add the .odvd that the recording was made with to the batch or to schemas/ "
    "(`argus parse --odvd`), and parse again"
)


@dataclass(frozen=True, slots=True)
class ParsedRecording:
    """What one recording gave: counts in bytes, messages and faults, and the files written.

    `kept_raw` counts what was kept as raw bytes, by kind. `quarantine` is the file that lists all
    faults; there is none where nothing was wrong.
    """

    format: str | None
    status: Status
    size: int
    rows: int
    decoded_bytes: int
    quarantined_bytes: int
    fault_count: int
    faults: tuple[Fault, ...]
    kept_raw: Mapping[str, int]
    warnings: tuple[str, ...]
    error: str | None
    tables: tuple[WrittenTable, ...]
    quarantine: Path | None


def parse_recording(
    stream: IO[bytes],
    folder: Path,
    *,
    name: str,
    specifications: Specifications | None = None,
    formats: Collection[str] = FORMATS,
    style: CsvStyle | None = None,
    progress: Callable[[int], None] | None = None,
) -> ParsedRecording:
    """Parse a recording into files `<table>.csv`, `<table>.parquet` and `quarantine.json`.

    Args:
        stream: the recording's bytes, read in blocks from where it stands to its end.
        folder: an existing folder for the files; those of the same names are replaced.
        name: the recording's name, for messages.
        specifications: what `.rec` messages are read with.
        formats: `csv`, `parquet` or both.
        style: delimiter and line end of the CSV.
        progress: called with the number of bytes after each block.
    """
    specification = specifications.specification if specifications else None
    parser = argus_native.Parser(specification=specification)
    tables = TableFiles(folder, formats=formats, style=style)
    with tempfile.TemporaryDirectory(prefix="argus-faults-") as scratch:
        faults = FaultLog(Path(scratch) / "faults")

        def collect() -> None:
            for batch in parser.take():
                tables.append(batch)
            for offset, length, reason in parser.take_faults():
                faults.add(Fault(offset, length, reason))

        while block := stream.read(CHUNK_BYTES):
            parser.feed(block)
            collect()
            if progress:
                progress(len(block))
        parser.finish()
        collect()
        return _conclude(parser, tables.close(), faults, folder, name, specifications)


def status_of(*, rows: int, quarantined_bytes: int, kept_raw: Mapping[str, int]) -> Status:
    """How a recording ended, from what the parser counted."""
    if rows == 0:
        return Status.QUARANTINED
    defective = quarantined_bytes > 0 or any(kind != NON_VERBOSE for kind in kept_raw)
    return Status.PARTIAL if defective else Status.PARSED


def _conclude(
    parser: argus_native.Parser,
    tables: tuple[WrittenTable, ...],
    faults: FaultLog,
    folder: Path,
    name: str,
    specifications: Specifications | None,
) -> ParsedRecording:
    kept_raw = parser.undecoded
    status = status_of(
        rows=parser.rows, quarantined_bytes=parser.quarantined_bytes, kept_raw=kept_raw
    )
    error = _error(parser, faults, name) if status is Status.QUARANTINED else None
    warnings = _warnings(parser, faults, specifications)
    target = folder / _QUARANTINE_NAME
    target.unlink(missing_ok=True)
    quarantine = None
    if status is not Status.PARSED:
        facts = {
            "recording": name,
            "size": parser.bytes_in,
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
        quarantine = faults.write_record(target, facts)
    faults.close()
    return ParsedRecording(
        format=parser.format,
        status=status,
        size=parser.bytes_in,
        rows=parser.rows,
        decoded_bytes=parser.decoded_bytes,
        quarantined_bytes=parser.quarantined_bytes,
        fault_count=faults.count,
        faults=tuple(faults.first),
        kept_raw=kept_raw,
        warnings=warnings,
        error=error,
        tables=tables,
        quarantine=quarantine,
    )


def _error(parser: argus_native.Parser, faults: FaultLog, name: str) -> str:
    """Why nothing could be decoded, as text for a person."""
    if parser.bytes_in == 0:
        return str(
            BadInput(
                "the recording is empty",
                where=name,
                expected="at least one message",
                hint="Look at the logger that wrote it: nothing was recorded or it was cut off",
            )
        )
    first = faults.first[0]
    if parser.format is None:
        return str(
            BadInput(
                first.reason,
                where=name,
                expected=_EXPECTED,
                hint="Take it out of the upload, or convert it to one of these formats",
            )
        )
    return str(
        BadInput(
            f"not one whole message: {first.reason}",
            where=f"{name}, byte {first.offset}",
            expected=f"at least one complete {parser.format} message",
            hint="The recording is damaged or was cut off; record or upload it again",
        )
    )


def _warnings(
    parser: argus_native.Parser, faults: FaultLog, specifications: Specifications | None
) -> tuple[str, ...]:
    warnings: list[str] = []
    if parser.rows and faults.count:
        first = faults.first[0]
        more = f", and {faults.count - 1:,} more" if faults.count > 1 else ""
        warnings.append(
            f"{parser.quarantined_bytes:,} of {parser.bytes_in:,} bytes could not be decoded: "
            f"{first.reason} (byte {first.offset}, {first.length:,} bytes){more}"
        )
    kinds = sorted(parser.undecoded.items(), key=lambda kind: (-kind[1], kind[0]))
    warnings += (f"kept raw: {count:,} × {kind}" for kind, count in kinds[:_NAMED_KINDS])
    if len(kinds) > _NAMED_KINDS:
        rest = sum(count for _, count in kinds[_NAMED_KINDS:])
        warnings.append(f"kept raw: {rest:,} messages of {len(kinds) - _NAMED_KINDS:,} more kinds")
    if parser.format == _REC:
        warnings += specifications.warnings if specifications else ()
        if specifications is None or specifications.specification is None:
            warnings.append(f"no message specification was given. {_NO_SPECIFICATION_HINT}")
        elif any("without a specification" in kind for kind in parser.undecoded):
            warnings.append(
                f"the specifications {', '.join(specifications.sources)} lack some messages. "
                f"{_NO_SPECIFICATION_HINT}"
            )
    return tuple(warnings)
