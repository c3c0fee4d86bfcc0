"""Did an update make anything worse? Each fault before and after, platform by platform."""

from collections.abc import Iterator

from dagster import (
    AssetCheckResult,
    AssetCheckSeverity,
    AssetCheckSpec,
    MaterializeResult,
    MetadataValue,
    asset,
)
from polars import DataFrame, col

from argus_pipeline.fleet.classes import CHANGES, NEW, WORSE
from argus_pipeline.fleet.kept import keep_comparison
from argus_pipeline.fleet.lock import fleet_lock
from argus_pipeline.fleet.pairs import firmware_pairs
from argus_pipeline.fleet.rollup import read_sums
from argus_pipeline.fleet.rules import read_rules
from argus_pipeline.statistics.severity import CRITICAL
from argus_pipeline.storage import keys
from assets.common import OWNERS, RETRIES, after_upstream, column_schema, inline_table
from assets.fleet_statistics import fleet_statistics
from resources.database import DatabaseResource
from resources.object_store import ObjectStoreResource


@asset(
    deps=[fleet_statistics],
    group_name="fleet",
    kinds={"polars", "parquet", "postgres"},
    owners=OWNERS,
    code_version="1",
    retry_policy=RETRIES,
    automation_condition=after_upstream(),
    check_specs=[
        AssetCheckSpec(
            "every_fault_is_compared",
            asset="firmware_comparison",
            description="The messages of each comparison are those of its two versions.",
        ),
        AssetCheckSpec(
            "nothing_got_worse",
            asset="firmware_comparison",
            description="No fatal or error fault is new or worse after an update.",
        ),
    ],
)
def firmware_comparison(
    object_store: ObjectStoreResource, database: DatabaseResource
) -> Iterator[AssetCheckResult | MaterializeResult]:
    """Rates per hour and lifecycle before and after each update, with the ratio and its interval.

    A fault is new, worse, unchanged, better or gone, or there is too little data, by the rules in
    `fleet/rules.yaml` of the bucket; docs/fleet.md says how.
    """
    # Every run loads this module, and scipy takes a second.
    from argus_pipeline.fleet.comparison import compare_firmware

    store = object_store.store()
    rules = read_rules(store)
    with fleet_lock(database.engine()) as held:
        sums = read_sums(store)
        found = compare_firmware(sums, rules.comparison)
        keep_comparison(store, database.engine(), found, held)
    pairs = firmware_pairs(sums)
    missing = _missing(pairs, sums["faults"], found)
    yield AssetCheckResult(
        passed=missing.is_empty(),
        check_name="every_fault_is_compared",
        metadata={"differences": inline_table(missing)},
    )
    changed = found.filter(col("class").cast(str).is_in(CHANGES))
    bad = changed.filter(
        col("class").cast(str).is_in([NEW, WORSE]), col("severity").cast(str).is_in(CRITICAL)
    )
    yield AssetCheckResult(
        passed=bad.is_empty(),
        severity=AssetCheckSeverity.WARN,
        check_name="nothing_got_worse",
        metadata={"new or worse": inline_table(_readable(bad))},
    )
    yield MaterializeResult(
        metadata={
            "dagster/row_count": found.height,
            "dagster/column_schema": column_schema(found),
            "comparisons": inline_table(pairs),
            "faults by class": MetadataValue.json(
                dict(found["class"].cast(str).value_counts(sort=True).iter_rows())
            ),
            "what changed": inline_table(_readable(changed)),
            "table": f"{store.uri(keys.fleet('firmware_comparison'))}",
        }
    )


def _missing(pairs: DataFrame, faults: DataFrame, found: DataFrame) -> DataFrame:
    """Versions of which the comparison has other counts than the sums have."""
    by = ["platform", "firmware_before", "firmware_after"]
    compared = found.group_by(by).agg(col("messages_before", "messages_after").sum())
    counted = faults.group_by("platform", "firmware").agg(col("messages").sum())
    expected = pairs.select(by)
    for side in ("before", "after"):
        expected = expected.join(
            counted.rename({"firmware": f"firmware_{side}", "messages": f"expected_{side}"}),
            on=["platform", f"firmware_{side}"],
            how="left",
        )
    return (
        expected.join(compared, on=by, how="left")
        .fill_null(0)
        .filter(
            (col("expected_before") != col("messages_before"))
            | (col("expected_after") != col("messages_after"))
        )
    )


def _readable(found: DataFrame) -> DataFrame:
    """What people ask of a fault that changed; rates are per hour of operation."""
    return found.select(
        "platform",
        (col("firmware_before") + " → " + col("firmware_after")).alias("update"),
        *("fault", "title", "severity", "class"),
        col("ratio").round(2),
        (col("low").round(2).cast(str) + " to " + col("high").round(2).cast(str)).alias("95 %"),
        col("p_adjusted").round_sig_figs(2).alias("adjusted p"),
        col("per_hour_before").round(3).alias("per hour before"),
        col("per_hour_after").round(3).alias("per hour after"),
        (
            col("hours_before").round(1).cast(str) + " / " + col("hours_after").round(1).cast(str)
        ).alias("hours"),
        (col("vehicles_before").cast(str) + " / " + col("vehicles_after").cast(str)).alias(
            "vehicles"
        ),
    )
