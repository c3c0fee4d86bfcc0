"""What an upload that broke off left in the store, whose own list is the only record of it."""

from __future__ import annotations

import base64
import contextlib
import hashlib
from collections.abc import Mapping
from dataclasses import dataclass, field
from typing import Any

from argus_pipeline.storage.object_store import ObjectStore
from argus_pipeline.upload.plan import LocalFile


@dataclass(frozen=True, slots=True)
class Unfinished:
    """A multipart upload to go on with, or none; `parts` as the store lists them, by index."""

    upload_id: str | None = None
    parts: Mapping[int, Mapping[str, Any]] = field(default_factory=dict)

    def etag(self, index: int, data: bytes, checksum: str) -> str | None:
        """The ETag of a part that is there with just these bytes, else None.

        By its SHA-256 (`checksum`, Base64) where the store lists one. Else by the ETag, which is
        the MD5 of a part's bytes unless the store encrypts them, and then the part is sent again.
        """
        part = self.parts.get(index)
        if part is None or part["Size"] != len(data):
            return None
        etag = str(part["ETag"])
        if (listed := part.get("ChecksumSHA256")) is not None:
            return etag if listed == checksum else None
        same = etag.strip('"') == hashlib.md5(data, usedforsecurity=False).hexdigest()
        return etag if same else None


def find(store: ObjectStore, key: str, file: LocalFile) -> Unfinished:
    """The unfinished upload of this file that has most of its parts; others under its key end.

    Args:
        store: where to look.
        key: relative to the store's prefix.
        file: what is to be there.

    Raises:
        botocore.exceptions.ClientError, botocore.exceptions.BotoCoreError: as the store answers.
    """
    place = {"Bucket": store.bucket, "Key": store.object_key(key)}
    # By the whole key: MinIO lists nothing for a part of one.
    listed = store.client.list_multipart_uploads(Bucket=store.bucket, Prefix=place["Key"])
    ids = [u["UploadId"] for u in listed.get("Uploads", ()) if u["Key"] == place["Key"]]
    found = [Unfinished(upload, _parts(store, place, upload)) for upload in ids]
    best = max(found, key=lambda one: _of_use(one, file), default=Unfinished())
    if not _of_use(best, file):
        best = Unfinished()
    for upload in ids:
        if upload != best.upload_id:
            # Parts of other content would be kept, and paid for, unseen.
            with contextlib.suppress(Exception):
                store.client.abort_multipart_upload(**place, UploadId=upload)
    return best


def _parts(store: ObjectStore, place: Mapping[str, str], upload: str) -> dict[int, Any]:
    pages = store.client.get_paginator("list_parts").paginate(**place, UploadId=upload)
    return {part["PartNumber"] - 1: part for page in pages for part in page.get("Parts", ())}


def _of_use(one: Unfinished, file: LocalFile) -> int:
    """How many of its parts may be those of the file; without a SHA-256 its size has to do."""
    checksums = [base64.b64encode(part).decode() for part in file.parts]

    def size(index: int) -> int:
        return min(file.part_size, file.size - index * file.part_size)

    return sum(
        index < len(checksums)
        and part["Size"] == size(index)
        and part.get("ChecksumSHA256", checksums[index]) == checksums[index]
        for index, part in one.parts.items()
    )
