"""What does one more batch cost? The roll-ups and the comparison of versions over growing fleets.

    python benchmarks/fleet.py [BATCHES…]

Fleets of 100 and 2,000 batches (one a vehicle, two platforms, 60 fault codes) are put into a local
S3 store as the statistics of their batches, and rolled up. Then one more batch arrives and is taken
in, and all pairs of versions are compared, as the assets `fleet_statistics` and
`firmware_comparison` do: both are timed from the note that the batch left to the tables in the
store, the median of several batches. The peer does what is usual: it reads the statistics of all
batches again with polars and groups them by fault and version; it compares nothing. Exit status 1
when our figure for the largest fleet is more than twice that for the smallest.
"""

from __future__ import annotations

import json
import statistics
import sys
import tempfile
import time
from concurrent.futures import ThreadPoolExecutor
from dataclasses import replace
from pathlib import Path
from typing import Final

import polars as pl

from argus_pipeline.fleet.changes import announce
from argus_pipeline.fleet.comparison import compare_firmware
from argus_pipeline.fleet.rollup import read_sums, update
from argus_pipeline.fleet.rules import default_rules
from argus_pipeline.simulate.counts import FaultModel, FleetModel, simulate_counts
from argus_pipeline.stack.seaweedfs import SeaweedFS
from argus_pipeline.statistics.storage import to_parquet
from argus_pipeline.storage import keys
from argus_pipeline.storage.object_store import ObjectStore

SIZES: Final = (100, 2_000)
CODES: Final = 60
TIMED: Final = 9
BAR: Final = 2.0


def put_batches(store: ObjectStore, count: int, *, seed: int) -> list[str]:
    """Put manifests and statistics of so many batches."""
    faults = [FaultModel(f"E{i:03d}", 0.02 * (1 + i % 10)) for i in range(CODES)]
    model = FleetModel(count, 20, faults, dispersion=0.5)

    def put(one: tuple[int, tuple[object, pl.DataFrame, pl.DataFrame]]) -> str:
        number, (manifest, exposures, fault_counts) = one
        name = f"20261101T000000Z-S{seed}N{number:06d}"
        own = replace(
            manifest, batch=name, vehicle=f"S{seed}N{number:06d}", platform=("J7", "K5")[number % 2]
        )
        store.put(f"{keys.incoming(own.created.date(), name)}{keys.MANIFEST_NAME}", own.to_json())
        store.put(keys.statistics(name, "exposures"), to_parquet(exposures))
        store.put(keys.statistics(name, "fault_counts"), to_parquet(fault_counts))
        return name

    with ThreadPoolExecutor(8) as threads:
        return list(threads.map(put, enumerate(simulate_counts(model, seed))))


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
            for size in sizes:
                store = ObjectStore(server.settings("bench", prefix=f"fleet-{size}"))
                store.ensure_bucket()
                for name in put_batches(store, size, seed=1):
                    announce(store, name)
                first = take_in(store)
                print(f"{size} batches are in after {sum(first):.1f} s", file=sys.stderr)
                later = put_batches(store, TIMED, seed=2)
                timed = []
                for name in later:
                    announce(store, name)
                    timed.append(take_in(store))
                peer = group_all_again(store)
                one, compared = (statistics.median(part) for part in zip(*timed, strict=True))
                rows.append((size, sum(first), one, compared, one + compared, peer))
        finally:
            server.stop()
    print("| batches | all at once, s | one more: roll-up, s | comparison, s | both, s ", end="")
    print("| group all again, s | peer / ours |\n|---|---|---|---|---|---|---|")
    for size, first_s, one, compared, both, peer in rows:
        print(f"| {size:,} | {first_s:.1f} | {one:.3f} | {compared:.3f} | {both:.3f} ", end="")
        print(f"| {peer:.2f} | {peer / both:.1f} |")
    growth = rows[-1][4] / rows[0][4]
    print(f"\nfrom {rows[0][0]:,} to {rows[-1][0]:,} batches: {growth:.2f} times the cost")
    print(json.dumps({"growth": growth, "bar": BAR}))
    return growth > BAR


if __name__ == "__main__":
    sys.exit(main())
