"""One more batch through the roll-ups over a fleet, from its note to the tables and Postgres."""

from __future__ import annotations

import time
from collections.abc import Iterator
from concurrent.futures import ThreadPoolExecutor
from dataclasses import replace
from datetime import UTC, datetime
from typing import Final

import numpy as np
import polars as pl
from sqlalchemy import Engine

from argus_pipeline.batches.given_up import read_all_given_up
from argus_pipeline.batches.manifest import Manifest
from argus_pipeline.fleet.campaign import all_campaigns
from argus_pipeline.fleet.cells import CELLS, HOURS
from argus_pipeline.fleet.changes import announce
from argus_pipeline.fleet.comparison import compare_firmware, read_comparison
from argus_pipeline.fleet.kept import keep_comparison, keep_health
from argus_pipeline.fleet.lock import fleet_lock
from argus_pipeline.fleet.rollup import read_sums, update
from argus_pipeline.fleet.rules import read_rules
from argus_pipeline.fleet.sums import sum_cells
from argus_pipeline.simulate.counts import FaultModel, FleetModel, simulate_counts
from argus_pipeline.statistics.storage import to_parquet
from argus_pipeline.storage import keys
from argus_pipeline.storage.object_store import ObjectStore

CODES: Final = 60
FAULTS_A_BATCH: Final = 15
PLATFORMS: Final = ("J7", "K5")
BATCHES_A_VEHICLE: Final = 10
CAMPAIGNS: Final = 4
TIMED: Final = 7
_START: Final = datetime(2026, 10, 1, 6, tzinfo=UTC)
_BEFORE, _AFTER = "v2.2.9", "v2.3.1"


def fleet_cells(count: int) -> pl.DataFrame:
    """The cells of so many batches: two versions of hours, and some of 60 faults each."""
    dice = np.random.default_rng(1)
    number = pl.int_range(count, eager=True)
    vehicle = number // BATCHES_A_VEHICLE
    batches = (
        pl.DataFrame({"number": number, "v": vehicle})
        .select(
            batch=pl.format("b-{}", pl.col("number").cast(pl.String).str.zfill(6)),
            created=pl.lit(_START) + pl.duration(seconds=pl.col("number") * 26),
            platform=pl.when(pl.col("v") % 2 == 0)
            .then(pl.lit(PLATFORMS[0]))
            .otherwise(pl.lit(PLATFORMS[1])),
            vehicle=pl.format("S{}", pl.col("v").cast(pl.String).str.zfill(12)),
            updated_from=pl.lit(_BEFORE),
            updated_to=pl.lit(_AFTER),
            number="number",
        )
        .with_columns(day=pl.col("created").cast(pl.Date))
    )
    hours = batches.join(pl.DataFrame({"firmware": [_BEFORE, _AFTER]}), how="cross")
    hours = hours.with_columns(
        kind=pl.lit(HOURS),
        seconds=pl.Series(dice.integers(3_000, 30_000, hours.height)),
        lifecycles=pl.Series(dice.integers(1, 9, hours.height)),
    ).with_columns(boots="lifecycles")
    picked = pl.DataFrame(
        {
            "number": np.repeat(np.arange(count), FAULTS_A_BATCH),
            "code": dice.integers(0, CODES, count * FAULTS_A_BATCH),
            "after": dice.integers(0, 2, count * FAULTS_A_BATCH),
            "messages": dice.integers(1, 20, count * FAULTS_A_BATCH),
        }
    ).unique(["number", "code", "after"], keep="first", maintain_order=True)
    faults = picked.join(batches, on="number").with_columns(
        kind=pl.lit("code"),
        fault=pl.format("E{}", pl.col("code").cast(pl.String).str.zfill(3)),
        title=pl.format("a fault of number {}", "code"),
        severity=pl.lit("error"),
        ecu=pl.lit("GW"),
        lifecycles=pl.lit(1),
        firmware=pl.when(pl.col("after") == 1).then(pl.lit(_AFTER)).otherwise(pl.lit(_BEFORE)),
    )
    both = pl.concat([hours, faults.drop("code", "after")], how="diagonal_relaxed")
    return (
        both.with_columns(
            pl.col("messages", "lifecycles", "seconds", "boots").fill_null(0),
        )
        .select(pl.col(name).cast(kind) for name, kind in CELLS.items())
        .sort(CELLS.names())
    )


