"""The operations on the bucket, against real stores."""

from __future__ import annotations

import hashlib
import os
from concurrent.futures import ThreadPoolExecutor
from dataclasses import replace
from datetime import UTC, datetime, timedelta
from pathlib import Path

import polars as pl
import pytest
from botocore.exceptions import ClientError

from argus_pipeline.errors import ArgusError, Unavailable
from argus_pipeline.settings import Settings
from argus_pipeline.storage.object_store import (
    MULTIPART_BYTES,
    ObjectExists,
    ObjectMissing,
    ObjectStore,
    content_type,
    translated_errors,
)


def test_what_was_put_can_be_read(object_store: ObjectStore) -> None:
    etag = object_store.put("a/b.json", b"{}")
    assert object_store.get_with_etag("a/b.json") == (b"{}", etag)
    info = object_store.head("a/b.json")
    assert info is not None
    assert (info.key, info.size, info.etag) == ("a/b.json", 2, etag)
    assert abs(datetime.now(UTC) - info.modified) < timedelta(minutes=1)


def test_a_repeated_put_of_the_same_bytes_changes_no_etag(object_store: ObjectStore) -> None:
    assert object_store.put("a", b"x") == object_store.put("a", b"x")


def test_an_empty_object_is_an_object(object_store: ObjectStore) -> None:
    object_store.put("empty", b"")
    assert object_store.get("empty") == b""
    assert object_store.sha256("empty") == hashlib.sha256(b"").hexdigest()


def test_an_object_that_is_not_there_is_said_so(object_store: ObjectStore) -> None:
    assert object_store.head("nothing") is None
    for read in (object_store.get, object_store.sha256, object_store.open):
        with pytest.raises(ObjectMissing, match="there is no object"):
            read("nothing")


def test_deleting_what_is_not_there_is_fine(object_store: ObjectStore) -> None:
    object_store.put("a", b"x")
    object_store.delete("a")
    object_store.delete("a")
    assert object_store.head("a") is None


def test_a_conditional_put_never_overwrites(object_store: ObjectStore) -> None:
    object_store.put("m", b"first", only_if_new=True)
    with pytest.raises(ObjectExists):
        object_store.put("m", b"second", only_if_new=True)
    assert object_store.get("m") == b"first"
    object_store.put("m", b"third")
    assert object_store.get("m") == b"third"


def test_of_simultaneous_conditional_puts_exactly_one_wins(object_store: ObjectStore) -> None:
    def put(number: int) -> int | None:
        try:
            object_store.put("m", str(number).encode(), only_if_new=True)
        except ObjectExists:
            return None
        return number

    with ThreadPoolExecutor(12) as threads:
        winners = [n for n in threads.map(put, range(12)) if n is not None]
    assert len(winners) == 1
    assert object_store.get("m") == str(winners[0]).encode()


@pytest.mark.parametrize("size", [0, 1000, MULTIPART_BYTES + 1])
def test_a_file_of_any_size_arrives_whole(
    object_store: ObjectStore, tmp_path: Path, size: int
) -> None:
    data = os.urandom(size)
    path = tmp_path / "file"
    path.write_bytes(data)
    etag = object_store.put_file("large", path)
    info = object_store.head("large")
    assert info is not None
    assert (info.size, info.etag) == (size, etag)
    assert object_store.sha256("large") == hashlib.sha256(data).hexdigest()
    with object_store.open("large") as stream:
        assert stream.read() == data


def test_an_object_can_be_read_from_the_middle(object_store: ObjectStore) -> None:
    object_store.put("a", bytes(range(256)))
    with object_store.open("a") as stream:
        stream.seek(100)
        assert stream.read(3) == bytes((100, 101, 102))


def test_lists_are_of_the_prefix_and_in_key_order(object_store: ObjectStore) -> None:
    for key in ("b/2", "b/1", "bb/1", "a", "b/c/3"):
        object_store.put(key, b"x")
    assert [info.key for info in object_store.list("b/")] == ["b/1", "b/2", "b/c/3"]
    assert list(object_store.list_folders("b/")) == ["b/c/"]
    assert sorted(object_store.list_folders("")) == ["b/", "bb/"]
    assert list(object_store.list("nothing/")) == []


