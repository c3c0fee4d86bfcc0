"""The tables of an inspection: who sent what, when, and what was lost."""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from typing import Final

from rich.table import Table
from rich.text import Text

from argus_pipeline.cli.wording import UNKNOWN, duration, moment, percent, spoken_id, until
from argus_pipeline.recordings.findings import Inspection
from argus_pipeline.recordings.reading import REC
from argus_pipeline.recordings.verdict import NON_VERBOSE, NOT_IN_CATALOGUE

GAP: Final = (0, 2, 0, 0)
_KINDS: Final = {"clock_change": "clock set"}


@dataclass(frozen=True)
class Section:
    """A table; columns whose names begin with `>` are flush right. `total` counts all its rows."""

    columns: tuple[str, ...]
    rows: Sequence[tuple[str, ...]]
    total: int
    hint: str = ""

    def table(self) -> Table:
        """The table for a console."""
        table = Table(box=None, padding=GAP, pad_edge=False, header_style="bold")
        for name in self.columns:
            right = name.startswith(">")
            table.add_column(
                name.removeprefix(">"), justify="right" if right else "left", overflow="fold"
            )
        for row in self.rows:
            table.add_row(*(Text(cell) for cell in row))
        return table


def tables(found: Inspection) -> Iterator[Section]:
    """Those that have rows."""
    for section in (
        _ecus(found),
        _lifecycles(found),
        _software(found),
        _senders(found),
        _losses(found),
        _message_types(found),
        _tables(found),
        _kept_raw(found),
        _reasons(found),
        _faults(found),
    ):
        if section.rows:
            yield section


def _ecus(found: Inspection) -> Section:
    rows = [
        (
            spoken_id(ecu.ecu),
            f"{ecu.messages:,}",
            percent(ecu.messages, found.messages),
            f"{ecu.applications:,}",
            f"{ecu.contexts:,}",
            f"{ecu.lifecycles:,}",
            f"{ecu.lost:,}",
        )
        for ecu in found.ecus
        if found.ecu_count > 1
    ]
    columns = ("ECU", ">messages", ">share", ">apps", ">contexts", ">lifecycles", ">lost")
    return Section(columns, rows, found.ecu_count)


def _lifecycles(found: Inspection) -> Section:
    rows = [
        (
            spoken_id(one.ecu),
            f"{one.lifecycle}",
            _KINDS.get(one.kind, one.kind),
            moment(one.start),
            until(one.start, one.end),
            UNKNOWN if one.uptime_s is None else duration(one.uptime_s),
            f"{one.messages:,}",
            UNKNOWN if one.lost is None else f"{one.lost:,}",
        )
        for one in found.lifecycles
    ]
    columns = ("ECU", ">no", "lifecycle", "start (UTC)", "end", ">uptime", ">messages", ">lost")
    return Section(columns, rows, found.lifecycle_count)


def _software(found: Inspection) -> Section:
    numbers: dict[tuple[str, str], list[str]] = {}
    for one in found.lifecycles:
        if one.software_version is not None:
            numbers.setdefault((one.ecu, one.software_version), []).append(str(one.lifecycle))
    rows = [
        (spoken_id(ecu), ", ".join(lifecycles), version)
        for (ecu, version), lifecycles in numbers.items()
    ]
    return Section(("ECU", "lifecycle", "software"), rows, len(rows))


def _senders(found: Inspection) -> Section:
    rows = [
        (
            spoken_id(sender.ecu),
            spoken_id(sender.app),
            spoken_id(sender.context),
            f"{sender.messages:,}",
            percent(sender.messages, found.messages),
            f"{sender.errors:,}",
        )
        for sender in found.senders
    ]
    columns = ("ECU", "app", "context", ">messages", ">share", ">errors")
    return Section(columns, rows, found.sender_count)


def _losses(found: Inspection) -> Section:
    rows = [
        (
            spoken_id(sender.ecu),
            spoken_id(sender.app),
            spoken_id(sender.context),
            f"{sender.lost:,}",
            f"{sender.gaps:,}",
            percent(sender.lost, sender.messages + sender.lost),
        )
        for sender in found.losses
    ]
    columns = ("ECU", "app", "context", ">lost", ">gaps", ">share")
    return Section(columns, rows, found.loss_count)


def _message_types(found: Inspection) -> Section:
    rows = []
    for kind in found.message_types:
        if kind.decoded:
            specification = "fits"
        elif kind.message is not None:
            specification = "does not fit"
        else:
            specification = "missing"
        rows.append(
            (
                spoken_id(kind.message),
                spoken_id(kind.id),
                spoken_id(kind.sender),
                f"{kind.messages:,}",
                percent(kind.messages, found.messages),
                specification,
            )
        )
    columns = ("message", ">id", ">sender", ">messages", ">share", "specification")
    return Section(columns, rows, found.message_type_count)


def _tables(found: Inspection) -> Section:
    rows = [(name, f"{count:,}") for name, count in found.tables.items()]
    return Section(("table", ">rows"), rows, len(rows))


def _kept_raw(found: Inspection) -> Section:
    if found.format == REC:  # the message types say it
        return Section((), [], 0)
    rows = []
    for kind, count in found.kept_raw.items():
        harmless = kind == NON_VERBOSE or kind.endswith(NOT_IN_CATALOGUE)
        rows.append((f"{count:,}", f"{kind} (no damage)" if harmless else kind))
    return Section((">messages", "kept raw"), rows, found.kept_raw_kind_count)


def _reasons(found: Inspection) -> Section:
    rows = [
        (f"{reason.faults:,}", f"{reason.bytes:,}", reason.reason)
        for reason in found.fault_reasons
        if found.fault_count > len(found.faults)
    ]
    return Section((">faults", ">bytes", "reason"), rows, found.fault_reason_count)


def _faults(found: Inspection) -> Section:
    rows = [
        (f"{fault.offset:,}", f"{fault.length:,}", fault.reason)
        for fault in found.faults
        if found.messages
    ]
    columns = (">fault at byte", ">bytes", "reason")
    return Section(columns, rows, found.fault_count, ", or quarantine.json of `argus parse`")
