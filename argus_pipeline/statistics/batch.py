"""The statistics of one batch, computed from its typed tables.

Tables are scanned lazily and aggregated by the streaming engine: memory grows with the number of
different sources, seconds and codes, never with the number of messages.
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass, fields
from typing import Any, Final

import polars as pl

from argus_pipeline.recordings.result import RecordingResult
from argus_pipeline.statistics import schemas, signals
from argus_pipeline.statistics.codes import CODE_PATTERNS, CodePattern, codes_in
from argus_pipeline.statistics.events import SCHEMA, events
from argus_pipeline.statistics.failures import readable
from argus_pipeline.statistics.lifecycles import lifecycle_statistics
from argus_pipeline.statistics.severity import CRITICAL, SEVERITY
from argus_pipeline.statistics.sources import RecordingTables, group_tables, name_recordings
from argus_pipeline.statistics.templates import shortened, template
from argus_pipeline.statistics.timeline import CLOCK_SET_FROM, timeline

MAX_CRITICAL_EVENTS: Final = 1_000
MAX_TEMPLATES: Final = 1_000
MAX_TEXT_CHARACTERS: Final = 1_000

_FILE = ("path", "table")
_PLACE = ("recording", "table")
_NO_TIME = 2**63 - 1
_OFFSETS = 2**64


@dataclass(frozen=True, slots=True)
class BatchStatistics:
    """The frames of a batch; `argus_pipeline.statistics.schemas` describes each of them."""

    recordings: pl.DataFrame
    totals: pl.DataFrame
    severities: pl.DataFrame
    sources: pl.DataFrame
    codes: pl.DataFrame
    codes_by_ecu: pl.DataFrame
    minutes: pl.DataFrame
    timeline: pl.DataFrame
    critical_events: pl.DataFrame
    critical_templates: pl.DataFrame
    signals: pl.DataFrame
    lifecycles: pl.DataFrame
    losses: pl.DataFrame

    @classmethod
    def names(cls) -> tuple[str, ...]:
        """Names of the frames, in order."""
        return tuple(f.name for f in fields(cls))

    def frames(self) -> dict[str, pl.DataFrame]:
        """All frames by name."""
        return {name: getattr(self, name) for name in self.names()}

    def total(self, name: str) -> Any:
        """One value of `totals`, as Python's int, datetime or None."""
        return self.totals[name][0]


def compute_statistics(
    sources: Sequence[RecordingTables],
    results: Sequence[RecordingResult],
    *,
    storage_options: Mapping[str, str] | None = None,
    patterns: Sequence[CodePattern] = CODE_PATTERNS,
) -> BatchStatistics:
    """Compute the statistics of a batch.

    Args:
        sources: where the tables of each recording lie; recordings without tables are left out.
        results: the results of all recordings of the batch, also of quarantined ones.
        storage_options: how polars reaches the store, for `s3://` addresses.
        patterns: what counts as a fault code in texts.

    Raises:
        BadInput: a table is not there, is no Parquet, or lacks a column.
        Unavailable: the store does not answer.
    """
    with readable():
        groups = group_tables(sources, storage_options)
        of_messages = [group for group in groups if group.holds_messages]
        messages = pl.concat([events(group) for group in of_messages] or [_no_messages()])
        counts = _collect(_counts(messages))
        seconds = _collect(_seconds(messages))
        coded = _collect(_coded(messages, patterns))
        critical = _collect(_critical(messages))
        templates = _collect(_templates(messages))
        measured = [
            signals.unfold(group, _collect(frame))
            for group in of_messages
            if (frame := signals.signals(group)) is not None
        ]
        ecus = lifecycle_statistics(groups)
    counts, coded, critical, templates = (
        name_recordings(frame, groups) for frame in (counts, coded, critical, templates)
    )
    found = pl.concat(measured or [schemas.empty("signals")], how="vertical_relaxed")
    recordings = _recordings(results, counts)
    return BatchStatistics(
        recordings=recordings,
        totals=schemas.fit("totals", _totals(counts, coded, recordings, ecus.totals)),
        severities=_summed("severities", counts, "severity"),
        sources=_summed("sources", counts, "ecu", "app", "context", "severity"),
        codes=schemas.fit("codes", _codes(coded)),
        codes_by_ecu=_summed("codes_by_ecu", coded, "code", "ecu", "severity"),
        minutes=_summed(
            "minutes", seconds, pl.col("time").dt.truncate("1m").alias("minute"), "severity"
        ),
        timeline=timeline(seconds),
        critical_events=schemas.fit("critical_events", _critical_events(critical, patterns)),
        critical_templates=_top_templates(templates),
        signals=schemas.fit("signals", found),
        lifecycles=ecus.lifecycles,
        losses=ecus.losses,
    )


