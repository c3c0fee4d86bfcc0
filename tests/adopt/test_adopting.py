"""An archive becomes batches, in a real store, without a byte of it being copied."""

from __future__ import annotations

import shutil
from collections.abc import Callable
from dataclasses import replace
from datetime import UTC, date, datetime, timedelta
from pathlib import Path

import pytest
from adopt.made import DRIVE, Archive

from argus_pipeline.adopt.adopting import Adoption, Kind, adopt
from argus_pipeline.adopt.pattern import Pattern
from argus_pipeline.batches.arrivals import Folder, list_folders, read_candidate
from argus_pipeline.batches.given_up import list_retries
from argus_pipeline.batches.integrity import verify
from argus_pipeline.batches.manifest import Manifest, parse_manifest
from argus_pipeline.errors import ArgusError, BadInput
from argus_pipeline.recordings.parsing import load_specifications, parse_to_bucket
from argus_pipeline.recordings.result import Status
from argus_pipeline.storage import keys
from argus_pipeline.storage.archives import Address
from argus_pipeline.storage.object_store import ObjectChanged, ObjectStore
from argus_pipeline.upload.options import BatchOptions

PATTERN = Pattern("{vehicle}/{firmware}/{time:%Y%m%dT%H%M%SZ}/{file}")
J7 = BatchOptions(platform="J7", priority="P2")
NOW = datetime.now(UTC)
TODAY = NOW.date()
Requests = Callable[[], list[tuple[str, str]]]


def adopted(
    store: ObjectStore,
    archive: Archive,
    pattern: Pattern = PATTERN,
    options: BatchOptions = J7,
    now: datetime = NOW,
    **how: object,
) -> Adoption:
    return adopt(
        store,
        archive.folder,
        pattern,
        options,
        now=now,
        **{"write": True, **how},  # type: ignore[arg-type]
    )


def batches(found: Adoption) -> dict[str, int]:
    return {kind.value: count.batches for kind, count in found.counts.items() if count.batches}


def the_manifest(store: ObjectStore, day: date = TODAY) -> tuple[Manifest, str]:
    [folder] = list_folders(store, [day])
    key = folder.manifest_key
    return parse_manifest(store.get(key), key=key, batch=folder.name), key


def test_adopted_recordings_are_verified_and_parsed_where_they_lie(
    store: ObjectStore, archive: Archive, data: Path
) -> None:
    samples = {
        "ecu1.dlt": data / "dlt" / "c_clean.dlt",
        "drive.rec": data / "rec" / "alltypes.rec",
        "alltypes.odvd": data / "rec" / "alltypes.odvd",
    }
    for name, path in samples.items():
        archive.put(f"{DRIVE}/{name}", path.read_bytes())
    before = archive.content()
    assert adopted(store, archive).written == 1

    manifest, key = the_manifest(store)
    assert verify(store, manifest, key) == []
    prefix = key.removesuffix(keys.MANIFEST_NAME)
    specifications = load_specifications(store, manifest, prefix)
    results = {
        file.name: parse_to_bucket(store, manifest.batch, file, prefix + file.name, specifications)
        for file in manifest.recordings
    }
    assert {name: r.status for name, r in results.items()} == {
        "ecu1.dlt": Status.PARSED,
        "drive.rec": Status.PARSED,
    }
    assert results["ecu1.dlt"].rows == 2000
    assert store.get(results["ecu1.dlt"].tables[1].csv_key).startswith(b"offset,size,")
    assert [one.key for one in store.list("incoming/")] == [key], "nothing was copied"
    assert archive.content() == before, "nor changed"


def test_a_finished_recording_is_not_parsed_again(
    store: ObjectStore, archive: Archive, data: Path, requests: Requests
) -> None:
    archive.put(f"{DRIVE}/ecu1.dlt", (data / "dlt" / "golden.dlt").read_bytes())
    adopted(store, archive)
    manifest, key = the_manifest(store)
    prefix = key.removesuffix(keys.MANIFEST_NAME)
    specifications = load_specifications(store, manifest, prefix)
    [file] = manifest.files
    arguments = (store, manifest.batch, file, prefix + file.name, specifications)
    first = parse_to_bucket(*arguments)
    requests()
    assert parse_to_bucket(*arguments) == first
    assert "PutObject" not in dict(requests())


