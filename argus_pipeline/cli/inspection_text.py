"""What an inspection found, for a person at a terminal of 80 columns or behind a pipe."""

from __future__ import annotations

from collections import Counter
from collections.abc import Iterator, Sequence
from typing import Final

import typer
from rich.console import Console
from rich.padding import Padding
from rich.table import Table
from rich.text import Text

from argus_pipeline.cli.inspection_tables import GAP, tables
from argus_pipeline.cli.wording import (
    NANOSECONDS,
    counted,
    duration,
    listing,
    moment,
    percent,
    until,
)
from argus_pipeline.recordings.findings import Inspection
from argus_pipeline.recordings.reading import DLT, REC
from argus_pipeline.recordings.result import Status
from argus_pipeline.recordings.verdict import NON_VERBOSE

_FORMATS: Final = {DLT: "AUTOSAR DLT", REC: ".rec of OpenDaVINCI, OpenDLV or libcluon"}
_VERDICTS: Final = {
    "whole": "green",
    "whole, but in part kept raw": "yellow",
    "damaged": "yellow",
    "not readable": "red",
}
_LEVELS: Final = {"log", "control"}
_PIPED_WIDTH: Final = 200
_INDENT: Final = (0, 0, 0, 2)


def print_inspection(inspection: Inspection) -> None:
    """Print all that was found in one recording."""
    console = _console()
    with console.capture() as captured:
        _print(inspection, console)
    # Cells are filled up with blanks, which nobody wants behind a pipe.
    typer.echo("\n".join(line.rstrip() for line in captured.get().splitlines()) + "\n")


def print_verdicts(inspections: Sequence[Inspection]) -> None:
    """Print how many of several recordings are whole."""
    counts = Counter(_verdict(inspection) for inspection in inspections)
    parts = [f"{counts[verdict]:,} {verdict}" for verdict in _VERDICTS if counts[verdict]]
    typer.echo(f"{len(inspections):,} recordings: {'; '.join(parts)}")


def _print(inspection: Inspection, console: Console) -> None:
    verdict = _verdict(inspection)
    title = (inspection.recording, "bold"), ": ", (verdict, f"bold {_VERDICTS[verdict]}")
    console.print(Text.assemble(*title), soft_wrap=True)
    facts = Table.grid(padding=GAP)
    facts.add_column(no_wrap=True)
    facts.add_column(overflow="fold")
    for name, fact in _facts(inspection):
        facts.add_row(name, fact)
    console.print(Padding(facts, _INDENT))
    for section in tables(inspection):
        console.print()
        console.print(Padding(section.table(), _INDENT))
        if len(section.rows) < section.total:
            more = f"  … and {section.total - len(section.rows):,} more: --all{section.hint}"
            console.print(more, soft_wrap=True)


def _verdict(found: Inspection) -> str:
    if found.status is Status.PARSED:
        return "whole"
    if found.status is Status.QUARANTINED:
        return "not readable"
    damaged = found.quarantined_bytes or found.compression_fault
    return "damaged" if damaged else "whole, but in part kept raw"


def _facts(found: Inspection) -> Iterator[tuple[str, Text]]:
    for name, fact in (
        ("error", found.error),
        ("format", _format(found)),
        ("size", _size(found)),
        ("damage", _damage(found)),
        ("messages", _messages(found)),
        ("time", _span(found)),
        ("severity", listing(found.severities)),
        ("type", listing(found.types) if set(found.types) - _LEVELS else None),
        ("lost", _lost(found)),
        *(("note", note) for note in (*found.warnings, *_hints(found))),
    ):
        if fact:
            yield name, Text(fact)


def _format(found: Inspection) -> str | None:
    if found.decoder:
        return f"{found.format}, read by the installed decoder {found.decoder}"
    return _FORMATS.get(found.format or "")


def _size(found: Inspection) -> str:
    size = f"{found.size:,} bytes"
    if found.compression is None:
        return size
    return f"{size}, from {found.stored_size:,} bytes of {found.compression}"


def _damage(found: Inspection) -> str | None:
    if not found.messages:
        return None
    parts = []
    if found.quarantined_bytes:
        share = percent(found.quarantined_bytes, found.size)
        faults = counted(found.fault_count, "fault")
        parts.append(f"{found.quarantined_bytes:,} bytes ({share}) in {faults}")
    if fault := found.compression_fault:
        rest = f"; the last {fault.length:,} were not read" if fault.length else ""
        parts.append(
            f"{fault.reason} (byte {fault.offset:,} of {found.stored_size:,} compressed ones{rest})"
        )
    return "; ".join(parts) or "none"


def _messages(found: Inspection) -> str | None:
    if not found.messages:
        return None
    kinds = {
        "verbose": found.verbose,
        "non-verbose": found.non_verbose,
        "control": found.control,
    }
    kinds_listed = listing({kind: count for kind, count in kinds.items() if count})
    text = f"{found.messages:,}" + (f" ({kinds_listed})" if kinds_listed else "")
    if found.ecu_count:
        text += (
            f" from {counted(found.ecu_count, 'ECU')}, {counted(found.app_count, 'application')}, "
            f"{counted(found.context_count, 'context')}"
        )
    return text


def _span(found: Inspection) -> str | None:
    if found.first_time is None or found.last_time is None:
        return "not recorded" if found.messages else None
    length = duration((found.last_time - found.first_time) / NANOSECONDS)
    end = until(found.first_time, found.last_time)
    return f"{moment(found.first_time)} to {end} UTC ({length})"


def _lost(found: Inspection) -> str | None:
    if not found.lost_messages:
        return None
    share = percent(found.lost_messages, found.messages + found.lost_messages)
    lost = counted(found.lost_messages, "message")
    return f"{lost} ({share}), by the counters of the senders"


def _hints(found: Inspection) -> Iterator[str]:
    if any(not kind.decoded for kind in found.message_types):
        yield "--odvd names a file with the message specifications that are missing"
    if NON_VERBOSE in found.kept_raw:
        yield "--fibex names a catalogue that tells what non-verbose messages say"


def _console() -> Console:
    console = Console(highlight=False, markup=False, emoji=False)
    if not console.is_terminal:
        console.width = _PIPED_WIDTH
    return console
