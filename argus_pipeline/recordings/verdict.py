"""What is to be said of a decoded recording: how it ended, why, and what to look at."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from typing import Final

from argus_pipeline.errors import BadInput
from argus_pipeline.recordings.quarantine import FaultLog
from argus_pipeline.recordings.reading import DLT, REC, Reading
from argus_pipeline.recordings.result import Fault, Status
from argus_pipeline.recordings.source import Source
from argus_pipeline.recordings.specifications import Specifications
from argus_pipeline.recordings.tables import SOURCES

NON_VERBOSE: Final = "non-verbose message without a catalogue"
"""Kind of raw bytes that is no defect: everything but the payload of such a message is decoded."""
NOT_IN_CATALOGUE: Final = " that the catalogue lacks"
"""End of the kinds of raw bytes that are no defect either: message ids of another catalogue."""


_NAMED_KINDS: Final = 10
_EXPECTED: Final = "an AUTOSAR DLT recording or a .rec recording"
_NO_SPECIFICATION_HINT: Final = (
    "Add the .odvd that the recording was made with to the batch or to schemas/ "
    "(`argus parse --odvd`), and parse again"
)
_NO_CATALOGUE_HINT: Final = (
    "Add the FIBEX catalogue of this software to the batch or to schemas/ "
    "(`argus parse --fibex`), and parse again"
)


def status_of(*, rows: int, quarantined_bytes: int, kept_raw: Mapping[str, int]) -> Status:
    """How a recording ended, from what the parser counted."""
    if rows == 0:
        return Status.QUARANTINED
    defective = quarantined_bytes > 0 or any(
        kind != NON_VERBOSE and not kind.endswith(NOT_IN_CATALOGUE) for kind in kept_raw
    )
    return Status.PARTIAL if defective else Status.PARSED


def why_unreadable(parser: Reading, source: Source, faults: Sequence[Fault], name: str) -> str:
    """Why nothing could be decoded, as text for a person."""
    if source.problem is not None:
        return str(
            BadInput(
                source.problem.reason,
                where=f"{name}, byte {source.problem.offset} of the compressed data",
                expected=f"a whole {source.compression} stream with a recording in it",
                hint="It is damaged or was cut off; upload it again",
            )
        )
    if parser.bytes_in == 0:
        return str(
            BadInput(
                "the recording is empty",
                where=name,
                expected="at least one message",
                hint="Look at the logger that wrote it: nothing was recorded or it was cut off",
            )
        )
    if not faults:
        return str(
            BadInput(
                "the recording holds no message",
                where=name,
                expected="at least one message",
                hint="Look at the logger that wrote it: nothing was recorded",
            )
        )
    first = faults[0]
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


def warnings_of(
    parser: Reading,
    source: Source,
    faults: FaultLog,
    specifications: Specifications | None,
    lost_messages: int,
) -> tuple[str, ...]:
    """What a person should look at, most important first."""
    warnings: list[str] = []
    if source.warning and parser.rows:
        warnings.append(source.warning)
    if parser.rows and faults.count:
        first = faults.first[0]
        more = f", and {faults.count - 1:,} more" if faults.count > 1 else ""
        warnings.append(
            f"{parser.quarantined_bytes:,} of {parser.bytes_in:,} bytes could not be decoded: "
            f"{first.reason} (byte {first.offset}, {first.length:,} bytes){more}"
        )
    if lost_messages:
        warnings.append(
            f"{lost_messages:,} messages are missing by the counters of their senders "
            f"(table {SOURCES})"
        )
    kinds = sorted(parser.undecoded.items(), key=lambda kind: (-kind[1], kind[0]))
    warnings += (f"kept raw: {count:,} × {kind}" for kind, count in kinds[:_NAMED_KINDS])
    if len(kinds) > _NAMED_KINDS:
        rest = sum(count for _, count in kinds[_NAMED_KINDS:])
        warnings.append(f"kept raw: {rest:,} messages of {len(kinds) - _NAMED_KINDS:,} more kinds")
    if parser.format == REC:
        warnings += _about_specifications(parser, specifications)
    if parser.format == DLT:
        warnings += _about_catalogues(parser, specifications)
    return tuple(warnings)


def _about_specifications(parser: Reading, specifications: Specifications | None) -> list[str]:
    warnings = list(specifications.warnings) if specifications else []
    if specifications is None or specifications.specification is None:
        warnings.append(f"no message specification was given. {_NO_SPECIFICATION_HINT}")
    elif any("without a specification" in kind for kind in parser.undecoded):
        warnings.append(
            f"the specifications {', '.join(specifications.sources)} lack some messages. "
            f"{_NO_SPECIFICATION_HINT}"
        )
    return warnings


def _about_catalogues(parser: Reading, specifications: Specifications | None) -> list[str]:
    without = NON_VERBOSE in parser.undecoded
    lacking = any(kind.endswith(NOT_IN_CATALOGUE) for kind in parser.undecoded)
    if not (without or lacking):
        return []
    warnings = list(specifications.catalogue_warnings) if specifications else []
    if lacking and specifications is not None:
        warnings.append(
            f"the catalogues {', '.join(specifications.catalogue_sources)} lack some messages. "
            f"{_NO_CATALOGUE_HINT}"
        )
    return warnings