def _collect(frame: pl.LazyFrame) -> pl.DataFrame:
    # One at a time: together (`collect_all`) they share a scan by keeping all of it in memory.
    return frame.collect(engine="streaming")


def _no_messages() -> pl.LazyFrame:
    return pl.LazyFrame(schema=SCHEMA)


def _is_critical() -> pl.Expr:
    return pl.col("severity").is_in(CRITICAL)


def _counts(messages: pl.LazyFrame) -> pl.LazyFrame:
    time = pl.col("time")
    is_set = time >= CLOCK_SET_FROM
    return messages.group_by("path", "ecu", "app", "context", "severity").agg(
        pl.len().alias("messages"),
        pl.col("event").sum().alias("events"),
        pl.col("unmapped").sum().alias("unmapped"),
        time.null_count().alias("unplaced"),
        (~is_set).sum().alias("clock_not_set"),
        time.filter(is_set).min().alias("first_set"),
        time.filter(is_set).max().alias("last_set"),
        time.min().alias("first"),
        time.max().alias("last"),
    )


def _seconds(messages: pl.LazyFrame) -> pl.LazyFrame:
    return (
        messages.filter(pl.col("time").is_not_null())
        .group_by(pl.col("time").dt.truncate("1s"), "severity")
        .agg(pl.len().alias("messages"))
    )


def _first_key() -> pl.Expr:
    """Time and offset in one number, so that its minimum is the first message, ties and all."""
    time = pl.col("time").cast(pl.Int64).fill_null(_NO_TIME)
    return time.cast(pl.Int128) * _OFFSETS + pl.col("offset").cast(pl.Int128)


def _coded(messages: pl.LazyFrame, patterns: Sequence[CodePattern]) -> pl.LazyFrame:
    """Counts by code and place. `coded` counts each message once, however many codes it names."""
    return (
        messages.with_columns(codes=_all_codes(patterns))
        .filter(pl.col("codes").list.len() > 0)
        .select(
            "time",
            "offset",
            *_FILE,
            "ecu",
            "severity",
            code="codes",
            nth=pl.int_ranges(pl.col("codes").list.len()),
        )
        .explode("code", "nth")
        .group_by("code", "ecu", "severity", *_FILE)
        .agg(
            pl.len().alias("messages"),
            (pl.col("nth") == 0).sum().alias("coded"),
            _first_key().min().alias("first"),
            pl.col("time").max().alias("last_time"),
        )
    )


def _all_codes(patterns: Sequence[CodePattern]) -> pl.Expr:
    """The code field of an event, or else the codes in its text."""
    code = pl.col("code")
    return (
        pl.when(code.is_not_null())
        .then(pl.concat_list(code))
        .otherwise(codes_in(pl.col("text"), patterns))
    )


def _critical(messages: pl.LazyFrame) -> pl.LazyFrame:
    return (
        messages.filter(_is_critical())
        .with_columns(pl.col("time").cast(pl.Int64).fill_null(-_NO_TIME).alias("when"))
        .top_k(MAX_CRITICAL_EVENTS, by=["when", *_FILE, "offset"])
    )


def _templates(messages: pl.LazyFrame) -> pl.LazyFrame:
    return (
        messages.filter(_is_critical())
        .with_columns(template=template(pl.col("text")))
        .group_by("template", "ecu", "severity", *_FILE)
        .agg(
            pl.len().alias("messages"),
            _first_key().min().alias("first"),
            pl.col("time").max().alias("last_time"),
        )
    )


