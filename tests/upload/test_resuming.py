"""An upload that was stopped goes on part by part; how fast and how patient it is."""

from __future__ import annotations

import os
from concurrent.futures import ThreadPoolExecutor
from pathlib import Path
from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st

from argus_pipeline.errors import BadInput, Unavailable
from argus_pipeline.patience import patiently
from argus_pipeline.storage.object_store import ObjectStore
from argus_pipeline.upload import transfer
from argus_pipeline.upload.files import fingerprint
from argus_pipeline.upload.pace import Pace, parse_rate
from argus_pipeline.upload.plan import PART_BYTES

KEY = "incoming/2026/11/23/b1/large.dlt"


@pytest.fixture
def large(tmp_path: Path) -> Path:
    path = tmp_path / "large.dlt"
    path.write_bytes(os.urandom(3 * PART_BYTES + 4321))
    return path


def send(store: ObjectStore, path: Path, **more: Any) -> int:
    with ThreadPoolExecutor(1) as parts:
        return transfer.send(store, KEY, fingerprint(path), parts, **more)


def stopped_after(store: ObjectStore, path: Path, parts: int, monkeypatch) -> None:
    """An upload that is stopped when so many parts were sent."""
    left = iter(range(parts))
    real = store.client.upload_part

    def upload_part(**given: Any) -> Any:
        if next(left, None) is None:
            raise KeyboardInterrupt
        return real(**given)

    with monkeypatch.context() as patched:
        patched.setattr(store.client, "upload_part", upload_part)
        with pytest.raises(KeyboardInterrupt):
            send(store, path)


def unfinished(store: ObjectStore) -> list[Any]:
    key = store.object_key(KEY)
    found = store.client.list_multipart_uploads(Bucket=store.bucket, Prefix=key)
    return list(found.get("Uploads", ()))


def test_only_the_parts_that_are_missing_are_sent(object_store, large, monkeypatch) -> None:
    stopped_after(object_store, large, 2, monkeypatch)
    assert len(unfinished(object_store)) == 1
    told: list[int] = []
    assert send(object_store, large, on_bytes=told.append) == PART_BYTES + 4321
    assert sum(told) == large.stat().st_size, "progress counts what was there, too"
    assert object_store.sha256(KEY) == fingerprint(large).sha256
    assert unfinished(object_store) == []


def test_a_part_that_is_not_what_the_file_holds_now_is_sent_again(
    object_store, large, monkeypatch
) -> None:
    stopped_after(object_store, large, 2, monkeypatch)
    with large.open("r+b") as stream:
        stream.write(b"another beginning")
    assert send(object_store, large) == large.stat().st_size - PART_BYTES
    assert object_store.sha256(KEY) == fingerprint(large).sha256


def test_a_file_that_changed_leaves_no_unfinished_upload(object_store, large, monkeypatch) -> None:
    file = fingerprint(large)
    with large.open("r+b") as stream:
        stream.write(b"another beginning")
    with ThreadPoolExecutor(1) as parts, pytest.raises(BadInput, match="changed during the upload"):
        transfer.send(object_store, KEY, file, parts)
    assert unfinished(object_store) == []
    assert object_store.head(KEY) is None


def test_what_goes_at_a_limited_pace_arrives_whole(object_store, large) -> None:
    send(object_store, large, pace=Pace(1e9))
    assert object_store.sha256(KEY) == fingerprint(large).sha256


@pytest.mark.parametrize(
    ("text", "rate"), [("10MB/s", 10e6), ("500 kB/s", 500e3), ("1.5mb", 1.5e6), ("800B/s", 800)]
)
def test_a_rate_is_read_as_people_write_it(text, rate) -> None:
    assert parse_rate(text) == rate


@pytest.mark.parametrize("text", ["", "fast", "0MB/s", "-1MB/s", "10Mbit/s"])
def test_what_is_no_rate_is_refused(text) -> None:
    with pytest.raises(BadInput, match="--limit"):
        parse_rate(text)


@given(st.integers(0, 30))
def test_a_store_that_comes_back_in_time_is_waited_for_and_the_waits_are_bounded(failures) -> None:
    now, calls, slept = 0.0, 0, []

    def sleep(seconds: float) -> None:
        nonlocal now
        slept.append(seconds)
        now += seconds

    def call() -> str:
        nonlocal calls, now
        calls += 1
        now += 10.0
        if calls <= failures:
            raise Unavailable("away")
        return "there"

    try:
        assert patiently(call, patience_s=300, sleep=sleep, clock=lambda: now) == "there"
        assert calls == failures + 1
    except Unavailable:
        assert now > 200, "it does not give up early"
    assert now <= 300 + 10 + 60
    assert all(0 <= wait <= 60 for wait in slept)
