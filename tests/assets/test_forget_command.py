"""`argus forget` over batches that the pipeline has been through: then the name is nowhere."""

from __future__ import annotations

import base64
import gzip
import io
import json
import re

import polars as pl
import pytest
import sqlalchemy as sa
from fleet.made import unlocked
from typer.testing import CliRunner, Result

from argus_pipeline.batch_status import batch_statuses
from argus_pipeline.batches import given_up
from argus_pipeline.batches.stages import Stage
from argus_pipeline.cli.main import app
from argus_pipeline.database.engine import session
from argus_pipeline.database.models import Base
from argus_pipeline.diagnosis.feedback import confirm
from argus_pipeline.errors import BadInput
from argus_pipeline.fleet.changes import announce
from argus_pipeline.fleet.history import compact
from argus_pipeline.fleet.rollup import read_sums, update
from argus_pipeline.forget import forgetting, objects
from argus_pipeline.forget.pseudonym import new_pseudonym
from argus_pipeline.recordings.finished import read_results
from argus_pipeline.statistics.storage import read_statistics
from sensors.uploads import present_manifest

VIN = "LFV3A23C0K3000001"
OTHER = "LFV3A23C0K3000002"
BATCH = f"20261123T101500Z-{VIN}-7f3a"
# What differs between stores is shown by the first test.
only_seaweedfs = pytest.mark.parametrize("store_server", ["seaweedfs"], indirect=True)
NEIGHBOUR = f"20261123T101500Z-{OTHER}-7f3b"


@pytest.fixture
def fleet(pipeline, store_settings, data, monkeypatch) -> None:
    """A batch of the vehicle that holds its name wherever a name can be, and one of another."""
    for name, value in {
        "ARGUS_S3_ENDPOINT": store_settings.s3_endpoint,
        "ARGUS_S3_BUCKET": store_settings.s3_bucket,
        "ARGUS_S3_PREFIX": store_settings.s3_prefix,
        "ARGUS_S3_ACCESS_KEY": store_settings.s3_access_key,
        "ARGUS_S3_SECRET_KEY": store_settings.s3_secret_key,
        "ARGUS_DATABASE_URL": pipeline.database_url,
        "COLUMNS": "250",
    }.items():
        monkeypatch.setenv(name, value)
    monkeypatch.setattr("argus_pipeline.run_records.connect", lambda: pipeline.instance)
    golden = (data / "dlt" / "golden.dlt").read_bytes()
    # A text of the log with the name in its place, whole and packed.
    [text] = re.findall(rb"[A-Za-z][A-Za-z ]{20,}", golden)[:1]
    named = golden.replace(text[:17], VIN.encode())
    assert len(named) == len(golden)
    content = {f"{VIN}_a.dlt": named, "b.dlt.gz": gzip.compress(named)}
    tags = {"bench": f"of {VIN.lower()}"}
    pipeline.put(BATCH, content, vehicle=VIN, campaign="c1", tags=tags)
    pipeline.put(NEIGHBOUR, {"a.dlt": golden}, vehicle=OTHER, campaign="c1")
    assert pipeline.run(BATCH).success
    assert pipeline.run_only(NEIGHBOUR, "raw_batch", "parsed_csv", "batch_statistics").success
    for batch in (BATCH, NEIGHBOUR):
        announce(pipeline.store, batch)
    update(pipeline.store)
    confirm(pipeline.resources["database"].engine(), BATCH, author="me", note=f"seen on {VIN}")
    pipeline.store.put("campaigns/c1/vehicles.csv", f"vehicle\n{VIN}\n{OTHER}\n".encode())
    record = given_up.GivenUp(BATCH, f"bad {VIN}", "r", None, 1, "c1", "2026-11-23T00:00:00+00:00")
    given_up.give_up(pipeline.store, record)


def argus(*arguments: str) -> Result:
    return CliRunner().invoke(app, ["forget", *arguments], catch_exceptions=False)


def named_in_bucket(pipeline, vin: str) -> list[str]:
    """Every object whose key or content has the name, in whatever form it lies there."""
    found = []
    for one in pipeline.store.list(""):
        data = pipeline.store.get(one.key)
        if one.key.endswith(".parquet"):
            data = repr(pl.read_parquet(io.BytesIO(data)).rows()).encode()
        elif data[:2] == b"\x1f\x8b":
            data = gzip.decompress(data)
        inner = [base64.b64decode(b) for b in re.findall(rb"base64,([A-Za-z0-9+/=]+)", data)]
        texts = b"\0".join([one.key.encode(), data, *inner])
        # A chart may cut a title within the name.
        if re.search(rf"{vin}|{vin[:8]}\w*…".encode(), texts, re.IGNORECASE):
            found.append(one.key)
    return found


def named_folders(pipeline, vin: str, prefix: str = "") -> list[str]:
    """Folders that the store shows, be there objects in them or not."""
    found = []
    for folder in pipeline.store.list_folders(prefix):
        found += [folder] if vin in folder else []
        found += named_folders(pipeline, vin, folder)
    return found


def named_in_rows(pipeline, vin: str) -> list[str]:
    found = []
    with session(pipeline.resources["database"].engine()) as opened:
        for table in Base.metadata.sorted_tables:
            for row in opened.execute(sa.select(table)):
                if vin.lower() in repr(row).lower():
                    found.append(table.name)
    return found


def sums(pipeline) -> dict[str, list[tuple]]:
    return {name: frame.rows() for name, frame in read_sums(pipeline.store).items()}


