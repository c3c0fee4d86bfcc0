"""Does a fleet of 100,000 batches cost more than one of 1,000, where people and sensors look?

    python benchmarks/hundred_thousand.py [--sizes 1000,100000] [--only rollups] [--json]

Starts a stack of its own (Postgres, the S3 store, Dagster's webserver, daemon and code server),
sends one real batch through it, and copies that batch in Dagster's tables, in ours and in the
bucket until there are 1,000, then 100,000, spread over 30 days. With each number it measures:

- a tick of the upload sensor, evaluated as the daemon does it, with nothing new;
- `argus status`, the whole command from its start to its end;
- what the partition page of the Dagster UI asks: the queries `PartitionHealthQuery` and
  `AssetPartitionDetailQuery` of the webserver's own pages, of the asset `report`, the first time
  and again;
- one more batch through `fleet_statistics`, `firmware_comparison` and `campaign_health`;
- how large the tables of Postgres are.

Exit status 1 when a figure at the largest number misses its bar. The peer of each figure is the
same at the smallest number.
"""

from __future__ import annotations

import argparse
import os
import statistics
import subprocess
import sys
import tempfile
import time
from collections.abc import Mapping
from datetime import UTC, datetime, timedelta
from pathlib import Path
from typing import Any, Final
from unittest.mock import patch

from sqlalchemy import Engine, text

ROOT: Final = Path(__file__).resolve().parents[1]
sys.path.insert(0, str(ROOT))

from argus_pipeline import run_records  # noqa: E402
from argus_pipeline.batches.arrivals import DEFAULT_LOOK_BACK_DAYS  # noqa: E402
from argus_pipeline.database.engine import create_engine  # noqa: E402
from argus_pipeline.simulate.fleet import write_fleet  # noqa: E402
from argus_pipeline.stack import dagster_processes as dagster  # noqa: E402
from argus_pipeline.stack.dagster_queries import graphql  # noqa: E402
from argus_pipeline.storage import keys  # noqa: E402
from argus_pipeline.storage.object_store import ObjectStore  # noqa: E402
from argus_pipeline.upload import client  # noqa: E402
from argus_pipeline.upload.files import find_files  # noqa: E402
from argus_pipeline.upload.options import read_batch_file  # noqa: E402
from benchmarks.chaos.ground import eventually  # noqa: E402
from benchmarks.chaos.judge import quiet, wait_for_none  # noqa: E402
from benchmarks.chaos.own_ground import OwnGround  # noqa: E402
from benchmarks.many import records, rollups  # noqa: E402
from benchmarks.measuring.ending import clean_up_on_kill  # noqa: E402
from benchmarks.measuring.saying import say_now  # noqa: E402
from benchmarks.measuring.table import Section, show  # noqa: E402

SIZES: Final = (1_000, 100_000)
REPEATED: Final = 5
TICK_S: Final = 5.0
STATUS_S: Final = 1.0
PAGE_S: Final = 5.0
ROLLUPS_TIMES: Final = 2.0
LARGEST: Final = 8

# As dagster-webserver 1.13 has them in its pages, without the parts for time partitions.
HEALTH: Final = """
query PartitionHealthQuery($assetKey: AssetKeyInput!) {
  assetNodeOrError(assetKey: $assetKey) { ... on AssetNode {
    id
    partitionKeysByDimension { name type partitionKeys }
    assetPartitionStatuses { ... on DefaultPartitionStatuses {
      materializedPartitions materializingPartitions failedPartitions
    } }
  } }
}"""
DETAIL: Final = """
query AssetPartitionDetailQuery($assetKey: AssetKeyInput!, $partitionKey: String!) {
  assetOrError(assetKey: $assetKey) { ... on Asset {
    id
    definition {
      id opNames
      latestRunForPartition(partition: $partitionKey) { id status endTime }
    }
    assetEventHistory(
      partitions: [$partitionKey] limit: 1000
      eventTypeSelectors: [MATERIALIZATION, OBSERVATION, FAILED_TO_MATERIALIZE]
    ) { results {
      ... on MaterializationEvent {
        runId partition timestamp stepKey tags { key value }
        metadataEntries { __typename label description }
        assetLineage { partitions }
      }
      ... on ObservationEvent { runId timestamp }
    } }
  } }
}"""

Figures = dict[str, float]


