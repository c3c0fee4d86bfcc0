"""The frames of a batch's statistics: their columns, types and order. A public interface.

Each is kept as `statistics/<batch>/<name>.parquet` and has the same columns when it is empty.
Times are in UTC with nanoseconds, `severity` sorts from `fatal` to `none`, counts are of messages.

recordings        one row a recording, from its result. `messages`: rows found in its tables of
                  messages; `unread_bytes`: what a torn compressed stream left out;
                  `lost_messages`: missing by the counters of their senders.
totals            one row. `events`: messages with a severity, or of a type with a fault code;
                  `critical_events`: those that are fatal or error; `coded`: those that name a
                  fault code; `fingerprinted`: fatal, error and warn messages that name none;
                  `unplaced`: without a time; `clock_not_set`: with a time before 2001;
                  `unmapped_severities`: with a severity that no known scale has (they count as
                  `none`). `first_time`, `last_time`: of the messages with a set clock, where there
                  are any. `lifecycles`, `losses`: rows that these frames would have without a
                  bound; `lost_messages`: the sum of all losses. `boots`: of all ECUs, each once;
                  `hours`: in which any of them operated.
severities        messages by severity. Their sum is `totals.messages`.
sources           messages by ecu, application, context and severity; the same sum.
codes             one row a fault code. `severity`: the worst; `ecu`: the one with the most
                  messages, of `ecus` that reported it; `recording`, `table`, `offset`: the first
                  message with it, by time, then by place; `position`: the character of its text at
                  which the code begins, from 0, null where it stands in a field of its own.
codes_by_ecu      messages by fault code, ecu and severity.
minutes           messages by minute and severity. The sum and `totals.unplaced` are all messages.
timeline          messages by time bin [start, end) and severity, at most 120 bins, without the
                  messages of unset clocks and those that a jump of the clock put far away.
critical_events   the newest 1,000 fatal and error events, oldest first. `code`: the first in the
                  text, or the field's; `position`: where it begins in the text; `template`: the
                  text with its variable parts masked.
critical_templates  the 1,000 most frequent templates of fatal and error events. `recording`,
                  `table`, `offset`: the first message of it, by time, then by place.
signals           numeric and boolean fields of `.rec` tables. `messages`: rows of the table;
                  `missing`: nulls; `nan`: not a number; min, max, mean: of the other values, and
                  their 1st, 50th and 99th percentile (of more than 20 million values: rounded);
                  `max_rise_per_s`, `max_fall_per_s`, `p99_change_per_s`: how fast the means of
                  seconds change, where no more than a minute lies between two of them.
event_signals     signals that left their usual range near the critical events of a fault: near
                  `below` and `above` of its `moments`; `lowest`, `highest`: median of the extremes
                  there; `usual_low`, `usual_high`: 1st and 99th percentile elsewhere.
event_curves      signals by second, 30 s around the newest event of at most six faults.
boots             every boot of every ECU, the 1,000 that started last: `reason` why it started,
                  `ended` how it ended (`restarts` says by which evidence), `last_critical` the
                  code or text of the last critical event in its last 10 s, `down_s` until the
                  next one starts.
rates             messages per hour of operation and per boot, `by` severity, ecu, source (ecu,
                  application, context) and code; of ecus per boot of the ecu. Null without hours
                  or boots.
bursts            stretches of time with many more bad messages than usual, the 100 largest;
                  `per_s`: in the worst 10 s, `usual_per_s`: over the batch.
gaps              silences of all recordings longer than a minute, the 1,000 longest;
                  `ecus_running`: ECUs whose lifecycle goes on through it.
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
        "fingerprinted": pl.UInt64,
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
        "boots": pl.UInt64,
        "hours": pl.Float64,
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
        "position": pl.UInt32,
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
        "position": pl.UInt32,
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
        "p1": pl.Float64,
        "p50": pl.Float64,
        "p99": pl.Float64,
        "max_rise_per_s": pl.Float64,
        "max_fall_per_s": pl.Float64,
        "p99_change_per_s": pl.Float64,
    },
    "event_signals": {
        "fault": pl.String,
        "table": pl.String,
        "signal": pl.String,
        "moments": pl.UInt32,
        "below": pl.UInt32,
        "above": pl.UInt32,
        "lowest": pl.Float64,
        "highest": pl.Float64,
        "usual_low": pl.Float64,
        "usual_high": pl.Float64,
    },
    "event_curves": {
        "fault": pl.String,
        "event_time": TIME,
        "table": pl.String,
        "signal": pl.String,
        "second": pl.Int32,
        "min": pl.Float64,
        "mean": pl.Float64,
        "max": pl.Float64,
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
    "boots": {
        "ecu": pl.String,
        "start": TIME,
        "end": TIME,
        "version": pl.String,
        "firmware": pl.String,
        "reason": pl.String,
        "ended": pl.String,
        "last_critical": pl.String,
        "down_s": pl.Float64,
        "resumes": pl.UInt32,
        "recordings": pl.UInt32,
        "messages": pl.UInt64,
        "lost": pl.UInt64,
    },
    "rates": {
        "by": pl.String,
        "severity": SEVERITY,
        "ecu": pl.String,
        "app": pl.String,
        "context": pl.String,
        "code": pl.String,
        "messages": pl.UInt64,
        "hours": pl.Float64,
        "lifecycles": pl.UInt32,
        "per_hour": pl.Float64,
        "per_lifecycle": pl.Float64,
        "first_time": TIME,
        "last_time": TIME,
    },
    "bursts": {
        "start": TIME,
        "end": TIME,
        "messages": pl.UInt64,
        "critical": pl.UInt64,
        "per_s": pl.Float64,
        "usual_per_s": pl.Float64,
    },
    "gaps": {"start": TIME, "end": TIME, "seconds": pl.Float64, "ecus_running": pl.UInt32},
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
    "bursts": (["start", "end"], [False, False]),
    "event_signals": (
        ["fault", "moments", "table", "signal"],
        [False, True, False, False],
    ),
    "boots": (["ecu", "start", "end", "version"], [False] * 4),
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
