"""How fast does `argus adopt` go through an archive, and does its memory stay the same?

    python benchmarks/adopt.py [--keys 100000] [--store minio] [--quick]

A real store is filled with empty objects, ten a batch. Then the command runs as a process of its
own: a dry run over a tenth of the keys and over all of them, the adoption, and the same once more.
Filling takes most of the time. Exits with 1 when a call finds other batches than there are, or when
ten times the keys take more than `MORE_MB` of memory besides.
"""

from __future__ import annotations

import argparse
import json
import os
import subprocess
import sys
import tempfile
import time
from concurrent.futures import ThreadPoolExecutor
from dataclasses import replace
from datetime import datetime, timedelta
from pathlib import Path
from typing import Final

from argus_pipeline.settings import Settings
from argus_pipeline.stack.minio import Minio
from argus_pipeline.stack.seaweedfs import SeaweedFS
from argus_pipeline.storage.object_store import ObjectStore

FILES_A_BATCH: Final = 10
MORE_MB: Final = 64
PATTERN: Final = "{vehicle}/{firmware}/{time:%Y%m%dT%H%M%SZ}/{file}"
FIRST: Final = datetime(2020, 1, 1)


def main() -> int:
    options = _options()
    keys = 2_000 if options.quick else options.keys
    with tempfile.TemporaryDirectory(prefix="argus-adopt-", dir="/tmp") as folder:
        made = Path(folder) / "store"
        store = Minio(made) if options.store == "minio" else SeaweedFS(made, bucket="argus")
        store.start()
        try:
            return measure(store.settings("argus"), keys, Path(folder))
        finally:
            store.stop()


def measure(settings: Settings, keys: int, folder: Path) -> int:
    ObjectStore(settings).ensure_bucket()
    began = time.monotonic()
    for name, count in (("small", keys // 10), ("large", keys)):
        fill(ObjectStore(replace(settings, s3_bucket="archive", s3_prefix=name)), count)
    print(f"{keys + keys // 10:,} objects put in {time.monotonic() - began:.0f} s")
    peaks, good = {}, True
    for what, name, count, more, kind in (
        ("dry run", "small", keys // 10, (), "new"),
        ("dry run", "large", keys, (), "new"),
        ("adopted", "large", keys, ("--yes",), "new"),
        ("once more", "large", keys, ("--yes",), "same"),
    ):
        began = time.monotonic()
        found, peak, cpu = adopt(settings, folder, name, *more)
        seconds = time.monotonic() - began
        batches = found["batches"][kind]["batches"]
        good &= batches == count // FILES_A_BATCH
        peaks[what, name] = peak
        print(
            f"{what:10} {count:9,} keys {batches:8,} batches {seconds:7.1f} s "
            f"{count / seconds:8,.0f} keys/s {cpu:6.1f} CPU s {peak:5.0f} MB"
        )
    more_mb = peaks["dry run", "large"] - peaks["dry run", "small"]
    print(f"ten times the keys take {more_mb:.0f} MB more (at most {MORE_MB})")
    return 0 if good and more_mb <= MORE_MB else 1


def fill(store: ObjectStore, count: int) -> None:
    """Put so many empty objects, in batches of which each has a vehicle and a time."""
    store.ensure_bucket()

    def put(number: int) -> None:
        batch, file = divmod(number, FILES_A_BATCH)
        vehicle, drive = divmod(batch, 100)
        at = FIRST + timedelta(days=drive, seconds=vehicle)
        store.put(f"LFV3A23C0K{vehicle:07}/v2.3.1/{at:%Y%m%dT%H%M%SZ}/ecu{file}.dlt", b"")

    with ThreadPoolExecutor(16) as threads:
        for start in range(0, count, 10_000):
            list(threads.map(put, range(start, min(start + 10_000, count))))


def adopt(settings: Settings, folder: Path, name: str, *more: str) -> tuple[dict, float, float]:
    """Run the command; what it said as JSON, its peak of memory in MB and its CPU time in s."""
    environment = {
        **os.environ,
        "ARGUS_HOME": str(folder / "home"),
        "ARGUS_S3_ENDPOINT": str(settings.s3_endpoint),
        "ARGUS_S3_BUCKET": settings.s3_bucket,
        "ARGUS_S3_ACCESS_KEY": str(settings.s3_access_key),
        "ARGUS_S3_SECRET_KEY": str(settings.s3_secret_key),
        "ARGUS_ARCHIVE_BUCKETS": "archive",
    }
    command = [sys.executable, "-m", "argus_pipeline.cli.main", "adopt", f"s3://archive/{name}"]
    command += ["--pattern", PATTERN, "--platform", "J7", "--json", *more]
    with (folder / "said.json").open("w+") as said:
        process = subprocess.Popen(command, env=environment, stdout=said)
        _, status, usage = os.wait4(process.pid, 0)
        process.returncode = os.waitstatus_to_exitcode(status)
        if process.returncode:
            raise SystemExit(process.returncode)
        said.seek(0)
        return json.load(said), usage.ru_maxrss * 1024 / 1e6, usage.ru_utime + usage.ru_stime


def _options() -> argparse.Namespace:
    parser = argparse.ArgumentParser(description=__doc__.partition("\n")[0])
    parser.add_argument("--keys", type=int, default=100_000)
    parser.add_argument("--store", choices=("seaweedfs", "minio"), default="seaweedfs")
    parser.add_argument("--quick", action="store_true", help="2,000 keys")
    return parser.parse_args()


if __name__ == "__main__":
    raise SystemExit(main())
