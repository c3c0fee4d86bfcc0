"""`argus adopt` as a person types it."""

from __future__ import annotations

import json
import shlex
from pathlib import Path

import pytest
from adopt.made import ARCHIVE, DRIVE, Archive
from typer.testing import CliRunner, Result

from argus_pipeline.cli.main import app
from argus_pipeline.errors import ArgusError, BadInput, Unavailable
from argus_pipeline.settings import Settings
from argus_pipeline.storage.object_store import ObjectStore

PATTERN = "{vehicle}/{firmware}/{time:%Y%m%dT%H%M%SZ}/{file}"
PAGE = (Path(__file__).resolve().parents[2] / "docs" / "adopt.md").read_text()


@pytest.fixture(autouse=True)
def environment(store_settings: Settings, tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    for name, value in {
        "ARGUS_HOME": str(tmp_path / "home"),
        "ARGUS_S3_BUCKET": store_settings.s3_bucket,
        "ARGUS_S3_PREFIX": store_settings.s3_prefix,
        "ARGUS_S3_ENDPOINT": str(store_settings.s3_endpoint),
        "ARGUS_S3_ACCESS_KEY": str(store_settings.s3_access_key),
        "ARGUS_S3_SECRET_KEY": str(store_settings.s3_secret_key),
        "ARGUS_ARCHIVE_BUCKETS": ARCHIVE,
        "COLUMNS": "200",
    }.items():
        monkeypatch.setenv(name, value)


def argus(archive: Archive, *arguments: str, pattern: str = PATTERN) -> Result:
    called = ["adopt", str(archive.folder), "--pattern", pattern, *arguments]
    return CliRunner().invoke(app, called)


def test_it_says_what_it_would_do_and_does_it_with_yes(
    object_store: ObjectStore, archive: Archive
) -> None:
    archive.put(f"{DRIVE}/ecu1.dlt", b"x" * 1500)
    archive.put(f"{DRIVE}/drive.rec", b"x" * 500)
    archive.put("readme.txt")
    dry = argus(archive, "--platform", "J7")
    assert dry.exit_code == 0, dry.output
    assert list(object_store.list("")) == []
    said = dry.stdout
    assert f"{archive.folder}: 3 keys, 2.0 kB" in said
    assert "new 1 2 2 2.0 kB" in " ".join(said.split())
    assert "-LFV3A23C0K3000001-" in said
    assert f"ecu1.dlt  {archive.folder}{DRIVE}/ecu1.dlt" in said
    assert "keys that do not fit the pattern and are left out: 1" in said
    assert "'readme.txt' does not fit '/'" in said
    assert "Nothing was written. --yes adopts what is new." in said

    done = argus(archive, "--platform", "J7", "--yes")
    assert done.exit_code == 0, done.output
    assert "1 manifest written" in done.stdout
    again = argus(archive, "--platform", "J7", "--yes")
    assert again.exit_code == 0
    assert "there already" in again.stdout
    assert "0 manifests written" in again.stdout
    assert len(list(object_store.list("incoming/"))) == 1
    assert "Nothing is new." in argus(archive, "--platform", "J7").stdout
    archive.put(f"{DRIVE}/ecu2.dlt")
    grown = argus(archive, "--platform", "J7").stdout
    assert "-LFV3A23C0K3000001-" in grown
    assert ": 1 file more" in grown
    assert "--yes --update also what has changed since." in grown


def test_json_says_all_of_it(object_store: ObjectStore, archive: Archive) -> None:
    archive.put("v2/20261123/a b.dlt", b"123")
    options = ["--vehicle", "BENCH-7", "--platform", "J7", "--campaign", "c1", "--tag", "from=2025"]
    done = argus(
        archive,
        *options,
        "--firmware-from",
        "v1",
        "--yes",
        "--json",
        pattern="{firmware}/{time:%Y%m%d}/{file}",
    )
    assert done.exit_code == 0, done.output
    told = json.loads(done.stdout)
    assert (told["dry_run"], told["written"], told["keys"], told["bytes"]) == (False, 1, 1, 3)
    assert list(told["batches"]) == ["new", "later", "same", "changed", "refused"]
    assert told["batches"]["new"] == {"batches": 1, "files": 1, "recordings": 1, "bytes": 3}
    assert told["renamed"]["count"] == 1
    [manifest] = told["examples"]
    [info] = object_store.list("incoming/")
    assert json.loads(object_store.get(info.key)) == manifest
    assert manifest["vehicle"] == "BENCH-7"
    assert (manifest["firmware_from"], manifest["firmware"]) == ("v1", "v2")
    assert (manifest["priority"], manifest["tags"]) == ("P2", {"from": "2025"})
    assert manifest["created"] == "2026-11-23T00:00:00Z"
    assert manifest["files"] == [
        {"name": "a_b.dlt", "size": 3, "source": f"{archive.folder}v2/20261123/a b.dlt"}
        | {"etag": "202cb962ac59075b964b07152d234b70"}
    ]


def test_a_bucket_that_is_not_on_the_list_is_said_and_refused_with_yes(
    object_store: ObjectStore, archive: Archive, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setenv("ARGUS_ARCHIVE_BUCKETS", "another")
    archive.put(f"{DRIVE}/ecu1.dlt")
    dry = argus(archive, "--platform", "J7")
    assert dry.exit_code == 0, dry.output
    assert f"Add {ARCHIVE} to ARGUS_ARCHIVE_BUCKETS" in dry.stdout
    assert json.loads(argus(archive, "--platform", "J7", "--json").stdout)["not_allowed"]
    refused = argus(archive, "--platform", "J7", "--yes")
    assert isinstance(refused.exception, BadInput)
    assert "lists another" in str(refused.exception)
    assert list(object_store.list("")) == []


def test_arguss_own_bucket_is_no_archive(
    object_store: ObjectStore, archive: Archive, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setenv("ARGUS_ARCHIVE_BUCKETS", object_store.bucket)
    refused = CliRunner().invoke(
        app,
        ["adopt", object_store.uri("incoming"), "--pattern", PATTERN, "--platform", "J7", "--yes"],
    )
    assert "where Argus keeps its own things" in str(refused.exception)


@pytest.mark.parametrize(
    ("arguments", "said"),
    [
        ([], "--platform"),
        (["--platform", "J7", "--update"], "goes with --yes"),
        (["--platform", "J7", "--limit", "0"], "--limit"),
    ],
)
def test_a_wrong_call_has_exit_status_2(archive: Archive, arguments: list[str], said: str) -> None:
    done = argus(archive, *arguments)
    assert done.exit_code == 2
    assert said in done.output


def test_a_pattern_that_cannot_be_used_is_a_wrong_call(archive: Archive) -> None:
    done = argus(archive, "--platform", "J7", pattern="{vin}/{time:%Y%m%d}/{file}")
    assert done.exit_code == 2
    assert "has the placeholder {vin} at character 1" in " ".join(done.output.split())
    assert "{vehicle}" in done.output


def test_a_place_that_is_none_is_a_wrong_call() -> None:
    done = CliRunner().invoke(app, ["adopt", "archive/logs", "--pattern", PATTERN])
    assert done.exit_code == 2
    assert "s3://bucket/folder" in done.output


def test_something_refused_is_exit_status_1_and_the_rest_is_adopted(
    object_store: ObjectStore, archive: Archive
) -> None:
    archive.put(f"{DRIVE}/ecu1.dlt")
    archive.put("V1/v1/20261399T000000Z/a.dlt")
    done = argus(archive, "--platform", "J7", "--yes")
    assert done.exit_code == 1
    assert "keys that fit the pattern and are refused: 1" in done.stdout
    assert "there is no time" in done.stdout
    assert len(list(object_store.list("incoming/"))) == 1


def test_a_store_that_is_away_is_an_error_that_says_how_to_go_on(
    archive: Archive, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setenv("ARGUS_S3_ENDPOINT", "http://127.0.0.1:9")
    done = argus(archive, "--platform", "J7", "--yes")
    assert isinstance(done.exception, Unavailable)
    assert "the same command goes on" in str(done.exception)


def test_a_stop_is_an_error_that_says_how_to_go_on(
    archive: Archive, monkeypatch: pytest.MonkeyPatch
) -> None:
    def stopped(*_: object, **__: object) -> None:
        raise KeyboardInterrupt

    monkeypatch.setattr("argus_pipeline.adopt.adopting.adopt", stopped)
    done = argus(archive, "--platform", "J7", "--yes")
    assert isinstance(done.exception, ArgusError)
    assert "stopped. What was adopted stays" in str(done.exception)


def test_the_examples_of_the_page_do_what_it_says(
    object_store: ObjectStore, archive: Archive
) -> None:
    """Each line `argus adopt` of docs/adopt.md, over the key that stands below it."""
    examples = [
        (line, PAGE[PAGE.index(line) :].split("#", 1)[1].splitlines()[0].strip())
        for line in PAGE.splitlines()
        if line.startswith("argus adopt s3://archive/logs --pattern")
    ]
    assert len(examples) >= 4
    for line, key in examples:
        assert key.startswith("s3://archive/logs/")
        archive.put(key.removeprefix("s3://archive/logs/"))
        command = shlex.split(line.replace("s3://archive/logs", str(archive.folder)))
        done = CliRunner().invoke(app, [*command[1:], "--json"])
        assert done.exit_code == 0, (line, done.output)
        found = json.loads(done.stdout)
        assert found["batches"]["new"]["batches"] == 1, (line, found["unmatched"])
        archive.store.delete(archive.folder.key + key.removeprefix("s3://archive/logs/"))
    assert list(object_store.list("")) == []
