"""How a campaign is doing: its vehicles by outcome and source version, and whether to go on."""

from __future__ import annotations

import io
import json
from collections.abc import Collection, Sequence
from dataclasses import asdict, dataclass
from typing import Any, Final

import polars as pl

from argus_pipeline.errors import BadInput
from argus_pipeline.fleet.as_json import json_row
from argus_pipeline.fleet.cells import SECONDS_AN_HOUR
from argus_pipeline.fleet.classes import CHANGES
from argus_pipeline.fleet.expected import Expected, read_expected
from argus_pipeline.fleet.outcomes import (
    FAILED,
    OUTCOMES,
    PENDING,
    SUCCEEDED,
    UNKNOWN_SOURCE,
)
from argus_pipeline.fleet.reported import Reported, read_reported
from argus_pipeline.fleet.rollup import list_campaigns
from argus_pipeline.fleet.rules import CampaignRules, read_campaign_rules
from argus_pipeline.fleet.sums import Sums
from argus_pipeline.fleet.verdict import Applied, CampaignNumbers, Verdict, judge
from argus_pipeline.storage import keys
from argus_pipeline.storage.object_store import ObjectMissing, ObjectStore

_COLUMNS: Final[dict[str, pl.DataType | type[pl.DataType]]] = {
    "campaign": pl.String,
    "verdict": pl.Enum([verdict.value for verdict in Verdict]),
    "reason": pl.String,
    "target": pl.String,
    "target_from": pl.String,
    "expected": pl.Int64,
    "reported": pl.Int64,
    "not_reported": pl.Int64,
    "not_expected": pl.Int64,
    "succeeded": pl.Int64,
    "failed": pl.Int64,
    "pending": pl.Int64,
    "batches": pl.Int64,
    "given_up": pl.Int64,
    "hours": pl.Float64,
    "platforms": pl.String,
    "sources": pl.String,
    "changes": pl.String,
    "rules": pl.String,
}
CAMPAIGN_HEALTH: Final = pl.Schema(_COLUMNS)
"""docs/fleet.md describes the columns; the last four are JSON."""

_JSON: Final = ("platforms", "sources", "changes", "rules")


@dataclass(frozen=True, slots=True)
class Source:
    """The vehicles of a campaign that start from one version; `expected` None without a list."""

    firmware: str
    expected: int | None
    reported: int
    succeeded: int
    failed: int
    pending: int


@dataclass(frozen=True, slots=True)
class CampaignHealth:
    """How one campaign is doing.

    `target_from` says where the target comes from: the list, or the batches. `not_expected` are
    vehicles that report to the campaign and are not on its list, by name, the first 20. `hours`:
    under the target, of all vehicles of its platforms. `changes` are the rows of the comparison of
    a source version with the target whose class is a change.
    """

    campaign: str
    verdict: Verdict
    rules: tuple[Applied, ...]
    target: str | None
    target_from: str
    expected: int | None
    reported: int
    not_reported: int | None
    not_expected: int
    not_expected_names: tuple[str, ...]
    succeeded: int
    failed: int
    pending: int
    batches: int
    given_up: int
    hours: float
    platforms: tuple[str, ...]
    sources: tuple[Source, ...]
    changes: tuple[dict[str, Any], ...]

    @property
    def reason(self) -> str:
        """The rules that made the verdict, with what they found; all of them when it may go on."""
        made = [r for r in self.rules if not r.holds and r.otherwise == self.verdict]
        if not made:
            return "every rule holds"
        return "; ".join(f"{r.rule}: {r.threshold}, found {r.found}" for r in made)

    def to_dict(self) -> dict[str, Any]:
        """As JSON."""
        return {**asdict(self), "verdict": self.verdict.value, "reason": self.reason}

    def to_row(self) -> dict[str, Any]:
        """As a row of `CAMPAIGN_HEALTH`."""
        content = self.to_dict()
        columns = {name: content[name] for name in CAMPAIGN_HEALTH}
        for name in _JSON:
            columns[name] = json.dumps(columns[name], ensure_ascii=False, allow_nan=False)
        return columns


def all_campaigns(
    store: ObjectStore,
    sums: Sums,
    comparison: pl.DataFrame,
    rules: CampaignRules,
    given_up: Collection[tuple[str | None, str]] = (),
) -> Sequence[CampaignHealth]:
    """The health of every campaign that a batch names, given up or not, or a list is there for.

    Args:
        store: the bucket, for lists and rules of the campaigns.
        sums: over the whole fleet.
        comparison: what `compare_firmware` found.
        rules: where a campaign has none of its own.
        given_up: campaign and id of batches that were given up.

    Raises:
        BadInput: a list or the rules of a campaign cannot be used.
    """
    found = []
    for campaign in list_campaigns(store, {one for one, _ in given_up if one}):
        own = read_campaign_rules(store, campaign, rules)
        expected = read_expected(store, campaign)
        target = expected.target if expected else None
        found.append(
            campaign_health(
                campaign,
                read_reported(store, campaign, own.update_failures, target),
                sums,
                comparison,
                own,
                expected=expected,
                given_up=sum(one == campaign for one, _ in given_up),
            )
        )
    return found


