"""What does one more batch cost? The roll-ups and the comparison of versions over growing fleets.

    python benchmarks/fleet.py [BATCHES…]

Fleets of 100 and 2,000 batches (one a vehicle, two platforms, 60 fault codes) are put into a local
S3 store as the pipeline and the roll-ups leave them. Then one more batch arrives and is taken in,
and all pairs of versions are compared, as the assets `fleet_statistics` and `firmware_comparison`
do: both are timed from the note that the batch left to the tables in the store, the median of
several batches. The peer does what is usual: it reads the statistics of all batches again with
polars and groups them by fault and version; it compares nothing. Exit status 1 when our figure for
the largest fleet is more than twice that for the smallest.
"""

from __future__ import annotations

import json
import statistics
import sys
import tempfile
import time
from collections.abc import Iterator
from concurrent.futures import ThreadPoolExecutor
from dataclasses import replace
from pathlib import Path
from typing import Final

import polars as pl

from argus_pipeline.batches.manifest import Manifest
from argus_pipeline.fleet.cells import batch_cells
from argus_pipeline.fleet.changes import announce
from argus_pipeline.fleet.comparison import compare_firmware
from argus_pipeline.fleet.rollup import read_sums, update
from argus_pipeline.fleet.rules import default_rules
from argus_pipeline.fleet.sums import NAMES, sum_cells
from argus_pipeline.simulate.counts import FaultModel, FleetModel, simulate_counts
from argus_pipeline.stack.seaweedfs import SeaweedFS
from argus_pipeline.statistics.storage import to_parquet
from argus_pipeline.storage import keys
from argus_pipeline.storage.object_store import ObjectStore

SIZES: Final = (100, 2_000)
CODES: Final = 60
PLATFORMS: Final = ("J7", "K5")
SAME: Final = 20
TIMED: Final = 9
BAR: Final = 2.0


def made_batches(count: int, seed: int) -> Iterator[tuple[Manifest, pl.DataFrame, pl.DataFrame]]:
    """Manifest and statistics of so many batches, each of another vehicle, on two platforms."""
    faults = [FaultModel(f"E{i:03d}", 0.02 * (1 + i % 10)) for i in range(CODES)]
    model = FleetModel(count, 20, faults, dispersion=0.5)
    for number, (manifest, exposures, fault_counts) in enumerate(simulate_counts(model, seed)):
        vehicle = f"S{seed}N{number:06d}"
        changes = {"batch": f"20261101T000000Z-{vehicle}", "vehicle": vehicle}
        platform = PLATFORMS[number % len(PLATFORMS)]
        yield replace(manifest, platform=platform, **changes), exposures, fault_counts


def put_statistics(
    store: ObjectStore, manifest: Manifest, exposures: pl.DataFrame, fault_counts: pl.DataFrame
) -> None:
    """Put a batch as the pipeline leaves it after `batch_statistics`."""
    folder = keys.incoming(manifest.created.date(), manifest.batch)
    store.put(f"{folder}{keys.MANIFEST_NAME}", manifest.to_json())
    store.put(keys.statistics(manifest.batch, "exposures"), to_parquet(exposures))
    store.put(keys.statistics(manifest.batch, "fault_counts"), to_parquet(fault_counts))


def put_fleet(store: ObjectStore, count: int, *, whole: bool) -> None:
    """Put a fleet that has been rolled up: cells of vehicles and the sums.

    With `whole` by the roll-up itself, else the objects that it reads of a fleet, in a fraction of
    the time; both leave the same sums.
    """
    batches = list(made_batches(count, seed=1))
    with ThreadPoolExecutor(8) as threads:
        list(threads.map(lambda batch: put_statistics(store, *batch), batches))
    if whole:
        for manifest, _, _ in batches:
            announce(store, manifest.batch)
        update(store)
        return
    cells = [batch_cells(*batch, ecus=1) for batch in batches]

    def put_vehicle(own: pl.DataFrame) -> None:
        key = keys.fleet_vehicle(own["platform"][0], own["vehicle"][0])
        store.put(key, to_parquet(own))

    with ThreadPoolExecutor(8) as threads:
        list(threads.map(put_vehicle, cells))
    for name, frame in sum_cells(pl.concat(cells)).items():
        store.put(keys.fleet(name), to_parquet(frame))


def take_in(store: ObjectStore) -> tuple[float, float]:
    """Seconds of taking in the batches that are announced, and of the comparison."""
    began = time.perf_counter()
    update(store)
    updated = time.perf_counter()
    found = compare_firmware(read_sums(store), default_rules().comparison)
    store.put(keys.fleet("firmware_comparison"), to_parquet(found))
    return updated - began, time.perf_counter() - updated


def group_all_again(store: ObjectStore) -> float:
    """Seconds of reading the statistics of all batches with polars, and grouping them."""
    began = time.perf_counter()
    pl.scan_parquet(
        store.uri("statistics/*/fault_counts.parquet"),
        storage_options=store.storage_options(),
        include_file_paths="path",
    ).group_by("fault", "firmware").agg(pl.col("messages").sum()).collect()
    return time.perf_counter() - began


def main() -> int:
    """Measure, print a table, and say by the exit status whether the bar was cleared."""
    sizes = [int(size) for size in sys.argv[1:]] or list(SIZES)
    rows = []
    with tempfile.TemporaryDirectory(prefix="argus-bench-", dir="/tmp") as folder:
        server = SeaweedFS(Path(folder))
        try:
            server.start()
            first = ObjectStore(server.settings("bench", prefix="whole"))
            first.ensure_bucket()
            put_fleet(first, SAME, whole=True)
            put_fleet(
                other := ObjectStore(server.settings("bench", prefix="put")), SAME, whole=False
            )
            same = [first.get(keys.fleet(name)) == other.get(keys.fleet(name)) for name in NAMES]
            assert all(same), "the fleet that was put is not the one that was rolled up"
            for size in sizes:
                store = ObjectStore(server.settings("bench", prefix=f"fleet-{size}"))
                put_fleet(store, size, whole=False)
                print(f"{size} batches are there", file=sys.stderr)
                timed = []
                for batch in made_batches(TIMED, seed=2):
                    put_statistics(store, *batch)
                    announce(store, batch[0].batch)
                    timed.append(take_in(store))
                one, compared = (statistics.median(part) for part in zip(*timed, strict=True))
                rows.append((size, one, compared, one + compared, group_all_again(store)))
        finally:
            server.stop()
    print("| batches | one more: roll-up, s | comparison, s | both, s ", end="")
    print("| group all again, s | peer / ours |\n|---|---|---|---|---|---|")
    for size, one, compared, both, peer in rows:
        print(f"| {size:,} | {one:.3f} | {compared:.3f} | {both:.3f} ", end="")
        print(f"| {peer:.2f} | {peer / both:.1f} |")
    growth = rows[-1][3] / rows[0][3]
    print(f"\nfrom {rows[0][0]:,} to {rows[-1][0]:,} batches: {growth:.2f} times the cost")
    print(json.dumps({"growth": growth, "bar": BAR}))
    return growth > BAR


if __name__ == "__main__":
    sys.exit(main())