def test_the_name_is_nowhere_and_everything_else_is_as_it_was(pipeline, fleet) -> None:
    compact(pipeline.store, unlocked)
    before = sums(pipeline)
    results = read_results(pipeline.store, present_manifest(pipeline.store, BATCH, {})[0])
    statistics = read_statistics(pipeline.store, BATCH)
    listed = {one.key for one in pipeline.store.list("")}
    assert named_in_bucket(pipeline, VIN)
    assert named_in_rows(pipeline, VIN)

    dry = json.loads(argus(VIN, "--dry-run", "--json").stdout)
    assert {p["name"]: p["count"] for p in dry["places"]}["bucket: uploads"] == 3
    assert {one.key for one in pipeline.store.list("")} == listed, "it changed nothing"

    said = json.loads(argus(VIN, "--json").stdout)
    name = said["pseudonym"]
    assert named_in_bucket(pipeline, VIN) == []
    assert named_folders(pipeline, VIN) == []
    assert named_in_rows(pipeline, VIN) == []
    # A campaign's part goes by the name; values between the steps of deleted runs are gone.
    apart = ("fleet/campaigns/", "dagster/")
    assert {one.key for one in pipeline.store.list("") if not one.key.startswith(apart)} == {
        key.replace(VIN, name) for key in listed if not key.startswith(apart)
    }
    assert sums(pipeline) == before

    renamed = BATCH.replace(VIN, name)
    manifest, _, etag = present_manifest(pipeline.store, renamed, {})
    assert manifest.vehicle == name
    with session(pipeline.resources["database"].engine()) as opened:
        query = sa.text("SELECT manifest_etag FROM argus.batches WHERE batch = :batch")
        assert opened.scalar(query, {"batch": renamed}) == etag, "so nothing takes it for mended"
        assert opened.scalar(sa.text("SELECT count(*) FROM argus.diagnosis_feedback")) == 1
    assert [r.rows for r in read_results(pipeline.store, manifest)] == [r.rows for r in results]
    assert read_statistics(pipeline.store, renamed).codes.equals(statistics.codes)
    assert renamed in pipeline.materialized("report")
    assert not pipeline.instance.has_dynamic_partition("batch", BATCH)
    [status] = batch_statuses(pipeline.instance, pipeline.store, [renamed])
    assert status.stage is Stage.DONE

    again = json.loads(argus(VIN, "--json").stdout)
    assert not [p for p in again["places"] if p["count"] and p["done"] != "NOT REACHED"]
    assert pipeline.run(renamed).success, "its files are still what its manifest says"


def killed_after(calls: int, real):
    """The real function so many times, then what a person's Ctrl-C raises."""
    left = iter(range(calls))

    def step(*given, **named):
        if next(left, None) is None:
            raise KeyboardInterrupt
        return real(*given, **named)

    return step


@only_seaweedfs
def test_what_is_killed_in_the_middle_is_finished_by_the_next_call(
    pipeline, fleet, monkeypatch
) -> None:
    before = sums(pipeline)
    steps = [
        (objects, "rewrite", 1),
        (objects, "new_manifest", 0),
        (forgetting.rows, "rename_rows", 0),
        (forgetting, "_put_manifests", 0),
        (forgetting, "update", 0),
        (objects, "rewrite", 10),
    ]
    names = set()
    for module, step, after in steps:
        with monkeypatch.context() as patched:
            patched.setattr(module, step, killed_after(after, getattr(module, step)))
            done = CliRunner().invoke(app, ["forget", VIN])
        assert isinstance(done.exception, SystemExit), (step, done.output)
        [record] = [o.key for o in pipeline.store.list("forgetting/") if o.key.count("/") == 1]
        names.add(record)
    assert len(names) == 1, "it goes on under the same pseudonym"
    argus(VIN)
    assert named_in_bucket(pipeline, VIN) == []
    assert named_folders(pipeline, VIN) == []
    assert named_in_rows(pipeline, VIN) == []
    assert sums(pipeline) == before
    assert list(pipeline.store.list("forgetting/")) == []


@only_seaweedfs
def test_removed_it_leaves_only_the_others_behind(pipeline, fleet) -> None:
    said = json.loads(argus(VIN, "--remove", "--json").stdout)
    assert named_in_bucket(pipeline, VIN) == []
    assert named_folders(pipeline, VIN) == []
    assert named_in_rows(pipeline, VIN) == []
    assert [o.key for o in pipeline.store.list("") if said["pseudonym"] in o.key] == [
        o.key for o in pipeline.store.list("given-up/")
    ]
    with session(pipeline.resources["database"].engine()) as opened:
        assert list(opened.scalars(sa.text("SELECT batch FROM argus.batches"))) == [NEIGHBOUR]
    assert sums(pipeline)["exposures"][0][2] == 1, "one vehicle is left in the roll-ups"
    assert list(pipeline.instance.get_dynamic_partitions("batch")) == [NEIGHBOUR]


def test_a_name_that_is_a_word_of_other_texts_is_refused() -> None:
    with pytest.raises(BadInput, match="too short"):
        new_pseudonym("bench7")


@only_seaweedfs
def test_a_name_that_is_part_of_other_vehicles_names_is_refused(pipeline, samples) -> None:
    for number in ("1", "12"):
        pipeline.put(f"b{number}", samples, vehicle=f"BENCH-00{number}")
        assert pipeline.run_only(f"b{number}", "raw_batch").success
    store, engine = pipeline.store, pipeline.resources["database"].engine()
    with pytest.raises(BadInput, match="contained in the names of other vehicles: BENCH-0012"):
        forgetting.open_task(store, engine, "bench-001", remove=True)
    assert forgetting.open_task(store, engine, "BENCH-0012", remove=True).batches == ["b12"]
