"""The uploaded batch, once every byte of it is verified against its manifest."""

from collections.abc import Iterator

from dagster import (
    AssetCheckResult,
    AssetCheckSpec,
    AssetExecutionContext,
    Failure,
    MaterializeResult,
    MetadataValue,
    asset,
)

from argus_pipeline.batches.integrity import verify
from argus_pipeline.batches.manifest import BatchFile, Manifest
from argus_pipeline.database.engine import session
from argus_pipeline.database.records import upsert_batch
from argus_pipeline.errors import BadInput
from argus_pipeline.run_records import PERMANENT
from argus_pipeline.storage.object_store import ObjectStore
from assets.bulk import IN_BULK, of_each_batch
from assets.common import FEED_IS_ALIVE, OWNERS, RETRIES, batches, read_manifest
from resources.database import DatabaseResource
from resources.object_store import ObjectStoreResource


@asset(
    partitions_def=batches,
    group_name="batch",
    kinds={"s3"},
    owners=OWNERS,
    retry_policy=RETRIES,
    backfill_policy=IN_BULK,
    freshness_policy=FEED_IS_ALIVE,
    check_specs=[
        AssetCheckSpec(
            "manifest_integrity",
            asset="raw_batch",
            partitions_def=batches,
            blocking=True,
            description="Every file of the manifest is there with its size, and with its SHA-256, "
            "or ETag where it lies in an archive.",
        )
    ],
)
def raw_batch(
    context: AssetExecutionContext, object_store: ObjectStoreResource, database: DatabaseResource
) -> Iterator[AssetCheckResult | MaterializeResult]:
    """What a vehicle uploaded: its recordings as they came, verified byte for byte.

    What was adopted from an archive stays there, and is verified by size and ETag. A batch that
    does not hold what its manifest says is refused before anything is made of it.
    """
    store = object_store.store()
    yield from of_each_batch(
        context, store, lambda batch: _of_batch(context, store, database, batch)
    )


def _of_batch(
    context: AssetExecutionContext, store: ObjectStore, database: DatabaseResource, batch: str
) -> Iterator[AssetCheckResult | MaterializeResult]:
    what_to_do = "Upload the files again, or mend the manifest and put it again."
    try:
        manifest, key, etag = read_manifest(context, store, batch)
        if any(file.source for file in manifest.files):
            what_to_do = "`argus adopt` with --update takes the archive as it is now."
        problems = [str(problem) for problem in verify(store, manifest, key)]
    except BadInput as error:
        problems = [str(error)]
    yield AssetCheckResult(
        passed=not problems,
        check_name="manifest_integrity",
        metadata={"problems": MetadataValue.md("\n".join(f"- {p}" for p in problems) or "none")},
    )
    if problems:
        raise Failure(
            f"The batch is not what its manifest says: {'; '.join(problems[:5])}"
            + (f" and {len(problems) - 5} more" if len(problems) > 5 else "")
            + f". {what_to_do}",
            metadata={"problems": MetadataValue.json(problems), PERMANENT: True},
            allow_retries=False,
        )
    with session(database.engine()) as opened:
        upsert_batch(opened, manifest, etag)
    yield MaterializeResult(
        metadata={
            "vehicle": manifest.vehicle,
            "platform": manifest.platform,
            "firmware": manifest.firmware,
            "firmware_from": manifest.firmware_from or "none: no update in this batch",
            "priority": manifest.priority,
            "recordings": len(manifest.recordings),
            "bytes": sum(file.size for file in manifest.files),
            "manifest": MetadataValue.path(store.uri(key)),
            "files": MetadataValue.md(_files(manifest)),
        }
    )


def _files(manifest: Manifest) -> str:
    rows = [
        f"| {f.name} | {f.size:,} | {_known_by(f)} | {f.source or 'uploaded'} |"
        for f in manifest.files[:50]
    ]
    return "\n".join(["| file | bytes | known by | where |", "|---|---:|---|---|", *rows])


def _known_by(file: BatchFile) -> str:
    return f"SHA-256 `{file.sha256[:12]}…`" if file.sha256 else f"ETag `{file.etag}`"
