"""Batches that were adopted from an archive, through the pipeline and all that comes later."""

from __future__ import annotations

import json
from dataclasses import replace
from datetime import UTC, datetime

import pytest
import sqlalchemy as sa
from adopt.made import ARCHIVE, Archive, an_archive
from dagster import ExecuteInProcessResult, Failure, build_sensor_context
from typer.testing import CliRunner

from argus_pipeline.adopt.adopting import adopt
from argus_pipeline.adopt.pattern import Pattern
from argus_pipeline.batches.arrivals import locate_manifest
from argus_pipeline.batches.manifest import Manifest, parse_manifest
from argus_pipeline.cli.main import app
from argus_pipeline.database.engine import session
from argus_pipeline.database.models import Base
from argus_pipeline.storage import keys
from argus_pipeline.storage.object_store import ObjectStore
from argus_pipeline.upkeep import records
from argus_pipeline.upkeep.retention import Kind, expire
from argus_pipeline.upload.options import BatchOptions
from sensors.uploads import completed_uploads

VIN = "LFV3A23C0K3000001"
FOLDER = f"{VIN}/v2.3.1/20261123T101500Z"
PATTERN = Pattern("{vehicle}/{firmware}/{time:%Y%m%dT%H%M%SZ}/{file}")


@pytest.fixture
def archive(store_settings) -> Archive:
    return an_archive(store_settings)


@pytest.fixture
def adopted(pipeline, archive, data) -> str:
    """The id of a batch whose recordings lie in an archive, and in their names the vehicle's."""
    golden = (data / "dlt" / "golden.dlt").read_bytes()
    archive.put(f"{FOLDER}/{VIN}_a.dlt", golden)
    archive.put(f"{FOLDER}/alltypes.rec", (data / "rec" / "alltypes.rec").read_bytes())
    archive.put(f"{FOLDER}/alltypes.odvd", (data / "rec" / "alltypes.odvd").read_bytes())
    take(pipeline, archive)
    [key] = pipeline.store.list("incoming/")
    return key.key.split("/")[-2]


def take(pipeline, archive: Archive, **how: bool) -> None:
    store = ObjectStore(replace(pipeline.store.settings, archive_buckets=(ARCHIVE,)))
    adopt(
        store,
        archive.folder,
        PATTERN,
        BatchOptions(platform="J7", priority="P2"),
        write=True,
        **how,
    )


def manifest_of(pipeline, batch: str) -> Manifest:
    key = locate_manifest(pipeline.store, batch)
    return parse_manifest(pipeline.store.get(key), key=key)


def why(result: ExecuteInProcessResult, step: str = "raw_batch") -> str:
    data = result.failure_data_for_node(step)
    assert data is not None
    assert data.user_failure_data is not None
    return str(data.user_failure_data.description)


def test_an_adopted_batch_gets_its_report_and_the_archive_stays_as_it_was(
    pipeline, archive, adopted
) -> None:
    before = archive.content()
    result = pipeline.run(adopted)
    assert result.success
    assert set(pipeline.check_results(result).values()) == {True}
    assert pipeline.store.head(keys.report(adopted, "html")) is not None
    assert pipeline.store.head(f"parsed/{adopted}/alltypes.rec/recording.json") is not None
    assert len(list(pipeline.store.list("incoming/"))) == 1, "nothing was copied"
    assert archive.content() == before
    [made] = result.asset_materializations_for_node("raw_batch")
    assert "| uploaded |" not in made.metadata["files"].value
    assert f"{archive.folder}{FOLDER}/alltypes.rec" in made.metadata["files"].value


def test_the_upload_sensor_takes_it_up_by_itself_after_what_is_urgent(
    pipeline, archive, adopted, data
) -> None:
    archive.put("LFV3A23C0K3000002/v2.3.1/20261123T101500Z/a.dlt")
    take(pipeline, archive)
    with build_sensor_context(
        instance=pipeline.instance, resources=pipeline.resources, definitions=pipeline.definitions
    ) as context:
        found = completed_uploads(context)
    assert len(found.run_requests) == 2
    [request] = [one for one in found.run_requests if one.partition_key == adopted]
    assert request.tags["dagster/priority"] == "-10"
    assert request.tags["argus/vehicle"] == VIN
    assert adopted in found.dynamic_partitions_requests[0].partition_keys


def test_an_original_that_changed_is_refused_until_it_is_adopted_again(
    pipeline, archive, adopted
) -> None:
    archive.put(f"{FOLDER}/{VIN}_a.dlt", b"other")
    said = why(pipeline.run(adopted))
    assert f"{VIN}_a.dlt: size is 5 bytes" in said
    assert "`argus adopt` with --update takes the archive as it is now" in said
    take(pipeline, archive, update=True)
    assert pipeline.run_only(adopted, "raw_batch").success


