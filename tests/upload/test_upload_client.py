"""Uploads to a real S3 store: what is there afterwards, after a stop, and after a repeat."""

from __future__ import annotations

import hashlib
import os
from collections.abc import Callable
from dataclasses import replace
from datetime import UTC, date, datetime, timedelta
from pathlib import Path
from typing import Any

import pytest

from argus_pipeline.batches.integrity import verify
from argus_pipeline.batches.manifest import parse_manifest
from argus_pipeline.errors import ArgusError, BadInput, Unavailable
from argus_pipeline.settings import Settings
from argus_pipeline.storage import keys
from argus_pipeline.storage.object_store import ObjectStore
from argus_pipeline.upload import client, transfer
from argus_pipeline.upload.client import Batch, Stage
from argus_pipeline.upload.files import find_files
from argus_pipeline.upload.options import BatchOptions
from argus_pipeline.upload.plan import PART_BYTES

OPTIONS = BatchOptions("LFV3A23C0K3000001", "J7", "v2.3.1", "v2.2.9", "c1", "P0", {"bench": "7"})


@pytest.fixture
def folder(tmp_path: Path) -> Path:
    folder = tmp_path / "recordings"
    folder.mkdir()
    for index in range(6):
        (folder / f"ecu{index}.dlt").write_bytes(f"recording {index} ".encode() * (index * 1000))
    return folder


def prepare(folder: Path, batch: str | None = None) -> Batch:
    return client.prepare(find_files([folder]).files, OPTIONS, batch=batch)


class Counting:
    """A progress that adds up."""

    def __init__(self) -> None:
        self.totals: dict[Stage, int] = {}
        self.done: dict[Stage, int] = {}

    def began(self, stage: Stage, total: int) -> None:
        self.totals[stage] = total
        self.done[stage] = 0

    def advanced(self, stage: Stage, amount: int) -> None:
        self.done[stage] += amount


class StopAfter:
    """Stops an upload, as a power cut would, at its n-th file."""

    def __init__(self, files: int) -> None:
        self.left = files
        self.send = transfer.send

    def __call__(self, *args: Any, **kwargs: Any) -> int:
        if self.left <= 0:
            raise KeyboardInterrupt
        self.left -= 1
        return self.send(*args, **kwargs)


def test_what_was_uploaded_is_what_the_manifest_promises(
    object_store: ObjectStore, folder: Path
) -> None:
    batch = prepare(folder)
    uploaded = client.upload(object_store, batch)
    key = keys.incoming(datetime.now(UTC).date(), uploaded.batch) + "manifest.json"
    manifest = parse_manifest(object_store.get(key), key=key, batch=uploaded.batch)
    assert uploaded.manifest_key == key
    assert manifest == batch.manifest
    assert [f.name for f in manifest.files] == [f"ecu{index}.dlt" for index in range(6)]
    assert (manifest.firmware_from, manifest.priority, manifest.tags) == (
        "v2.2.9",
        "P0",
        {"bench": "7"},
    )
    assert verify(object_store, manifest, key) == []


def test_progress_counts_every_byte_once(object_store: ObjectStore, folder: Path) -> None:
    counting = Counting()
    batch = client.prepare(find_files([folder]).files, OPTIONS, progress=counting)
    client.upload(object_store, batch, progress=counting)
    total = sum(path.stat().st_size for path in folder.iterdir())
    assert counting.totals == {Stage.READING: total, Stage.SENDING: total} == counting.done


def test_a_large_file_goes_in_parts_that_the_store_verified(
    object_store: ObjectStore, folder: Path
) -> None:
    data = os.urandom(2 * PART_BYTES + 12345)
    (folder / "large.dlt").write_bytes(data)
    batch = prepare(folder)
    client.upload(object_store, batch)
    key = batch.prefix + "large.dlt"
    assert object_store.sha256(key) == hashlib.sha256(data).hexdigest()
    info = object_store.head(key)
    assert info is not None
    assert info.etag.endswith("-3")
    left_over = object_store.client.list_multipart_uploads(
        Bucket=object_store.bucket, Prefix=object_store.object_key(key)
    )
    assert not left_over.get("Uploads")