def test_an_original_that_changed_since_is_refused_with_what_to_do(
    store: ObjectStore, archive: Archive, data: Path
) -> None:
    golden = (data / "dlt" / "golden.dlt").read_bytes()
    archive.put(f"{DRIVE}/ecu1.dlt", golden)
    archive.put(f"{DRIVE}/vehicle.odvd", b"message a.B [id = 1] {}")
    adopted(store, archive)
    manifest, key = the_manifest(store)
    prefix = key.removesuffix(keys.MANIFEST_NAME)
    specifications = load_specifications(store, manifest, prefix)

    # The same length: only the ETag tells.
    archive.put(f"{DRIVE}/ecu1.dlt", golden[::-1])
    archive.put(f"{DRIVE}/vehicle.odvd", b"message a.C [id = 1] {}")
    assert [p.field for p in verify(store, manifest, key)] == ["ETag", "ETag"]
    file = manifest.recordings[0]
    with pytest.raises(ObjectChanged, match=r"another object is there now.*adopt.*--update"):
        parse_to_bucket(store, manifest.batch, file, prefix + file.name, specifications)
    assert store.head(keys.recording_result(manifest.batch, file.name)) is None
    with pytest.raises(ObjectChanged, match="--update"):
        load_specifications(store, manifest, prefix)

    archive.put(f"{DRIVE}/ecu1.dlt", golden + b"!")
    assert verify(store, manifest, key)[0].field == "size"
    archive.store.delete(f"{archive.folder.key}{DRIVE}/ecu1.dlt")
    assert str(verify(store, manifest, key)[0]).startswith("ecu1.dlt: presence is missing")


def test_a_sha256_beside_a_source_is_verified_as_ever(
    store: ObjectStore, archive: Archive, data: Path
) -> None:
    archive.put(f"{DRIVE}/ecu1.dlt", (data / "dlt" / "golden.dlt").read_bytes())
    adopted(store, archive)
    manifest, key = the_manifest(store)
    [file] = manifest.files
    wrong = replace(manifest, files=(replace(file, sha256="0" * 64),))
    assert [p.field for p in verify(store, wrong, key)] == ["sha256"]
    with pytest.raises(BadInput, match="SHA-256"):
        parse_to_bucket(
            store, manifest.batch, wrong.files[0], "x", load_specifications(store, wrong, "")
        )


def test_an_object_of_a_bucket_that_is_not_allowed_is_never_read(
    store: ObjectStore,
    store_settings,
    archive: Archive,
    data: Path,
    requests: Requests,
) -> None:
    archive.put(f"{DRIVE}/ecu1.dlt", b"x")
    archive.put(f"{DRIVE}/vehicle.odvd", b"x")
    adopted(store, archive)
    manifest, key = the_manifest(store)
    file = manifest.recordings[0]
    bucket = archive.store.bucket
    specifications = load_specifications(store, manifest, key.removesuffix(keys.MANIFEST_NAME))
    for allowed in ((), ("another",), (f"{bucket}/another",)):
        strict = ObjectStore(replace(store_settings, archive_buckets=allowed), client=store.client)
        requests()
        with pytest.raises(BadInput, match=f"ARGUS_ARCHIVE_BUCKETS lists .* Add {bucket} to"):
            verify(strict, manifest, key)
        with pytest.raises(BadInput, match="ARGUS_ARCHIVE_BUCKETS"):
            load_specifications(strict, manifest, key)
        with pytest.raises(BadInput, match="ARGUS_ARCHIVE_BUCKETS"):
            parse_to_bucket(strict, manifest.batch, file, key, specifications)
        assert {asked for _, asked in requests()} == {store.bucket}