def test_a_batch_from_a_bucket_that_is_not_allowed_is_refused_with_what_to_do(pipeline) -> None:
    source = {"source": "s3://secrets/a.dlt", "etag": "e"}
    pipeline.put("b1", {}, files=[{"name": "a.dlt", "size": 1, **source}])
    said = why(pipeline.run("b1"))
    assert "s3://secrets/a.dlt: may not be read in place" in said
    assert "Add secrets to ARGUS_ARCHIVE_BUCKETS" in said
    assert "Upload the files again" not in said
    assert pipeline.check_results(pipeline.run("b1"))["manifest_integrity"] is False


def test_a_manifest_that_points_at_what_argus_keeps_is_refused(pipeline, store_settings) -> None:
    pipeline.store.put("incoming/2026/11/23/other/secret.dlt", b"x")
    source = pipeline.store.uri("incoming/2026/11/23/other/secret.dlt")
    file = {"name": "a.dlt", "size": 1, "source": source, "etag": "e"}
    pipeline.put("b1", {}, files=[file])
    assert "where Argus keeps its own things" in why(pipeline.run("b1"))


def test_retention_deletes_tables_and_no_original(pipeline, archive, adopted) -> None:
    assert pipeline.run(adopted).success
    before = archive.content()
    assert expire(pipeline.store, adopted, Kind.INCOMING).objects == 0
    assert expire(pipeline.store, adopted, Kind.PARSED).objects > 0
    assert archive.content() == before
    assert len(list(pipeline.store.list("incoming/"))) == 1
    assert pipeline.run(adopted).success, "they are still there to be parsed again"


def environment(pipeline, store_settings, monkeypatch) -> None:
    for name, value in {
        "ARGUS_S3_ENDPOINT": store_settings.s3_endpoint,
        "ARGUS_S3_BUCKET": store_settings.s3_bucket,
        "ARGUS_S3_PREFIX": store_settings.s3_prefix,
        "ARGUS_S3_ACCESS_KEY": store_settings.s3_access_key,
        "ARGUS_S3_SECRET_KEY": store_settings.s3_secret_key,
        "ARGUS_DATABASE_URL": pipeline.database_url,
    }.items():
        monkeypatch.setenv(name, value)
    monkeypatch.setattr("argus_pipeline.run_records.connect", lambda: pipeline.instance)


def forgotten(*arguments: str) -> dict[str, dict[str, object]]:
    done = CliRunner().invoke(app, ["forget", VIN, *arguments, "--json"], catch_exceptions=False)
    assert done.exit_code == 0, done.output
    return {place["name"]: place for place in json.loads(done.stdout)["places"]}


def test_forgetting_leaves_the_originals_and_no_way_to_them(
    pipeline, archive, adopted, store_settings, monkeypatch
) -> None:
    environment(pipeline, store_settings, monkeypatch)
    assert pipeline.run(adopted).success
    before = archive.content()
    etags = {etag for etag, _ in before.values()}
    for how in (("--dry-run",), ()):
        place = forgotten(*how)["archive: originals"]
        assert (place["count"], place["done"]) == (3, "NOT REACHED")
        assert f"{archive.folder}{FOLDER}/ (3)" in str(place["note"])
        assert "owner has to delete them there" in str(place["note"])
    assert archive.content() == before

    for one in pipeline.store.list(""):
        assert VIN not in one.key
        data = pipeline.store.get(one.key)
        assert VIN.encode() not in data, one.key
        assert not any(etag.encode() in data for etag in etags), one.key
    with session(pipeline.resources["database"].engine()) as opened:
        for table in Base.metadata.sorted_tables:
            assert VIN not in repr(opened.execute(sa.select(table)).all())
    [batch] = pipeline.instance.get_dynamic_partitions("batch")
    assert batch != adopted
    manifest = manifest_of(pipeline, batch)
    assert [file.etag for file in manifest.files] == ["forgotten"] * 3
    assert records.expired(pipeline.store) == {batch}, "the night leaves it alone"
    with pytest.raises(Failure, match="presence is missing"):
        pipeline.run_only(batch, "raw_batch")
    assert "archive: originals" not in forgotten(), "twice finds nothing"


def test_removing_a_vehicle_leaves_the_originals(
    pipeline, archive, adopted, store_settings, monkeypatch
) -> None:
    environment(pipeline, store_settings, monkeypatch)
    assert pipeline.run_only(adopted, "raw_batch").success
    before = archive.content()
    assert forgotten("--remove")["archive: originals"]["count"] == 3
    assert archive.content() == before
    assert list(pipeline.store.list("incoming/")) == []


def test_forgetting_that_was_killed_still_says_all_that_lies_in_the_archive(
    pipeline, archive, adopted, store_settings, monkeypatch
) -> None:
    environment(pipeline, store_settings, monkeypatch)

    def killed(*_: object) -> None:
        raise RuntimeError("killed")

    with monkeypatch.context() as broken:
        broken.setattr("argus_pipeline.forget.forgetting._put_manifests", killed)
        with pytest.raises(RuntimeError):
            forgotten()
    assert forgotten()["archive: originals"]["count"] == 3


def test_the_time_of_a_batch_is_that_of_its_keys(pipeline, adopted) -> None:
    assert manifest_of(pipeline, adopted).created == datetime(2026, 11, 23, 10, 15, tzinfo=UTC)
