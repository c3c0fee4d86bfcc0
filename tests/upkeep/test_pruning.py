"""Dagster's records are pruned: real runs in a real Postgres, before and after."""

import re
from collections.abc import Iterator
from datetime import UTC, datetime, timedelta
from typing import Any

import dagster as dg
import pytest
import sqlalchemy as sa
import typer
from dagster._core.definitions.data_version import DATA_VERSION_TAG
from dagster._core.test_utils import instance_for_test
from typer.testing import CliRunner

from argus_pipeline import run_records
from argus_pipeline.cli import prune as prune_cli
from argus_pipeline.database.engine import create_engine
from argus_pipeline.errors import ArgusError
from argus_pipeline.settings import Settings
from argus_pipeline.storage.object_store import ObjectStore
from argus_pipeline.upkeep.beside_records import open_records, pruned_elsewhere
from argus_pipeline.upkeep.options import read_upkeep
from argus_pipeline.upkeep.pruning import BatchRuns, Fate, OldRun, Pruned, cutoff, fate, prune
from sensors.housekeeping import prune_records

BATCHES = dg.DynamicPartitionsDefinition(name="batch")
NOW = datetime.now(UTC)


@dg.asset(
    partitions_def=BATCHES,
    check_specs=[dg.AssetCheckSpec("whole", asset="raw_batch", partitions_def=BATCHES)],
)
def raw_batch(context: dg.AssetExecutionContext) -> Iterator[Any]:
    if "fail" in context.run.tags:
        raise dg.Failure("bad", allow_retries=False)
    context.log.info("one of many lines")
    yield dg.MaterializeResult(metadata={"n": 1}, check_results=[dg.AssetCheckResult(passed=True)])


PICTURE = "![codes](data:image/png;base64,iVBORw0KGgo/+A==)"
LINK = "\n\n`s3://bucket/charts/codes.html`"


@dg.asset(deps=[raw_batch], partitions_def=BATCHES)
def report() -> dg.MaterializeResult:
    """What a batch is done with."""
    return dg.MaterializeResult(
        metadata={
            "a text": dg.MetadataValue.md("![ begins like a picture"),
            "codes": dg.MetadataValue.md(PICTURE + LINK),
        }
    )


@dg.asset(deps=[report], check_specs=[dg.AssetCheckSpec("adds_up", asset="fleet")])
def fleet() -> Iterator[Any]:
    yield dg.MaterializeResult(check_results=[dg.AssetCheckResult(passed=True)])


DEFINITIONS = dg.Definitions(
    assets=[raw_batch, report, fleet],
    jobs=[
        dg.define_asset_job("batch", selection=[raw_batch, report]),
        dg.define_asset_job("roll_up", selection=[fleet]),
    ],
    executor=dg.in_process_executor,
)


class _Store:
    """Stands in for the resource: the bucket of a test."""

    def __init__(self, store: ObjectStore) -> None:
        self._store = store

    def store(self) -> ObjectStore:
        return self._store


class Records:
    """A Dagster instance over Postgres, and its database."""

    def __init__(self, instance: dg.DagsterInstance, engine: sa.Engine) -> None:
        self.instance = instance
        self.engine = engine

    def run(self, batch: str, *, fails: bool = False) -> str:
        self.instance.add_dynamic_partitions("batch", [batch])
        done = DEFINITIONS.resolve_job_def("batch").execute_in_process(
            instance=self.instance,
            partition_key=batch,
            raise_on_error=False,
            tags={"fail": "yes"} if fails else None,
        )
        return done.run_id

    def roll_up(self) -> str:
        job = DEFINITIONS.resolve_job_def("roll_up")
        return job.execute_in_process(instance=self.instance).run_id

    def age(self, *runs: str, days: int = 40) -> None:
        with self.engine.begin() as connection:
            connection.execute(
                sa.text(
                    "UPDATE runs SET update_timestamp = update_timestamp - :age"
                    " WHERE run_id = ANY(:runs)"
                ),
                {"age": timedelta(days=days), "runs": list(runs)},
            )

    def prune(self, *, dry_run: bool = False, most: int = 1000, **more: Any) -> Pruned:
        return prune(
            self.engine, before=cutoff(NOW, 30), most=most, job="batch", dry_run=dry_run, **more
        )

    def state(self) -> dict[str, Any]:
        """What the state of the assets follows from, as Dagster itself tells it."""
        storage = self.instance.event_log_storage
        names = self.instance.get_dynamic_partitions("batch")
        found: dict[str, Any] = {}
        for asset in ("raw_batch", "report"):
            key = dg.AssetKey(asset)
            self.instance.wipe_asset_cached_status([key])
            found[asset] = (
                self.instance.get_status_by_partition(key, names, BATCHES),
                storage.get_latest_storage_id_by_partition(
                    key, dg.DagsterEventType.ASSET_MATERIALIZATION
                ),
                storage.get_latest_tags_by_partition(
                    key, dg.DagsterEventType.ASSET_MATERIALIZATION, tag_keys=[DATA_VERSION_TAG]
                ),
            )
        event = self.instance.get_latest_materialization_event(dg.AssetKey("fleet"))
        found["fleet"] = event and event.run_id
        for name in ("whole", "adds_up"):
            check = dg.AssetCheckKey(dg.AssetKey("raw_batch" if name == "whole" else "fleet"), name)
            latest = storage.get_latest_asset_check_execution_by_key([check])
            found[name] = {k: (v.run_id, v.status) for k, v in latest.items()}
        found["newest"] = {name: run_records.newest_outcome(self.instance, name) for name in names}
        found["reports"] = {name: run_records.newest_report(self.instance, name) for name in names}
        return found

    def shown(self, batch: str) -> object:
        """The Markdown of a batch's newest report."""
        found = self.instance.fetch_materializations(
            dg.AssetRecordsFilter(asset_key=dg.AssetKey("report"), asset_partitions=[batch]), 1
        )
        event = found.records[0].asset_materialization
        assert event is not None
        return event.metadata["codes"].value

    def events(self, run: str) -> int:
        return len(self.instance.all_logs(run))