def main() -> int:
    options = _options()
    clean_up_on_kill()
    sizes = [int(size) for size in options.sizes.split(",")]
    found: dict[int, Figures] = {size: {} for size in sizes}
    ground = OwnGround(1)
    try:
        say_now("starting the stack")
        ground.start()
        engine = create_engine(ground.addresses["ARGUS_DATABASE_URL"])
        for size in sizes:
            say_now(f"roll-ups over {size} batches")
            store = ObjectStore(ground.server.settings("argus", prefix=f"fleet-{size}"))
            rollups.put_fleet(store, size)
            timed = rollups.one_more(store, engine)
            parts = [statistics.median(part) for part in zip(*timed, strict=True)]
            names = ("fleet_statistics", "firmware_comparison", "campaign_health")
            found[size] |= dict(zip(names, parts, strict=True))
            found[size]["rollups"] = statistics.median(sum(one) for one in timed)
            say_now(str(found[size]))
        tables = {} if options.only == "rollups" else _records(ground, sizes, found)
        engine.dispose()
    finally:
        ground.end()
    sections = [_section(sizes, found)]
    if tables:
        sections.append(_sizes_section(sizes, tables))
    return show(sections, as_json=options.json)


def _records(
    ground: OwnGround, sizes: list[int], found: dict[int, Figures]
) -> dict[int, Mapping[str, int]]:
    tables: dict[int, Mapping[str, int]] = {}
    template = _template(ground)
    wait_for_none(lambda: quiet(ground, all_of_it=True), 300)
    # A sensor that looks in the middle of the copying would take the batches for new.
    ground.stack.dagster().stop_one(dagster.DAEMON)
    ours = create_engine(ground.addresses["ARGUS_DATABASE_URL"])
    dagsters = create_engine(ground.addresses["ARGUS_DAGSTER_DATABASE_URL"])
    there = 0
    for size in sizes:
        made = records.copies(template, there, size)
        began = time.perf_counter()
        records.fill(
            ground.store,
            ours,
            dagsters,
            template,
            made,
            look_back=timedelta(days=DEFAULT_LOOK_BACK_DAYS + 1),
        )
        there = size
        say_now(f"{size} batches are there, after {time.perf_counter() - began:.0f} s")
        found[size] |= _looked_at(ground, made[-1].manifest.batch)
        tables[size] = _tables(dagsters)
        say_now(f"{found[size]} {tables[size]}")
    for engine in (ours, dagsters):
        engine.dispose()
    return tables


def _tables(engine: Engine) -> Mapping[str, int]:
    """Bytes of each table with its indexes, ours and Dagster's, the largest first."""
    with engine.connect() as connection:
        rows = connection.execute(
            text(
                "SELECT relname, pg_total_relation_size(relid) AS size"
                " FROM pg_stat_user_tables ORDER BY size DESC, relname"
            )
        )
        return {row[0]: row[1] for row in rows}


def _template(ground: OwnGround) -> records.Template:
    """A real batch, once it has been through."""
    with tempfile.TemporaryDirectory(prefix="argus-many-") as folder:
        write_fleet(Path(folder) / "fleet", batches=1, megabytes=0.1)
        [path] = [path for path in (Path(folder) / "fleet").iterdir() if path.is_dir()]
        options = read_batch_file(path)
        name = f"{datetime.now(UTC):%Y%m%dT%H%M%SZ}-TEMPLATE-BATCH"
        batch = client.prepare(find_files([path]).files, options, batch=name)
        client.upload(ground.door, batch)
    key = keys.report(batch.id, "json")
    if not eventually(lambda: ground.store.head(key), 300):
        raise SystemExit("the template batch has no report")
    record = eventually(lambda: run_records.newest_run(ground.instance, batch.id), 10)
    assert record is not None
    eventually(lambda: ground.instance.get_run_by_id(record.dagster_run.run_id).is_finished, 60)
    return records.read_template(ground.store, batch.manifest_key, record.dagster_run.run_id)


def _looked_at(ground: OwnGround, batch: str) -> Figures:
    ticks = _ticks(ground)
    status = _status_seconds(ground)
    url = ground.addresses["ARGUS_UI_URL"]
    asset = {"assetKey": {"path": ["report"]}}

    def page() -> float:
        began = time.perf_counter()
        health = graphql(url, HEALTH, asset, patience_s=120)["assetNodeOrError"]
        graphql(url, DETAIL, {**asset, "partitionKey": batch}, patience_s=120)
        took = time.perf_counter() - began
        statuses = health["assetPartitionStatuses"]
        assert batch in statuses["materializedPartitions"]
        assert not statuses["failedPartitions"]
        return took

    first, *again = [page() for _ in range(REPEATED + 1)]
    return {
        "tick": max(ticks),
        "status": statistics.median(status),
        "page, first": first,
        "page": statistics.median(again),
    }