def test_files_wait_for_no_manifest_and_the_manifest_waits_for_all_files(
    object_store: ObjectStore, folder: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    batch = prepare(folder)
    there_before: list[set[str]] = []
    put = object_store.put

    def noting(key: str, data: bytes, **options: Any) -> str:
        there_before.append({info.key for info in object_store.list(batch.prefix)})
        assert options == {"only_if_new": True}
        return put(key, data, **options)

    monkeypatch.setattr(object_store, "put", noting)
    client.upload(object_store, batch)
    assert there_before == [{batch.prefix + file.name for file in batch.files}]


@pytest.mark.parametrize("files_before_the_stop", [0, 1, 4])
def test_an_upload_that_was_stopped_goes_on_with_what_is_missing(
    object_store: ObjectStore,
    folder: Path,
    monkeypatch: pytest.MonkeyPatch,
    files_before_the_stop: int,
) -> None:
    batch = prepare(folder)
    with monkeypatch.context() as patched:
        patched.setattr(transfer, "send", StopAfter(files_before_the_stop))
        with pytest.raises(KeyboardInterrupt):
            client.upload(object_store, batch)
    there = {info.key for info in object_store.list(batch.prefix)}
    assert len(there) == files_before_the_stop
    assert batch.manifest_key not in there

    uploaded = client.upload(object_store, prepare(folder, batch.id))
    assert {batch.prefix + name for name in uploaded.kept} == there
    assert len(uploaded.sent) == 6 - files_before_the_stop
    assert verify(object_store, batch.manifest, batch.manifest_key) == []
    assert object_store.get(batch.manifest_key) == batch.manifest.to_json()


def test_a_large_file_that_is_there_is_not_sent_again(
    object_store: ObjectStore, folder: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    (folder / "large.dlt").write_bytes(os.urandom(PART_BYTES + 1))
    batch = prepare(folder)
    client.upload(object_store, batch)
    object_store.delete(batch.manifest_key)
    uploaded = client.upload(object_store, prepare(folder, batch.id))
    assert uploaded.sent == ()
    assert "large.dlt" in uploaded.kept


def test_a_torn_or_different_file_from_before_is_sent_again(
    object_store: ObjectStore, folder: Path
) -> None:
    batch = prepare(folder)
    object_store.put(batch.prefix + "ecu1.dlt", b"torn")
    same_size = bytes(batch.files[2].size)
    object_store.put(batch.prefix + "ecu2.dlt", same_size)
    # Neither checksum nor content is ours to trust: this one has the right bytes.
    object_store.put(batch.prefix + "ecu3.dlt", (folder / "ecu3.dlt").read_bytes())
    uploaded = client.upload(object_store, batch)
    assert uploaded.kept == ("ecu3.dlt",)
    assert verify(object_store, batch.manifest, batch.manifest_key) == []


def test_an_unfinished_upload_of_yesterday_goes_on_in_its_own_folder(
    object_store: ObjectStore, folder: Path
) -> None:
    batch = prepare(folder, "bench-7")
    yesterday = batch.day - timedelta(days=1)
    object_store.put(keys.incoming(yesterday, "bench-7") + "ecu0.dlt", b"")
    uploaded = client.upload(object_store, batch)
    assert uploaded.manifest_key == keys.incoming(yesterday, "bench-7") + "manifest.json"
    assert "ecu0.dlt" in uploaded.kept


def test_the_same_batch_again_is_already_there(object_store: ObjectStore, folder: Path) -> None:
    batch = prepare(folder)
    first = client.upload(object_store, batch)
    before = {info.key: info.modified for info in object_store.list(batch.prefix)}
    again = client.upload(object_store, prepare(folder, first.batch))
    assert again.already_there
    assert again.sent == ()
    assert {info.key: info.modified for info in object_store.list(batch.prefix)} == before


def test_the_same_batch_with_other_content_is_refused(
    object_store: ObjectStore, folder: Path
) -> None:
    first = client.upload(object_store, prepare(folder))
    (folder / "ecu1.dlt").write_bytes(b"other")
    with pytest.raises(BadInput, match="complete already, with other content"):
        client.upload(object_store, prepare(folder, first.batch))


def test_of_two_uploads_of_one_id_the_later_manifest_never_overwrites(
    object_store: ObjectStore, folder: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    batch = prepare(folder)
    other = replace(batch.manifest, firmware="v9")
    put = object_store.put

    def overtaken(key: str, data: bytes, **options: Any) -> str:
        put(key, other.to_json())
        return put(key, data, **options)

    monkeypatch.setattr(object_store, "put", overtaken)
    with pytest.raises(BadInput, match="complete already"):
        client.upload(object_store, batch)
    assert object_store.get(batch.manifest_key) == other.to_json()


@pytest.mark.parametrize("size", [100, PART_BYTES + 100])
@pytest.mark.parametrize(
    "change",
    [
        pytest.param(lambda path: path.write_bytes(path.read_bytes()[:-1] + b"!"), id="rewritten"),
        pytest.param(lambda path: path.open("ab").write(b"more"), id="grown"),
        pytest.param(lambda path: path.write_bytes(b""), id="emptied"),
        pytest.param(lambda path: path.unlink(), id="gone"),
    ],
)
def test_a_file_that_changes_between_hashing_and_upload_completes_no_batch(
    object_store: ObjectStore, folder: Path, size: int, change: Callable[[Path], object]
) -> None:
    (folder / "live.dlt").write_bytes(b"." * size)
    batch = prepare(folder)
    change(folder / "live.dlt")
    with pytest.raises(BadInput, match=r"live\.dlt: changed during the upload"):
        client.upload(object_store, batch)
    there = {info.key for info in object_store.list(batch.prefix)}
    assert batch.manifest_key not in there
    assert batch.prefix + "live.dlt" not in there


def test_a_file_that_changes_after_it_was_sent_completes_no_batch(
    object_store: ObjectStore, folder: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    batch = prepare(folder)
    send = transfer.send

    def sending(store: ObjectStore, key: str, file: Any, *others: Any, **more: Any) -> int:
        sent = send(store, key, file, *others, **more)
        if file.name == "ecu1.dlt":
            file.path.write_bytes(b"later")
        return sent

    monkeypatch.setattr(transfer, "send", sending)
    with pytest.raises(BadInput, match=r"ecu1\.dlt: changed during the upload"):
        client.upload(object_store, batch)
    assert object_store.head(batch.manifest_key) is None


def test_a_wrong_secret_is_refused_and_never_shown(store_settings: Settings, folder: Path) -> None:
    secret = "not-the-secret"
    store = ObjectStore(replace(store_settings, s3_secret_key=secret))
    with pytest.raises(ArgusError, match="refused") as caught:
        client.upload(store, prepare(folder))
    assert secret not in str(caught.value)


def test_a_bucket_that_is_not_there_is_said_so(store_settings: Settings, folder: Path) -> None:
    store = ObjectStore(replace(store_settings, s3_bucket="no-such-bucket"))
    with pytest.raises(ArgusError, match="NoSuchBucket"):
        client.upload(store, prepare(folder))


def test_a_store_that_does_not_answer_is_unavailable(
    store_settings: Settings, folder: Path
) -> None:
    store = ObjectStore(replace(store_settings, s3_endpoint="http://127.0.0.1:9"))
    with pytest.raises(Unavailable, match="does not answer"):
        client.upload(store, prepare(folder))


def test_an_id_with_a_time_names_its_folder(folder: Path) -> None:
    batch = prepare(folder, "20260102T030405Z-bench-1")
    assert batch.day == date(2026, 1, 2)
    assert batch.manifest.created == datetime(2026, 1, 2, 3, 4, 5, tzinfo=UTC)
    assert client.is_out_of_sight(batch)
    assert not client.is_out_of_sight(prepare(folder))


def test_an_unsafe_batch_id_is_refused(folder: Path) -> None:
    with pytest.raises(BadInput, match="--batch 'a/b' is not a safe name"):
        prepare(folder, "a/b")


def uploads_left(store: ObjectStore, key: str) -> list[str]:
    listed = store.client.list_multipart_uploads(Bucket=store.bucket, Prefix=store.object_key(key))
    return [one["UploadId"] for one in listed.get("Uploads", ())]


def broken_off(store: ObjectStore, batch: client.Batch, part: int) -> None:
    """Upload until the store is asked to take the given part, and no further."""
    upload_part = store.client.upload_part

    def until(**wanted: Any) -> Any:
        if wanted["PartNumber"] >= part:
            raise KeyboardInterrupt
        return upload_part(**wanted)

    with pytest.MonkeyPatch.context() as patch:
        patch.setattr(store.client, "upload_part", until)
        with pytest.raises(KeyboardInterrupt):
            client.upload(store, batch)


@pytest.mark.parametrize("part", [2, 4])
def test_a_large_file_goes_on_with_the_parts_that_are_missing(
    object_store: ObjectStore, tmp_path: Path, part: int
) -> None:
    (tmp_path / "large.dlt").write_bytes(os.urandom(3 * PART_BYTES + 12345))
    batch = client.prepare([tmp_path / "large.dlt"], OPTIONS)
    broken_off(object_store, batch, part)
    key = batch.prefix + "large.dlt"
    assert len(uploads_left(object_store, key)) == 1
    uploaded = client.upload(object_store, batch)
    assert uploaded.sent_bytes == (4 - part) * PART_BYTES + 12345
    assert object_store.sha256(key) == batch.files[0].sha256
    assert uploads_left(object_store, key) == []


def test_parts_of_other_content_are_ended_and_not_gone_on_with(
    object_store: ObjectStore, tmp_path: Path
) -> None:
    path = tmp_path / "large.dlt"
    path.write_bytes(os.urandom(PART_BYTES + 12345))
    batch = client.prepare([path], OPTIONS)
    broken_off(object_store, batch, 2)
    path.write_bytes(os.urandom(PART_BYTES + 12345))
    other = client.prepare([path], OPTIONS, batch=batch.id)
    uploaded = client.upload(object_store, other)
    assert uploaded.sent_bytes == PART_BYTES + 12345
    key = batch.prefix + "large.dlt"
    assert object_store.sha256(key) == other.files[0].sha256
    assert uploads_left(object_store, key) == []