def _first_places(found: pl.DataFrame, *by: str) -> pl.DataFrame:
    """Sum up rows of the same `by`, with the time and place of the first message of each."""
    time, offset = pl.col("first") // _OFFSETS, pl.col("first") % _OFFSETS
    return (
        found.with_columns(pl.col("severity").cast(SEVERITY))
        .sort("first", *_PLACE, "severity", "ecu")
        .group_by(*by, maintain_order=True)
        .agg(
            pl.col("messages").sum(),
            pl.col("last_time").max(),
            pl.col("severity").min(),
            pl.col("first", *_PLACE).first(),
        )
        .with_columns(
            first_time=pl.when(time != _NO_TIME).then(time).cast(pl.Int64).cast(schemas.TIME),
            offset=offset.cast(pl.UInt64),
        )
    )


def _codes(coded: pl.DataFrame) -> pl.DataFrame:
    reporters = (
        coded.group_by("code", "ecu")
        .agg(pl.col("messages").sum())
        .sort(pl.col("ecu").is_null(), -pl.col("messages").cast(pl.Int64), "ecu")
        .group_by("code", maintain_order=True)
        .agg(pl.col("ecu").first(), pl.col("ecu").drop_nulls().len().alias("ecus"))
    )
    return _first_places(coded, "code").join(reporters, on="code")


def _top_templates(found: pl.DataFrame) -> pl.DataFrame:
    ranked = _first_places(found, "template", "ecu")
    return schemas.fit("critical_templates", ranked).head(MAX_TEMPLATES)


def _critical_events(critical: pl.DataFrame, patterns: Sequence[CodePattern]) -> pl.DataFrame:
    return critical.with_columns(
        code=_all_codes(patterns).list.first(),
        template=template(pl.col("text")),
        text=shortened(pl.col("text"), MAX_TEXT_CHARACTERS),
    )


def _summed(name: str, found: pl.DataFrame, *by: str | pl.Expr) -> pl.DataFrame:
    return schemas.fit(name, found.group_by(*by).agg(pl.col("messages").sum()))


def _recordings(results: Sequence[RecordingResult], counts: pl.DataFrame) -> pl.DataFrame:
    given = pl.DataFrame(
        [
            (
                r.recording,
                r.format,
                r.status.value,
                r.rows,
                r.decoded_bytes,
                r.quarantined_bytes,
                r.fault_count,
                r.unread_bytes,
                r.lifecycles,
                r.lost_messages,
            )
            for r in results
        ],
        schema={k: v for k, v in schemas.SCHEMAS["recordings"].items() if k != "messages"},
        orient="row",
    )
    found = counts.group_by("recording").agg(pl.col("messages").sum())
    # Full: tables of a recording that has no result are counted too, and then found by the check.
    joined = given.join(found, on="recording", how="full", coalesce=True)
    return schemas.fit("recordings", joined.with_columns(pl.col("messages").fill_null(0)))


def _totals(
    counts: pl.DataFrame, coded: pl.DataFrame, recordings: pl.DataFrame, ecus: pl.DataFrame
) -> pl.DataFrame:
    critical = pl.col("messages").filter(pl.col("severity").is_in(CRITICAL)).sum()
    summed = counts.select(
        pl.col("messages", "events", "unplaced", "clock_not_set").sum(),
        critical_events=critical,
        unmapped_severities=pl.col("unmapped").sum(),
        first_time=pl.coalesce(pl.col("first_set").min(), pl.col("first").min()),
        last_time=pl.coalesce(pl.col("last_set").max(), pl.col("last").max()),
    )
    from_results = recordings.select(
        pl.len().alias("recordings"),
        pl.col("decoded_bytes", "quarantined_bytes", "fault_count", "unread_bytes").sum(),
    )
    return pl.concat(
        [summed, from_results, coded.select(pl.col("coded").sum()), ecus], how="horizontal"
    )