@pytest.fixture
def records(database_url: str) -> Iterator[Records]:
    engine = create_engine(database_url)
    url = engine.url.set(drivername="postgresql+psycopg2").render_as_string(hide_password=False)
    with instance_for_test(overrides={"storage": {"postgres": {"postgres_url": url}}}) as instance:
        yield Records(instance, engine)
    engine.dispose()


def test_what_is_known_of_every_partition_is_the_same_afterwards(records: Records) -> None:
    old = [
        records.run("twice", fails=True),
        records.run("twice"),
        records.run("twice"),
        records.run("lost", fails=True),
        records.run("broken"),
        records.run("broken", fails=True),
        records.roll_up(),
        records.roll_up(),
        records.run("young"),
    ]
    records.age(*old[:-1])
    before = records.state()
    failed = records.events(old[5])
    done = records.prune()
    assert records.state() == before
    # Of `twice` the first two, of the roll-up the first; the newest of both are thinned.
    assert (done.deleted, done.thinned, done.left, done.more) == (3, 2, 3, False)
    assert [records.instance.has_run(run) for run in old] == [
        *(False, False, True, True, True, True, False, True, True)
    ]
    assert records.events(old[2]) == 3, "two materializations and the result of a check"
    assert records.events(old[5]) == failed, "why it failed is still to be read"
    assert records.prune() == Pruned(left=3)
    assert records.state() == before


def test_what_stays_of_an_old_run_has_its_links_and_no_pictures(records: Records) -> None:
    old, _ = records.run("old"), records.run("young")
    records.age(old)
    assert records.shown("old") == PICTURE + LINK
    assert records.prune().pictures == 1
    assert records.shown("old") == LINK
    assert records.shown("young") == PICTURE + LINK


def test_dagsters_own_way_makes_the_partition_missing(records: Records) -> None:
    """Why this is not `delete_run`: should that ever change, this can go."""
    run = records.run("b1")
    records.instance.delete_run(run)
    assert records.instance.get_materialized_partitions(dg.AssetKey("report")) == set()


def test_a_dry_run_counts_the_same_and_changes_nothing(records: Records) -> None:
    old = [records.run("b1"), records.run("b1"), records.roll_up()]
    records.age(*old)
    told: list[str] = []

    def on_runs(runs: Any) -> int:
        told.extend(runs)
        return len(runs)

    events = [records.events(run) for run in old]
    would = records.prune(dry_run=True, on_runs=on_runs)
    assert told == []
    assert [records.events(run) for run in old] == events
    done = records.prune(on_runs=on_runs)
    assert (would.deleted, would.thinned, would.events, would.checks, would.names) == (
        *(done.deleted, done.thinned, done.events, done.checks, done.names),
    )
    assert (done.deleted, done.thinned, done.objects) == (1, 2, 3)
    assert sorted(told) == sorted(old)


def test_a_night_prunes_so_many_and_the_next_goes_on(records: Records) -> None:
    old = [records.run("b1") for _ in range(3)]
    records.age(*old)
    first = records.prune(most=1)
    assert (first.runs, first.more, first.names) == (1, True, [old[0]])
    assert records.prune(most=1).names == [old[1]]
    last = records.prune(most=1)
    assert (last.thinned, last.deleted, last.more) == (1, 0, False)


