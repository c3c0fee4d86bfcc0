"""Many batches as Dagster, Postgres and the bucket have them once each has been through.

One real batch is the template: its rows are copied by the database itself, under other ids. Copied
are the events that pruning leaves (`argus_pipeline.upkeep.pruning`), and all events of the newest
batches, since those are younger than its age.
"""

from __future__ import annotations

import uuid
from collections.abc import Sequence
from concurrent.futures import ThreadPoolExecutor
from dataclasses import dataclass, replace
from datetime import UTC, datetime, timedelta
from typing import Final

from sqlalchemy import Connection, Engine, text

from argus_pipeline.batches.manifest import Manifest, parse_manifest
from argus_pipeline.storage import keys
from argus_pipeline.storage.object_store import ObjectStore
from argus_pipeline.upkeep.pruning import KEPT_KINDS, PICTURE
from benchmarks.measuring.saying import say_now

SPREAD: Final = timedelta(days=30)
"""The batches came evenly in this time, however many there are."""
UNPRUNED: Final = 200
_ROWS_AT_ONCE: Final = 2_000
_THREADS: Final = 16


@dataclass(frozen=True, slots=True)
class Template:
    """The real batch that the others are copies of, and its run."""

    batch: str
    run_id: str
    manifest: Manifest


@dataclass(frozen=True, slots=True)
class Copy:
    """A batch that is there: its manifest and its run."""

    manifest: Manifest
    run_id: str


def read_template(store: ObjectStore, key: str, run_id: str) -> Template:
    """The template as it lies in the bucket."""
    manifest = parse_manifest(store.get(key), key=key)
    return Template(manifest.batch, run_id, manifest)


def copies(template: Template, first: int, last: int) -> list[Copy]:
    """The batches from one number to another; each number is always the same batch's."""
    began = datetime.now(UTC).replace(microsecond=0, second=0, minute=0) - timedelta(hours=1)
    found = []
    for number in range(first, last):
        # Numbers are spread by the golden ratio, so any first part of them is spread evenly.
        created = began - SPREAD * ((number * 0.6180339887498949) % 1.0)
        vehicle = f"THERE{number // 10:012d}"
        batch = f"{created:%Y%m%dT%H%M%SZ}-{vehicle}-{number:06d}"
        manifest = replace(template.manifest, batch=batch, vehicle=vehicle, created=created)
        found.append(Copy(manifest, str(uuid.uuid5(uuid.NAMESPACE_OID, batch))))
    return found


def fill(
    store: ObjectStore,
    ours: Engine,
    dagsters: Engine,
    template: Template,
    made: Sequence[Copy],
    *,
    look_back: timedelta,
) -> None:
    """Put these batches everywhere, in the order in which they came.

    Manifests lie only under the days that a sensor looks at, reports only of the newest batches.
    """
    made = sorted(made, key=lambda one: one.manifest.created)
    old, new = made[:-UNPRUNED], made[-UNPRUNED:]
    since = datetime.now(UTC) - look_back
    looked_at = [one for one in made if one.manifest.created > since]

    # The first page of `argus status` asks for those of the newest.
    report = store.get(keys.report(template.batch, "json"))
    reports = [keys.report(one.manifest.batch, "json") for one in new]

    def put(one: Copy) -> tuple[str, str]:
        key = keys.incoming(one.manifest.created.date(), one.manifest.batch) + keys.MANIFEST_NAME
        return one.manifest.batch, store.put(key, one.manifest.to_json())

    with ThreadPoolExecutor(_THREADS) as threads:
        etags = dict(threads.map(put, looked_at))
        list(threads.map(lambda key: store.put(key, report), reports))
    say_now(f"{len(looked_at)} manifests are there")
    starts = range(0, len(old), _ROWS_AT_ONCE)
    chunks = [old[start : start + _ROWS_AT_ONCE] for start in starts]
    for number, some in enumerate([*chunks, new]):
        with ours.begin() as connection:
            _given(connection, some, etags)
            _ours(connection, template)
        with dagsters.begin() as connection:
            _given(connection, some, etags)
            _dagsters(connection, template, everything=some is new)
        if number % 10 == 0:
            there = min((number + 1) * _ROWS_AT_ONCE, len(made))
            say_now(f"{there} of {len(made)} are in the databases")
    for engine in (ours, dagsters):
        with engine.connect().execution_options(isolation_level="AUTOCOMMIT") as connection:
            connection.execute(text("ANALYZE"))


def _given(connection: Connection, made: Sequence[Copy], etags: dict[str, str]) -> None:
    connection.execute(
        text(
            "CREATE TEMP TABLE given (batch text, run_id text, vehicle text, etag text,"
            " created timestamptz) ON COMMIT DROP"
        )
    )
    connection.execute(
        text(
            "INSERT INTO given SELECT * FROM unnest(CAST(:batches AS text[]),"
            " CAST(:runs AS text[]), CAST(:vehicles AS text[]), CAST(:etags AS text[]),"
            " CAST(:created AS timestamptz[]))"
        ),
        {
            "batches": [one.manifest.batch for one in made],
            "runs": [one.run_id for one in made],
            "vehicles": [one.manifest.vehicle for one in made],
            "etags": [etags.get(one.manifest.batch, "none") for one in made],
            "created": [one.manifest.created for one in made],
        },
    )


