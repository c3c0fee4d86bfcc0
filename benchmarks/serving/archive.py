"""An archive of many batches: rows in Postgres and in Dagster's tables, real reports for a few.

The rows are made by SQL, since a pipeline would take days over them. Their reports have the size of
real ones; those that are read have their content and their charts, too.
"""

from __future__ import annotations

import json
import os
from collections.abc import Iterator, Sequence
from contextlib import contextmanager
from dataclasses import dataclass, replace
from datetime import UTC, datetime
from pathlib import Path
from typing import Final

import dagster as dg
from dagster import DagsterEventType
from dagster._core.events import DagsterEvent, StepSuccessData
from dagster._serdes import serialize_value
from sqlalchemy import Engine, text

from argus_pipeline.charts import ChartContext, draw_charts, write_charts
from argus_pipeline.database.engine import create_engine, session
from argus_pipeline.database.migrate import migrate
from argus_pipeline.database.records import upsert_batch
from argus_pipeline.database.roles import ensure_roles
from argus_pipeline.diagnosis.pipeline import make_case, save_diagnosis, supervise
from argus_pipeline.knowledge.embedding import LocalEmbedder
from argus_pipeline.knowledge.files import read_articles, starter_articles
from argus_pipeline.knowledge.store import import_articles
from argus_pipeline.run_records import PARTITION_TAG
from argus_pipeline.settings import Settings, with_driver
from argus_pipeline.simulate.fleet import write_fleet
from argus_pipeline.stack.postgres import PostgresServer
from argus_pipeline.stack.seaweedfs import SeaweedFS
from argus_pipeline.statistics.storage import write_statistics
from argus_pipeline.storage.object_store import ObjectStore
from argus_pipeline.upload.options import read_batch_file
from tools.pictures import batch_of, manifest_of

REPORTS: Final = 200
STOPPED: Final = 40
"""Of the batches, so many failed for good."""
GOING_ON: Final = 25
_EVENTS: Final = (
    DagsterEventType.RUN_START,
    DagsterEventType.STEP_START,
    DagsterEventType.STEP_SUCCESS,
    DagsterEventType.RUN_SUCCESS,
)


@dataclass
class Archive:
    """What the server reads."""

    url: str
    home: Path
    settings: Settings
    log: Path
    reports: Sequence[str]
    """The batches with a real report and charts."""

    @property
    def environment(self) -> dict[str, str]:
        """For a process that serves it."""
        made = self.settings
        return {
            "DAGSTER_HOME": str(self.home),
            "ARGUS_DATABASE_URL": self.url,
            "ARGUS_DAGSTER_DATABASE_URL": with_driver(self.url, "psycopg2"),
            "ARGUS_S3_ENDPOINT": str(made.s3_endpoint),
            "ARGUS_S3_BUCKET": made.s3_bucket,
            "ARGUS_S3_REGION": made.s3_region,
            "ARGUS_S3_ACCESS_KEY": str(made.s3_access_key),
            "ARGUS_S3_SECRET_KEY": str(made.s3_secret_key),
        }


@contextmanager
def archive(folder: Path, batches: int) -> Iterator[Archive]:
    """Servers of its own in `folder`, filled."""
    log = folder / "postgres.log"
    postgres = PostgresServer(folder / "postgres", log=log, durable=False)
    store = SeaweedFS(folder / "store", bucket="argus")
    try:
        postgres.start()
        store.start()
        postgres.ensure_database("serving")
        url = postgres.url("serving")
        settings = replace(store.settings("argus"), database_url=url)
        made = Archive(url, folder / "dagster", settings, log, [])
        migrate(url)
        instance = _dagster(made)
        engine = create_engine(url)
        objects = ObjectStore(settings)
        objects.ensure_bucket()
        made.reports = _reports(engine, objects, folder / "tables")
        _rows(engine, batches, made.reports[0])
        _runs(engine)
        ensure_roles(engine)
        with engine.connect().execution_options(isolation_level="AUTOCOMMIT") as connection:
            connection.execute(text("VACUUM ANALYZE"))
        engine.dispose()
        instance.dispose()
        yield made
    finally:
        store.stop()
        postgres.stop()


