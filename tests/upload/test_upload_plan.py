"""The decisions of an upload, without a store and without files."""

from __future__ import annotations

import base64
import hashlib
from dataclasses import replace
from datetime import UTC, datetime, timedelta
from pathlib import Path

from hypothesis import given
from hypothesis import strategies as st

from argus_pipeline.batches.manifest import parse_manifest
from argus_pipeline.batches.names import is_safe_name
from argus_pipeline.upload.options import BatchOptions
from argus_pipeline.upload.plan import (
    MAX_PARTS,
    PART_BYTES,
    Action,
    LocalFile,
    StoredFile,
    decide,
    is_same_batch,
    make_manifest,
    new_batch_id,
    part_size_for,
    time_in_id,
)

NOW = datetime(2026, 11, 23, 10, 15, tzinfo=UTC)
OPTIONS = BatchOptions("LFV1", "J7", "v2.3.1", tags={"bench": "7"})


def local(data: bytes, name: str = "a.dlt", part: int = PART_BYTES) -> LocalFile:
    cut = [data[at : at + part] for at in range(0, len(data), part)] or [b""]
    return LocalFile(
        Path(name),
        len(data),
        0,
        hashlib.sha256(data).hexdigest(),
        part,
        tuple(hashlib.sha256(piece).digest() for piece in cut),
    )


def base64_sha256(data: bytes) -> str:
    return base64.b64encode(hashlib.sha256(data).digest()).decode()


def test_a_file_that_is_not_there_is_sent() -> None:
    assert decide(local(b"abc"), None) is Action.SEND


def test_a_file_of_another_size_is_sent_again() -> None:
    assert decide(local(b"abc"), StoredFile(2, base64_sha256(b"ab"))) is Action.SEND


def test_a_file_of_the_same_size_and_sha256_is_left_alone() -> None:
    assert decide(local(b"abc"), StoredFile(3, base64_sha256(b"abc"))) is Action.NOTHING


def test_a_file_of_the_same_size_and_another_sha256_is_sent_again() -> None:
    assert decide(local(b"abc"), StoredFile(3, base64_sha256(b"xyz"))) is Action.SEND


def test_a_file_without_a_checksum_in_the_store_is_read_to_tell() -> None:
    assert decide(local(b"abc"), StoredFile(3)) is Action.READ


def test_a_file_sent_in_the_same_parts_is_known_by_its_composite_checksum() -> None:
    file = local(b"abcdef", part=4)
    parts = hashlib.sha256(b"abcd").digest() + hashlib.sha256(b"ef").digest()
    assert decide(file, StoredFile(6, f"{base64_sha256(parts)}-2")) is Action.NOTHING


def test_a_file_sent_in_other_parts_is_read_to_tell() -> None:
    assert decide(local(b"abcdef", part=4), StoredFile(6, "AAAA-3")) is Action.READ


def test_a_large_file_that_another_client_sent_in_one_piece_is_known() -> None:
    file = local(b"abcdef", part=4)
    assert decide(file, StoredFile(6, base64_sha256(b"abcdef"))) is Action.NOTHING


@given(st.integers(0, 5 * 2**40))
def test_a_file_never_has_more_parts_than_s3_takes(size: int) -> None:
    part = part_size_for(size)
    assert part >= PART_BYTES
    assert -(-size // part) <= MAX_PARTS


@given(
    st.text("ABCXYZ0189._-", min_size=1, max_size=128),
    st.datetimes(min_value=datetime(2000, 1, 1), max_value=datetime(2100, 1, 1)),
)
def test_every_new_batch_id_is_a_safe_name_that_tells_its_time(vehicle: str, now: datetime) -> None:
    now = now.replace(tzinfo=UTC)
    batch = new_batch_id(vehicle, now, "7f3a")
    assert is_safe_name(batch)
    assert time_in_id(batch) == now.replace(microsecond=0)


@given(
    st.datetimes(min_value=datetime(1970, 1, 1), max_value=datetime(2970, 1, 1)),
    st.timedeltas(min_value=timedelta(seconds=1), max_value=timedelta(days=365_000)),
)
def test_batch_ids_sort_by_time(first: datetime, later: timedelta) -> None:
    first = first.replace(tzinfo=UTC)
    assert new_batch_id("a", first, "ffff") < new_batch_id("Z", first + later, "0000")


def test_a_batch_id_reads_as_the_design_says() -> None:
    assert new_batch_id("LFV3", NOW, "7f3a") == "20261123T101500Z-LFV3-7f3a"


def test_an_id_without_a_time_tells_none() -> None:
    assert time_in_id("bench-7") is None
    assert time_in_id("20261323T101500Z-x") is None


def test_a_manifest_of_ours_is_one_that_the_pipeline_reads() -> None:
    manifest = make_manifest("b1", NOW, OPTIONS, [local(b"abc"), local(b"", "b.rec")])
    assert parse_manifest(manifest.to_json(), key="manifest.json", batch="b1") == manifest
    assert manifest.priority == "P1"


def test_a_batch_is_the_same_whenever_and_in_whatever_order_it_was_made() -> None:
    one = make_manifest("b1", NOW, OPTIONS, [local(b"a", "a.dlt"), local(b"b", "b.dlt")])
    files = tuple(reversed(one.files))
    assert is_same_batch(one, replace(one, created=NOW + timedelta(days=1), files=files))
    assert not is_same_batch(one, replace(one, firmware="v9"))
    assert not is_same_batch(one, replace(one, files=one.files[:1]))
    assert not is_same_batch(one, replace(one, unknown={"note": "x"}))
