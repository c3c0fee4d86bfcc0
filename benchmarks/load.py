"""Many batches at once, beside many that are there already: is all processed, in bounded memory?

    python benchmarks/load.py [--batches N] [--partitions N] [--minutes M] [--json]

Starts a stack of its own, registers `--partitions` batches as if they had come through in the last
days (manifests in the bucket, rows in Postgres, partitions and materializations in Dagster), then
uploads `--batches` small ones at the same time, and waits for the reports. It samples the memory of
Dagster's processes meanwhile and reads the duration of each sensor tick from Dagster's records.
The full size is `--batches 500`, about 15 CPU s each: an hour on 2 cores.
"""

from __future__ import annotations

import argparse
import sys
import tempfile
import threading
import time
from collections.abc import Mapping, Sequence
from concurrent.futures import ThreadPoolExecutor
from dataclasses import replace
from datetime import UTC, datetime, timedelta
from pathlib import Path
from typing import Any, Final

ROOT: Final = Path(__file__).resolve().parents[1]
sys.path.insert(0, str(ROOT))

from argus_pipeline.batches.manifest import BatchFile, Manifest  # noqa: E402
from argus_pipeline.database.engine import create_engine, session  # noqa: E402
from argus_pipeline.database.records import upsert_batch  # noqa: E402
from argus_pipeline.simulate.fleet import write_fleet  # noqa: E402
from argus_pipeline.stack import dagster_processes as dagster  # noqa: E402
from argus_pipeline.storage import keys  # noqa: E402
from argus_pipeline.upload import client  # noqa: E402
from argus_pipeline.upload.files import find_files  # noqa: E402
from argus_pipeline.upload.options import read_batch_file  # noqa: E402
from benchmarks.chaos import workers  # noqa: E402
from benchmarks.chaos.judge import quiet, wait_for_none  # noqa: E402
from benchmarks.chaos.own_ground import OwnGround  # noqa: E402
from benchmarks.measuring.ending import clean_up_on_kill  # noqa: E402
from benchmarks.measuring.saying import quantile, say_now  # noqa: E402
from benchmarks.measuring.table import Section, show  # noqa: E402

TICK_LIMIT_S: Final = 5.0
KINDS: Final = 10
MEGABYTES: Final = 0.1
# From the first sample to the last one, a process may grow by so much.
MEMORY_LIMIT_MB: Final = 1_000
_THREADS: Final = 16
_SAMPLE_S: Final = 2.0


def main() -> int:
    options = _options()
    clean_up_on_kill()
    ground = OwnGround(1)
    try:
        say_now("starting the stack")
        ground.start()
        say_now(f"{options.partitions} batches that are there already")
        _register(ground, options.partitions)
        wait_for_none(lambda: quiet(ground, all_of_it=True), 300)
        section = _load(ground, options)
    finally:
        ground.end()
    return show([section], as_json=options.json)


def _register(ground: OwnGround, count: int) -> None:
    """Batches of the last days whose manifests, rows and materializations are there."""
    from dagster import AssetKey, AssetMaterialization

    now = datetime.now(UTC).replace(microsecond=0)
    file = BatchFile("ecu.dlt", 1000, "0" * 64)
    engine = create_engine(ground.addresses["ARGUS_DATABASE_URL"])

    def put(index: int) -> tuple[Manifest, str]:
        created = now - timedelta(minutes=index)
        batch = f"{created:%Y%m%dT%H%M%SZ}-THERE-{index:05d}"
        manifest = Manifest(
            batch=batch,
            vehicle=f"THERE{index:06d}",
            platform="THERE",
            firmware="v1",
            firmware_from=None,
            campaign=None,
            priority="P1",
            created=created,
            files=(file,),
            tags={},
        )
        key = keys.incoming(created.date(), batch) + keys.MANIFEST_NAME
        return manifest, ground.store.put(key, manifest.to_json())

    # A sensor that looks in the middle of it would take them for new.
    ground.stack.dagster().stop_one(dagster.DAEMON)
    made = []
    with session(engine) as opened, ThreadPoolExecutor(_THREADS) as threads:
        for manifest, etag in threads.map(put, range(count)):
            upsert_batch(opened, manifest, etag)
            made.append(manifest.batch)
    engine.dispose()
    for start in range(0, count, 500):
        ground.instance.add_dynamic_partitions("batch", made[start : start + 500])
    for batch in made:
        ground.instance.report_runless_asset_event(
            AssetMaterialization(AssetKey("batch_statistics"), partition=batch)
        )
    ground.mend()


