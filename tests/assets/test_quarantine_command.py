"""`argus quarantine` over a batch that the pipeline has been through."""

from __future__ import annotations

import json

import pytest
import sqlalchemy as sa
from typer.testing import CliRunner, Result

from argus_pipeline.batches.given_up import list_retries
from argus_pipeline.cli.main import app
from argus_pipeline.database.engine import session


@pytest.fixture
def batch(pipeline, store_settings, data, monkeypatch) -> str:
    settings = {
        "ARGUS_S3_ENDPOINT": store_settings.s3_endpoint,
        "ARGUS_S3_BUCKET": store_settings.s3_bucket,
        "ARGUS_S3_PREFIX": store_settings.s3_prefix,
        "ARGUS_S3_ACCESS_KEY": store_settings.s3_access_key,
        "ARGUS_S3_SECRET_KEY": store_settings.s3_secret_key,
        "ARGUS_DATABASE_URL": pipeline.database_url,
        "COLUMNS": "250",
    }
    for name, value in settings.items():
        monkeypatch.setenv(name, value)
    names = ("golden", "c_garbage5k")
    content = {f"{name}.dlt": (data / "dlt" / f"{name}.dlt").read_bytes() for name in names}
    pipeline.put("b1", {**content, "notes.dlt": b"only text\n" * 50})
    assert pipeline.run("b1").success
    return "b1"


def argus(*arguments: str) -> Result:
    return CliRunner().invoke(app, ["quarantine", *arguments], catch_exceptions=False)


def test_what_was_not_decoded_is_listed_and_shown_with_its_offsets(batch) -> None:
    listed = json.loads(argus("list", "--json").stdout)
    assert {one["recording"]: one["status"] for one in listed} == {
        "c_garbage5k.dlt": "partial",
        "notes.dlt": "quarantined",
    }
    assert "it looks like text" in argus("list", batch).stdout
    shown = argus("show", batch, "c_garbage5k.dlt").stdout
    record = json.loads(argus("show", batch, "c_garbage5k.dlt", "--json").stdout)
    [fault] = record["faults"]
    assert f"byte {fault['offset']:,}, 5,000 bytes: {fault['reason']}" in shown


def test_a_recording_that_was_decoded_whole_has_no_record(batch) -> None:
    with pytest.raises(Exception, match="there is no quarantine record"):
        argus("show", batch, "golden.dlt")


def test_only_what_another_parser_version_read_is_parsed_again(pipeline, batch) -> None:
    assert "0 recordings of 0 batches" in argus("replay").stdout
    assert list(list_retries(pipeline.store)) == []
    with session(pipeline.resources["database"].engine()) as opened:
        older = "UPDATE argus.recordings SET parser_version = '0.0.1' WHERE recording = 'notes.dlt'"
        opened.execute(sa.text(older))
    dry = argus("replay", "--dry-run").stdout
    assert "b1: notes.dlt" in dry
    assert "would be asked for" in dry
    assert list(list_retries(pipeline.store)) == []
    assert "1 recordings of 1 batches" in argus("replay", batch).stdout
    assert [retry.batch for retry in list_retries(pipeline.store)] == ["b1"]
