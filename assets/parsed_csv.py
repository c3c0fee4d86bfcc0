"""The tables of a batch: fan out over its recordings, parse, and collect with a count."""

from collections.abc import Iterator
from concurrent.futures import ThreadPoolExecutor

from dagster import (
    AssetCheckResult,
    AssetCheckSpec,
    AssetIn,
    DynamicOut,
    DynamicOutput,
    Failure,
    In,
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

from argus_pipeline.batches.fan_out import Shard, account, plan_shards
from argus_pipeline.database.engine import session
from argus_pipeline.database.records import upsert_recordings
from argus_pipeline.recordings.finished import remove_dropped
from argus_pipeline.recordings.parsing import PARSER_VERSION, load_specifications, parse_to_bucket
from argus_pipeline.recordings.result import Fault, RecordingResult, Status
from argus_pipeline.storage.keys import MANIFEST_NAME
from assets.common import OWNERS, RETRIES, bad_data_is_final, batches, read_manifest
from resources.database import DatabaseResource
from resources.object_store import ObjectStoreResource

PARSER_POOL = "parser"
_THREADS_IN_A_SHARD = 4
# Said in full, as a table without rows has no columns to guess from.
_DAMAGE = TableSchema(
    columns=[
        TableColumn("recording"),
        TableColumn("byte", "int"),
        TableColumn("bytes", "int"),
        TableColumn("what was wrong"),
    ]
)


@op(ins={"raw_batch": In(Nothing)}, out=DynamicOut(Shard), retry_policy=RETRIES)
def plan(
    context: OpExecutionContext, object_store: ObjectStoreResource
) -> Iterator[DynamicOutput[Shard]]:
    """One shard a recording for a few; balanced shards for many."""
    with bad_data_is_final():
        manifest, _, _ = read_manifest(context, object_store.store())
    for shard in plan_shards(manifest.recordings):
        yield DynamicOutput(shard, mapping_key=shard.key)


@op(retry_policy=RETRIES, pool=PARSER_POOL)
def parse(
    context: OpExecutionContext, object_store: ObjectStoreResource, shard: Shard
) -> list[RecordingResult]:
    """Parse the recordings of a shard. A bad one comes back as a result and never raises."""
    store = object_store.store()
    with bad_data_is_final():
        manifest, key, _ = read_manifest(context, store)
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
    with bad_data_is_final(), ThreadPoolExecutor(at_once) as threads:
        return list(threads.map(one, shard.recordings))


@op(out={"parsed": Out(Nothing), "accounted": Out(Nothing)}, retry_policy=RETRIES)
def collect(
    context: OpExecutionContext,
    object_store: ObjectStoreResource,
    database: DatabaseResource,
    shards: list[list[RecordingResult]],
) -> Iterator[AssetCheckResult | Output[None]]:
    """Count what came back against the manifest, and refuse to go on with less.

    Retrying from a failure can start this step without all mapped ones (dagster issues 20925,
    30248, 30972); without the count the partition would turn green with recordings missing.
    """
    manifest, _, _ = read_manifest(context, object_store.store())
    results = sorted((r for shard in shards for r in shard), key=lambda r: r.recording)
    accounting = account([f.name for f in manifest.recordings], [r.recording for r in results])
    bytes_in = sum(r.size for r in results)
    bytes_out = sum(r.decoded_bytes + r.quarantined_bytes for r in results)
    passed = accounting.complete and bytes_in == bytes_out
    yield AssetCheckResult(
        passed=passed,
        asset_key="parsed_csv",
        check_name="all_recordings_accounted_for",
        description=f"{accounting}; {bytes_out:,} of {bytes_in:,} bytes decoded or quarantined",
        metadata={"recordings": len(results), "bytes": bytes_in},
    )
    if not passed:
        raise Failure(
            f"The fan-out came back incomplete: {accounting}; {bytes_out:,} of {bytes_in:,} bytes "
            "accounted for. Run the batch again with all its steps: finished recordings are kept.",
            allow_retries=False,
        )
    remove_dropped(object_store.store(), manifest)
    with session(database.engine()) as opened:
        upsert_recordings(opened, manifest.batch, results)
    context.add_output_metadata(
        {
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
        },
        output_name="parsed",
    )
    yield Output(None, "parsed")


@graph_asset(
    partitions_def=batches,
    ins={"raw_batch": AssetIn(dagster_type=Nothing)},
    group_name="batch",
    kinds={"cplusplus", "csv", "parquet"},
    owners=OWNERS,
    code_version=PARSER_VERSION,
    check_specs=[
        AssetCheckSpec(
            "all_recordings_accounted_for",
            asset="parsed_csv",
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
