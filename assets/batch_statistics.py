"""What happened in a batch: counts by severity, source, code and time, from the typed tables."""

from collections.abc import Iterator, Sequence
from typing import Final

from dagster import (
    AssetCheckResult,
    AssetCheckSeverity,
    AssetCheckSpec,
    AssetExecutionContext,
    Failure,
    MaterializeResult,
    MetadataValue,
    asset,
)
from polars import DataFrame, col

from argus_pipeline.database.engine import session
from argus_pipeline.database.records import replace_event_counts
from argus_pipeline.fleet.changes import announce
from argus_pipeline.recordings.finished import read_results
from argus_pipeline.recordings.result import RecordingResult, Status
from argus_pipeline.report.markdown import escape
from argus_pipeline.statistics.accounting import check_totals
from argus_pipeline.statistics.at_hand import tables_at_hand
from argus_pipeline.statistics.batch import BatchStatistics, compute_statistics
from argus_pipeline.statistics.code_patterns import code_patterns
from argus_pipeline.statistics.event_rows import event_rows
from argus_pipeline.statistics.storage import write_statistics
from argus_pipeline.storage.object_store import ObjectStore
from assets.bulk import IN_BULK, of_each_batch
from assets.common import OWNERS, RETRIES, batches, column_schema, inline_table, read_manifest
from assets.parsed_csv import parsed_csv
from resources.database import DatabaseResource
from resources.object_store import ObjectStoreResource

MAX_UNPLACED: Final = 0.5
"""Share of the hours of operation above which a batch says little on either firmware."""
_NAMED: Final = 10


@asset(
    partitions_def=batches,
    deps=[parsed_csv],
    group_name="batch",
    kinds={"polars", "parquet"},
    owners=OWNERS,
    code_version="3",
    retry_policy=RETRIES,
    backfill_policy=IN_BULK,
    check_specs=[
        AssetCheckSpec(
            "statistics_add_up",
            asset="batch_statistics",
            partitions_def=batches,
            blocking=True,
            description="The sums over severities, sources and time are the rows that were parsed.",
        ),
        AssetCheckSpec(
            "firmware_is_known",
            asset="batch_statistics",
            partitions_def=batches,
            description="Of most hours of operation it can be told what the vehicle ran in them.",
        ),
        AssetCheckSpec(
            "recordings_are_whole",
            asset="batch_statistics",
            partitions_def=batches,
            description="Every byte of every recording could be decoded.",
        ),
        AssetCheckSpec(
            "no_messages_lost",
            asset="batch_statistics",
            partitions_def=batches,
            description="The counters of the senders show no message that is missing.",
        ),
    ],
)
def batch_statistics(
    context: AssetExecutionContext, object_store: ObjectStoreResource, database: DatabaseResource
) -> Iterator[AssetCheckResult | MaterializeResult]:
    """Messages, faults and hours by severity, ECU, code, firmware and time; boots and signals.

    `docs/statistics.md` describes every frame.
    """
    store = object_store.store()
    yield from of_each_batch(
        context, store, lambda batch: _of_batch(context, store, database, batch)
    )


