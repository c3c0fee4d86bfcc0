"""The upload sensor over a real store, a real database and an ephemeral Dagster instance."""

from __future__ import annotations

import json
from datetime import UTC, datetime

import dagster as dg
import pytest
from dagster._core.storage.tags import RUN_KEY_TAG

from argus_pipeline.batches import arrivals
from argus_pipeline.batches import manifest as manifests
from argus_pipeline.batches.manifest import BatchFile, Manifest
from argus_pipeline.database.engine import create_engine, session
from argus_pipeline.database.migrate import migrate
from argus_pipeline.database.records import upsert_batch
from argus_pipeline.storage import keys
from resources.database import DatabaseResource
from resources.object_store import ObjectStoreResource
from sensors import uploads
from sensors.uploads import completed_uploads

TODAY = datetime.now(UTC)


@dg.op
def _nothing() -> None: ...


@dg.job(name="batch")
def _some_job() -> None:
    _nothing()


class Sensor:
    """Ticks the sensor as the daemon does: cursor kept, partitions added, runs made."""

    def __init__(self, store, store_settings, database_url) -> None:
        from dagster_aws.s3 import S3Resource

        self.store = store
        self.database_url = database_url
        self.instance = dg.DagsterInstance.ephemeral(
            settings={"concurrency": {"pools": {"default_limit": 8}}}
        )
        self.cursor: str | None = None
        self.resources = {
            "object_store": ObjectStoreResource(
                s3=S3Resource(
                    endpoint_url=store_settings.s3_endpoint,
                    region_name=store_settings.s3_region,
                    aws_access_key_id=store_settings.s3_access_key,
                    aws_secret_access_key=store_settings.s3_secret_key,
                ),
                bucket=store_settings.s3_bucket,
                prefix=store_settings.s3_prefix,
            ),
            "database": DatabaseResource(url=database_url),
        }

    def put(self, batch: str, **changes) -> None:
        manifest = Manifest(
            batch, "V1", "J7", "v1", TODAY, (BatchFile("a.dlt", 1, "0" * 64),), **changes
        )
        self.put_bytes(batch, manifest.to_json())

    def put_bytes(self, batch: str, data: bytes) -> None:
        self.store.put(f"{keys.incoming(TODAY.date(), batch)}manifest.json", data)

    def tick(self) -> dg.SensorResult:
        with dg.build_sensor_context(
            instance=self.instance, cursor=self.cursor, resources=self.resources
        ) as context:
            result = completed_uploads(context)
        self.cursor = result.cursor
        for request in result.dynamic_partitions_requests or []:
            self.instance.add_dynamic_partitions("batch", list(request.partition_keys))
        for request in result.run_requests or []:
            tags = {**request.tags, RUN_KEY_TAG: request.run_key}
            self.instance.create_run_for_job(_some_job, tags=tags)
        return result


@pytest.fixture
def sensor(object_store, store_settings, database_url):
    migrate(database_url)
    made = Sensor(object_store, store_settings, database_url)
    yield made
    made.resources["database"].engine().dispose()
    made.instance.dispose()


def test_a_complete_upload_becomes_a_partition_and_a_run(sensor) -> None:
    sensor.put("b1")
    result = sensor.tick()
    assert [r.partition_key for r in result.run_requests] == ["b1"]
    assert sensor.instance.get_dynamic_partitions("batch") == ["b1"]
    request = result.run_requests[0]
    etag = sensor.store.head(f"{keys.incoming(TODAY.date(), 'b1')}manifest.json").etag
    assert request.run_key == f"b1:{etag}"
    assert request.run_config["execution"]["config"] == {"in_process": {}}


def test_the_pools_are_there_before_the_first_runs_would_make_them_at_once(sensor) -> None:
    """In Postgres all but one of these runs would fail by it."""
    sensor.tick()
    storage = sensor.instance.event_log_storage
    assert not storage.get_pool_limits(), "and not before they are needed"
    sensor.put("b1")
    sensor.tick()
    limits = {limit.name: limit.limit for limit in storage.get_pool_limits()}
    assert limits == {"parser": 8, "diagnosis": 8}
    storage.set_concurrency_slots("parser", 3)
    sensor.put("b2")
    sensor.tick()
    limits = {limit.name: limit.limit for limit in storage.get_pool_limits()}
    assert limits == {"parser": 3, "diagnosis": 8}, "what a person set stays"


def test_an_upload_without_a_manifest_is_left_alone(sensor) -> None:
    sensor.store.put(f"{keys.incoming(TODAY.date(), 'b1')}a.dlt", b"x")
    assert sensor.tick().run_requests == []
    assert sensor.instance.get_dynamic_partitions("batch") == []


