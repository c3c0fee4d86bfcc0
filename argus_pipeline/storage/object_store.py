"""The few operations on the bucket that everything else is made of.

Every write is one PUT or one completed multipart upload, so a reader sees the whole object or
none. boto3 does the writes, because conditional puts and checksums are its; s3fs streams.
"""

from __future__ import annotations

import hashlib
import mimetypes
from collections.abc import Iterator
from contextlib import closing, contextmanager
from dataclasses import dataclass, replace
from datetime import datetime
from pathlib import Path
from typing import IO, TYPE_CHECKING, Any, Final, cast

import boto3
from boto3.exceptions import Boto3Error
from boto3.s3.transfer import TransferConfig
from botocore.config import Config
from botocore.exceptions import BotoCoreError, ClientError

from argus_pipeline.errors import ArgusError, BadInput, Unavailable
from argus_pipeline.settings import Settings
from argus_pipeline.storage.cut_connections import guarded

if TYPE_CHECKING:
    from s3fs import S3FileSystem

MULTIPART_BYTES: Final = 16 * 1024 * 1024
_TRANSFER: Final = TransferConfig(
    multipart_threshold=MULTIPART_BYTES + 1, multipart_chunksize=MULTIPART_BYTES
)
_READ_BLOCK: Final = 4 * 1024 * 1024
_CONTENT_TYPES: Final = {
    "csv": "text/csv; charset=utf-8",
    "md": "text/markdown; charset=utf-8",
    "html": "text/html; charset=utf-8",
    "json": "application/json",
    "parquet": "application/vnd.apache.parquet",
}


class ObjectExists(ArgusError):
    """A conditional put found an object under its key; nothing was written."""


class ObjectMissing(ArgusError):
    """There is no object under this key."""


class ObjectChanged(BadInput):
    """The object under this key is not the one with the ETag that was asked for."""


@dataclass(frozen=True, slots=True)
class ObjectInfo:
    """One object: key (relative to the prefix), size in bytes, ETag without quotes, time (UTC)."""

    key: str
    size: int
    etag: str
    modified: datetime