def _columns(connection: Connection, schema: str, table: str) -> list[str]:
    return list(
        connection.scalars(
            text(
                "SELECT column_name FROM information_schema.columns WHERE table_schema = :schema"
                " AND table_name = :table AND is_generated = 'NEVER' AND column_name <> 'id'"
                " ORDER BY ordinal_position"
            ),
            {"schema": schema, "table": table},
        )
    )


def _ours(connection: Connection, template: Template) -> None:
    other = {
        "batch": "g.batch",
        "vehicle": "g.vehicle",
        "manifest_etag": "g.etag",
        "created": "g.created",
        "registered_at": "g.created",
    }
    for table in ("batches", "recordings", "event_counts"):
        names = _columns(connection, "argus", table)
        values = [other.get(name, f"t.{name}") for name in names]
        connection.execute(
            text(
                f"INSERT INTO argus.{table} ({', '.join(names)})"
                f" SELECT {', '.join(values)} FROM given g, argus.{table} t WHERE t.batch = :batch"
            ),
            {"batch": template.batch},
        )


def _dagsters(connection: Connection, template: Template, *, everything: bool) -> None:
    given = {"run": template.run_id, "batch": template.batch, "kinds": list(KEPT_KINDS)}
    given["picture"] = PICTURE
    here = "CAST(g.created AT TIME ZONE 'UTC' AS timestamp)"
    renamed = "replace(replace({}, :run, g.run_id), :batch, g.batch)"
    event = renamed.format("e.event")
    if not everything:
        event = f"regexp_replace({event}, :picture, '', 'g')"
    stays = (
        "true"
        if everything
        else "((e.dagster_event_type = ANY(:kinds)"
        " AND e.dagster_event_type <> 'ASSET_MATERIALIZATION_PLANNED')"
        " OR e.id IN (SELECT evaluation_event_storage_id FROM asset_check_executions))"
    )
    for statement in (
        "INSERT INTO dynamic_partitions (partitions_def_name, partition, create_timestamp)"
        f" SELECT 'batch', g.batch, {here} FROM given g ORDER BY g.created",
        "INSERT INTO runs (run_id, snapshot_id, pipeline_name, mode, status, run_body, partition,"
        " partition_set, create_timestamp, update_timestamp, start_time, end_time)"
        " SELECT g.run_id, t.snapshot_id, t.pipeline_name, t.mode, t.status,"
        f" {renamed.format('t.run_body')}, g.batch, t.partition_set, {here}, {here},"
        " extract(epoch FROM g.created), extract(epoch FROM g.created) + 5"
        " FROM given g, runs t WHERE t.run_id = :run ORDER BY g.created",
        "INSERT INTO run_tags (run_id, key, value)"
        f" SELECT g.run_id, t.key, {renamed.format('t.value')}"
        " FROM given g, run_tags t WHERE t.run_id = :run",
        "INSERT INTO event_logs (run_id, event, dagster_event_type, timestamp, step_key,"
        " asset_key, partition)"
        f" SELECT g.run_id, {event}, e.dagster_event_type, {here}, e.step_key,"
        " e.asset_key, CASE WHEN e.partition IS NOT NULL THEN g.batch END"
        f" FROM given g, event_logs e WHERE e.run_id = :run AND {stays} ORDER BY g.created, e.id",
        "INSERT INTO asset_event_tags (event_id, asset_key, key, value, event_timestamp)"
        f" SELECT n.id, t.asset_key, t.key, {renamed.format('t.value')}, n.timestamp"
        " FROM given g JOIN event_logs n ON n.run_id = g.run_id"
        " JOIN event_logs e ON e.run_id = :run AND e.asset_key = n.asset_key"
        " AND e.dagster_event_type = n.dagster_event_type"
        " AND e.dagster_event_type = 'ASSET_MATERIALIZATION'"
        " JOIN asset_event_tags t ON t.event_id = e.id",
        "INSERT INTO asset_check_executions (asset_key, check_name, partition, run_id,"
        " execution_status, evaluation_event, evaluation_event_timestamp,"
        " evaluation_event_storage_id, materialization_event_storage_id, create_timestamp)"
        " SELECT c.asset_key, c.check_name, CASE WHEN c.partition IS NOT NULL THEN g.batch END,"
        f" g.run_id, c.execution_status, {renamed.format('c.evaluation_event')}, {here},"
        f" c.evaluation_event_storage_id, c.materialization_event_storage_id, {here}"
        " FROM given g, asset_check_executions c WHERE c.run_id = :run",
    ):
        used = {name: value for name, value in given.items() if f":{name}" in statement}
        connection.execute(text(statement), used)