def campaign_of(vehicle: str) -> str:
    """Each vehicle is in one campaign of its platform."""
    return f"c{int(vehicle[1:]) % CAMPAIGNS}"


def put_fleet(store: ObjectStore, count: int) -> None:
    """The objects that a roll-up reads of a fleet that is in: sums, campaigns, some vehicles."""
    from zlib import crc32

    from argus_pipeline.fleet.rollup import CAMPAIGN_PARTS

    cells = fleet_cells(count)
    objects = {keys.fleet(name): frame for name, frame in sum_cells(cells).items()}
    placed = cells.with_columns(
        campaign=pl.col("vehicle").map_elements(campaign_of, pl.String),
        part=pl.col("vehicle").map_elements(
            lambda name: crc32(name.encode()) % CAMPAIGN_PARTS, pl.Int64
        ),
    )
    for (campaign, part), own in placed.partition_by(
        "campaign", "part", as_dict=True, include_key=False
    ).items():
        objects[keys.fleet_campaign(str(campaign), int(str(part)))] = own
    for number in range(TIMED + 1):
        own = cells.filter(pl.col("vehicle") == f"S{number:012d}")
        objects[keys.fleet_vehicle(own["platform"][0], own["vehicle"][0])] = own
    with ThreadPoolExecutor(8) as threads:
        list(threads.map(lambda key: store.put(key, to_parquet(objects[key])), objects))


def new_batches() -> Iterator[tuple[Manifest, pl.DataFrame, pl.DataFrame]]:
    """Manifest and statistics of batches that come after that, of vehicles that are known."""
    faults = [FaultModel(f"E{i:03d}", 0.02 * (1 + i % 10)) for i in range(CODES)]
    model = FleetModel(TIMED + 1, 20, faults, dispersion=0.5)
    for number, (manifest, exposures, fault_counts) in enumerate(simulate_counts(model, 2)):
        vehicle = f"S{number:012d}"
        own = replace(
            manifest,
            batch=f"20261125T000000Z-{vehicle}",
            vehicle=vehicle,
            platform=PLATFORMS[number % 2],
            campaign=campaign_of(vehicle),
        )
        yield own, exposures, fault_counts


def take_in(store: ObjectStore, engine: Engine) -> tuple[float, float, float]:
    """Seconds of `fleet_statistics`, `firmware_comparison` and `campaign_health`, as they are."""
    began = time.perf_counter()
    with fleet_lock(engine) as held:
        done = update(store, held)
        read_sums(store, "exposures")
    assert done.batches == 1, done
    assert done.adds_up(), done
    updated = time.perf_counter()
    rules = read_rules(store)
    with fleet_lock(engine) as held:
        found = compare_firmware(read_sums(store), rules.comparison)
        keep_comparison(store, engine, found, held)
    compared = time.perf_counter()
    with fleet_lock(engine) as held:
        health = all_campaigns(
            store,
            read_sums(store),
            read_comparison(store),
            rules.campaign,
            [(record.campaign, record.batch) for record in read_all_given_up(store)],
        )
        keep_health(store, engine, health, held)
    assert len(health) == CAMPAIGNS
    return updated - began, compared - updated, time.perf_counter() - compared


def one_more(store: ObjectStore, engine: Engine) -> list[tuple[float, float, float]]:
    """The same for several batches one after the other; the first warms up and is left out."""
    timed = []
    for manifest, exposures, fault_counts in new_batches():
        folder = keys.incoming(manifest.created.date(), manifest.batch)
        store.put(f"{folder}{keys.MANIFEST_NAME}", manifest.to_json())
        store.put(keys.statistics(manifest.batch, "exposures"), to_parquet(exposures))
        store.put(keys.statistics(manifest.batch, "fault_counts"), to_parquet(fault_counts))
        announce(store, manifest.batch)
        timed.append(take_in(store, engine))
    return timed[1:]
