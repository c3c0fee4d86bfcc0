"""The examples of docs/uploading.md do what the page says, word for word."""

from __future__ import annotations

import json
import os
import re
import shutil
import subprocess
import sys
from datetime import UTC, datetime
from pathlib import Path

import pytest

from argus_pipeline.batches.arrivals import days_to_look_at, list_folders, read_candidate
from argus_pipeline.batches.integrity import verify
from argus_pipeline.batches.manifest import parse_manifest
from argus_pipeline.settings import Settings
from argus_pipeline.stack.stores import LocalStore
from argus_pipeline.storage.object_store import ObjectStore

PAGE = (Path(__file__).resolve().parents[2] / "docs" / "uploading.md").read_text()


def example(language: str) -> str:
    (found,) = re.findall(rf"^```{language}\n(.*?)^```", PAGE, re.DOTALL | re.MULTILINE)
    return str(found)


@pytest.fixture
def settings(store_server: LocalStore, request: pytest.FixtureRequest) -> Settings:
    """A bucket of its own: the examples know no prefix."""
    name = re.sub("[^a-z]+", "-", request.node.name.lower())[:50].strip("-")
    settings = store_server.settings(name)
    ObjectStore(settings).ensure_bucket()
    return settings


@pytest.fixture
def surroundings(settings: Settings, tmp_path: Path) -> dict[str, str]:
    folder = tmp_path / "recordings"
    folder.mkdir()
    (folder / "ecu1.dlt").write_bytes(b"one" * 1000)
    (folder / "drive.rec").write_bytes(b"two" * 1000)
    return {
        **os.environ,
        "BUCKET": settings.s3_bucket,
        "ENDPOINT": str(settings.s3_endpoint),
        "AWS_ACCESS_KEY_ID": str(settings.s3_access_key),
        "AWS_SECRET_ACCESS_KEY": str(settings.s3_secret_key),
        "AWS_DEFAULT_REGION": settings.s3_region,
    }


def check_arrived(store: ObjectStore) -> None:
    """The sensor's own look finds one complete batch with two files as promised."""
    (folder,) = list_folders(store, days_to_look_at(datetime.now(UTC), 7))
    candidate = read_candidate(store, folder)
    assert candidate is not None
    assert candidate.manifest is not None, candidate.error
    assert sorted(f.name for f in candidate.manifest.files) == ["drive.rec", "ecu1.dlt"]
    assert verify(store, candidate.manifest, folder.manifest_key) == []


def test_the_boto3_example_uploads_a_batch(
    settings: Settings, surroundings: dict[str, str], tmp_path: Path
) -> None:
    done = subprocess.run(
        [sys.executable, "-c", example("python")],
        cwd=tmp_path,
        env=surroundings,
        capture_output=True,
        text=True,
    )
    assert done.returncode == 0, done.stderr
    check_arrived(ObjectStore(settings))


def test_the_aws_example_uploads_a_batch(
    settings: Settings, surroundings: dict[str, str], tmp_path: Path
) -> None:
    aws = shutil.which("aws")
    if aws is None or subprocess.run([aws, "--version"], capture_output=True).returncode != 0:
        pytest.skip("the AWS command line is not here (pip install awscli)")
    done = subprocess.run(
        ["sh", "-e", "-c", example("sh")],
        cwd=tmp_path,
        env=surroundings,
        capture_output=True,
        text=True,
    )
    assert done.returncode == 0, done.stderr
    check_arrived(ObjectStore(settings))


def test_the_manifest_of_the_page_is_a_good_one() -> None:
    manifest = parse_manifest(example("json").encode(), key="docs/uploading.md")
    assert manifest.unknown == {}
    assert manifest.tags == {"bench": "7"}


def test_the_page_names_every_field_of_a_manifest() -> None:
    fields = set(re.findall(r"^\| `(\w+)` \| ", PAGE, re.MULTILINE))
    assert fields == {
        *("schema", "batch", "vehicle", "platform", "firmware", "firmware_from", "campaign"),
        *("priority", "created", "files", "tags"),
        *("source", "etag", "sha256"),
    }


def test_the_file_that_lies_elsewhere_on_the_page_is_a_good_one() -> None:
    [entry] = re.findall(r'^\{"name".*"source".*\}$', PAGE, re.MULTILINE)
    manifest = json.loads(example("json")) | {"files": [json.loads(entry)]}
    [file] = parse_manifest(json.dumps(manifest).encode(), key="docs/uploading.md").files
    assert file.sha256 is None
    assert file.source == "s3://archive/logs/LFV3A23C0K3000001/ecu1.dlt"
