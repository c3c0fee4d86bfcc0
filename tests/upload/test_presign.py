"""Addresses with a time limit: plain HTTP uploads a batch by them, and nothing else."""

from __future__ import annotations

import hashlib
import json
import os
import re
import subprocess
import sys
import time
from datetime import timedelta
from pathlib import Path
from urllib.parse import urlsplit, urlunsplit

import httpx
import pytest

from argus_pipeline.batches.integrity import verify
from argus_pipeline.batches.manifest import parse_manifest
from argus_pipeline.errors import BadInput
from argus_pipeline.upload.options import BatchOptions
from argus_pipeline.upload.presign import ONCE, parse_duration, presign

OPTIONS = BatchOptions("LFV3A23C0K3000001", "J7", "v2.3.1")
HOUR = timedelta(hours=1)
PAGE = (Path(__file__).resolve().parents[2] / "docs" / "uploading.md").read_text()


def put(url: str, data: bytes, **headers: str) -> int:
    # A store's first write may wait for a busy disk.
    answer = httpx.put(url, content=data, headers=headers, trust_env=False, timeout=60)
    return answer.status_code


def test_a_vehicle_without_keys_uploads_a_batch_by_plain_http(object_store, store_settings) -> None:
    content = {"a.dlt": b"one" * 100, "b.rec": b"two" * 100}
    made = presign(store_settings, OPTIONS, list(content), valid=HOUR)
    for address in made.files:
        assert put(address.url, content[address.name], **address.headers) == 200
    manifest = made.template
    for file in manifest["files"]:
        data = content[file["name"]]
        file |= {"size": len(data), "sha256": hashlib.sha256(data).hexdigest()}
    body = json.dumps(manifest).encode()
    assert put(made.manifest.url, body, **made.manifest.headers) == 200
    key = f"{made.prefix}manifest.json"
    found = parse_manifest(object_store.get(key), key=key, batch=made.batch)
    assert verify(object_store, found, key) == []
    assert put(made.manifest.url, b"{}", **ONCE) == 412, "a second PUT replaces nothing"


def test_an_address_is_good_for_its_own_key_and_for_putting_only(
    object_store, store_settings
) -> None:
    made = presign(store_settings, OPTIONS, ["a.dlt"], valid=HOUR)
    url = made.files[0].url
    parts = urlsplit(url)
    for path in (
        parts.path.replace("a.dlt", "b.dlt"),
        parts.path.replace(made.batch, "another-batch"),
        parts.path.replace("incoming/", "reports/"),
    ):
        assert put(urlunsplit(parts._replace(path=path)), b"x", **ONCE) == 403
    assert put(url, b"x") in {400, 403}, "nor without the signed header"
    assert httpx.get(url, headers=ONCE, trust_env=False, timeout=60).status_code == 403
    assert httpx.delete(url, headers=ONCE, trust_env=False, timeout=60).status_code == 403
    assert list(object_store.list("")) == []


def test_an_address_expires(object_store, store_settings) -> None:
    made = presign(store_settings, OPTIONS, ["a.dlt"], valid=timedelta(seconds=1))
    time.sleep(2.5)
    assert put(made.files[0].url, b"x", **ONCE) == 403
    assert list(object_store.list("")) == []


@pytest.mark.parametrize(
    ("names", "valid", "what"),
    [
        (["../a.dlt"], HOUR, "not a safe name"),
        (["a.dlt", "a.dlt"], HOUR, "there twice"),
        (["manifest.json"], HOUR, "the manifest's"),
        (["vehicle.odvd"], HOUR, "no recording"),
        (["a.dlt"], timedelta(days=8), "--valid"),
        (["a.dlt"], timedelta(0), "--valid"),
    ],
)
def test_what_cannot_be_meant_is_refused(store_settings, names, valid, what) -> None:
    with pytest.raises(BadInput, match=what):
        presign(store_settings, OPTIONS, names, valid=valid)


def test_a_duration_is_read_as_people_write_it() -> None:
    assert parse_duration("90s") == timedelta(seconds=90)
    assert parse_duration("7d") == timedelta(days=7)
    with pytest.raises(BadInput, match="--valid"):
        parse_duration("soon")


def test_the_curl_example_of_the_page_uploads_a_batch(
    object_store, store_settings, tmp_path
) -> None:
    [script] = re.findall(r"^```bash\n(.*?)^```", PAGE, re.DOTALL | re.MULTILINE)
    (tmp_path / "ecu1.dlt").write_bytes(b"one" * 1000)
    (tmp_path / "drive.rec").write_bytes(b"two" * 1000)
    program = tmp_path / "bin" / "argus"
    program.parent.mkdir()
    program.write_text(f'#!/bin/sh\nexec {sys.executable} -m argus_pipeline.cli.main "$@"\n')
    program.chmod(0o755)
    done = subprocess.run(
        ["bash", "-e", "-c", script],
        cwd=tmp_path,
        env={
            **os.environ,
            "PATH": f"{program.parent}:{Path(sys.executable).parent}:{os.environ['PATH']}",
            "ARGUS_HOME": str(tmp_path / "home"),
            "ARGUS_S3_BUCKET": store_settings.s3_bucket,
            "ARGUS_S3_PREFIX": store_settings.s3_prefix,
            "ARGUS_S3_ENDPOINT": str(store_settings.s3_endpoint),
            "ARGUS_S3_ACCESS_KEY": str(store_settings.s3_access_key),
            "ARGUS_S3_SECRET_KEY": str(store_settings.s3_secret_key),
            "no_proxy": "127.0.0.1",
        },
        capture_output=True,
        text=True,
    )
    assert done.returncode == 0, done.stderr
    [key] = [o.key for o in object_store.list("incoming/") if o.key.endswith("manifest.json")]
    assert verify(object_store, parse_manifest(object_store.get(key), key=key), key) == []
