"""The frames of a batch's statistics: their columns, types and order. A public interface.

Each is kept as `statistics/<batch>/<name>.parquet` and has the same columns when it is empty.
Times are in UTC with nanoseconds, `severity` sorts from `fatal` to `none`, counts are of messages.

recordings        one row a recording, from its result. `messages`: rows found in its tables of
                  messages; `unread_bytes`: what a torn compressed stream left out;
                  `lost_messages`: missing by the counters of their senders.
totals            one row. `events`: messages with a severity, or of a type with a fault code;
                  `critical_events`: those that are fatal or error; `coded`: those that name a
                  fault code; `unplaced`: without a time; `clock_not_set`: with a time before
                  2001; `unmapped_severities`: with a severity that no known scale has (they
                  count as `none`). `first_time`, `last_time`: of the messages with a set clock,
                  where there are any. `lifecycles`, `losses`: rows that these frames would have
                  without a bound; `lost_messages`: the sum of all losses.
severities        messages by severity. Their sum is `totals.messages`.
sources           messages by ecu, application, context and severity; the same sum.
codes             one row a fault code. `severity`: the worst; `ecu`: the one with the most
                  messages, of `ecus` that reported it; `recording`, `table`, `offset`: the first
                  message with it, by time, then by place.
codes_by_ecu      messages by fault code, ecu and severity.
minutes           messages by minute and severity. The sum and `totals.unplaced` are all messages.
timeline          messages by time bin [start, end) and severity, at most 120 bins, without the
                  messages of unset clocks and those that a jump of the clock put far away.
critical_events   the newest 1,000 fatal and error events, oldest first. `code`: the first in the
                  text, or the field's; `template`: the text with its variable parts masked.
critical_templates  the 1,000 most frequent templates of fatal and error events. `recording`,
                  `table`, `offset`: the first message of it, by time, then by place.
signals           numeric and boolean fields of `.rec` tables. `messages`: rows of the table;
                  `missing`: nulls; `nan`: not a number; min, max, mean: of the other values.
lifecycles        boots and resumes of ECUs, the 1,000 that started last: the columns of the DLT
                  table of this name, and `lost`, the messages missing in the whole boot (0 in its
                  resumes). An ECU that is in several recordings has rows of each.
exposures         hours of operation by firmware, from lifecycles or the spans of event times;
                  `firmware` is null for what cannot be placed. `lifecycles`: boots, not resumes.
                  One vehicle may count under two firmwares at a time, as its ECUs start one after
                  the other.
fault_counts      messages by fault, firmware and ecu. `fault`: a fault code (`kind` is `code`) or
                  the fingerprint of a fatal, error or warn message without one (`fingerprint`);
                  `title`: the template of the fingerprint, or the most frequent one that names
                  the code; `severity`: the worst; `lifecycles`: boots in which it was seen;
                  `recording`, `table`, `offset`: the first message. Beyond the 1,000 codes and
                  1,000 fingerprints of most messages, faults are summed up as `other`.
update            one row: when `firmware_from` became `firmware`, and what tells it.
losses            senders of which messages are missing, the 1,000 that lack most, by recording and
                  boot (`lifecycle`): columns of the DLT table `sources`.
"""

from __future__ import annotations

from typing import Final

import polars as pl

from argus_pipeline.statistics.severity import SEVERITY

TIME: Final = pl.Datetime("ns", "UTC")

