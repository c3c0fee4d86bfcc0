"""The page of each campaign: may it go on, by which rule, and what did the update change?"""

from dagster import MaterializeResult, MetadataValue, asset, define_asset_job

from argus_pipeline.report.campaign_writing import write_campaign_pages
from argus_pipeline.report.markdown import escape
from assets.campaign_health import campaign_health
from assets.common import OWNERS, RETRIES, after_upstream
from assets.firmware_comparison import firmware_comparison
from resources.object_store import ObjectStoreResource


@asset(
    deps=[firmware_comparison, campaign_health],
    group_name="fleet",
    kinds={"altair", "html"},
    owners=OWNERS,
    code_version="2",
    retry_policy=RETRIES,
    automation_condition=after_upstream(),
)
def campaign_pages(object_store: ObjectStoreResource) -> MaterializeResult:
    """A self-contained HTML page a campaign: verdict, rules, vehicles, comparison and charts.

    `argus open CAMPAIGN` shows it. Pages whose content did not change are left as they are.
    """
    store = object_store.store()
    written = write_campaign_pages(store)
    lines = [
        f"- **{escape(page.campaign)}**: {escape(page.verdict)} `{store.uri(page.key)}`"
        for page in written
    ]
    return MaterializeResult(
        metadata={
            "campaigns": len(written),
            "written": sum(page.is_new for page in written),
            "pages": MetadataValue.md("\n".join(lines) or "no campaign has a batch yet"),
        }
    )


campaigns_job = define_asset_job(
    "campaigns",
    selection=[campaign_health, campaign_pages],
    description="Judges every campaign anew: also by what was given up, and by new rules or lists.",
    tags={"dagster/priority": "-5"},
)
