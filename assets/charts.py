"""The charts of a batch, as pages, drawings and pictures."""

from dagster import AssetExecutionContext, MaterializeResult, MetadataValue, asset

from argus_pipeline.charts import ChartContext, draw_charts, write_charts
from argus_pipeline.statistics import read_statistics
from assets.batch_statistics import batch_statistics
from assets.common import OWNERS, RETRIES, batches, read_manifest
from resources.object_store import ObjectStoreResource


@asset(
    partitions_def=batches,
    deps=[batch_statistics],
    group_name="batch",
    kinds={"altair", "html"},
    owners=OWNERS,
    code_version="1",
    retry_policy=RETRIES,
)
def charts(context: AssetExecutionContext, object_store: ObjectStoreResource) -> MaterializeResult:
    """Severities over time and top codes, each as self-contained HTML, SVG and PNG."""
    store = object_store.store()
    manifest, _, _ = read_manifest(context, store)
    statistics = read_statistics(store, manifest.batch)
    drawn = draw_charts(statistics, ChartContext.of(manifest))
    pages = write_charts(store, manifest.batch, drawn)
    return MaterializeResult(
        metadata={
            name.replace("_", " "): MetadataValue.md(
                f"![{name}]({chart.preview_uri()})\n\n`{store.uri(pages[name])}`"
            )
            for name, chart in drawn.items()
        }
    )
