"""The charts of a batch, as pages, drawings and pictures."""

from collections.abc import Iterator

from dagster import AssetCheckResult, AssetExecutionContext, MaterializeResult, MetadataValue, asset

from argus_pipeline.charts import ChartContext, charts_that_matter, draw_charts, write_charts
from argus_pipeline.statistics.storage import read_statistics
from argus_pipeline.storage.object_store import ObjectStore
from assets.batch_statistics import batch_statistics
from assets.bulk import IN_BULK, of_each_batch
from assets.common import OWNERS, RETRIES, batches, inline_table, read_manifest
from resources.object_store import ObjectStoreResource


@asset(
    partitions_def=batches,
    deps=[batch_statistics],
    group_name="batch",
    kinds={"altair", "html"},
    owners=OWNERS,
    code_version="4",
    retry_policy=RETRIES,
    backfill_policy=IN_BULK,
)
def charts(
    context: AssetExecutionContext, object_store: ObjectStoreResource
) -> Iterator[AssetCheckResult | MaterializeResult]:
    """Severities, codes, ECUs and restarts of a batch, each as self-contained HTML, SVG and PNG.

    Pictures of those that say something about this batch are inline, beside the tables.
    """
    store = object_store.store()
    yield from of_each_batch(context, store, lambda batch: _of_batch(context, store, batch))


def _of_batch(
    context: AssetExecutionContext, store: ObjectStore, batch: str
) -> Iterator[MaterializeResult]:
    manifest, _, _ = read_manifest(context, store, batch)
    statistics = read_statistics(store, manifest.batch)
    drawn = draw_charts(statistics, ChartContext.of(manifest))
    pages = write_charts(store, manifest.batch, drawn)
    shown = charts_that_matter(statistics.frames())
    yield MaterializeResult(
        metadata={
            name.replace("_", " "): MetadataValue.md(
                (f"![{name}]({chart.preview_uri()})\n\n" if name in shown else "")
                + f"`{store.uri(pages[name])}`"
            )
            for name, chart in drawn.items()
        }
        | {
            "severities": inline_table(statistics.severities),
            "top codes": inline_table(statistics.codes),
        }
    )
