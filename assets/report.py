"""What people read of a batch: the diagnosis with its evidence and charts, in three forms."""

from collections.abc import Iterator

from dagster import AssetCheckResult, AssetExecutionContext, MaterializeResult, MetadataValue, asset

from argus_pipeline import settings
from argus_pipeline.charts import read_drawings, stored_charts_that_matter
from argus_pipeline.diagnosis.pipeline import load_diagnosis
from argus_pipeline.report.language import language_from
from argus_pipeline.report.markdown import render_markdown
from argus_pipeline.report.writing import write_report
from argus_pipeline.storage.object_store import ObjectStore
from assets.bulk import IN_BULK, of_each_batch
from assets.charts import charts
from assets.common import OWNERS, RETRIES, batches, refuse_ended_run
from assets.diagnosis import diagnosis
from resources.database import DatabaseResource
from resources.object_store import ObjectStoreResource


@asset(
    partitions_def=batches,
    deps=[charts, diagnosis],
    group_name="batch",
    kinds={"markdown", "html"},
    owners=OWNERS,
    code_version="4",
    retry_policy=RETRIES,
    backfill_policy=IN_BULK,
)
def report(
    context: AssetExecutionContext, object_store: ObjectStoreResource, database: DatabaseResource
) -> Iterator[AssetCheckResult | MaterializeResult]:
    """The report of a batch as Markdown, one self-contained HTML page, and JSON."""
    store = object_store.store()
    yield from of_each_batch(
        context, store, lambda batch: _of_batch(context, store, database, batch), last=True
    )


def _of_batch(
    context: AssetExecutionContext, store: ObjectStore, database: DatabaseResource, batch: str
) -> Iterator[MaterializeResult]:
    refuse_ended_run(context)
    found = load_diagnosis(database.engine(), batch)
    shown = stored_charts_that_matter(store, batch)
    language = language_from(settings.load())
    written = write_report(store, found, read_drawings(store, batch, shown), language)
    # Once more: what this says is what counts, and drawing took its time.
    refuse_ended_run(context)
    yield MaterializeResult(
        metadata={
            "report": MetadataValue.md(render_markdown(found, language=language)),
            "label": found.label.value,
            "language": language.value,
            "files": MetadataValue.md("\n".join(f"- `{store.uri(key)}`" for key in written)),
        }
    )