def _of_batch(
    context: AssetExecutionContext, store: ObjectStore, database: DatabaseResource, batch: str
) -> Iterator[AssetCheckResult | MaterializeResult]:
    manifest, _, _ = read_manifest(context, store, batch)
    results = read_results(store, manifest)
    with tables_at_hand(store, manifest.batch, results) as (tables, options):
        statistics = compute_statistics(
            tables,
            results,
            storage_options=options,
            patterns=code_patterns(),
            firmware=manifest.firmware,
            firmware_from=manifest.firmware_from,
        )
    differences = [str(difference) for difference in check_totals(statistics, results)]
    yield AssetCheckResult(
        passed=not differences,
        check_name="statistics_add_up",
        metadata={
            "messages": statistics.total("messages"),
            "differences": MetadataValue.json(differences),
        },
    )
    yield _firmware_check(statistics)
    yield _whole_check(results)
    yield _loss_check(statistics)
    if differences:
        raise Failure(
            f"The statistics do not add up: {'; '.join(differences)}", allow_retries=False
        )
    written = write_statistics(store, manifest.batch, statistics)
    announce(store, manifest.batch)
    with session(database.engine()) as opened:
        replace_event_counts(opened, manifest.batch, event_rows(statistics))
    yield MaterializeResult(
        metadata={
            "dagster/row_count": statistics.total("messages"),
            "dagster/column_schema": column_schema(statistics.codes),
            "critical events": statistics.total("critical_events"),
            "fault codes": statistics.codes.height,
            "messages without a time": statistics.total("unplaced"),
            "lifecycles": statistics.total("lifecycles"),
            "lost messages": statistics.total("lost_messages"),
            "hours of operation": float(statistics.total("hours")),
            "the update": statistics.update["evidence"].item(),
            "hours by firmware": inline_table(statistics.exposures),
            "faults by firmware": inline_table(_faults(statistics.fault_counts)),
            "boots that ended badly": inline_table(
                statistics.boots.filter(col("ended").is_in(["reset", "critical"]))
            ),
            "bursts": inline_table(statistics.bursts, rows=10),
            "signals near faults": inline_table(statistics.event_signals, rows=10),
            "lifecycles of the ECUs": inline_table(_lifecycles(statistics.lifecycles)),
            "senders with losses": inline_table(statistics.losses, rows=10),
            "severities": inline_table(statistics.severities),
            "top codes": inline_table(statistics.codes),
            "critical messages": inline_table(statistics.critical_templates, rows=10),
            "tables": MetadataValue.md("\n".join(f"- `{store.uri(k)}`" for k in written.values())),
        }
    )


def _firmware_check(statistics: BatchStatistics) -> AssetCheckResult:
    hours = statistics.exposures
    unplaced = float(hours.filter(col("firmware").is_null())["hours"].sum())
    return AssetCheckResult(
        passed=unplaced <= MAX_UNPLACED * float(hours["hours"].sum()),
        check_name="firmware_is_known",
        severity=AssetCheckSeverity.WARN,
        metadata={
            "hours that cannot be placed": unplaced,
            "evidence of the update": statistics.update["evidence"].item(),
        },
    )


def _whole_check(results: Sequence[RecordingResult]) -> AssetCheckResult:
    damaged = [r for r in results if r.quarantined_bytes or r.status is Status.QUARANTINED]
    lines = [
        f"- {escape(r.recording)}: {r.quarantined_bytes:,} of {r.size:,} bytes not decoded"
        for r in damaged[:_NAMED]
    ]
    return AssetCheckResult(
        passed=not damaged,
        check_name="recordings_are_whole",
        severity=AssetCheckSeverity.WARN,
        metadata={
            "quarantined recordings": sum(r.status is Status.QUARANTINED for r in damaged),
            "damaged recordings": len(damaged),
            "quarantined bytes": sum(r.quarantined_bytes for r in damaged),
            "which": MetadataValue.md("\n".join(lines) or "none"),
        },
    )


def _loss_check(statistics: BatchStatistics) -> AssetCheckResult:
    lost = statistics.total("lost_messages")
    return AssetCheckResult(
        passed=not lost,
        check_name="no_messages_lost",
        severity=AssetCheckSeverity.WARN,
        metadata={"lost messages": lost, "senders": inline_table(statistics.losses, rows=_NAMED)},
    )


def _faults(frame: DataFrame) -> DataFrame:
    """What people ask of a fault; the rest is in the frame."""
    return frame.select(
        "fault", "title", "severity", "ecu", "firmware", "messages", "lifecycles", "first_time"
    )


def _lifecycles(frame: DataFrame) -> DataFrame:
    """What people ask of a lifecycle; times are in UTC, as the ECU's own clock tells them."""
    return frame.select(
        "ecu",
        col("kind").str.replace("_", " "),
        *(
            col(name).dt.strftime("%Y-%m-%d %H:%M:%S").alias(f"{name} UTC")
            for name in ("start", "end")
        ),
        col("last_uptime_s").alias("uptime s"),
        col("software_version").alias("software"),
        "messages",
        col("lost").alias("lost messages"),
        "recording",
    )
