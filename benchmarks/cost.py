"""What a batch costs: CPU, Postgres, events, S3 requests and bytes, and what the stack costs idle.

    python benchmarks/cost.py [--batches N] [--megabytes N] [--engine local|celery] [--json]

Starts a stack of its own on a real MinIO and uploads N small batches of 0.1 MB, has the same ones
made again in one run in bulk, and uploads a large batch of ten recordings. After each it waits
until nothing goes on, roll-ups included. CPU seconds are counted by a control group around the
whole stack (it takes root), requests by MinIO itself, and rows and bytes by Postgres.
"""

from __future__ import annotations

import argparse
import os
import re
import shutil
import sys
import tempfile
import time
import urllib.request
from collections import Counter
from collections.abc import Iterator, Mapping, Sequence
from contextlib import contextmanager
from dataclasses import dataclass, replace
from datetime import UTC, datetime
from pathlib import Path
from typing import Final

from sqlalchemy import text

ROOT: Final = Path(__file__).resolve().parents[1]
sys.path[:0] = [str(ROOT), str(ROOT / "benchmarks")]

from measuring.cgroup import Group, counted  # noqa: E402
from measuring.inputs import typical_dlt, write_repeated  # noqa: E402
from measuring.saying import say_now  # noqa: E402
from measuring.table import Section, show  # noqa: E402

from argus_pipeline.database.engine import create_engine  # noqa: E402
from argus_pipeline.simulate.fleet import write_fleet  # noqa: E402
from argus_pipeline.stack.minio import INSTALL_HINT, Minio, find_minio  # noqa: E402
from argus_pipeline.storage import keys  # noqa: E402
from argus_pipeline.storage.object_store import ObjectStore  # noqa: E402
from argus_pipeline.upload import client  # noqa: E402
from argus_pipeline.upload.files import find_files  # noqa: E402
from argus_pipeline.upload.options import BatchOptions, read_batch_file  # noqa: E402
from benchmarks.chaos.ground import Ground  # noqa: E402
from benchmarks.chaos.judge import quiet, wait_for_none  # noqa: E402
from benchmarks.measuring.ending import clean_up_on_kill  # noqa: E402

BUCKET: Final = "argus"
KINDS: Final = 10
RECORDINGS: Final = 10
IDLE_S: Final = 120.0
# MinIO gathers what it shows at most every ten seconds.
_GATHERED_S: Final = 12.0
_REQUESTS: Final = re.compile(r'^minio_s3_requests_total\{api="(\w+)".*\} (\S+)$', re.MULTILINE)
_PATIENCE_S: Final = 3600.0


@dataclass(frozen=True, slots=True)
class Costs:
    """What was spent since the stack began."""

    cpu_s: float
    wall_s: float
    events: int
    postgres: Mapping[str, int]
    requests: Mapping[str, int]
    stored: int

    def since(self, before: Costs) -> Costs:
        """What came in between."""
        return Costs(
            self.cpu_s - before.cpu_s,
            self.wall_s - before.wall_s,
            self.events - before.events,
            {name: size - before.postgres.get(name, 0) for name, size in self.postgres.items()},
            {name: n - before.requests.get(name, 0) for name, n in self.requests.items()},
            self.stored - before.stored,
        )


def main() -> int:
    options = _options()
    clean_up_on_kill()
    if find_minio() is None:
        print(f"there is no MinIO here: {INSTALL_HINT}", file=sys.stderr)
        return 2
    with counted("argus-cost") as group, _stack(options.engine) as ground:
        group.release(os.getpid())
        sections = _measure(ground, group, options)
    return show(sections, as_json=options.json)