def test_urgent_batches_get_the_higher_priority(sensor) -> None:
    sensor.put("b1", priority="P2")
    sensor.put("b2", priority="P0")
    tags = {r.partition_key: r.tags["dagster/priority"] for r in sensor.tick().run_requests}
    assert int(tags["b2"]) > int(tags["b1"])


@pytest.mark.parametrize(("seconds", "most"), [(3600.0, 3), (0.0, 2)])
def test_of_many_uploads_a_look_requests_as_many_as_can_be_created_in_its_time(
    sensor, monkeypatch, seconds, most
) -> None:
    monkeypatch.setattr(uploads, "LOOK_S", seconds)
    for number in range(25):
        sensor.put(f"b{number:02}", priority="P0" if number == 24 else "P1")
    looks: list[list[str]] = []
    while len(looks) < 30 and (not looks or looks[-1]):
        looks.append([r.partition_key for r in sensor.tick().run_requests])
    assert len(looks[0]) == most
    assert looks[0][0] == "b24", "the urgent one does not wait"
    assert sorted(batch for look in looks for batch in look) == [f"b{n:02}" for n in range(25)]
    assert looks[-1] == [], "none is requested again while its run waits"


def test_a_batch_that_was_verified_is_not_requested_again(sensor) -> None:
    sensor.put("b1")
    request = sensor.tick().run_requests[0]
    etag = request.run_key.partition(":")[2]
    manifest = Manifest("b1", "V1", "J7", "v1", TODAY, (BatchFile("a.dlt", 1, "0" * 64),))
    with session(create_engine(sensor.database_url)) as opened:
        upsert_batch(opened, manifest, etag)
    assert sensor.tick().run_requests == []


def test_a_mended_manifest_is_requested_under_a_new_key(sensor) -> None:
    sensor.put("b1")
    first = sensor.tick().run_requests[0].run_key
    sensor.put("b1", campaign="mended")
    assert sensor.tick().run_requests[0].run_key != first


@pytest.mark.parametrize(
    ("content", "said"),
    [
        (b"{not json", "not JSON"),
        (b"\xff\xfe", "not UTF-8"),
        (b"[]", "list"),
        (b'{"schema": 1, "batch": "bad"}', "vehicle"),
    ],
)
def test_a_bad_manifest_is_reported_once_and_holds_up_no_other(sensor, content, said) -> None:
    sensor.put_bytes("bad", content)
    sensor.put("good")
    result = sensor.tick()
    assert [r.partition_key for r in result.run_requests] == ["good"]
    assert [e.description for e in result.asset_events if said in e.description]
    record = json.loads(sensor.store.get(keys.quarantine("bad", "manifest.json")))
    assert said in record["error"]
    assert sensor.tick().asset_events == []


def test_an_unsafe_folder_name_is_reported_and_becomes_no_partition(sensor) -> None:
    sensor.put_bytes("two words, and a comma", b"{}")
    result = sensor.tick()
    assert "not a safe name" in result.asset_events[0].description
    assert sensor.instance.get_dynamic_partitions("batch") == []


def test_with_a_cursor_that_cannot_be_read_nothing_is_lost_and_nothing_asked_for_twice(
    sensor,
) -> None:
    sensor.put("b1")
    sensor.tick()
    sensor.put("b2")
    sensor.cursor = "}"
    assert [r.partition_key for r in sensor.tick().run_requests] == ["b2"]


def test_a_batch_whose_run_was_deleted_is_requested_again(sensor) -> None:
    sensor.put("b1")
    sensor.tick()
    [run] = sensor.instance.get_runs()
    sensor.instance.delete_run(run.run_id)
    assert [r.partition_key for r in sensor.tick().run_requests] == ["b1"]


def test_a_manifest_that_is_too_large_is_reported_and_not_read_whole(sensor, monkeypatch) -> None:
    monkeypatch.setattr(arrivals, "MAX_MANIFEST_BYTES", 100)
    monkeypatch.setattr(manifests, "MAX_MANIFEST_BYTES", 100)
    sensor.put_bytes("huge", b"x" * 1000)
    [event] = sensor.tick().asset_events
    assert "too large" in event.description


def test_an_error_about_a_huge_value_stays_readable(sensor) -> None:
    sensor.put_bytes("bad", b'{"schema": 1, "batch": "' + b"x" * 1_000_000 + b'"}')
    [event] = sensor.tick().asset_events
    assert len(event.description) < 3_000
