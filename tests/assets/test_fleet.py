"""The assets over all batches, by a real Dagster instance over a real store and database."""

from __future__ import annotations

import json
import math

import dagster as dg
import duckdb
import polars as pl
import pytest
from dagster._core.events import AssetMaterializationPlannedData
from fleet.made import counts, exposures, put_batch
from sqlalchemy import select

from argus_pipeline.database.engine import create_engine, session
from argus_pipeline.database.models import CampaignHealth, FirmwareComparison
from argus_pipeline.fleet.comparison import read_comparison
from argus_pipeline.statistics.storage import from_parquet
from argus_pipeline.storage import keys

FLEET = ["fleet_statistics", "firmware_comparison", "campaign_health"]


def put_fleet(store, *, vehicles: int = 12, after: int = 40) -> None:
    """Vehicles with the same hours under both versions; E001 comes more often after."""
    for n in range(vehicles):
        put_batch(
            store,
            n,
            exposures(v1=10.0, v2=10.0),
            counts(
                *(("E001", "v1", 8 + n % 3), ("E001", "v2", after + n % 5)),
                *(("E002", "v1", 20 + n % 4), ("E002", "v2", 20 + n % 3)),
                lifecycles=10,
            ),
            vehicle=f"VIN{n:02d}",
            campaign="2026-q4-brakes",
        )


def materialize(pipeline, *names: str) -> dg.ExecuteInProcessResult:
    assets = [a for a in pipeline.definitions.assets if a.key.path[-1] in (names or FLEET)]
    return dg.materialize(
        [*pipeline.definitions.assets],
        selection=dg.AssetSelection.assets(*(a.key for a in assets)),
        instance=pipeline.instance,
        resources=pipeline.resources,
    )


def test_a_code_that_got_worse_is_found_and_holds_its_campaign(pipeline) -> None:
    put_fleet(pipeline.store)
    result = materialize(pipeline)
    assert result.success
    assert pipeline.check_results(result) == {
        "hours_add_up": True,
        "batches_are_readable": True,
        "hours_are_placed": True,
        "every_fault_is_compared": True,
        "nothing_got_worse": False,
        "campaigns_may_go_on": False,
    }
    found = read_comparison(pipeline.store)
    assert dict(found.select("fault", "class").iter_rows()) == {
        "E001": "worse",
        "E002": "unchanged",
    }
    engine = create_engine(pipeline.database_url)
    with session(engine) as opened:
        rows = opened.scalars(select(FirmwareComparison)).all()
        [campaign] = opened.scalars(select(CampaignHealth)).all()
    engine.dispose()
    assert {(r.fault, r.class_, r.vehicles_both) for r in rows} == {
        ("E001", "worse", 12),
        ("E002", "unchanged", 12),
    }
    assert (campaign.verdict, campaign.target, campaign.succeeded) == ("hold", "v2", 12)
    assert "E001 on J7 is worse (error)" in campaign.reason
    assert [rule["rule"] for rule in campaign.rules if not rule["holds"]] == [
        "hold_classes, hold_severities"
    ]


def test_a_code_that_never_came_before_is_new_in_bucket_database_and_as_strict_json(
    pipeline,
) -> None:
    for n in range(12):
        faults = counts(("E002", "v1", 20), ("E002", "v2", 20), ("E009", "v2", 40), lifecycles=10)
        hours = exposures(v1=10.0, v2=10.0)
        put_batch(pipeline.store, n, hours, faults, vehicle=f"VIN{n:02d}", campaign="brakes")
    result = materialize(pipeline)
    assert result.success
    [shown] = result.asset_materializations_for_node("firmware_comparison")
    json.dumps([one.data for one in shown.metadata["what changed"].records], allow_nan=False)
    new = read_comparison(pipeline.store).filter(pl.col("fault") == "E009")
    assert new["ratio"].to_list() == [math.inf]
    engine = create_engine(pipeline.database_url)
    with session(engine) as opened:
        [campaign] = opened.scalars(select(CampaignHealth)).all()
    engine.dispose()
    [change] = campaign.changes
    assert (change["fault"], change["class"], change["ratio"]) == ("E009", "new", None)
    assert change["low"] > 1
    kept = pl.read_parquet(pipeline.store.get(keys.fleet("campaign_health")))
    asked = duckdb.connect().from_arrow(kept.to_arrow()).select("json_valid(changes)")
    assert asked.fetchall() == [(True,)]


