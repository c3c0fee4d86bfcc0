"""Tries on the bucket what Argus relies on. The objects that this needs are removed again."""

from __future__ import annotations

import base64
import contextlib
import hashlib
import uuid
from collections.abc import Callable, Iterator
from datetime import UTC, datetime
from email.utils import parsedate_to_datetime
from typing import Any, Final

from botocore.exceptions import BotoCoreError, ClientError

from argus_pipeline.errors import ArgusError
from argus_pipeline.settings import ARCHIVES_VARIABLE, Settings
from argus_pipeline.stack import stores
from argus_pipeline.stack.findings import Finding, fail, ok, warn
from argus_pipeline.storage.archives import allowed_folders
from argus_pipeline.storage.stale_uploads import read_rule

PROBE_PREFIX: Final = ".argus-doctor/"
# Signed requests are refused from 15 minutes on; before that, times in listings are misleading.
CLOCK_LIMIT_S: Final = 60.0
_BODY: Final = b"argus doctor was here"


def check_store(settings: Settings) -> Iterator[Finding]:
    """Is the bucket there, do the keys fit, and does the store keep the promises Argus needs?"""
    client = stores.client(settings)
    where = f"{settings.s3_endpoint or 'AWS'}, bucket {settings.s3_bucket}"
    try:
        answer = client.list_objects_v2(Bucket=settings.s3_bucket, MaxKeys=1)
    except (ClientError, BotoCoreError) as error:
        yield _unreachable(error, where, settings)
        return
    yield ok("store", where)
    yield _clock(answer)
    probe = _Probe(client, settings)
    try:
        for name, check in (
            ("conditional put", probe.conditional_put),
            ("ranged read", probe.ranged_read),
            ("checksum", probe.wrong_checksum),
            ("multipart", probe.list_parts),
            ("stale uploads", probe.stale_uploads),
        ):
            yield _guarded(name, check)
    finally:
        probe.clean_up()


def check_archives(settings: Settings) -> Iterator[Finding]:
    """May what `ARGUS_ARCHIVE_BUCKETS` lists be listed, from which recordings are read in place?"""
    try:
        folders = allowed_folders(settings)
    except ArgusError as error:
        yield fail("archives", str(error), f"Mend {ARCHIVES_VARIABLE}")
        return
    client = stores.client(settings)
    for folder in folders:
        try:
            client.list_objects_v2(Bucket=folder.bucket, Prefix=folder.key, MaxKeys=1)
        except (ClientError, BotoCoreError) as error:
            yield warn(
                "archive",
                f"{folder} cannot be listed: {error}",
                f"Mend {ARCHIVES_VARIABLE}, or give the keys s3:ListBucket and s3:GetObject there",
            )
        else:
            yield ok("archive", str(folder))