def _ticks(ground: OwnGround) -> list[float]:
    """Seconds of ticks of the upload sensor, one after the other as the daemon has them made."""
    from dagster import build_sensor_context

    names = [n for n in ground.addresses if n.startswith(("ARGUS_", "DAGSTER_"))]
    with patch.dict(os.environ, {name: ground.addresses[name] for name in names}):
        from argus_pipeline.definitions import defs
        from sensors.uploads import completed_uploads

        needed = {name: defs.resources[name] for name in completed_uploads.required_resource_keys}
        cursor, took = None, []
        for _ in range(REPEATED):
            with build_sensor_context(
                instance=ground.instance, definitions=defs, resources=needed, cursor=cursor
            ) as context:
                began = time.perf_counter()
                result = completed_uploads.evaluate_tick(context)
                took.append(time.perf_counter() - began)
            assert not result.run_requests, [one.run_key for one in result.run_requests][:3]
            cursor = result.cursor
    return took


def _status_seconds(ground: OwnGround) -> list[float]:
    took = []
    for _ in range(REPEATED):
        began = time.perf_counter()
        done = subprocess.run(
            [Path(sys.executable).parent / "argus", "status"],
            env=ground.environment,
            cwd=ROOT,
            capture_output=True,
            text=True,
            check=False,
        )
        took.append(time.perf_counter() - began)
        assert done.returncode == 0, done.stderr + done.stdout
    return took


def _section(sizes: list[int], found: dict[int, Figures]) -> Section:
    small, large = sizes[0], sizes[-1]
    columns = ("", *(f"{size:,} batches" for size in sizes), "ratio", "bar")
    section = Section("many", "one look, or one more batch, in seconds", columns)
    bars = {"tick": TICK_S, "status": STATUS_S, "page": PAGE_S, "page, first": PAGE_S}
    words = {
        "tick": "a tick of the upload sensor, the longest",
        "status": "argus status",
        "page, first": "partition page of the UI, the first time",
        "page": "partition page of the UI, again",
        "rollups": "one more batch through the roll-ups",
    }
    for name in found[large]:
        ratio = found[large][name] / found[small][name]
        bar = f"{bars[name]:g} s" if name in bars else ""
        if name == "rollups":
            bar = f"{ROLLUPS_TIMES:g} times"
        cells = [f"{found[size][name]:.3f}" for size in sizes]
        section.rows.append((words.get(name, name), *cells, f"{ratio:.2f}", bar))
        if name in bars and found[large][name] > bars[name]:
            section.wrong.append(f"{words[name]}: {found[large][name]:.2f} s")
        if name == "rollups" and ratio > ROLLUPS_TIMES:
            section.wrong.append(f"{words[name]}: {ratio:.2f} times the cost")
    section.figures.append({str(size): dict[str, Any](found[size]) for size in sizes})
    return section


def _sizes_section(sizes: list[int], tables: Mapping[int, Mapping[str, int]]) -> Section:
    columns = ("", *(f"{size:,} batches" for size in sizes))
    section = Section("tables", "tables of Postgres with their indexes, in MB", columns)
    rows = {"all of them": [sum(tables[size].values()) for size in sizes]}
    for name in list(tables[sizes[-1]])[:LARGEST]:
        rows[name] = [tables[size].get(name, 0) for size in sizes]
    for name, found in rows.items():
        section.rows.append((name, *(f"{size / 1e6:,.1f}" for size in found)))
    section.figures.append({str(size): dict(tables[size]) for size in sizes})
    return section


def _options() -> argparse.Namespace:
    parser = argparse.ArgumentParser(
        description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter
    )
    parser.add_argument("--sizes", default=",".join(map(str, SIZES)), help="numbers of batches")
    parser.add_argument("--only", choices=("rollups",), help="leave the rest out")
    parser.add_argument("--json", action="store_true", help="print JSON on stdout")
    return parser.parse_args()


if __name__ == "__main__":
    sys.exit(main())