def test_rules_and_a_list_of_vehicles_in_the_bucket_count(pipeline) -> None:
    put_fleet(pipeline.store)
    pipeline.store.put(keys.fleet_rules(), b"campaign: {hold_classes: [new], least_vehicles: 3}")
    pipeline.store.put(
        keys.campaign_vehicles("2026-q4-brakes"),
        b"vehicle,firmware_from,firmware\nVIN00,v1,v2\nVIN01,v0,v2\nVIN99,v1,v2\n",
    )
    assert materialize(pipeline).success
    pipeline.store.put(keys.campaign_rules("2026-q4-brakes"), b"least_reported_share: 0.9")
    engine = create_engine(pipeline.database_url)
    with session(engine) as opened:
        [campaign] = opened.scalars(select(CampaignHealth)).all()
        assert campaign.verdict == "continue"
        assert (campaign.expected, campaign.not_reported, campaign.not_expected) == (3, 1, 10)
        by_source = {s["firmware"]: (s["expected"], s["reported"]) for s in campaign.sources}
        assert by_source == {"v0": (1, 1), "v1": (2, 11)}
    assert materialize(pipeline, "campaign_health").success
    with session(engine) as opened:
        [campaign] = opened.scalars(select(CampaignHealth)).all()
    engine.dispose()
    assert campaign.verdict == "not enough data"
    assert "2 of 3" in campaign.reason


def test_without_any_batch_there_is_nothing_and_no_error(pipeline) -> None:
    result = materialize(pipeline)
    assert result.success
    assert all(pipeline.check_results(result).values())


def test_a_batch_that_ran_through_the_pipeline_is_in_the_fleet(pipeline, samples) -> None:
    pipeline.put("20261123T101500Z-b1", samples)
    assert pipeline.run("20261123T101500Z-b1").success
    result = materialize(pipeline)
    assert result.success
    key = keys.statistics("20261123T101500Z-b1", "exposures")
    hours = from_parquet(pipeline.store.get(key), "exposures", where=key)["hours"].sum()
    [event] = [
        m
        for m in result.get_asset_materialization_events()
        if m.asset_key.path == ["fleet_statistics"]
    ]
    assert event.materialization.metadata["hours"].value == pytest.approx(hours, abs=1 / 1800)
    assert event.materialization.metadata["batches taken in"].value == 1


def requested(pipeline, cursor) -> tuple[list[str], object]:
    found = dg.evaluate_automation_conditions(
        pipeline.definitions, instance=pipeline.instance, cursor=cursor
    )
    return [name for name in FLEET if found.get_num_requested(dg.AssetKey(name))], found.cursor


def report(pipeline, batch: str) -> None:
    """As a run that made the statistics of a batch leaves it."""
    pipeline.instance.add_dynamic_partitions("batch", [batch])
    pipeline.instance.report_runless_asset_event(
        dg.AssetMaterialization("batch_statistics", partition=batch)
    )


def test_a_new_partition_of_the_statistics_requests_all_three_once(pipeline) -> None:
    names, cursor = requested(pipeline, None)
    assert names == []
    report(pipeline, "b1")
    report(pipeline, "b2")
    names, cursor = requested(pipeline, cursor)
    assert names == FLEET
    assert materialize(pipeline).success
    names, cursor = requested(pipeline, cursor)
    assert names == []
    report(pipeline, "b1")
    assert requested(pipeline, cursor)[0] == FLEET


def test_a_batch_that_comes_right_after_a_request_makes_another_run(pipeline) -> None:
    _, cursor = requested(pipeline, None)
    report(pipeline, "b1")
    names, cursor = requested(pipeline, cursor)
    assert names == FLEET
    # It comes before the tick that sees the request, and the run that was requested may miss it.
    report(pipeline, "b2")
    names, cursor = requested(pipeline, cursor)
    assert names == ["fleet_statistics"]
    # What follows comes after it, whether in this run or in one of its own.
    assert materialize(pipeline, "fleet_statistics").success
    assert requested(pipeline, cursor)[0] == ["firmware_comparison", "campaign_health"]


def test_a_batch_that_comes_during_a_run_waits_for_its_end(pipeline) -> None:
    _, cursor = requested(pipeline, None)
    report(pipeline, "b1")
    _, cursor = requested(pipeline, cursor)
    job = pipeline.definitions.resolve_implicit_global_asset_job_def()
    selection = {dg.AssetKey(name) for name in FLEET}
    run = pipeline.instance.create_run_for_job(
        job.get_subset(asset_selection=selection),
        status=dg.DagsterRunStatus.STARTED,
        asset_selection=selection,
    )
    for name in FLEET:
        pipeline.instance.report_dagster_event(
            dg.DagsterEvent.build_asset_materialization_planned_event(
                job.name,
                name,
                AssetMaterializationPlannedData(dg.AssetKey(name)),
            ),
            run.run_id,
        )
    names, cursor = requested(pipeline, cursor)
    report(pipeline, "b2")
    names, cursor = requested(pipeline, cursor)
    assert names == []
    names, cursor = requested(pipeline, cursor)
    assert names == []
    pipeline.instance.report_run_failed(pipeline.instance.get_run_by_id(run.run_id))
    names, cursor = requested(pipeline, cursor)
    assert names == FLEET