def test_a_dry_run_writes_nothing_and_says_the_same(
    store: ObjectStore, archive: Archive, requests: Requests
) -> None:
    archive.put(f"{DRIVE}/ecu1.dlt", b"12345")
    archive.put(f"{DRIVE}/vehicle.odvd", b"123")
    dry = adopted(store, archive, write=False)
    assert {operation for operation, _ in requests()} == {"ListObjectsV2"}, (
        "nor reads anything but listings"
    )
    assert list(store.list("")) == []
    wet = adopted(store, archive)
    assert (dry.written, wet.written) == (0, 1)
    assert dry.counts == wet.counts
    assert dry.examples == wet.examples
    new = dry.counts[Kind.NEW]
    assert (new.batches, new.files, new.recordings, new.bytes) == (1, 2, 1, 8)


@pytest.mark.parametrize("days", [0, 1, 400])
def test_twice_adopts_nothing_also_on_another_day_and_asks_for_no_batch(
    store: ObjectStore, archive: Archive, requests: Requests, days: int
) -> None:
    for vehicle in range(20):
        archive.put(f"V{vehicle:02}/v1/20261123T101500Z/a.dlt")
    assert batches(adopted(store, archive)) == {"new": 20}
    requests()
    again = adopted(store, archive, now=NOW + timedelta(days=days))
    assert (batches(again), again.written) == ({"there already": 20}, 0)
    assert {operation for operation, _ in requests()} == {"ListObjectsV2"}
    assert sum(1 for _ in store.list("incoming/")) == 20


def test_what_came_since_is_adopted_and_no_more(store: ObjectStore, archive: Archive) -> None:
    archive.put(f"{DRIVE}/a.dlt")
    adopted(store, archive)
    archive.put("V2/v1/20261124T000000Z/a.dlt")
    found = adopted(store, archive)
    assert (batches(found), found.written) == ({"new": 1, "there already": 1}, 1)


def test_a_batch_that_has_grown_is_said_and_gets_a_new_manifest_on_request(
    store: ObjectStore, archive: Archive
) -> None:
    archive.put(f"{DRIVE}/a.dlt")
    adopted(store, archive)
    before, key = the_manifest(store)
    archive.put(f"{DRIVE}/b.dlt")
    found = adopted(store, archive)
    assert (batches(found), found.written) == ({"changed since": 1}, 0)
    assert found.changed.first == [f"{before.batch}: 1 file more"]
    assert the_manifest(store)[0] == before
    assert adopted(store, archive, update=True).written == 1
    after, same_key = the_manifest(store)
    assert (after.batch, same_key) == (before.batch, key)
    assert [file.name for file in after.files] == ["a.dlt", "b.dlt"]
    assert list(list_retries(store)) == [], "the upload sensor sees it"
    assert batches(adopted(store, archive)) == {"there already": 1}


def test_a_batch_that_grew_by_an_earlier_recording_keeps_its_id(
    store: ObjectStore, archive: Archive
) -> None:
    pattern = Pattern("{vehicle}/{batch}/{time:%Y%m%dT%H%M%S}_{file}")
    options = BatchOptions(platform="J7", firmware="v1")
    archive.put("V1/d1/20261123T120000_a.dlt")
    adopted(store, archive, pattern, options)
    before, _ = the_manifest(store)
    archive.put("V1/d1/20261123T110000_b.dlt")
    found = adopted(store, archive, pattern, options, update=True)
    assert batches(found) == {"changed since": 1}
    after, _ = the_manifest(store)
    assert (after.batch, after.created) == (before.batch, before.created)
    assert len(after.files) == 2


def test_a_new_manifest_where_the_sensor_no_longer_looks_is_asked_a_run_for(
    store: ObjectStore, archive: Archive
) -> None:
    long_ago = NOW - timedelta(days=30)
    archive.put(f"{DRIVE}/a.dlt")
    adopted(store, archive, now=long_ago)
    archive.put(f"{DRIVE}/b.dlt")
    assert adopted(store, archive, update=True).written == 1
    manifest, _ = the_manifest(store, long_ago.date())
    assert len(manifest.files) == 2
    assert [retry.batch for retry in list_retries(store)] == [manifest.batch]


