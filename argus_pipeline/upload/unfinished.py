"""What an earlier, unfinished upload of a file left in the store: S3 itself is the only state."""

from __future__ import annotations

import base64
import contextlib
import hashlib
from collections.abc import Callable, Iterator, Mapping
from dataclasses import dataclass, field
from typing import Any

from botocore.exceptions import ClientError

from argus_pipeline.storage.object_store import ObjectStore
from argus_pipeline.upload.plan import LocalFile


@dataclass(frozen=True, slots=True)
class Unfinished:
    """An upload in parts: its id, and the ETag of each part that is there as it shall be.

    Parts are counted from 0, as in the fingerprint.
    """

    upload_id: str
    parts: Mapping[int, str] = field(default_factory=dict)


def find_unfinished(
    store: ObjectStore, key: str, file: LocalFile, read_part: Callable[[int], bytes]
) -> Unfinished | None:
    """The unfinished upload under a key that has the most parts of this file; None without one.

    A part counts when its size and its SHA-256 are those of the fingerprint. A store that keeps no
    SHA-256 of parts tells their MD5 as the ETag, so the part is read here once more to compare.

    Args:
        store: where to look.
        key: relative to the store's prefix.
        file: the file and its fingerprint.
        read_part: reads one part of the file.
    """
    place = {"Bucket": store.bucket, "Key": store.object_key(key)}
    found = [
        Unfinished(upload_id, dict(_good_parts(store, place, upload_id, file, read_part)))
        for upload_id in _uploads(store, place)
    ]
    return max(found, key=lambda one: len(one.parts), default=None)


def _uploads(store: ObjectStore, place: dict[str, str]) -> Iterator[str]:
    # The whole key as the prefix is what every store answers; MinIO knows no other.
    pages = store.client.get_paginator("list_multipart_uploads").paginate(
        Bucket=place["Bucket"], Prefix=place["Key"]
    )
    for page in pages:
        for upload in page.get("Uploads", ()):
            if upload["Key"] == place["Key"]:
                yield upload["UploadId"]


def _good_parts(
    store: ObjectStore,
    place: dict[str, str],
    upload_id: str,
    file: LocalFile,
    read_part: Callable[[int], bytes],
) -> Iterator[tuple[int, str]]:
    listed: list[dict[str, Any]] = []
    # Somebody, or the store's own rule, may end it between the two questions.
    with contextlib.suppress(ClientError):
        pages = store.client.get_paginator("list_parts").paginate(**place, UploadId=upload_id)
        listed = [part for page in pages for part in page.get("Parts", ())]
    for part in listed:
        index = part["PartNumber"] - 1
        if index >= len(file.parts) or part["Size"] != file.size_of_part(index):
            continue
        told = part.get("ChecksumSHA256")
        if told is not None:
            same = told == base64.b64encode(file.parts[index]).decode()
        else:
            md5 = hashlib.md5(read_part(index), usedforsecurity=False).hexdigest()
            same = part["ETag"].strip('"') == md5
        if same:
            yield index, part["ETag"]