def test_a_list_goes_on_beyond_one_page(object_store: ObjectStore) -> None:
    with ThreadPoolExecutor(8) as threads:
        list(threads.map(lambda n: object_store.put(f"many/{n:04}", b""), range(1_005)))
    found = [info.key for info in object_store.list("many/")]
    assert found == [f"many/{n:04}" for n in range(1_005)]


def test_a_prefix_keeps_two_installations_apart(store_settings: Settings) -> None:
    one = ObjectStore(store_settings)
    other = ObjectStore(replace(store_settings, s3_prefix=f"{store_settings.s3_prefix}-other"))
    one.put("a", b"one")
    assert other.head("a") is None
    assert list(other.list("")) == []
    assert one.uri("a") == f"s3://{store_settings.s3_bucket}/{store_settings.s3_prefix}/a"
    assert one.object_key("a") == f"{store_settings.s3_prefix}/a"
    assert ObjectStore(replace(store_settings, s3_prefix="")).object_key("a") == "a"


def test_a_bucket_is_made_once(store_settings: Settings) -> None:
    name = f"made-{store_settings.s3_prefix}"[:60]
    store = ObjectStore(replace(store_settings, s3_bucket=name, s3_prefix=""))
    store.ensure_bucket()
    store.put("a", b"x")
    store.ensure_bucket()
    assert store.get("a") == b"x"


def test_polars_reads_through_uri_and_options(object_store: ObjectStore, tmp_path: Path) -> None:
    pl.DataFrame({"n": [1, 2]}).write_parquet(tmp_path / "t.parquet")
    object_store.put_file("t.parquet", tmp_path / "t.parquet")
    frame = pl.read_parquet(
        object_store.uri("t.parquet"), storage_options=object_store.storage_options()
    )
    assert frame["n"].to_list() == [1, 2]


def test_a_wrong_secret_is_refused_without_naming_it(store_settings: Settings) -> None:
    store = ObjectStore(replace(store_settings, s3_secret_key="not-the-secret"))
    with pytest.raises(ArgusError, match="the store refused with 403") as caught:
        store.put("a", b"x")
    assert not isinstance(caught.value, Unavailable)
    assert "not-the-secret" not in f"{caught.value}{store.settings!r}"


def test_a_store_that_does_not_answer_may_be_tried_again(store_settings: Settings) -> None:
    store = ObjectStore(replace(store_settings, s3_endpoint="http://127.0.0.1:9"))
    with pytest.raises(Unavailable, match="does not answer"):
        store.head("a")


def test_an_endpoint_that_is_no_address_is_said_so(store_settings: Settings) -> None:
    with pytest.raises(ArgusError, match=r"ARGUS_S3_ENDPOINT: .*'127\.0\.0\.1:9'"):
        ObjectStore(replace(store_settings, s3_endpoint="127.0.0.1:9"))


@pytest.mark.parametrize(
    ("status", "kind"), [(500, Unavailable), (503, Unavailable), (429, Unavailable)]
)
def test_a_store_in_trouble_may_be_tried_again(status: int, kind: type[ArgusError]) -> None:
    answer = {"Error": {"Code": "X"}, "ResponseMetadata": {"HTTPStatusCode": status}}
    with (
        pytest.raises(kind, match=f"there: the store answered {status}"),
        translated_errors("there"),
    ):
        raise ClientError(answer, "PutObject")


def test_a_wrong_checksum_is_refused_by_the_store(object_store: ObjectStore) -> None:
    with pytest.raises(ArgusError, match="refused with 400"), translated_errors("a"):
        object_store.client.put_object(
            Bucket=object_store.bucket,
            Key=object_store.object_key("a"),
            Body=b"x",
            ChecksumSHA256="A" * 43 + "=",
        )
    assert object_store.head("a") is None


@pytest.mark.parametrize(
    ("key", "expected"),
    [
        ("a/report.html", "text/html; charset=utf-8"),
        ("a/t.csv", "text/csv; charset=utf-8"),
        ("a/t.parquet", "application/vnd.apache.parquet"),
        ("a/c.svg", "image/svg+xml"),
        ("a/ecu1.dlt", "application/octet-stream"),
        ("a/noending", "application/octet-stream"),
    ],
)
def test_a_browser_is_told_what_an_object_is(key: str, expected: str) -> None:
    assert content_type(key) == expected
