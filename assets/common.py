"""What all assets of a batch share: the partitions, how they retry, and how they read a batch."""

import math
from collections.abc import Iterator
from contextlib import contextmanager
from datetime import timedelta
from typing import Final

from dagster import (
    AssetExecutionContext,
    AutomationCondition,
    Backoff,
    DynamicPartitionsDefinition,
    Failure,
    FreshnessPolicy,
    Jitter,
    MetadataValue,
    OpExecutionContext,
    RetryPolicy,
    TableColumn,
    TableRecord,
    TableSchema,
)
from polars import DataFrame

from argus_pipeline.batches.arrivals import get_manifest
from argus_pipeline.batches.limits import read_limits
from argus_pipeline.batches.manifest import Manifest, parse_manifest
from argus_pipeline.errors import BadInput
from argus_pipeline.run_records import (
    MANIFEST_ETAG_TAG,
    MANIFEST_KEY_TAG,
    PARTITIONS_NAME,
    PERMANENT,
)
from argus_pipeline.storage.object_store import ObjectStore

OWNERS: Final = ["team:argus"]
INLINE_ROWS: Final = 20

batches = DynamicPartitionsDefinition(name=PARTITIONS_NAME)

# For a store or a database that is away for a few minutes: waits of 2 s up to 64 s. What bad data
# is refused with forbids a second try by itself.
RETRIES: Final = RetryPolicy(
    max_retries=6, delay=2, backoff=Backoff.EXPONENTIAL, jitter=Jitter.PLUS_MINUS
)


# Of the asset, never of one batch: whether anything comes in at all.
_SILENT: Final = timedelta(hours=read_limits().feed_silent_hours)
FEED_IS_ALIVE: Final = FreshnessPolicy.time_window(fail_window=_SILENT, warn_window=_SILENT / 2)


def after_any_batch() -> AutomationCondition:
    """For what is made of all batches: once after any of them changed.

    A change is remembered until a run was requested for it, so one that comes while a run is going
    on makes another run after that. `.since_last_handled()` would forget it when the run ends, and
    `.since(newly_requested)` what comes in the tick that sees the request.
    """
    updated = AutomationCondition.any_deps_updated()
    requested = AutomationCondition.newly_requested() & ~updated
    return updated.since(requested) & ~AutomationCondition.in_progress()


def after_upstream() -> AutomationCondition:
    """For what follows from that: in the same run, or as soon as an own run has ended."""
    updated = AutomationCondition.any_deps_updated()
    return updated.since(AutomationCondition.newly_requested()) & ~AutomationCondition.in_progress()


@contextmanager
def bad_data_is_final() -> Iterator[None]:
    """Bad data ends a step at once: `RETRIES` would try the same bytes for two minutes."""
    try:
        yield
    except BadInput as error:
        raise Failure(str(error), metadata={PERMANENT: True}, allow_retries=False) from error


class RunIsOver(Failure):
    """The run has ended for Dagster, and this process still works for it."""


def refuse_ended_run(context: AssetExecutionContext | OpExecutionContext) -> None:
    """Stop a worker that was cut off: its run was given to another one meanwhile.

    What it has written is the same, byte for byte; what it would still say is said already.
    """
    run = context.instance.get_run_by_id(context.run.run_id)
    if run is not None and run.is_finished:
        raise RunIsOver(
            f"This run has ended as {run.status.value} while its worker was out of reach, and its "
            "work was given to another. Nothing is to be done.",
            allow_retries=False,
        )


def read_manifest(
    context: AssetExecutionContext | OpExecutionContext, store: ObjectStore, batch: str
) -> tuple[Manifest, str, str]:
    """The manifest of one batch of the run, its key and the ETag of just these bytes."""
    refuse_ended_run(context)
    data, key, etag = get_manifest(store, batch, context.run.tags.get(MANIFEST_KEY_TAG))
    pinned = context.run.tags.get(MANIFEST_ETAG_TAG)
    if pinned and pinned != etag:
        raise Failure(
            f"The manifest was replaced after this run was requested ({pinned} is now {etag}). "
            "The sensor requests a run for the new one; materialize the batch anew to do it now.",
            allow_retries=False,
        )
    return parse_manifest(data, key=key, batch=batch), key, etag


def inline_table(frame: DataFrame, rows: int = INLINE_ROWS) -> MetadataValue:
    """The first rows of a frame as a table in the Dagster UI."""
    schema = TableSchema(
        columns=[TableColumn(name, str(kind)) for name, kind in frame.schema.items()]
    )
    records = [
        TableRecord({name: _cell(value) for name, value in row.items()})
        for row in frame.head(rows).iter_rows(named=True)
    ]
    return MetadataValue.table(records=records, schema=schema)


def _cell(value: object) -> int | float | bool | str | None:
    """As the UI can read it: its JSON knows no infinity."""
    if isinstance(value, float) and not math.isfinite(value):
        return str(value)
    return value if isinstance(value, int | float | bool | None) else str(value)


def column_schema(frame: DataFrame) -> MetadataValue:
    """The columns of a frame, as Dagster's UI shows an asset's columns."""
    return MetadataValue.table_schema(
        TableSchema(columns=[TableColumn(name, str(kind)) for name, kind in frame.schema.items()])
    )