def campaign_health(
    campaign: str,
    reported: Reported,
    sums: Sums,
    comparison: pl.DataFrame,
    rules: CampaignRules,
    *,
    expected: Expected | None = None,
    given_up: int = 0,
) -> CampaignHealth:
    """The health of one campaign, from what its vehicles reported."""
    target, vehicles = reported.target, reported.vehicles
    platforms = tuple(sorted(set(vehicles["platform"])))
    sources = _sources(vehicles, expected)
    names = set(expected.vehicles) if expected else set()
    strange = sorted(set(vehicles["vehicle"]) - names) if expected else []
    changes = _changes(comparison, platforms, {s.firmware for s in sources}, target)
    counts = {name: int((vehicles["outcome"] == name).sum()) for name in OUTCOMES}
    numbers = CampaignNumbers(
        expected=len(names) if expected else None,
        reported_expected=vehicles.height - len(strange),
        succeeded=counts[SUCCEEDED],
        failed=counts[FAILED],
        batches=int(vehicles["batches"].sum()),
        given_up=given_up,
        hours=_hours(sums, platforms, target),
        changes=[
            (row["class"], row["severity"], f"{row['fault']} on {row['platform']}")
            for row in changes
        ],
    )
    verdict, applied = judge(numbers, rules)
    return CampaignHealth(
        campaign=campaign,
        verdict=verdict,
        rules=applied,
        target=target,
        target_from="list" if expected and expected.target else "batches" if target else "unknown",
        expected=numbers.expected,
        reported=vehicles.height,
        not_reported=len(names - set(vehicles["vehicle"])) if expected else None,
        not_expected=len(strange),
        not_expected_names=tuple(strange[:20]),
        succeeded=counts[SUCCEEDED],
        failed=counts[FAILED],
        pending=counts[PENDING],
        batches=numbers.batches,
        given_up=given_up,
        hours=numbers.hours,
        platforms=platforms,
        sources=sources,
        changes=changes,
    )


def health_frame(found: Sequence[CampaignHealth]) -> pl.DataFrame:
    """`campaign_health` as a table, one row a campaign."""
    return pl.DataFrame([one.to_row() for one in found], schema=CAMPAIGN_HEALTH).sort("campaign")


def read_health(store: ObjectStore) -> Sequence[dict[str, Any]]:
    """The campaigns as they were found last, each as a row of `CAMPAIGN_HEALTH` without JSON in it.

    Raises:
        BadInput: the table is of another version.
    """
    key = keys.fleet("campaign_health")
    try:
        frame = pl.read_parquet(io.BytesIO(store.get(key)))
    except ObjectMissing:
        return []
    if frame.schema != CAMPAIGN_HEALTH:
        raise BadInput(
            f"has the columns {', '.join(frame.columns)}",
            where=store.uri(key),
            expected=", ".join(CAMPAIGN_HEALTH),
            hint="Materialize campaign_health again",
        )
    return [
        {name: json.loads(value) if name in _JSON else value for name, value in row.items()}
        for row in frame.iter_rows(named=True)
    ]


def _sources(vehicles: pl.DataFrame, expected: Expected | None) -> tuple[Source, ...]:
    """By the list's source version where it gives one, else by what the vehicle's batches say."""
    listed = {v: s for v, s in (expected.vehicles if expected else {}).items() if s}
    named = vehicles.select(
        pl.col("vehicle")
        .replace_strict(listed, default=pl.col("source"), return_dtype=pl.String)
        .alias("source"),
        "outcome",
    )
    counts: dict[str, dict[str, int]] = {}
    for source, outcome in named.iter_rows():
        counts.setdefault(source, dict.fromkeys(OUTCOMES, 0))[outcome] += 1
    wanted: dict[str, int] = {}
    if expected:
        told = dict(vehicles.select("vehicle", "source").iter_rows())
        for vehicle, given in expected.vehicles.items():
            source = given or told.get(vehicle, UNKNOWN_SOURCE)
            wanted[source] = wanted.get(source, 0) + 1
            counts.setdefault(source, dict.fromkeys(OUTCOMES, 0))
    return tuple(
        Source(
            source,
            wanted.get(source, 0) if expected else None,
            sum(own.values()),
            own[SUCCEEDED],
            own[FAILED],
            own[PENDING],
        )
        for source, own in sorted(counts.items())
    )


def _changes(
    comparison: pl.DataFrame, platforms: tuple[str, ...], sources: set[str], target: str | None
) -> tuple[dict[str, Any], ...]:
    found = comparison.filter(
        pl.col("platform").is_in(platforms),
        pl.col("firmware_before").is_in(sources),
        pl.col("firmware_after") == pl.lit(target, pl.String),
        pl.col("class").cast(pl.String).is_in(CHANGES),
    )
    columns = ("platform", "firmware_before", "kind", "fault", "title", "severity", "class")
    rows = found.select(*columns, "ratio", "low", "high").iter_rows(named=True)
    return tuple(json_row(row) for row in rows)


def _hours(sums: Sums, platforms: tuple[str, ...], target: str | None) -> float:
    own = sums["exposures"].filter(
        pl.col("platform").is_in(platforms), pl.col("firmware") == pl.lit(target, pl.String)
    )
    return float(own["seconds"].sum()) / SECONDS_AN_HOUR
