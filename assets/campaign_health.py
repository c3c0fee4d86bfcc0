"""May a campaign go on? Its vehicles by outcome, and a verdict with the rules that made it."""

from collections.abc import Iterator, Sequence

from dagster import (
    AssetCheckResult,
    AssetCheckSeverity,
    AssetCheckSpec,
    MaterializeResult,
    MetadataValue,
    asset,
)
from polars import DataFrame

from argus_pipeline.batches.given_up import read_all_given_up
from argus_pipeline.fleet.campaign import CampaignHealth, all_campaigns
from argus_pipeline.fleet.kept import keep_health
from argus_pipeline.fleet.lock import fleet_lock
from argus_pipeline.fleet.rollup import read_sums
from argus_pipeline.fleet.rules import read_rules
from argus_pipeline.fleet.verdict import Verdict
from argus_pipeline.storage import keys
from assets.common import OWNERS, RETRIES, after_upstream, column_schema, inline_table
from assets.firmware_comparison import firmware_comparison
from resources.database import DatabaseResource
from resources.object_store import ObjectStoreResource


@asset(
    deps=[firmware_comparison],
    group_name="fleet",
    kinds={"polars", "parquet", "postgres"},
    owners=OWNERS,
    code_version="1",
    retry_policy=RETRIES,
    automation_condition=after_upstream(),
    check_specs=[
        AssetCheckSpec(
            "campaigns_may_go_on",
            asset="campaign_health",
            description="No campaign has the verdict hold.",
        )
    ],
)
def campaign_health(
    object_store: ObjectStoreResource, database: DatabaseResource
) -> Iterator[AssetCheckResult | MaterializeResult]:
    """Vehicles expected, reported, succeeded and failed, and the verdict, of every campaign.

    The rules are in `fleet/rules.yaml` and `campaigns/<campaign>/rules.yaml` of the bucket, the
    expected vehicles in `campaigns/<campaign>/vehicles.csv`; docs/fleet.md describes them.
    """
    # Every run loads this module, and scipy takes a second.
    from argus_pipeline.fleet.comparison import read_comparison

    store = object_store.store()
    rules = read_rules(store)
    with fleet_lock(database.engine()) as held:
        found = all_campaigns(
            store,
            read_sums(store),
            read_comparison(store),
            rules.campaign,
            [(record.campaign, record.batch) for record in read_all_given_up(store)],
        )
        frame = keep_health(store, database.engine(), found, held)
    on_hold = [one for one in found if one.verdict is Verdict.HOLD]
    yield AssetCheckResult(
        passed=not on_hold,
        severity=AssetCheckSeverity.WARN,
        check_name="campaigns_may_go_on",
        metadata={one.campaign: one.reason for one in on_hold},
    )
    yield MaterializeResult(
        metadata={
            "dagster/row_count": frame.height,
            "dagster/column_schema": column_schema(frame),
            "campaigns": inline_table(_readable(found)),
            "rules": MetadataValue.md("\n".join(_rules(found))),
            "table": store.uri(keys.fleet("campaign_health")),
        }
    )


def _readable(found: Sequence[CampaignHealth]) -> DataFrame:
    return DataFrame(
        [
            {
                "campaign": one.campaign,
                "verdict": one.verdict.value,
                "target": one.target or "unknown",
                "expected": "no list" if one.expected is None else str(one.expected),
                "reported": one.reported,
                "succeeded": one.succeeded,
                "failed": one.failed,
                "pending": one.pending,
                "given up": one.given_up,
                "hours": round(one.hours, 2),
                "reason": one.reason,
            }
            for one in found
        ]
    )


def _rules(found: Sequence[CampaignHealth]) -> Iterator[str]:
    """Every verdict with all of its rules."""
    for one in found:
        yield f"**{one.campaign}: {one.verdict.value}**\n"
        for rule in one.rules:
            yield f"- {'✓' if rule.holds else '✗'} {rule.rule}: {rule.threshold}; {rule.found}"
        yield ""