def _load(ground: OwnGround, options: argparse.Namespace) -> Section:
    section = Section(
        "load",
        f"{options.batches} batches uploaded at once, {options.partitions} partitions there",
        ("", "figure"),
    )
    memory = _Memory(ground)
    began = time.time()
    with tempfile.TemporaryDirectory(prefix="argus-load-") as folder:
        batches = _prepare(Path(folder), options.batches)
        say_now(f"uploading {len(batches)} batches")
        with ThreadPoolExecutor(_THREADS) as threads:
            list(threads.map(lambda batch: client.upload(ground.door, batch), batches))
    uploaded = time.time()
    left = _wait(ground, [batch.id for batch in batches], options.minutes)
    ended = time.time()
    samples = memory.end()
    latencies = _latencies(ground, batches)
    section.rows.extend(
        [
            ("reports", f"{len(latencies)} of {len(batches)}"),
            ("uploaded in, s", f"{uploaded - began:.1f}"),
            ("all reported after, s", f"{ended - began:.0f}"),
            ("batches a minute", f"{len(latencies) / max(ended - began, 1) * 60:.1f}"),
        ]
    )
    for share, name in ((0.5, "median"), (0.95, "95 %"), (1.0, "longest")):
        section.rows.append((f"upload to report, {name}, s", f"{quantile(latencies, share):.0f}"))
    for part, values in samples.items():
        section.rows.append(
            (
                f"memory of the {part}, MB: first, most, last",
                f"{values[0]:.0f}, {max(values):.0f}, {values[-1]:.0f}",
            )
        )
        if max(values) - values[0] > MEMORY_LIMIT_MB:
            section.wrong.append(f"the {part} grew by {max(values) - values[0]:.0f} MB")
    for name, (seconds, failed) in _ticks(ground, began).items():
        section.rows.append(
            (
                f"ticks of {name}, s: number, median, longest",
                f"{len(seconds)}, {quantile(seconds, 0.5):.2f}, {quantile(seconds, 1.0):.2f}",
            )
        )
        if quantile(seconds, 1.0) > TICK_LIMIT_S:
            section.wrong.append(f"a tick of {name} took {quantile(seconds, 1.0):.1f} s")
        if failed:
            section.wrong.append(f"{failed} ticks of {name} failed")
    section.wrong.extend(f"no report of {batch}" for batch in left[:5])
    section.figures.append({"latencies": latencies, "memory": samples})
    return section


def _prepare(folder: Path, count: int) -> Sequence[client.Batch]:
    write_fleet(folder / "fleet", batches=min(KINDS, count), megabytes=MEGABYTES)
    paths = sorted(path for path in (folder / "fleet").iterdir() if path.is_dir())
    now = datetime.now(UTC)

    def one(index: int) -> client.Batch:
        path = paths[index % len(paths)]
        options = replace(read_batch_file(path), vehicle=f"LOAD{index:06d}")
        return client.prepare(
            find_files([path]).files, options, batch=f"{now:%Y%m%dT%H%M%SZ}-LOAD-{index:05d}"
        )

    with ThreadPoolExecutor(_THREADS) as threads:
        return list(threads.map(one, range(count)))


def _wait(ground: OwnGround, batches: Sequence[str], minutes: float) -> list[str]:
    until = time.monotonic() + minutes * 60
    said = 0.0
    while True:
        there = {info.key.split("/")[1] for info in ground.store.list(keys.REPORTS)}
        left = [batch for batch in batches if batch not in there]
        if not left or time.monotonic() > until:
            return left
        if time.monotonic() - said > 30:
            said = time.monotonic()
            say_now(f"{len(batches) - len(left)} of {len(batches)} reports")
        time.sleep(5)


def _latencies(ground: OwnGround, batches: Sequence[client.Batch]) -> list[float]:
    found = []
    for batch in batches:
        manifest = ground.store.head(batch.manifest_key)
        report = ground.store.head(keys.report(batch.id, "json"))
        if manifest is not None and report is not None:
            found.append((report.modified - manifest.modified).total_seconds())
    return sorted(found)


def _ticks(ground: OwnGround, since: float) -> Mapping[str, tuple[list[float], int]]:
    """By sensor, how long its ticks took since then, sorted, and how many failed.

    A schedule's tick says when it was due, not when it began.
    """
    from dagster._core.definitions.run_request import InstigatorType
    from dagster._core.scheduler.instigation import TickStatus

    found = {}
    for state in ground.instance.all_instigator_state():
        if state.instigator_type is not InstigatorType.SENSOR:
            continue
        ticks: Sequence[Any] = ground.instance.get_ticks(
            state.instigator_origin_id, state.selector_id, after=since, limit=5000
        )
        seconds = sorted(t.end_timestamp - t.timestamp for t in ticks if t.end_timestamp)
        failed = sum(t.status is TickStatus.FAILURE for t in ticks)
        if seconds:
            found[state.instigator_name] = (seconds, failed)
    return found


class _Memory:
    """Samples the resident memory of Dagster's processes, in MB, until it is ended."""

    def __init__(self, ground: OwnGround) -> None:
        self._samples: dict[str, list[float]] = {name: [] for name in dagster.NAMES}
        self._ground = ground
        self._over = threading.Event()
        self._thread = threading.Thread(target=self._sample, daemon=True)
        self._thread.start()

    def end(self) -> Mapping[str, list[float]]:
        """The samples by process, in order."""
        self._over.set()
        self._thread.join()
        return self._samples

    def _sample(self) -> None:
        while not self._over.is_set():
            for name, values in self._samples.items():
                values.append(workers.resident_bytes(self._ground.stack, name) / 1e6)
            self._over.wait(_SAMPLE_S)


def _options() -> argparse.Namespace:
    parser = argparse.ArgumentParser(
        description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter
    )
    parser.add_argument("--batches", type=int, default=60, help="uploaded at once (60)")
    parser.add_argument("--partitions", type=int, default=5000, help="there before (5000)")
    parser.add_argument("--minutes", type=float, default=60, help="to wait for the reports (60)")
    parser.add_argument("--json", action="store_true", help="print JSON on stdout")
    return parser.parse_args()


if __name__ == "__main__":
    sys.exit(main())