_COLUMNS: Final[dict[str, dict[str, pl.DataType | type[pl.DataType]]]] = {
    "recordings": {
        "recording": pl.String,
        "format": pl.String,
        "status": pl.String,
        "rows": pl.UInt64,
        "messages": pl.UInt64,
        "decoded_bytes": pl.UInt64,
        "quarantined_bytes": pl.UInt64,
        "fault_count": pl.UInt64,
        "unread_bytes": pl.UInt64,
        "lifecycles": pl.UInt64,
        "lost_messages": pl.UInt64,
    },
    "totals": {
        "recordings": pl.UInt64,
        "messages": pl.UInt64,
        "events": pl.UInt64,
        "critical_events": pl.UInt64,
        "coded": pl.UInt64,
        "unplaced": pl.UInt64,
        "clock_not_set": pl.UInt64,
        "unmapped_severities": pl.UInt64,
        "first_time": TIME,
        "last_time": TIME,
        "decoded_bytes": pl.UInt64,
        "quarantined_bytes": pl.UInt64,
        "fault_count": pl.UInt64,
        "unread_bytes": pl.UInt64,
        "lifecycles": pl.UInt64,
        "losses": pl.UInt64,
        "lost_messages": pl.UInt64,
    },
    "severities": {"severity": SEVERITY, "messages": pl.UInt64},
    "sources": {
        "ecu": pl.String,
        "app": pl.String,
        "context": pl.String,
        "severity": SEVERITY,
        "messages": pl.UInt64,
    },
    "codes": {
        "code": pl.String,
        "severity": SEVERITY,
        "ecu": pl.String,
        "ecus": pl.UInt32,
        "messages": pl.UInt64,
        "first_time": TIME,
        "last_time": TIME,
        "recording": pl.String,
        "table": pl.String,
        "offset": pl.UInt64,
    },
    "codes_by_ecu": {
        "code": pl.String,
        "ecu": pl.String,
        "severity": SEVERITY,
        "messages": pl.UInt64,
    },
    "minutes": {"minute": TIME, "severity": SEVERITY, "messages": pl.UInt64},
    "timeline": {"start": TIME, "end": TIME, "severity": SEVERITY, "messages": pl.UInt64},
    "critical_events": {
        "time": TIME,
        "recording": pl.String,
        "table": pl.String,
        "offset": pl.UInt64,
        "ecu": pl.String,
        "app": pl.String,
        "context": pl.String,
        "severity": SEVERITY,
        "code": pl.String,
        "template": pl.String,
        "text": pl.String,
    },
    "critical_templates": {
        "template": pl.String,
        "severity": SEVERITY,
        "ecu": pl.String,
        "messages": pl.UInt64,
        "first_time": TIME,
        "last_time": TIME,
        "recording": pl.String,
        "table": pl.String,
        "offset": pl.UInt64,
    },
    "signals": {
        "recording": pl.String,
        "table": pl.String,
        "signal": pl.String,
        "messages": pl.UInt64,
        "missing": pl.UInt64,
        "nan": pl.UInt64,
        "min": pl.Float64,
        "max": pl.Float64,
        "mean": pl.Float64,
    },
    "lifecycles": {
        "recording": pl.String,
        "ecu": pl.String,
        "lifecycle": pl.UInt32,
        "kind": pl.String,
        "boot": pl.UInt32,
        "start": TIME,
        "end": TIME,
        "software_version": pl.String,
        "first_storage_time": TIME,
        "last_storage_time": TIME,
        "first_uptime_s": pl.Float64,
        "last_uptime_s": pl.Float64,
        "first_offset": pl.UInt64,
        "last_offset": pl.UInt64,
        "messages": pl.UInt64,
        "control_requests": pl.UInt64,
        "lost": pl.UInt64,
    },
    "exposures": {
        "firmware": pl.String,
        "hours": pl.Float64,
        "lifecycles": pl.UInt32,
        "first_time": TIME,
        "last_time": TIME,
    },
    "fault_counts": {
        "fault": pl.String,
        "kind": pl.String,
        "title": pl.String,
        "severity": SEVERITY,
        "ecu": pl.String,
        "firmware": pl.String,
        "messages": pl.UInt64,
        "lifecycles": pl.UInt32,
        "first_time": TIME,
        "last_time": TIME,
        "recording": pl.String,
        "table": pl.String,
        "offset": pl.UInt64,
    },
    "update": {
        "firmware": pl.String,
        "firmware_from": pl.String,
        "evidence": pl.String,
        "began": TIME,
        "ended": TIME,
    },
    "losses": {
        "recording": pl.String,
        "ecu": pl.String,
        "app": pl.String,
        "context": pl.String,
        "lifecycle": pl.UInt32,
        "messages": pl.UInt64,
        "lost": pl.UInt64,
        "gaps": pl.UInt64,
    },
}

SCHEMAS: Final = {name: pl.Schema(columns) for name, columns in _COLUMNS.items()}

_ORDER: Final[dict[str, tuple[list[str], list[bool]]]] = {
    "codes": (["messages", "code"], [True, False]),
    "critical_templates": (
        ["messages", "template", "severity", "ecu"],
        [True, False, False, False],
    ),
    "critical_events": (["time", "recording", "table", "offset"], [False] * 4),
    "fault_counts": (
        ["messages", "kind", "fault", "firmware", "ecu"],
        [True, False, False, False, False],
    ),
    "lifecycles": (["ecu", "start", "recording", "lifecycle"], [False] * 4),
    "losses": (["lost", "recording", "ecu", "app", "context", "lifecycle"], [True] + [False] * 5),
}
"""Columns to sort by, and which of them downwards; any other frame is sorted by its columns."""


def empty(name: str) -> pl.DataFrame:
    """A frame without rows."""
    return pl.DataFrame(schema=SCHEMAS[name])


def fit(name: str, frame: pl.DataFrame) -> pl.DataFrame:
    """`frame` with the columns, types and order of rows that the frame `name` has."""
    schema = SCHEMAS[name]
    fitted = frame.select(pl.col(column).cast(kind) for column, kind in schema.items())
    by, descending = _ORDER.get(name, (schema.names(), [False] * len(schema)))
    return fitted.sort(by, descending=descending, nulls_last=False)