def _dagster(made: Archive) -> dg.DagsterInstance:
    made.home.mkdir(parents=True)
    storage = {"postgres": {"postgres_url": {"env": "ARGUS_DAGSTER_DATABASE_URL"}}}
    content = {"storage": storage, "telemetry": {"enabled": False}}
    (made.home / "dagster.yaml").write_text(json.dumps(content))
    os.environ.update(made.environment)
    instance = dg.DagsterInstance.from_config(str(made.home))
    instance.get_run_records(limit=1)  # makes its tables
    instance.all_logs("none")
    return instance


def _reports(engine: Engine, store: ObjectStore, folder: Path) -> list[str]:
    """Real diagnoses with real charts: one batch, and copies of it under other ids."""
    import_articles(engine, read_articles([starter_articles()]).articles, LocalEmbedder())
    write_fleet(folder / "fleet", batches=1, megabytes=2, seed=1)
    [path] = [one for one in (folder / "fleet").iterdir() if one.is_dir()]
    options = read_batch_file(path)
    statistics, results = batch_of(path, folder / "tables")
    names = [f"20261123T101500Z-{options.vehicle}-{number:04x}" for number in range(REPORTS)]
    manifest = manifest_of(names[0], options, results, datetime(2026, 11, 23, tzinfo=UTC))
    with session(engine) as opened:
        for batch in names:
            upsert_batch(opened, replace(manifest, batch=batch), "etag")
    found = supervise(make_case(manifest, results, statistics), engine, LocalEmbedder()).diagnosis
    for batch in names:
        save_diagnosis(engine, replace(found, batch=batch), LocalEmbedder())
    context = ChartContext(
        found.batch, found.vehicle, found.platform, found.firmware, found.firmware_from
    )
    write_charts(store, names[0], draw_charts(statistics, context))
    write_statistics(store, names[0], statistics)
    return names


def _rows(engine: Engine, batches: int, like: str) -> None:
    """Batches of 2,000 vehicles over 200 days, with counts and diagnoses as large as real ones."""
    with engine.begin() as connection:
        connection.execute(
            text(
                "INSERT INTO argus.batches (batch, vehicle, platform, firmware, firmware_from,"
                " campaign, priority, created, manifest_etag, files, bytes, tags, registered_at)"
                " SELECT to_char(t, 'YYYYMMDD\"T\"HH24MISS\"Z\"') || '-' || vehicle || '-' ||"
                " lpad(to_hex(n), 5, '0'), vehicle, 'J' || (n % 8), 'v2.' || (n % 20) || '.0',"
                " 'v2.' || (n % 20) || '.9',"
                " CASE WHEN n % 3 = 0 THEN 'campaign-' || (n % 40) END, 'P1', t, 'e', 4, 40000000,"
                " '{}', t FROM (SELECT n, now() - make_interval(secs => n * 170) AS t,"
                " 'SIM' || lpad((n % 2000)::text, 6, '0') AS vehicle"
                " FROM generate_series(1, :n) n) AS made"
            ),
            {"n": batches},
        )
        connection.execute(
            text(
                "INSERT INTO argus.event_counts (batch, ecu, app, code, severity, messages)"
                " SELECT batch, 'ECU' || (k % 5), 'APP', CASE WHEN k = 0 THEN 'C0035'"
                " ELSE 'P' || lpad((hashtext(batch || k) & 2047)::text, 4, '0') END, 'error', 7"
                " FROM argus.batches, generate_series(0, 3) k WHERE batch LIKE '%-SIM%'"
            )
        )
        outcomes = "(ARRAY['likely cause','unknown','no fault found'])[1 + (hashtext(b.batch) & 1)]"
        connection.execute(
            text(
                "INSERT INTO argus.diagnoses (batch, verdict, label, top_codes, content)"
                " SELECT b.batch, d.verdict, d.label, d.top_codes,"
                f" jsonb_set(d.content, '{{outcome}}', to_jsonb({outcomes}))"
                " FROM (SELECT batch, row_number() OVER (ORDER BY registered_at DESC) AS place"
                " FROM argus.batches WHERE batch LIKE '%-SIM%') b, argus.diagnoses d"
                " WHERE d.batch = :like AND b.place > :without"
            ),
            {"like": like, "without": STOPPED + GOING_ON},
        )