class _Probe:
    def __init__(self, client: Any, settings: Settings) -> None:
        self._client = client
        self._bucket = settings.s3_bucket
        prefix = f"{settings.s3_prefix}/" if settings.s3_prefix else ""
        self._folder = f"{prefix}{PROBE_PREFIX}{uuid.uuid4().hex[:12]}/"
        self._keys: list[str] = []

    def conditional_put(self) -> Finding:
        name, key = "conditional put", self._key("conditional")
        self._put(key, IfNoneMatch="*")
        try:
            self._put(key, IfNoneMatch="*")
        except ClientError as error:
            if _status(error) == 412:
                return ok(name, "a second If-None-Match: * is refused with 412")
            raise
        return fail(
            name,
            "a second If-None-Match: * was accepted, so two uploads can overwrite each other",
            "Use a store that knows conditional writes: SeaweedFS, MinIO, AWS S3",
        )

    def ranged_read(self) -> Finding:
        name, key = "ranged read", self._key("range")
        self._put(key)
        answer = self._client.get_object(Bucket=self._bucket, Key=key, Range="bytes=6-11")
        status = answer["ResponseMetadata"]["HTTPStatusCode"]
        if status == 206 and answer["Body"].read() == _BODY[6:12]:
            return ok(name, "answered with 206 and the bytes asked for")
        return fail(
            name,
            f"a range was answered with {status}",
            "Use a store that serves ranges; Parquet files are read in pieces",
        )

    def wrong_checksum(self) -> Finding:
        name, key = "checksum", self._key("checksum")
        wrong = base64.b64encode(hashlib.sha256(b"something else").digest()).decode()
        try:
            self._put(key, ChecksumSHA256=wrong)
        except ClientError as error:
            if 400 <= _status(error) < 500:
                return ok(name, "bytes with a wrong SHA-256 are refused")
            raise
        return fail(
            name,
            "bytes with a wrong SHA-256 were stored",
            "Use a store that verifies checksums: SeaweedFS, MinIO, AWS S3",
        )

    def list_parts(self) -> Finding:
        name, key = "multipart", self._key("parts")
        upload = self._client.create_multipart_upload(
            Bucket=self._bucket, Key=key, ChecksumAlgorithm="SHA256"
        )["UploadId"]
        place = {"Bucket": self._bucket, "Key": key, "UploadId": upload}
        digest = base64.b64encode(hashlib.sha256(_BODY).digest()).decode()
        try:
            self._client.upload_part(**place, PartNumber=1, Body=_BODY, ChecksumSHA256=digest)
            parts = self._client.list_parts(**place).get("Parts", [])
        finally:
            self._client.abort_multipart_upload(**place)
        if [part.get("ChecksumSHA256") for part in parts] == [digest]:
            return ok(name, "ListParts gives back the SHA-256 of each part")
        # SeaweedFS; enough to know which parts arrived whole.
        if [part["ETag"].strip('"') for part in parts] == [hashlib.md5(_BODY).hexdigest()]:
            return ok(name, "ListParts gives back the MD5 of each part, as its ETag")
        return fail(
            name,
            "ListParts gives back no digest of the parts",
            "Interrupted uploads cannot be resumed safely; use SeaweedFS, MinIO or AWS S3",
        )

    def stale_uploads(self) -> Finding:
        name = "stale uploads"
        days = read_rule(self._client, self._bucket)
        if days is not None:
            return ok(name, f"unfinished uploads are ended after {days} days, by the bucket's rule")
        headers = self._client.list_objects_v2(Bucket=self._bucket, MaxKeys=1)["ResponseMetadata"]
        if "minio" in str(headers.get("HTTPHeaders", {}).get("server", "")).lower():
            return ok(
                name,
                "MinIO ends unfinished uploads by its own setting: 24 hours, unless it is raised "
                "for weak links by `mc admin config set ALIAS api stale_uploads_expiry=168h`, as "
                "`argus up` does",
            )
        return warn(
            name,
            "the bucket has no rule that ends unfinished uploads; they take space unseen",
            "Give it one with AbortIncompleteMultipartUpload, see docs/uploading.md",
        )

    def clean_up(self) -> None:
        for key in self._keys:
            with contextlib.suppress(ClientError, BotoCoreError):
                self._client.delete_object(Bucket=self._bucket, Key=key)

    def _key(self, name: str) -> str:
        self._keys.append(f"{self._folder}{name}")
        return self._keys[-1]

    def _put(self, key: str, **more: str) -> None:
        self._client.put_object(Bucket=self._bucket, Key=key, Body=_BODY, **more)


def _guarded(name: str, check: Callable[[], Finding]) -> Finding:
    try:
        return check()
    except (ClientError, BotoCoreError) as error:
        return fail(name, f"failed: {error}", "The keys need to read, write and list the bucket")


def _unreachable(error: ClientError | BotoCoreError, where: str, settings: Settings) -> Finding:
    code = error.response.get("Error", {}).get("Code", "") if hasattr(error, "response") else ""
    if code in {"InvalidAccessKeyId", "SignatureDoesNotMatch"}:
        return fail(
            "store",
            f"the keys are refused ({code}): {where}",
            "Mend ARGUS_S3_ACCESS_KEY and ARGUS_S3_SECRET_KEY",
        )
    if code in {"AccessDenied", "403"}:
        return fail("store", f"access is denied: {where}", "Give the keys rights on the bucket")
    if code in {"NoSuchBucket", "404"}:
        return fail(
            "store",
            f"there is no bucket {settings.s3_bucket!r} at {settings.s3_endpoint or 'AWS'}",
            "Run `argus up`, make the bucket, or mend ARGUS_S3_BUCKET",
        )
    if code == "RequestTimeTooSkewed":
        return fail("store", f"the clocks differ too much: {where}", "Set this machine's clock")
    return fail(
        "store",
        f"does not answer: {error}",
        "Start it with `argus up`, or mend ARGUS_S3_ENDPOINT",
    )


def _clock(answer: dict[str, Any]) -> Finding:
    date = answer["ResponseMetadata"]["HTTPHeaders"].get("date")
    if not date:
        return warn("clock", "the store does not say its time", "Compare the clocks yourself")
    ahead = (datetime.now(UTC) - parsedate_to_datetime(date)).total_seconds()
    if abs(ahead) <= CLOCK_LIMIT_S:
        return ok("clock", "agrees with the store's")
    return fail(
        "clock",
        f"{abs(ahead):.0f} s {'ahead of' if ahead > 0 else 'behind'} the store's",
        "Set the clock (timedatectl set-ntp true); signed requests are refused when it is far off",
    )


def _status(error: ClientError) -> int:
    return int(error.response.get("ResponseMetadata", {}).get("HTTPStatusCode", 0))