def test_what_a_person_added_to_a_manifest_stays_and_is_no_change(
    store: ObjectStore, archive: Archive
) -> None:
    archive.put(f"{DRIVE}/a.dlt")
    adopted(store, archive)
    manifest, key = the_manifest(store)
    store.put(key, replace(manifest, unknown={"seen_by": "me"}).to_json())
    assert batches(adopted(store, archive)) == {"there already": 1}
    archive.put(f"{DRIVE}/b.dlt")
    adopted(store, archive, update=True)
    assert the_manifest(store)[0].unknown == {"seen_by": "me"}
    store.put(key, replace(the_manifest(store)[0], firmware="v9").to_json())
    assert adopted(store, archive).changed.first[0].endswith(": firmware v9 is now v2.3.1")


def test_a_manifest_that_cannot_be_read_is_said_and_replaced_on_request(
    store: ObjectStore, archive: Archive
) -> None:
    archive.put(f"{DRIVE}/a.dlt")
    adopted(store, archive)
    manifest, key = the_manifest(store)
    store.put(key, b"{")
    assert "is not JSON" in adopted(store, archive).changed.first[0]
    adopted(store, archive, update=True)
    assert the_manifest(store)[0] == manifest


def test_a_limit_takes_the_oldest_first_and_the_next_call_goes_on(
    store: ObjectStore, archive: Archive
) -> None:
    for day in (3, 1, 2):
        archive.put(f"V{day}/v1/2026110{day}T000000Z/a.dlt")
    first = adopted(store, archive, limit=2)
    assert batches(first) == {"new": 2, "left for another time": 1}
    assert the_vehicles(store) == ["V1", "V2"]
    assert batches(adopted(store, archive, limit=2)) == {"new": 1, "there already": 2}
    assert the_vehicles(store) == ["V1", "V2", "V3"]


def the_vehicles(store: ObjectStore) -> list[str]:
    found = [read_candidate(store, folder) for folder in list_folders(store, [TODAY])]
    return sorted(one.manifest.vehicle for one in found if one and one.manifest)


def test_what_cannot_be_adopted_is_counted_and_named_and_holds_up_no_other(
    store: ObjectStore, archive: Archive
) -> None:
    for key in (
        f"{DRIVE}/ECU 1.dlt",
        "readme.txt",
        f"{DRIVE}/deeper/a.dlt",
        "V1/v1/20261399T000000Z/a.dlt",
        f"{DRIVE}/manifest.json",
        "V3/v1/20261101T000000Z/only.odvd",
        "V4/v1/20261101T000000Z/a b.dlt",
        "V4/v1/20261101T000000Z/a+b.dlt",
    ):
        archive.put(key)
    found = adopted(store, archive)
    assert batches(found) == {"new": 1, "refused": 2}
    assert not found.is_whole
    survey = found.survey
    assert survey.keys == 8
    assert survey.unmatched.first == [
        f"'{DRIVE}/deeper/a.dlt' goes on behind the end of the pattern",
        "'readme.txt' does not fit '/'",
    ]
    assert survey.renamed.count == 3
    assert survey.renamed.first[0].endswith(f"{DRIVE}/ECU 1.dlt' as ECU_1.dlt")
    [name, time] = sorted(survey.refused.first)
    assert "manifest.json is what the manifest itself is called" in name
    assert "V1/v1/20261399T000000Z/a.dlt': there is no time '2026 13 99 00 00 00'" in time
    assert any("names no recording" in text for text in found.refused.first)
    assert any("would both be called 'a_b.dlt'" in text for text in found.refused.first)


def test_samples_are_bounded_and_counts_are_not(store: ObjectStore, archive: Archive) -> None:
    archive.put(f"{DRIVE}/a.dlt")
    for number in range(15):
        archive.put(f"note-{number:02}.txt")
    unmatched = adopted(store, archive).survey.unmatched
    assert (unmatched.count, len(unmatched.first)) == (15, 10)


