"""The tables of a batch: fan out over its recordings, parse, and collect with a count."""

from collections.abc import Iterator
from concurrent.futures import ThreadPoolExecutor

from dagster import (
    AssetCheckResult,
    AssetCheckSpec,
    AssetIn,
    AssetSpec,
    DynamicOut,
    DynamicOutput,
    Failure,
    In,
    MaterializeResult,
    MetadataValue,
    Nothing,
    OpExecutionContext,
    Out,
    Output,
    TableColumn,
    TableRecord,
    TableSchema,
    graph_asset,
    op,
)

from argus_pipeline.batches.fan_out import Bundle, Shard, account, bundle, plan_shards
from argus_pipeline.database.engine import session
from argus_pipeline.database.records import upsert_recordings
from argus_pipeline.recordings.finished import remove_dropped
from argus_pipeline.recordings.parsing import PARSER_VERSION, load_specifications, parse_to_bucket
from argus_pipeline.recordings.result import Fault, RecordingResult, Status
from argus_pipeline.storage.keys import MANIFEST_NAME
from argus_pipeline.storage.object_store import ObjectStore
from assets.bulk import EACH, IN_BULK, batches_of, one_batch, record
from assets.common import OWNERS, RETRIES, bad_data_is_final, batches, read_manifest
from resources.database import DatabaseResource
from resources.object_store import ObjectStoreResource

PARSER_POOL = "parser"
_THREADS_IN_A_SHARD = 4
_PARSED = AssetSpec("parsed_csv", code_version=PARSER_VERSION)
_ACCOUNTED = "all_recordings_accounted_for"
# Said in full, as a table without rows has no columns to guess from.
_DAMAGE = TableSchema(
    columns=[
        TableColumn("recording"),
        TableColumn("byte", "int"),
        TableColumn("bytes", "int"),
        TableColumn("what was wrong"),
    ]
)


@op(ins={"raw_batch": In(Nothing)}, out=DynamicOut(Bundle), retry_policy=RETRIES)
def plan(
    context: OpExecutionContext, object_store: ObjectStoreResource
) -> Iterator[DynamicOutput[Bundle]]:
    """One shard a recording for a few; balanced shards for many; few steps for many batches."""
    store = object_store.store()
    shards: list[Shard] = []
    for batch in batches_of(context):
        with one_batch(context, store, batch), bad_data_is_final():
            manifest, _, _ = read_manifest(context, store, batch)
            shards += plan_shards(batch, manifest.recordings)
    for one in bundle(shards):
        yield DynamicOutput(one, mapping_key=one.key)


@op(retry_policy=RETRIES, pool=PARSER_POOL)
def parse(
    context: OpExecutionContext, object_store: ObjectStoreResource, bundle: Bundle
) -> list[tuple[str, RecordingResult]]:
    """Parse the recordings of a shard. A bad one comes back as a result and never raises."""
    store = object_store.store()
    results: list[tuple[str, RecordingResult]] = []
    for shard in bundle.shards:
        with one_batch(context, store, shard.batch), bad_data_is_final():
            results += [(shard.batch, one) for one in _parse_shard(context, store, shard)]
    return results


def _parse_shard(
    context: OpExecutionContext, store: ObjectStore, shard: Shard
) -> list[RecordingResult]:
    manifest, key, _ = read_manifest(context, store, shard.batch)
    prefix = key.removesuffix(MANIFEST_NAME)
    specifications = load_specifications(store, manifest, prefix)
    wanted = {name: file for file in manifest.recordings if (name := file.name) in shard.recordings}
    at_once = min(_THREADS_IN_A_SHARD, len(shard.recordings))

    def one(name: str) -> RecordingResult:
        result = parse_to_bucket(
            store,
            manifest.batch,
            wanted[name],
            prefix + name,
            specifications,
            threads=_THREADS_IN_A_SHARD // at_once,
        )
        context.log.info(
            f"{name}: {result.status}, {result.rows:,} messages, "
            f"{result.quarantined_bytes:,} of {result.size:,} bytes quarantined"
            + (f": {result.error}" if result.error else "")
        )
        return result

    # The parser releases the GIL, so threads share the work of one process; one large recording is
    # read by several.
    with ThreadPoolExecutor(at_once) as threads:
        return list(threads.map(one, shard.recordings))


