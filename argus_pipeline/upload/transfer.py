"""Sends the bytes of one file, in one PUT or in parts, each with its SHA-256.

The store compares every part with its SHA-256 and refuses what differs. We compare too, since
each part has to be what the fingerprint saw: a file that changes meanwhile is not uploaded.
Parts that an upload which broke off left in the store are not sent again.
"""

from __future__ import annotations

import base64
import contextlib
import hashlib
from collections.abc import Callable
from concurrent.futures import Executor
from typing import Any

from argus_pipeline.errors import ArgusError, BadInput
from argus_pipeline.storage.object_store import ObjectStore, content_type, translated_errors
from argus_pipeline.upload import unfinished
from argus_pipeline.upload.files import changed, check_unchanged
from argus_pipeline.upload.plan import LocalFile, StoredFile


def send(
    store: ObjectStore,
    key: str,
    file: LocalFile,
    parts: Executor,
    on_bytes: Callable[[int], None] = lambda _: None,
) -> int:
    """Send one file; the object is there with all bytes afterwards, or not at all.

    An upload in parts that breaks off leaves them in the store, for the next one to go on with.

    Returns:
        How many bytes were sent: fewer than the file has where parts were there already.

    Args:
        store: where to.
        key: relative to the store's prefix.
        file: the file and its fingerprint.
        parts: where the parts of a multipart upload run, each with one part in memory.
        on_bytes: told, by any thread, of bytes that the store has.

    Raises:
        BadInput: the file changed since its fingerprint.
        ArgusError: the store refused.
        Unavailable: the store did not answer.
    """
    with translated_errors(store.uri(key)):
        if file.is_multipart:
            return _send_parts(store, key, file, parts, on_bytes)
        return _send_whole(store, key, file, on_bytes)


def look(store: ObjectStore, key: str) -> StoredFile:
    """Size and SHA-256 (where the store has one) of an object that is known to be there."""
    with translated_errors(store.uri(key)):
        found = store.client.head_object(
            Bucket=store.bucket, Key=store.object_key(key), ChecksumMode="ENABLED"
        )
    return StoredFile(found["ContentLength"], found.get("ChecksumSHA256"))


def _send_whole(
    store: ObjectStore, key: str, file: LocalFile, on_bytes: Callable[[int], None]
) -> int:
    data = _read_part(file, 0)
    check_unchanged(file)
    store.client.put_object(
        Bucket=store.bucket,
        Key=store.object_key(key),
        Body=data,
        ContentType=content_type(key),
        ChecksumSHA256=base64.b64encode(file.parts[0]).decode(),
    )
    on_bytes(file.size)
    return file.size


def _send_parts(
    store: ObjectStore,
    key: str,
    file: LocalFile,
    parts: Executor,
    on_bytes: Callable[[int], None],
) -> int:
    client = store.client
    place = {"Bucket": store.bucket, "Key": store.object_key(key)}
    begun = unfinished.find(store, key, file)
    upload = begun.upload_id
    if upload is None:
        upload = client.create_multipart_upload(
            **place, ContentType=content_type(key), ChecksumAlgorithm="SHA256"
        )["UploadId"]
    stopped = False
    kept: list[int] = []

    def send_part(index: int) -> dict[str, Any]:
        if stopped:
            raise ArgusError("the upload was stopped", where=store.uri(key))
        data = _read_part(file, index)
        checksum = base64.b64encode(file.parts[index]).decode()
        etag = begun.etag(index, data, checksum)
        if etag is None:
            etag = client.upload_part(
                **place, UploadId=upload, PartNumber=index + 1, Body=data, ChecksumSHA256=checksum
            )["ETag"]
        else:
            kept.append(len(data))
        on_bytes(len(data))
        return {"PartNumber": index + 1, "ETag": etag, "ChecksumSHA256": checksum}

    waiting = [parts.submit(send_part, index) for index in range(len(file.parts))]
    try:
        sent = [future.result() for future in waiting]
        check_unchanged(file)
        client.complete_multipart_upload(**place, UploadId=upload, MultipartUpload={"Parts": sent})
    except BaseException as error:
        stopped = True
        for future in waiting:
            future.cancel()
        for future in waiting:
            if not future.cancelled():
                future.exception()
        # Parts of a file that changed are of no use. Any others are what a repeat goes on with.
        if isinstance(error, BadInput):
            with contextlib.suppress(Exception):
                client.abort_multipart_upload(**place, UploadId=upload)
        raise
    return file.size - sum(kept)


def _read_part(file: LocalFile, index: int) -> bytes:
    try:
        with file.path.open("rb") as stream:
            stream.seek(index * file.part_size)
            data = stream.read(file.part_size)
    except OSError as error:
        raise changed(file) from error
    if hashlib.sha256(data).digest() != file.parts[index]:
        raise changed(file)
    return data
