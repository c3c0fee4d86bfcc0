"""The statistics of one batch, computed from its typed tables.

Tables are scanned lazily and aggregated by the streaming engine: memory grows with the number of
different sources, seconds and codes, never with the number of messages.
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass, fields
from typing import Any

import polars as pl

from argus_pipeline.recordings.result import RecordingResult
from argus_pipeline.statistics import faults, schemas, signals
from argus_pipeline.statistics.boots import read_boots, with_firmware
from argus_pipeline.statistics.codes import CODE_PATTERNS, CodePattern
from argus_pipeline.statistics.counting import (
    all_messages,
    by_second,
    by_source,
    collect,
    critical_events,
    sifted,
)
from argus_pipeline.statistics.event_signals import event_curves, event_signals
from argus_pipeline.statistics.exposures import exposures, operation_spans, total_hours
from argus_pipeline.statistics.failures import readable
from argus_pipeline.statistics.firmware import EVER, NEVER, Update
from argus_pipeline.statistics.lifecycles import lifecycle_statistics
from argus_pipeline.statistics.rates import rates
from argus_pipeline.statistics.restarts import restarts
from argus_pipeline.statistics.segments import marks_of
from argus_pipeline.statistics.severity import CRITICAL
from argus_pipeline.statistics.sources import (
    DLT,
    RecordingTables,
    group_tables,
    name_recordings,
)
from argus_pipeline.statistics.timeline import timeline
from argus_pipeline.statistics.timing import bursts, gaps
from argus_pipeline.statistics.update_evidence import update_of


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
    event_signals: pl.DataFrame
    event_curves: pl.DataFrame
    lifecycles: pl.DataFrame
    boots: pl.DataFrame
    rates: pl.DataFrame
    bursts: pl.DataFrame
    gaps: pl.DataFrame
    exposures: pl.DataFrame
    fault_counts: pl.DataFrame
    update: pl.DataFrame
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
    firmware: str | None = None,
    firmware_from: str | None = None,
) -> BatchStatistics:
    """Compute the statistics of a batch.

    Args:
        sources: where the tables of each recording lie; recordings without tables are left out.
        results: the results of all recordings of the batch, also of quarantined ones.
        storage_options: how polars reaches the store, for `s3://` addresses.
        patterns: what counts as a fault code in texts.
        firmware: what the vehicle runs at the end, by the manifest.
        firmware_from: what it ran before an update, by the manifest.

    Raises:
        BadInput: a table is not there, is no Parquet, or lacks a column.
        Unavailable: the store does not answer.
    """
    with readable():
        groups = group_tables(sources, storage_options)
        of_messages = [group for group in groups if group.holds_messages]
        boots = read_boots(groups)
        of_dlt = [group for group in of_messages if group.format == DLT]
        update = update_of(groups, all_messages(of_dlt), boots, firmware, firmware_from)
        boots, marks = with_firmware(boots, update), marks_of(update, boots)
        messages = all_messages(of_messages, marks)
        counts = by_source(messages)
        seconds = by_second(messages)
        with sifted(messages, patterns) as bad:
            found = collect(faults.fault_groups(bad, patterns))
            critical = critical_events(bad, patterns)
        ecus = lifecycle_statistics(groups)
        spans = operation_spans(groups, boots, update, marks)
    counts, found, critical = (name_recordings(f, groups) for f in (counts, found, critical))
    critical = schemas.fit("critical_events", critical)
    with readable():
        measures = [
            (group, signals.by_second(group))
            for group in of_messages
            if signals.signal_columns(group)
        ]
        measured = [signals.signals(group, each) for group, each in measures]
        restarted = restarts(groups, boots, critical, ecus.losses)
    is_coded = pl.col("code").is_not_null()
    coded = found.filter(is_coded)
    once = found.select(
        coded=pl.col("once").filter(is_coded).sum(),
        fingerprinted=pl.col("once").filter(~is_coded).sum(),
    )
    codes = faults.codes(found, patterns)
    hours = exposures(spans, boots)
    moments = faults.critical_moments(critical)
    near = event_signals(moments, measures)
    recordings = _recordings(results, counts)
    return BatchStatistics(
        recordings=recordings,
        totals=schemas.fit("totals", _totals(counts, once, recordings, ecus.totals, boots, spans)),
        severities=_summed("severities", counts, "severity"),
        sources=_summed("sources", counts, "ecu", "app", "context", "severity"),
        codes=codes,
        codes_by_ecu=_summed("codes_by_ecu", coded, "code", "ecu", "severity"),
        minutes=_summed(
            "minutes", seconds, pl.col("time").dt.truncate("1m").alias("minute"), "severity"
        ),
        timeline=timeline(seconds),
        critical_events=critical,
        critical_templates=faults.critical_templates(found),
        signals=schemas.fit("signals", _concat("signals", measured)),
        event_signals=near,
        event_curves=event_curves(near, moments, measures),
        lifecycles=ecus.lifecycles,
        boots=restarted,
        rates=rates(counts, codes, boots, total_hours(spans)),
        bursts=bursts(seconds),
        gaps=gaps(seconds, boots),
        exposures=hours,
        fault_counts=faults.fault_counts(found, boots, update, marks),
        update=_update(update),
        losses=ecus.losses,
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
    counts: pl.DataFrame,
    once: pl.DataFrame,
    recordings: pl.DataFrame,
    ecus: pl.DataFrame,
    boots: pl.DataFrame,
    spans: pl.DataFrame,
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
    of_boots = boots.select(boots=pl.col("boot_id").n_unique(), hours=pl.lit(total_hours(spans)))
    return pl.concat(
        [summed, from_results, once, ecus, of_boots],
        how="horizontal",
    )


def _concat(name: str, frames: Sequence[pl.DataFrame | None]) -> pl.DataFrame:
    found = [frame for frame in frames if frame is not None]
    return pl.concat(found or [schemas.empty(name)], how="vertical_relaxed")


def _update(update: Update) -> pl.DataFrame:
    def moment(time: int | None) -> int | None:
        return None if time in (EVER, NEVER) else time

    row = (
        update.firmware,
        update.firmware_from,
        update.evidence.value,
        moment(update.began),
        moment(update.ended),
    )
    return pl.DataFrame([row], schema=schemas.SCHEMAS["update"], orient="row")