def _runs(engine: Engine) -> None:
    """A run for each batch: the newest are going on, some failed, all others came through."""
    body = serialize_value(
        dg.DagsterRun(job_name="batch", run_id="RUN-ID", status=dg.DagsterRunStatus.SUCCESS)
    )
    state = (
        f"CASE WHEN n <= {GOING_ON} THEN 'STARTED' WHEN n <= {GOING_ON + STOPPED} THEN 'FAILURE'"
        " ELSE 'SUCCESS' END"
    )
    with engine.begin() as connection:
        connection.execute(
            text(
                "CREATE TEMP TABLE made ON COMMIT DROP AS SELECT batch, gen_random_uuid()::text AS"
                " run_id, row_number() OVER (ORDER BY registered_at DESC) AS n FROM argus.batches"
                " WHERE batch LIKE '%-SIM%'"
            )
        )
        connection.execute(
            text(
                "INSERT INTO public.runs (run_id, pipeline_name, status, run_body, start_time,"
                " end_time, create_timestamp, update_timestamp) SELECT run_id, 'batch',"
                f" {state}, replace(:body, 'RUN-ID', run_id), 1, 2, now(), now()"
                " FROM made ORDER BY n DESC"
            ),
            {"body": body},
        )
        connection.execute(
            text(
                "INSERT INTO public.run_tags (run_id, key, value) SELECT run_id, k, v FROM made,"
                " LATERAL (VALUES (:key, batch), ('dagster/priority', '0'), ('argus/vehicle', '1'))"
                " AS tags(k, v)"
            ),
            {"key": PARTITION_TAG},
        )
        connection.execute(
            text(
                "INSERT INTO public.event_logs (run_id, event, dagster_event_type, timestamp,"
                " step_key, partition) SELECT run_id, replace(e, 'RUN-ID', run_id), k, now(),"
                " CASE WHEN k LIKE 'STEP%' THEN 'raw_batch' END, batch FROM made,"
                " unnest(CAST(:kinds AS text[]), CAST(:events AS text[])) AS events(k, e)"
                " WHERE k <> 'PIPELINE_SUCCESS' OR n > :open ORDER BY n DESC"
            ),
            {
                "kinds": [kind.value for kind in _EVENTS],
                "events": [serialize_value(_entry("RUN-ID", kind)) for kind in _EVENTS],
                "open": GOING_ON + STOPPED,
            },
        )


def new_report(engine: Engine, batch: str, like: str) -> None:
    """Let a report appear, as the pipeline's last step does: in one transaction."""
    with engine.begin() as connection:
        connection.execute(
            text(
                "INSERT INTO argus.diagnoses (batch, verdict, label, top_codes, content)"
                " SELECT :batch, verdict, label, top_codes, jsonb_set(content, '{batch}',"
                " to_jsonb(CAST(:batch AS text))) FROM argus.diagnoses WHERE batch = :like"
            ),
            {"batch": batch, "like": like},
        )


def event(instance: dg.DagsterInstance, run_id: str, kind: DagsterEventType) -> None:
    """Have Dagster record an event of a run."""
    instance.store_event(_entry(run_id, kind))


def _entry(run_id: str, kind: DagsterEventType) -> dg.EventLogEntry:
    step = "raw_batch" if kind.value.startswith("STEP") else None
    data = StepSuccessData(duration_ms=1.0) if kind is DagsterEventType.STEP_SUCCESS else None
    return dg.EventLogEntry(
        error_info=None,
        level="debug",
        user_message="",
        run_id=run_id,
        timestamp=datetime.now(UTC).timestamp(),
        step_key=step,
        job_name="batch",
        dagster_event=DagsterEvent(kind.value, "batch", step_key=step, event_specific_data=data),
    )