@op(out={"parsed": Out(Nothing), "accounted": Out(Nothing)}, retry_policy=RETRIES)
def collect(
    context: OpExecutionContext,
    object_store: ObjectStoreResource,
    database: DatabaseResource,
    bundles: list[list[tuple[str, RecordingResult]]],
) -> Iterator[AssetCheckResult | Output[None]]:
    """Count what came back against the manifest, and refuse to go on with less.

    Retrying from a failure can start this step without all mapped ones (dagster issues 20925,
    30248, 30972); without the count the partition would turn green with recordings missing.
    """
    store = object_store.store()
    found: dict[str, list[RecordingResult]] = {}
    for batch, result in (pair for one in bundles for pair in one):
        found.setdefault(batch, []).append(result)
    for batch in batches_of(context):
        with one_batch(context, store, batch):
            for event in _collect(context, store, database, batch, found.get(batch, [])):
                if not context.has_partition_key:
                    record(context, _PARSED, batch, event)
                elif isinstance(event, MaterializeResult):
                    context.add_output_metadata(event.metadata or {}, output_name="parsed")
                else:
                    yield event
    if not context.has_partition_key:
        yield AssetCheckResult(
            passed=True, asset_key=_PARSED.key, check_name=_ACCOUNTED, description=EACH
        )
    yield Output(None, "parsed")


def _collect(
    context: OpExecutionContext,
    store: ObjectStore,
    database: DatabaseResource,
    batch: str,
    results: list[RecordingResult],
) -> Iterator[AssetCheckResult | MaterializeResult]:
    manifest, _, _ = read_manifest(context, store, batch)
    results = sorted(results, key=lambda r: r.recording)
    accounting = account([f.name for f in manifest.recordings], [r.recording for r in results])
    bytes_in = sum(r.size for r in results)
    bytes_out = sum(r.decoded_bytes + r.quarantined_bytes for r in results)
    passed = accounting.complete and bytes_in == bytes_out
    yield AssetCheckResult(
        passed=passed,
        asset_key=_PARSED.key,
        check_name=_ACCOUNTED,
        description=f"{accounting}; {bytes_out:,} of {bytes_in:,} bytes decoded or quarantined",
        metadata={"recordings": len(results), "bytes": bytes_in},
    )
    if not passed:
        raise Failure(
            f"The fan-out came back incomplete: {accounting}; {bytes_out:,} of {bytes_in:,} bytes "
            "accounted for. Run the batch again with all its steps: finished recordings are kept.",
            allow_retries=False,
        )
    remove_dropped(store, manifest)
    with session(database.engine()) as opened:
        upsert_recordings(opened, manifest.batch, results)
    yield MaterializeResult(
        metadata={
            "dagster/row_count": sum(r.rows for r in results),
            "recordings": len(results),
            "tables": sum(len(r.tables) for r in results),
            "quarantined recordings": sum(r.status is Status.QUARANTINED for r in results),
            "quarantined bytes": sum(r.quarantined_bytes for r in results),
            "lifecycles": sum(r.lifecycles for r in results),
            "lost messages": sum(r.lost_messages for r in results),
            "damage": MetadataValue.table(
                [_fault(r, fault) for r in results for fault in r.faults][:50], schema=_DAMAGE
            ),
            "recordings table": MetadataValue.table([_record(r) for r in results[:50]]),
            "columns": MetadataValue.md(_columns(results)),
        }
    )


@graph_asset(
    partitions_def=batches,
    ins={"raw_batch": AssetIn(dagster_type=Nothing)},
    group_name="batch",
    kinds={"cplusplus", "csv", "parquet"},
    owners=OWNERS,
    code_version=PARSER_VERSION,
    backfill_policy=IN_BULK,
    check_specs=[
        AssetCheckSpec(
            _ACCOUNTED,
            asset=_PARSED.key,
            partitions_def=batches,
            blocking=True,
            description="Every recording of the manifest has a result, and every byte is counted.",
        )
    ],
)
def parsed_csv(raw_batch: None) -> dict[str, None]:
    """One CSV and one Parquet a table of every recording, made by the native parser.

    A recording that cannot be read is quarantined with offset and reason, and the batch goes on.
    """
    parsed, accounted = collect(plan(raw_batch).map(parse).collect())
    return {"result": parsed, "parsed_csv_all_recordings_accounted_for": accounted}


def _fault(result: RecordingResult, fault: Fault) -> TableRecord:
    return TableRecord(
        {
            "recording": result.recording,
            "byte": fault.offset,
            "bytes": fault.length,
            "what was wrong": fault.reason,
        }
    )


def _record(result: RecordingResult) -> TableRecord:
    return TableRecord(
        {
            "recording": result.recording,
            "format": result.format or "unknown",
            "status": str(result.status),
            "messages": result.rows,
            "lifecycles": result.lifecycles,
            "lost messages": result.lost_messages,
            "tables": len(result.tables),
            "bytes": result.size,
            "quarantined bytes": result.quarantined_bytes,
            "what was wrong": result.error or "; ".join(result.warnings) or "",
        }
    )


def _columns(results: list[RecordingResult]) -> str:
    tables = {t.name: t.columns for r in results for t in r.tables}
    return "\n\n".join(
        f"**{name}**: " + ", ".join(f"`{column}` {kind}" for column, kind in columns)
        for name, columns in sorted(tables.items())[:20]
    )
