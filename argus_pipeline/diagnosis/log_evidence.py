"""Evidence from the statistics: totals, severities, fault codes and texts of critical events.

The frames are described in `argus_pipeline.statistics.schemas`. Only their first rows are ever
turned into Python objects, so the cost does not grow with the batch.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from datetime import datetime
from typing import TYPE_CHECKING, Any, Final

from argus_pipeline.diagnosis.ecus import EcuHistory, update_for
from argus_pipeline.diagnosis.evidence import Evidence, Kind, Reference
from argus_pipeline.diagnosis.ranking import SEVERITY_ORDER
from argus_pipeline.diagnosis.text import amount, clean, duration, moment, named

if TYPE_CHECKING:
    import polars as pl

    from argus_pipeline.statistics.batch import BatchStatistics

MAX_CODE_EVIDENCE: Final = 12
MAX_EVENT_EVIDENCE: Final = 6
NAME_CHARACTERS: Final = 48
CODE_CHARACTERS: Final = 32
QUOTE_CHARACTERS: Final = 120
# What a template shows in place of a fault code.
_CODE_MASK: Final = "<code>"


@dataclass(frozen=True, slots=True)
class Listed:
    """The first pieces of a kind, and how many there are of it in all.

    `weight` is the sum of the kind's measure over all of them (messages, or bytes not decoded);
    `unseen` counts events that the statistics keep as a number only.
    """

    evidence: tuple[Evidence, ...]
    total: int
    weight: int
    unseen: int = 0


def scope_evidence(statistics: BatchStatistics, recordings: int) -> Evidence:
    """How much there was to look at, over which time."""
    total = statistics.total
    messages, events, unplaced = (int(total(name)) for name in ("messages", "events", "unplaced"))
    unread, lost = int(total("unread_bytes")), int(total("lost_messages"))
    numbers: dict[str, int | float] = {
        "recordings": recordings,
        "messages": messages,
        "events": events,
        "unplaced": unplaced,
        "decoded_bytes": int(total("decoded_bytes")),
        "quarantined_bytes": int(total("quarantined_bytes")),
        "unread_bytes": unread,
        "lost_messages": lost,
    }
    statement = (
        f"{amount(messages, 'message')} from {amount(recordings, 'recording')},"
        f" {amount(events, 'event')} among them"
    )
    first, last = total("first_time"), total("last_time")
    if first is not None and last is not None:
        statement += f", from {moment(first)} to {moment(last)}"
        numbers["seconds"] = round((last - first).total_seconds(), 3)
    if unplaced:
        statement += f"; {amount(unplaced, 'message')} without a time"
    if numbers["quarantined_bytes"]:
        statement += f"; {amount(int(numbers['quarantined_bytes']), 'byte')} not decoded"
    if unread:
        statement += f"; {amount(unread, 'compressed byte')} not read"
    if lost:
        statement += f"; {amount(lost, 'message')} missing by the counters of their senders"
    return Evidence("", Kind.SCOPE, statement + ".", numbers, time=first)


def severity_evidence(statistics: BatchStatistics) -> Evidence:
    """Messages by severity, the worst first."""
    found = {str(word): int(count) for word, count in statistics.severities.iter_rows()}
    numbers: dict[str, int | float] = {word: found.get(word, 0) for word in SEVERITY_ORDER}
    words = [f"{numbers[word]:,} {word}" for word in SEVERITY_ORDER if word != "none"]
    statement = f"By severity: {', '.join(words)}; {numbers['none']:,} without a severity."
    return Evidence("", Kind.SEVERITIES, statement, numbers)


def code_evidence(statistics: BatchStatistics, histories: Sequence[EcuHistory] = ()) -> Listed:
    """The fault codes: the worst severity first, then the most messages.

    Args:
        statistics: of the batch.
        histories: of its ECUs; where one tells the moment of an update, each code says whether
            it came before or after it.
    """
    import polars as pl

    codes = statistics.codes
    worst = (
        codes.with_columns(_order(pl.col("severity")).alias("order"))
        .sort(["order", "messages", "code"], descending=[False, True, False])
        .head(MAX_CODE_EVIDENCE)
    )
    quotes = _quotes(statistics, worst["code"])
    first = statistics.total("first_time")
    return Listed(
        tuple(
            _code(row, quotes.get(row["code"]), first, histories)
            for row in worst.iter_rows(named=True)
        ),
        total=codes.height,
        weight=int(codes["messages"].sum()),
    )


def _quotes(statistics: BatchStatistics, codes: pl.Series) -> dict[str, str]:
    """The commonest template of each code: among its newest critical events, else of all."""
    import polars as pl

    from argus_pipeline.statistics.faults import CODE
    from argus_pipeline.statistics.fingerprints import NO_TEXT

    events = statistics.critical_events
    common = (
        events.filter(pl.col("code").is_in(codes.implode()), pl.col("template").is_not_null())
        .group_by("code", "template")
        .agg(pl.len().alias("messages"))
        .sort(["messages", "template"], descending=[True, False])
        .unique("code", keep="first", maintain_order=True)
    )
    counted = statistics.fault_counts.filter(
        pl.col("kind") == CODE, pl.col("fault").is_in(codes.implode()), pl.col("title") != NO_TEXT
    )
    return {
        **dict(counted.select("fault", "title").iter_rows()),
        **dict(common.select("code", "template").iter_rows()),
    }


def _code(
    row: dict[str, Any],
    quote: str | None,
    batch_start: datetime | None,
    histories: Sequence[EcuHistory],
) -> Evidence:
    code, severity = clean(row["code"], CODE_CHARACTERS), str(row["severity"])
    messages, ecus = int(row["messages"]), int(row["ecus"])
    numbers: dict[str, int | float] = {"messages": messages, "ecus": ecus}
    statement = f"{code}, worst severity {severity}: {amount(messages, 'message')}"
    if row["ecu"] is not None:
        statement += f", ECU {named(row['ecu'], NAME_CHARACTERS)}"
        if ecus > 1:
            statement += f" and {ecus - 1:,} more"
    first, last = row["first_time"], row["last_time"]
    if first is not None and last is not None:
        if batch_start is not None and first >= batch_start:
            onset = (first - batch_start).total_seconds()
            numbers["onset_s"] = round(onset, 3)
            into = f"{duration(onset)} into" if onset >= 1 else "at the start of"
            statement += f", first {into} the batch"
        else:
            statement += f", first at {moment(first)}"
        update = update_for(histories, row["ecu"])
        if update is not None and batch_start is not None and first >= batch_start:
            after = (first - update.time).total_seconds()
            numbers["after_update_s"] = round(after, 3)
            statement += f", {duration(after)} after" if after >= 0 else ", before"
            statement += " the update"
        lasted = (last - first).total_seconds()
        numbers["lasted_s"] = round(lasted, 3)
        if messages > 1:
            statement += f", the last {duration(lasted)} later" if lasted >= 1 else ", within 1 s"
    return Evidence(
        "",
        Kind.CODE,
        statement + ".",
        numbers,
        (_reference(row),),
        time=first,
        code=code,
        severity=severity,
        quote=_quote(quote),
    )


def event_evidence(statistics: BatchStatistics) -> Listed:
    """Texts of fatal and error messages that name no code, fatal first, then the commonest."""
    import polars as pl

    coded = (
        statistics.critical_events.filter(pl.col("code").is_not_null()).select("template").unique()
    )
    masked = pl.col("template").str.contains(_CODE_MASK, literal=True)
    templates = (
        statistics.critical_templates.filter(~masked.fill_null(False))
        # A `.rec` event has its code beside the text: only the events tell that it is coded.
        .join(coded, on="template", how="anti", nulls_equal=True)
        .with_columns(_order(pl.col("severity")).alias("order"))
        .sort(["order", "messages", "template", "ecu"], descending=[False, True, False, False])
    )
    kept = int(statistics.critical_templates["messages"].sum())
    return Listed(
        tuple(_event(row) for row in templates.head(MAX_EVENT_EVIDENCE).iter_rows(named=True)),
        total=templates.height,
        weight=int(templates["messages"].sum()),
        unseen=max(int(statistics.total("critical_events")) - kept, 0),
    )


def _event(row: dict[str, Any]) -> Evidence:
    severity, messages = str(row["severity"]), int(row["messages"])
    statement = f"{amount(messages, f'{severity} message')} without a code, of one text"
    if row["ecu"] is not None:
        statement += f", ECU {named(row['ecu'], NAME_CHARACTERS)}"
    if row["first_time"] is not None:
        statement += f", first at {moment(row['first_time'])}"
    return Evidence(
        "",
        Kind.EVENT,
        statement + ".",
        {"messages": messages},
        (_reference(row),),
        time=row["first_time"],
        severity=severity,
        quote=_quote(row["template"]),
    )


def _quote(template: str | None) -> str | None:
    return None if template is None else clean(template, QUOTE_CHARACTERS)


def _order(severity: pl.Expr) -> pl.Expr:
    import polars as pl

    return severity.cast(pl.String).replace_strict(
        {word: number for number, word in enumerate(SEVERITY_ORDER)}, return_dtype=pl.UInt8
    )


def _reference(row: dict[str, Any]) -> Reference:
    return Reference(
        clean(row["recording"], NAME_CHARACTERS),
        int(row["offset"]),
        clean(row["table"], NAME_CHARACTERS),
    )
