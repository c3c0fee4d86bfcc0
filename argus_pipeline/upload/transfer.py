"""Sends the bytes of one file, in one PUT or in parts, each with its SHA-256.

The store compares every part with its SHA-256 and refuses what differs. We compare too, since
each part has to be what the fingerprint saw: a file that changes meanwhile is not uploaded.
"""

from __future__ import annotations

import base64
import contextlib
import hashlib
from collections.abc import Callable
from concurrent.futures import Executor
from typing import Any

from argus_pipeline.errors import ArgusError, BadInput
from argus_pipeline.patience import patiently
from argus_pipeline.storage.object_store import ObjectStore, content_type, translated_errors
from argus_pipeline.upload.files import changed, check_unchanged
from argus_pipeline.upload.pace import Pace
from argus_pipeline.upload.plan import LocalFile, StoredFile
from argus_pipeline.upload.unfinished import Unfinished, find_unfinished


def send(
    store: ObjectStore,
    key: str,
    file: LocalFile,
    parts: Executor,
    on_bytes: Callable[[int], None] = lambda _: None,
    *,
    pace: Pace | None = None,
) -> int:
    """Send one file; the object is there with all bytes afterwards, or not at all.

    What an earlier call that was stopped has sent of it, part by part, is not sent again.

    Args:
        store: where to.
        key: relative to the store's prefix.
        file: the file and its fingerprint.
        parts: where the parts of a multipart upload run, each with one part in memory.
        on_bytes: told, by any thread, of bytes that the store has taken.
        pace: how fast all of it may be.

    Returns:
        How many bytes were sent by this call.

    Raises:
        BadInput: the file changed since its fingerprint.
        ArgusError: the store refused.
        Unavailable: the store did not answer.
    """
    pace = pace or Pace()
    pace.prepare(store.client)
    with translated_errors(store.uri(key)):
        if file.is_multipart:
            return _send_parts(store, key, file, parts, on_bytes, pace)
        _send_whole(store, key, file, on_bytes, pace)
        return file.size


def look(store: ObjectStore, key: str) -> StoredFile:
    """Size and SHA-256 (where the store has one) of an object that is known to be there."""
    with translated_errors(store.uri(key)):
        found = store.client.head_object(
            Bucket=store.bucket, Key=store.object_key(key), ChecksumMode="ENABLED"
        )
    return StoredFile(found["ContentLength"], found.get("ChecksumSHA256"))


def _send_whole(
    store: ObjectStore, key: str, file: LocalFile, on_bytes: Callable[[int], None], pace: Pace
) -> None:
    data = _read_part(file, 0)
    check_unchanged(file)

    def put() -> None:
        with translated_errors(store.uri(key)):
            store.client.put_object(
                Bucket=store.bucket,
                Key=store.object_key(key),
                Body=pace.body(data),
                ContentType=content_type(key),
                ChecksumSHA256=base64.b64encode(file.parts[0]).decode(),
            )

    patiently(put)
    on_bytes(file.size)


def _send_parts(
    store: ObjectStore,
    key: str,
    file: LocalFile,
    parts: Executor,
    on_bytes: Callable[[int], None],
    pace: Pace,
) -> int:
    client = store.client
    place = {"Bucket": store.bucket, "Key": store.object_key(key)}
    begun = find_unfinished(store, key, file, lambda index: _read_part(file, index))
    if begun is None:
        begun = Unfinished(
            client.create_multipart_upload(
                **place, ContentType=content_type(key), ChecksumAlgorithm="SHA256"
            )["UploadId"]
        )
    upload = begun.upload_id
    stopped = False

    def send_part(index: int) -> dict[str, Any]:
        if stopped:
            raise ArgusError("the upload was stopped", where=store.uri(key))
        checksum = base64.b64encode(file.parts[index]).decode()
        etag = begun.parts.get(index)
        if etag is None:
            data = _read_part(file, index)

            def put() -> str:
                with translated_errors(store.uri(key)):
                    sent = client.upload_part(
                        **place,
                        UploadId=upload,
                        PartNumber=index + 1,
                        Body=pace.body(data),
                        ChecksumSHA256=checksum,
                    )
                return str(sent["ETag"])

            etag = patiently(put)
        on_bytes(file.size_of_part(index))
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
        if isinstance(error, BadInput):
            # Nobody goes on with a file that is not what it was. Else the next call does.
            with contextlib.suppress(Exception):
                client.abort_multipart_upload(**place, UploadId=upload)
        raise
    return sum(file.size_of_part(i) for i in range(len(file.parts)) if i not in begun.parts)


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