class ObjectStore:
    """A bucket and a prefix in it. Keys are relative to the prefix. Safe to share by threads."""

    def __init__(self, settings: Settings, *, client: Any | None = None) -> None:
        self.settings = settings
        self.bucket = settings.s3_bucket
        self._prefix = f"{settings.s3_prefix}/" if settings.s3_prefix else ""
        self._client = client or s3_client(settings)
        self._filesystem: S3FileSystem | None = None
        self._elsewhere: dict[str, ObjectStore] = {}

    def uri(self, key: str) -> str:
        """The `s3://` address of a key, as polars, s3fs and the AWS command line take it."""
        return f"s3://{self.bucket}/{self._prefix}{key}"

    def elsewhere(self, bucket: str) -> ObjectStore:
        """Another bucket by the same address and keys; its keys are whole ones.

        Whoever lets the name of the bucket come from outside has to check it first.
        """
        if bucket not in self._elsewhere:
            there = replace(self.settings, s3_bucket=bucket, s3_prefix="")
            self._elsewhere[bucket] = ObjectStore(there, client=self._client)
        return self._elsewhere[bucket]

    @property
    def client(self) -> Any:
        """The boto3 client, for what this class has no word for."""
        return self._client

    def object_key(self, key: str) -> str:
        """The key in the bucket, prefix included, for calls on `client`."""
        return self._prefix + key

    @property
    def filesystem(self) -> S3FileSystem:
        """The same store for fsspec: pyarrow, polars and pandas read through it."""
        if self._filesystem is None:
            import s3fs

            self._filesystem = s3fs.S3FileSystem(
                key=self.settings.s3_access_key,
                secret=self.settings.s3_secret_key,
                endpoint_url=self.settings.s3_endpoint,
                client_kwargs={"region_name": self.settings.s3_region},
                # Listings kept from before would hide what was uploaded since.
                use_listings_cache=False,
                skip_instance_cache=True,
            )
        return self._filesystem

    def storage_options(self) -> dict[str, str]:
        """What `polars.scan_parquet(uri, storage_options=...)` needs to reach this store."""
        found = {
            "aws_access_key_id": self.settings.s3_access_key,
            "aws_secret_access_key": self.settings.s3_secret_key,
            "aws_endpoint_url": self.settings.s3_endpoint,
            "aws_region": self.settings.s3_region,
            "aws_allow_http": "true",
        }
        return {k: v for k, v in found.items() if v is not None}

    def ensure_bucket(self) -> None:
        """Make the bucket where it is not there."""
        with translated_errors(self.bucket):
            try:
                self._client.head_bucket(Bucket=self.bucket)
            except ClientError as error:
                if not _is_missing(error):
                    raise
                try:
                    self._client.create_bucket(Bucket=self.bucket)
                except ClientError as raced:
                    if _code(raced) not in {"BucketAlreadyOwnedByYou", "BucketAlreadyExists"}:
                        raise

    def head(self, key: str) -> ObjectInfo | None:
        """Size, ETag and time of an object, or None where there is none."""
        with translated_errors(self.uri(key)):
            try:
                found = self._client.head_object(Bucket=self.bucket, Key=self._prefix + key)
            except ClientError as error:
                if _is_missing(error):
                    return None
                raise
        return ObjectInfo(key, found["ContentLength"], _etag(found), found["LastModified"])

    def get(self, key: str, *, etag: str | None = None) -> bytes:
        """All bytes of an object that is known to be small; of the one with this ETag, if given.

        Raises:
            ObjectMissing: there is none.
            ObjectChanged: there is another one.
        """
        return self.get_with_etag(key, etag=etag)[0]

    def get_with_etag(
        self, key: str, *, limit: int | None = None, etag: str | None = None
    ) -> tuple[bytes, str]:
        """All bytes of a small object and the ETag that belongs to just these bytes.

        With a limit, one byte more than it at the most is read, so that the reader notices.

        Raises:
            ObjectMissing: there is none.
            ObjectChanged: there is another one than the one with the ETag that was asked for.
            Unavailable: the answer broke off.
        """
        with translated_errors(self.uri(key)):
            found = self._get(key, etag)
            # Its own `with` hands over what lies below it, without its checks and errors.
            with closing(found["Body"]) as body:
                data = cast(bytes, body.read(None if limit is None else limit + 1))
        # botocore compares with the length only where all of it is asked for: a manifest that a
        # cut connection shortened was taken for a bad one.
        wanted = found["ContentLength"] if limit is None else min(found["ContentLength"], limit + 1)
        if len(data) != wanted:
            raise Unavailable(
                f"the answer broke off after {len(data)} of {wanted} bytes", where=self.uri(key)
            )
        return data, _etag(found)

    def get_file(self, key: str, path: Path) -> None:
        """Copy an object of any size to a file."""
        with translated_errors(self.uri(key)):
            self._client.download_file(self.bucket, self._prefix + key, str(path))

    def open(self, key: str, *, etag: str | None = None) -> IO[bytes]:
        """An object as a file, read in blocks with read-ahead: for recordings of any size.

        Every block is asked for with `If-Match` (s3fs does it), so all of them are of one object.

        Raises:
            ObjectMissing: there is none.
            ObjectChanged: there is another one than the one with this ETag.
        """
        path = self.uri(key).removeprefix("s3://")
        try:
            opened = self.filesystem.open(
                path, "rb", block_size=_READ_BLOCK, cache_type="readahead"
            )
        except FileNotFoundError as error:
            raise ObjectMissing("there is no object", where=self.uri(key)) from error
        # s3fs passes on the errors of aiobotocore, aiohttp and the socket, which share no base.
        except Exception as error:
            raise Unavailable(f"opening failed: {error}", where=self.uri(key)) from error
        if etag is not None and _etag(opened.details) != etag:
            opened.close()
            raise self._changed(key, etag)
        return cast("IO[bytes]", opened)

    def put(self, key: str, data: bytes, *, only_if_new: bool = False) -> str:
        """Write an object in one PUT and return its ETag.

        Raises:
            ObjectExists: `only_if_new` was asked for and the key is taken.
        """
        condition = {"IfNoneMatch": "*"} if only_if_new else {}
        with translated_errors(self.uri(key)):
            try:
                written = self._client.put_object(
                    Bucket=self.bucket,
                    Key=self._prefix + key,
                    Body=data,
                    ContentType=content_type(key),
                    **condition,
                )
            except ClientError as error:
                if only_if_new and _code(error) in {
                    "PreconditionFailed",
                    "ConditionalRequestConflict",
                    "412",
                }:
                    raise ObjectExists("there is an object already", where=self.uri(key)) from error
                raise
        return _etag(written)

    def put_file(self, key: str, path: Path) -> str:
        """Write a file of any size (multipart above 16 MiB) and return its ETag."""
        with translated_errors(self.uri(key)):
            self._client.upload_file(
                str(path),
                self.bucket,
                self._prefix + key,
                ExtraArgs={"ContentType": content_type(key)},
                Config=_TRANSFER,
            )
            found = self._client.head_object(Bucket=self.bucket, Key=self._prefix + key)
        return _etag(found)

    def list(self, prefix: str) -> Iterator[ObjectInfo]:
        """All objects under a prefix, in key order."""
        with translated_errors(self.uri(prefix)):
            pages = self._client.get_paginator("list_objects_v2").paginate(
                Bucket=self.bucket, Prefix=self._prefix + prefix
            )
            for page in pages:
                for found in page.get("Contents", ()):
                    yield ObjectInfo(
                        found["Key"].removeprefix(self._prefix),
                        found["Size"],
                        _etag(found),
                        found["LastModified"],
                    )

    def list_folders(self, prefix: str) -> Iterator[str]:
        """The next level of prefixes under `prefix`, each ending in a slash."""
        with translated_errors(self.uri(prefix)):
            pages = self._client.get_paginator("list_objects_v2").paginate(
                Bucket=self.bucket, Prefix=self._prefix + prefix, Delimiter="/"
            )
            for page in pages:
                for found in page.get("CommonPrefixes", ()):
                    yield found["Prefix"].removeprefix(self._prefix)

    def delete(self, key: str) -> None:
        """Remove an object; one that is not there is fine."""
        with translated_errors(self.uri(key)):
            self._client.delete_object(Bucket=self.bucket, Key=self._prefix + key)

    def sha256(self, key: str) -> str:
        """The SHA-256 of an object's bytes in hex, read in blocks."""
        digest = hashlib.sha256()
        with translated_errors(self.uri(key)):
            for chunk in self._get(key)["Body"].iter_chunks(_READ_BLOCK):
                digest.update(chunk)
        return digest.hexdigest()

    def _get(self, key: str, etag: str | None = None) -> Any:
        condition = {} if etag is None else {"IfMatch": f'"{etag}"'}
        try:
            found = self._client.get_object(Bucket=self.bucket, Key=self._prefix + key, **condition)
        except ClientError as error:
            if _is_missing(error):
                raise ObjectMissing("there is no object", where=self.uri(key)) from error
            if etag is not None and _code(error) in {"PreconditionFailed", "412"}:
                raise self._changed(key, etag) from error
            raise
        if etag is not None and _etag(found) != etag:  # a store that does not know If-Match
            found["Body"].close()
            raise self._changed(key, etag)
        return found

    def _changed(self, key: str, etag: str) -> ObjectChanged:
        return ObjectChanged(
            "another object is there now", where=self.uri(key), expected=f"the one with ETag {etag}"
        )