def test_an_attempt_after_pruning_has_a_number_that_was_never_used(records: Records) -> None:
    """Dagster answers a run key that it knows with the old run, and the batch would stand still."""
    for number, fails in ((2, True), (3, False)):
        run = records.run("b1", fails=fails)
        records.instance.add_run_tags(run, {"dagster/run_key": f"b1:etag:attempt{number}"})
        records.age(run)
    records.prune()
    runs = run_records.runs_of(records.instance, "b1")
    assert (len(runs), run_records.next_attempt(runs)) == (1, 4)


def test_only_records_in_postgres_are_pruned(records: Records) -> None:
    with open_records(records.instance) as engine:
        assert engine.url.database == records.engine.url.database
    with (
        dg.DagsterInstance.ephemeral() as other,
        pytest.raises(ArgusError, match="not in one Postgres"),
        open_records(other),
    ):
        pass


def test_what_lies_beside_the_records_goes_with_the_runs(records: Records, object_store) -> None:
    object_store.put("dagster/storage/r1/step/result", b"1")
    object_store.put("dagster/storage/r2/step/result", b"2")
    assert pruned_elsewhere(records.instance, object_store)(["r1"]) == 1
    assert [one.key for one in object_store.list("dagster/")] == ["dagster/storage/r2/step/result"]


def prune_command(*arguments: str) -> str:
    app = typer.Typer()
    app.command()(prune_cli.prune)
    done = CliRunner().invoke(app, arguments, catch_exceptions=False)
    assert done.exit_code == 0, done.output
    return done.output


def test_the_command_says_what_would_go_then_takes_it(
    records: Records, store_settings: Settings, monkeypatch: pytest.MonkeyPatch
) -> None:
    for name, value in {
        "ARGUS_S3_ENDPOINT": store_settings.s3_endpoint,
        "ARGUS_S3_BUCKET": store_settings.s3_bucket,
        "ARGUS_S3_PREFIX": store_settings.s3_prefix,
        "ARGUS_S3_ACCESS_KEY": store_settings.s3_access_key,
        "ARGUS_S3_SECRET_KEY": store_settings.s3_secret_key,
    }.items():
        monkeypatch.setenv(name, value or "")
    old, new = records.run("b1"), records.run("b1")
    records.age(old)
    would = prune_command("--days", "30", "--dry-run")
    assert re.search(r"^ +1  runs would go, with all their events$", would, re.MULTILINE)
    assert records.events(old)
    gone = prune_command("--days", "30")
    assert re.search(r"^ +1  runs gone, with all their events$", gone, re.MULTILINE)
    assert not records.instance.has_run(old)
    assert records.events(new)
    monkeypatch.setenv("ARGUS_UPKEEP_KEEP_RUNS_DAYS", "0")
    assert "kept for ever" in prune_command()


def test_the_nightly_op_prunes_by_the_options_and_says_how_many(
    records: Records, object_store: ObjectStore, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setenv("ARGUS_UPKEEP_KEEP_RUNS_DAYS", "10")
    monkeypatch.setenv("ARGUS_UPKEEP_PRUNE_RUNS", "1")
    old = [records.run("b1") for _ in range(3)]
    records.age(*old, days=20)

    @dg.job(resource_defs={"object_store": _Store(object_store)})
    def night() -> None:
        prune_records()

    done = night.execute_in_process(instance=records.instance)
    [output] = [e for e in done.all_events if e.is_successful_output]
    said = {name: value.value for name, value in output.step_output_data.metadata.items()}
    assert (said["runs deleted"], said["runs"], said["more for the next night"]) == (
        1,
        [old[0]],
        True,
    )
    assert not records.instance.has_run(old[0])


def test_the_fate_of_a_run() -> None:
    runs = {"done": BatchRuns("r3", "r2", True), "not": BatchRuns("r5", "r5", False)}
    assert fate(OldRun(1, "r1", "done"), runs) is Fate.DELETE
    assert fate(OldRun(2, "r2", "done"), runs) is Fate.THIN, "the recovery knows it by this one"
    assert fate(OldRun(3, "r3", "done"), runs) is Fate.THIN, "the status shows this one"
    assert fate(OldRun(4, "r4", "not"), runs) is Fate.LEAVE
    assert fate(OldRun(5, "r5", "gone"), runs) is Fate.LEAVE
    assert fate(OldRun(6, "r6", None), runs) is Fate.DELETE


def test_the_age_is_an_option() -> None:
    assert (read_upkeep({}).keep_runs_days, read_upkeep({}).prune_runs) == (30, 20_000)
    given = {"ARGUS_UPKEEP_KEEP_RUNS_DAYS": "0", "ARGUS_UPKEEP_PRUNE_RUNS": "5"}
    assert (read_upkeep(given).keep_runs_days, read_upkeep(given).prune_runs) == (0, 5)