def test_a_batch_that_looks_adopted_by_another_pattern_is_named(
    store: ObjectStore, archive: Archive
) -> None:
    archive.put(f"{DRIVE}/a.dlt")
    adopted(store, archive)
    manifest, _ = the_manifest(store)
    other = Pattern("{vehicle}/{any}/{time:%Y%m%dT%H%M%SZ}/{file}")
    options = replace(J7, firmware="v2")
    found = adopted(store, archive, other, options, write=False)
    assert (found.alike.count, found.alike.first) == (1, [manifest.batch])
    assert adopted(store, archive, write=False).alike.count == 0


def test_an_archive_in_which_nothing_is_or_nothing_fits_is_an_error(
    store: ObjectStore, archive: Archive
) -> None:
    with pytest.raises(BadInput, match="there is nothing"):
        adopted(store, archive)
    archive.put("V1/2026-11-23/a.dlt")
    with pytest.raises(BadInput, match=r"none of 1 keys fits .*does not fit '\{time:"):
        adopted(store, archive)


def test_a_bucket_that_is_not_there_is_one_clear_error(store: ObjectStore) -> None:
    with pytest.raises(ArgusError, match=r"absent-bucket/.*NoSuchBucket.*s3:ListBucket"):
        adopt(store, Address("absent-bucket", ""), PATTERN, J7, write=False)


def test_a_manifest_that_came_in_between_is_left_alone(
    store: ObjectStore, archive: Archive, monkeypatch: pytest.MonkeyPatch
) -> None:
    archive.put(f"{DRIVE}/a.dlt")
    adopted(store, archive)
    manifest, key = the_manifest(store)
    store.put(key, replace(manifest, platform="K5").to_json())
    from argus_pipeline.adopt import adopting
    from argus_pipeline.adopt.survey import Sample

    monkeypatch.setattr(adopting, "note_known", lambda *_: Sample())
    assert adopted(store, archive).written == 0
    assert the_manifest(store)[0].platform == "K5"


def test_an_archive_may_be_a_folder_of_arguss_own_bucket(store_settings, archive: Archive) -> None:
    own = replace(
        store_settings, archive_buckets=(f"{store_settings.s3_bucket}/{archive.folder.key}",)
    )
    store = ObjectStore(own)
    inside = Archive(store.elsewhere(store.bucket))
    inside.folder = Address(store.bucket, archive.folder.key)
    inside.put(f"{DRIVE}/a.dlt")
    adopted(store, inside)
    manifest, key = the_manifest(store)
    assert verify(store, manifest, key) == []


def test_a_killed_call_is_gone_on_with(
    store: ObjectStore, archive: Archive, monkeypatch: pytest.MonkeyPatch
) -> None:
    for number in range(10):
        archive.put(f"V{number}/v1/20261101T000000Z/a.dlt")
    put, left = ObjectStore.put, [4]

    def failing(self: ObjectStore, key: str, data: bytes, **how: bool) -> str:
        left[0] -= 1
        if left[0] < 0:
            raise KeyboardInterrupt
        return put(self, key, data, **how)

    with monkeypatch.context() as broken:
        broken.setattr(ObjectStore, "put", failing)
        with pytest.raises(KeyboardInterrupt):
            adopted(store, archive)
    there = sum(1 for _ in store.list("incoming/"))
    assert 0 < there < 10
    assert batches(adopted(store, archive)) == {"new": 10 - there, "there already": there}


def test_a_folder_without_a_manifest_is_no_known_batch(
    store: ObjectStore, archive: Archive
) -> None:
    archive.put(f"{DRIVE}/a.dlt")
    dry = adopted(store, archive, write=False)
    folder = Folder(TODAY, dry.examples[0].batch)
    store.put(f"{keys.incoming(folder.day, folder.name)}stray", b"x")
    assert adopted(store, archive).written == 1


def test_nothing_is_left_on_this_machine(
    store: ObjectStore, archive: Archive, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    for name in ("TMPDIR", "SQLITE_TMPDIR"):
        monkeypatch.setenv(name, str(tmp_path))
    for number in range(20):
        archive.put(f"V{number}/v1/20261101T000000Z/a.dlt")
    adopted(store, archive)
    assert list(tmp_path.iterdir()) == []
    shutil.rmtree(tmp_path)