def _measure(ground: Ground, group: Group, options: argparse.Namespace) -> Sequence[Section]:
    def spent() -> Costs:
        left = wait_for_none(lambda: quiet(ground, all_of_it=True), 600)
        if left:
            raise RuntimeError(f"it does not come to rest: {left}")
        time.sleep(_GATHERED_S)
        return _spent(ground, group)

    found: dict[str, tuple[Costs, float, str]] = {}
    with tempfile.TemporaryDirectory(prefix="argus-cost-") as folder:
        say_now("a few batches first: what is loaded once stays loaded")
        _through(ground, _small(Path(folder) / "warm", 4, "WARM"))
        before = spent()
        say_now(f"nothing, for {IDLE_S:.0f} s")
        time.sleep(IDLE_S)
        after = _spent(ground, group)
        idle = after.since(before)
        say_now(f"{options.batches} small batches")
        small = _small(Path(folder) / "small", options.batches, "COST")
        before = spent()
        _through(ground, small)
        after = spent()
        found["a small batch, in a run of its own"] = (after.since(before), len(small), "a batch")
        say_now("the same in bulk")
        before = after
        done = ground.argus("backfill", *(batch.id for batch in small))
        if done.returncode:
            raise RuntimeError(f"`argus backfill` failed:\n{done.stderr}")
        after = spent()
        found["the same again, in bulk"] = (after.since(before), len(small), "a batch")
        say_now(f"one batch of {options.megabytes} MB")
        large = _large(Path(folder) / "large", options.megabytes)
        before = after
        _through(ground, [large])
        gigabytes = sum(file.size for file in large.manifest.files) / 1e9
        found["a large batch"] = (spent().since(before), gigabytes, "a GB")
    return [_table(found, idle), _postgres(found), _requests(found, idle)]


def _table(found: Mapping[str, tuple[Costs, float, str]], idle: Costs) -> Section:
    section = Section(
        "cost",
        "what it takes, less what the stack takes idle meanwhile",
        ("", "of", "CPU s", "events", "Postgres KB", "S3 requests", "stored KB"),
    )
    for name, (costs, count, unit) in found.items():
        share = costs.wall_s / idle.wall_s
        cpu = costs.cpu_s - idle.cpu_s * share
        asked = sum(costs.requests.values()) - sum(idle.requests.values()) * share
        section.rows.append(
            (
                name,
                unit,
                f"{cpu / count:.2f}",
                f"{costs.events / count:.0f}",
                f"{sum(costs.postgres.values()) / count / 1000:.0f}",
                f"{asked / count:.0f}",
                f"{costs.stored / count / 1000:.0f}",
            )
        )
        section.figures.append({"of": name, "count": count, "CPU s": cpu, "requests": asked})
    minutes = idle.wall_s / 60
    section.notes.append(
        f"idle, a minute: {idle.cpu_s / minutes:.1f} CPU s, {idle.events / minutes:.0f} events, "
        f"{sum(idle.requests.values()) / minutes:.0f} S3 requests"
    )
    return section


def _postgres(found: Mapping[str, tuple[Costs, float, str]]) -> Section:
    section = Section("postgres", "what grows, KB", ("table, with its indexes", *found))
    tables = sorted(
        {name for costs, _, _ in found.values() for name, size in costs.postgres.items() if size},
        key=lambda name: -next(iter(found.values()))[0].postgres.get(name, 0),
    )
    for name in tables[:12]:
        cells = [f"{c.postgres.get(name, 0) / n / 1000:.1f}" for c, n, _ in found.values()]
        section.rows.append((name, *cells))
    return section


def _requests(found: Mapping[str, tuple[Costs, float, str]], idle: Costs) -> Section:
    columns = ("", *found, "idle, a minute")
    section = Section("requests", "by operation, idle ones not taken off", columns)
    names = sorted({n for c, _, _ in found.values() for n, count in c.requests.items() if count})
    for name in names:
        cells = [f"{costs.requests.get(name, 0) / n:.1f}" for costs, n, _ in found.values()]
        minute = idle.requests.get(name, 0) / idle.wall_s * 60
        section.rows.append((name, *cells, f"{minute:.1f}"))
    return section