def s3_client(settings: Settings) -> Any:
    """A boto3 client for the configured store, with bounded waits and a few retries.

    Raises:
        ArgusError: the endpoint is not an address.
    """
    config = Config(
        # Stores that are not AWS seldom have a host name for each bucket.
        s3={"addressing_style": "path" if settings.s3_endpoint else "auto"},
        retries={"mode": "standard", "max_attempts": 4},
        connect_timeout=5,
        read_timeout=60,
        max_pool_connections=32,
    )
    try:
        client = boto3.client(
            "s3",
            endpoint_url=settings.s3_endpoint,
            region_name=settings.s3_region,
            aws_access_key_id=settings.s3_access_key,
            aws_secret_access_key=settings.s3_secret_key,
            config=config,
        )
    except ValueError as error:
        raise ArgusError(
            f"the store's address {settings.s3_endpoint!r} is none",
            where="ARGUS_S3_ENDPOINT",
            expected="an address such as http://127.0.0.1:9000",
        ) from error
    return guarded(client)


def content_type(key: str) -> str:
    """The media type by a key's ending, so that a browser shows what it opens."""
    known = _CONTENT_TYPES.get(key.rpartition(".")[2])
    return known or mimetypes.guess_type(key)[0] or "application/octet-stream"


@contextmanager
def translated_errors(where: str) -> Iterator[None]:
    """Turn boto3's errors into `Unavailable` (try again) or `ArgusError` (do not).

    Args:
        where: the object or bucket that the calls are about, for the message.
    """
    try:
        yield
    except ClientError as error:
        status = error.response.get("ResponseMetadata", {}).get("HTTPStatusCode", 0)
        text = error.response.get("Error", {}).get("Message") or _code(error)
        if status >= 500 or status == 429:
            raise Unavailable(f"the store answered {status}: {text}", where=where) from error
        raise ArgusError(
            f"the store refused with {status} {_code(error)}: {text}",
            where=where,
            hint="`argus doctor` checks bucket, keys and rights",
        ) from error
    except (BotoCoreError, Boto3Error) as error:
        raise Unavailable(
            f"the store does not answer: {error}",
            where=where,
            hint="`argus doctor` checks the address and the keys",
        ) from error


def _code(error: ClientError) -> str:
    return str(error.response.get("Error", {}).get("Code", ""))


def _is_missing(error: ClientError) -> bool:
    return _code(error) in {"404", "NoSuchKey", "NotFound", "NoSuchBucket"}


def _etag(found: Any) -> str:
    return str(found["ETag"]).strip('"')
