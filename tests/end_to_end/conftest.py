"""The whole stack, started for real, and a client of it that is not ours."""

from __future__ import annotations

import hashlib
import json
import os
import shutil
import subprocess
import sys
import tempfile
import time
import uuid
from collections.abc import Callable, Iterator, Mapping
from datetime import UTC, datetime
from pathlib import Path
from typing import Any

import boto3
import pytest

from benchmarks.chaos.ground import open_instance

ROOT = Path(__file__).resolve().parents[2]


class Stack:
    """A running stack. Uploads go through plain boto3; questions through `argus` itself."""

    def __init__(self, home: Path) -> None:
        self.home = home
        self.environment = {**os.environ, "ARGUS_HOME": str(home), "ARGUS_ROOT": str(ROOT)}

    def argus(self, *arguments: str, timeout: float = 180) -> subprocess.CompletedProcess[str]:
        """Run the command line as a person would."""
        return subprocess.run(
            [sys.executable, "-m", "argus_pipeline.cli.main", *arguments],
            env=self.environment,
            cwd=ROOT,
            capture_output=True,
            text=True,
            timeout=timeout,
        )

    @property
    def addresses(self) -> Mapping[str, str]:
        """What `argus up` left for other commands."""
        return json.loads((self.home / "environment.json").read_text())

    @property
    def s3(self) -> Any:
        """Another S3 client than ours."""
        return boto3.client(
            "s3",
            endpoint_url=self.addresses["ARGUS_S3_ENDPOINT"],
            aws_access_key_id=self.addresses["ARGUS_S3_ACCESS_KEY"],
            aws_secret_access_key=self.addresses["ARGUS_S3_SECRET_KEY"],
            region_name="us-east-1",
        )

    @property
    def bucket(self) -> str:
        return self.addresses["ARGUS_S3_BUCKET"]

    def get(self, key: str) -> bytes:
        """The bytes of an object."""
        return self.s3.get_object(Bucket=self.bucket, Key=key)["Body"].read()

    def list(self, prefix: str) -> list[str]:
        """All keys under a prefix."""
        pages = self.s3.get_paginator("list_objects_v2").paginate(Bucket=self.bucket, Prefix=prefix)
        return [o["Key"] for page in pages for o in page.get("Contents", ())]

    def upload(self, content: Mapping[str, bytes], **changes: Any) -> str:
        """Put files, then the manifest, as docs/uploading.md says; return the batch id."""
        now = datetime.now(UTC)
        batch = f"{now:%Y%m%dT%H%M%SZ}-E2E-{uuid.uuid4().hex[:6]}"
        prefix = f"incoming/{now:%Y/%m/%d}/{batch}/"
        for name, data in content.items():
            self.s3.put_object(Bucket=self.bucket, Key=prefix + name, Body=data)
        manifest = {
            "schema": 1,
            "batch": batch,
            "vehicle": "LFV3A23C0K3000001",
            "platform": "J7",
            "firmware": "v2.3.1",
            "firmware_from": "v2.2.9",
            "created": now.isoformat(),
            "files": [
                {"name": n, "size": len(c), "sha256": hashlib.sha256(c).hexdigest()}
                for n, c in content.items()
            ],
            **changes,
        }
        self.put_manifest(batch, json.dumps(manifest).encode())
        return batch

    def put_manifest(self, batch: str, data: bytes) -> None:
        key = f"incoming/{datetime.now(UTC):%Y/%m/%d}/{batch}/manifest.json"
        self.s3.put_object(Bucket=self.bucket, Key=key, Body=data)

    def status(self, batch: str) -> Mapping[str, Any]:
        """What `argus status --json` says of a batch."""
        return json.loads(self.argus("status", batch, "--json").stdout)[0]

    def wait(self, batch: str, *, seconds: float = 600) -> Mapping[str, Any]:
        """Wait until a batch has ended, by itself."""
        try:
            seen = self.argus("status", batch, "--watch", "--json", timeout=seconds)
        except subprocess.TimeoutExpired:
            raise AssertionError(
                f"{batch} is still {self.status(batch)} after {seconds} s"
            ) from None
        assert seen.returncode in {0, 1}, seen.stderr
        return json.loads(seen.stdout.splitlines()[-1])[0]


@pytest.fixture(scope="session")
def stack() -> Iterator[Stack]:
    home = Path(tempfile.mkdtemp(prefix="argus-e2e-", dir="/tmp"))
    made = Stack(home)
    started = made.argus("up")
    assert started.returncode == 0, started.stderr
    try:
        yield made
    finally:
        stopped = made.argus("down")
        assert stopped.returncode == 0, stopped.stderr
        shutil.rmtree(home, ignore_errors=True)


@pytest.fixture(scope="session")
def dagster_instance(stack: Stack) -> Iterator[Any]:
    """Dagster's own records, read as the UI reads them."""
    instance = open_instance(stack.addresses)
    with instance:
        yield instance


def eventually(what: Callable[[], Any], seconds: float) -> Any:
    """The first true answer of `what` within some seconds, or the last one."""
    until = time.monotonic() + seconds
    while True:
        found = what()
        if found or time.monotonic() > until:
            return found
        time.sleep(0.2)


@pytest.fixture(scope="session")
def wait_for() -> Callable[[Callable[[], Any], float], Any]:
    return eventually