def _spent(ground: Ground, group: Group) -> Costs:
    engine = create_engine(ground.addresses["ARGUS_DATABASE_URL"])
    with engine.connect() as connection:
        sizes = connection.execute(
            text("SELECT relname, pg_total_relation_size(oid) FROM pg_class WHERE relkind = 'r'")
        )
        postgres = {str(name): int(size) for name, size in sizes}
        events = int(connection.execute(text("SELECT count(*) FROM event_logs")).scalar_one())
    engine.dispose()
    address = ground.addresses["ARGUS_S3_ENDPOINT"] + "/minio/v2/metrics/cluster"
    with urllib.request.urlopen(address, timeout=30) as answer:
        told = answer.read().decode()
    requests = Counter[str]()
    for name, count in _REQUESTS.findall(told):
        requests[name] += int(float(count))
    cpu, now = group.cpu_s(), time.monotonic()
    stored = sum(info.size for info in ground.store.list(""))
    return Costs(cpu, now, events, postgres, requests, stored)


def _small(folder: Path, count: int, name: str) -> Sequence[client.Batch]:
    write_fleet(folder, batches=min(KINDS, count), megabytes=0.1)
    paths = sorted(path for path in folder.iterdir() if path.is_dir())
    now = datetime.now(UTC)
    made = []
    for index in range(count):
        path = paths[index % len(paths)]
        options = replace(read_batch_file(path), vehicle=f"{name}{index:06d}")
        batch = f"{now:%Y%m%dT%H%M%SZ}-{name}-{index:05d}"
        made.append(client.prepare(find_files([path]).files, options, batch=batch))
    return made


def _large(folder: Path, megabytes: int) -> client.Batch:
    folder.mkdir()
    for number in range(RECORDINGS):
        path = folder / f"r{number}.dlt"
        write_repeated(typical_dlt(), path, megabytes * 1_000_000 // RECORDINGS)
    now = datetime.now(UTC)
    options = BatchOptions("LARGE000001", "J7", "v1")
    return client.prepare(
        find_files([folder]).files, options, batch=f"{now:%Y%m%dT%H%M%SZ}-LARGE-1"
    )


def _through(ground: Ground, batches: Sequence[client.Batch]) -> None:
    for batch in batches:
        client.upload(ground.store, batch)
    wanted = {batch.id for batch in batches}

    def missing() -> Sequence[str]:
        there = {info.key.split("/")[1] for info in ground.store.list(keys.REPORTS)}
        return sorted(wanted - there)

    if left := wait_for_none(missing, _PATIENCE_S):
        raise RuntimeError(f"no report of {left[0]} and {len(left) - 1} more")


@contextmanager
def _stack(engine: str) -> Iterator[Ground]:
    home = Path(tempfile.mkdtemp(prefix="argus-cost-", dir="/tmp"))
    home.chmod(0o755)  # Postgres passes through as another user
    os.environ["MINIO_PROMETHEUS_AUTH_TYPE"] = "public"
    store = Minio(home / "minio")
    ground = Ground(home, {})
    say_now("starting the stack")
    try:
        store.start()
        settings = store.settings(BUCKET)
        kept = {k: v for k, v in os.environ.items() if not k.startswith(("ARGUS_", "DAGSTER_"))}
        ground.environment = {
            **kept,
            "ARGUS_HOME": str(home),
            "ARGUS_S3_ENDPOINT": str(settings.s3_endpoint),
            "ARGUS_S3_BUCKET": BUCKET,
            "ARGUS_S3_ACCESS_KEY": str(settings.s3_access_key),
            "ARGUS_S3_SECRET_KEY": str(settings.s3_secret_key),
        }
        ObjectStore(settings).ensure_bucket()
        done = ground.argus("up", "--engine", engine)
        if done.returncode:
            raise RuntimeError(f"`argus up` failed:\n{done.stderr}")
        yield ground
    finally:
        ground.__dict__.pop("instance", None)
        ground.argus("down")
        store.stop()
        shutil.rmtree(home, ignore_errors=True)


def _options() -> argparse.Namespace:
    parser = argparse.ArgumentParser(
        description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter
    )
    parser.add_argument("--batches", type=int, default=20, help="small ones (20)")
    parser.add_argument("--megabytes", type=int, default=1000, help="of the large one (1000)")
    parser.add_argument("--engine", choices=("local", "celery"), default="local")
    parser.add_argument("--json", action="store_true", help="print JSON on stdout")
    return parser.parse_args()


if __name__ == "__main__":
    sys.exit(main())
