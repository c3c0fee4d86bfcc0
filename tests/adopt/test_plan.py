"""What becomes of keys that say the same."""

from __future__ import annotations

import re
from datetime import UTC, datetime, timedelta

import pytest
from hypothesis import given
from hypothesis import strategies as st

from argus_pipeline.adopt.pattern import KeyFacts, Pattern
from argus_pipeline.adopt.plan import (
    FoundFile,
    batch_id,
    differences,
    file_name,
    found_file,
    group_in_id,
    group_of,
    make_manifest,
    missing_fields,
    without_digest,
)
from argus_pipeline.batches.manifest import BatchFile, parse_manifest
from argus_pipeline.batches.names import is_safe_name
from argus_pipeline.errors import BadInput
from argus_pipeline.storage.archives import Address
from argus_pipeline.storage.object_store import ObjectInfo
from argus_pipeline.upload.options import BatchOptions
from argus_pipeline.upload.plan import time_in_id

TIME = datetime(2026, 11, 23, 10, 15, tzinfo=UTC)
ARCHIVE = Address("archive", "logs/")
J7 = BatchOptions(platform="J7", priority="P2")
PATTERN = Pattern("{vehicle}/{firmware}/{time:%Y%m%dT%H%M%SZ}/{file}")
VEHICLES = st.text("ABC019._-", min_size=1, max_size=128).filter(is_safe_name)


def found(key: str, options: BatchOptions = J7, pattern: Pattern = PATTERN, **info) -> FoundFile:
    facts = pattern.read(key)
    assert facts is not None
    told = {"size": 10, "etag": "e1", "modified": TIME, **info}
    return found_file(ObjectInfo(f"{ARCHIVE.key}{key}", **told), facts, options, ARCHIVE)


def test_the_keys_of_a_folder_become_one_batch_whose_files_stay_there() -> None:
    files = [found(f"V1/v2/20261123T101500Z/{name}") for name in ("b.rec", "a.dlt", "c.odvd")]
    manifest = make_manifest(files, J7, "archive")
    assert re.fullmatch(r"20261123T101500Z-V1-[0-9a-f]{12}", manifest.batch)
    assert (manifest.vehicle, manifest.platform, manifest.firmware) == ("V1", "J7", "v2")
    assert (manifest.created, manifest.priority) == (TIME, "P2")
    folder = "s3://archive/logs/V1/v2/20261123T101500Z"
    assert manifest.files[0] == BatchFile("a.dlt", 10, None, f"{folder}/a.dlt", "e1")
    assert [file.name for file in manifest.recordings] == ["a.dlt", "b.rec"]
    assert [file.name for file in manifest.specifications] == ["c.odvd"]
    assert parse_manifest(manifest.to_json(), key="k") == manifest


@given(VEHICLES, st.datetimes(timezones=st.just(UTC)), st.text())
def test_an_id_is_a_safe_name_that_says_its_time_and_is_told_from_others(
    vehicle: str, time: datetime, place: str
) -> None:
    group = group_of(vehicle, place)
    batch = batch_id(time, group)
    assert is_safe_name(batch)
    assert time_in_id(batch) == time.replace(microsecond=0)
    assert group_in_id(batch) == group
    assert without_digest(batch_id(time, group_of(vehicle, f"{place}!"))) == without_digest(batch)
    assert group_of(vehicle, f"{place}!") != group


def test_ids_of_uploads_are_none_of_adopted_batches() -> None:
    for batch in ("20261123T101500Z-V1-7f3a", "bench-1", "20261123T101500Z-0123456789ab"):
        assert group_in_id(batch) is None


def test_the_id_follows_from_the_key_and_not_from_how_folder_and_pattern_share_it() -> None:
    deeper = Pattern("logs/{vehicle}/{firmware}/{time:%Y%m%dT%H%M%SZ}/{file}")
    key = "logs/V1/v2/20261123T101500Z/a.dlt"
    facts = deeper.read(key)
    assert facts is not None
    info = ObjectInfo(key, 10, "e1", TIME)
    whole = found_file(info, facts, J7, Address("archive", ""))
    assert whole == found("V1/v2/20261123T101500Z/a.dlt")
    other = found_file(info, facts, J7, Address("another", ""))
    assert other.group != whole.group


@pytest.mark.parametrize(
    ("name", "called"),
    [
        ("ecu1.dlt", "ecu1.dlt"),
        ("ECU 1 (front).dlt", "ECU_1__front_.dlt"),
        ("ecu1/left/log.dlt", "ecu1_left_log.dlt"),
        ("Tür,links.rec", "T_r_links.rec"),
    ],
)
def test_a_name_that_is_not_safe_is_called_otherwise(name: str, called: str) -> None:
    assert file_name(name) == called


@given(st.text(min_size=1))
def test_every_name_becomes_a_safe_one_or_is_refused(name: str) -> None:
    try:
        called = file_name(name)
    except BadInput:
        return
    assert is_safe_name(called)
    assert called != "manifest.json"


@pytest.mark.parametrize("name", ["manifest.json", "x" * 129, "..", "."])
def test_a_name_that_a_batch_cannot_have_is_refused(name: str) -> None:
    with pytest.raises(BadInput):
        file_name(name)


def test_two_keys_that_claim_one_name_are_named() -> None:
    files = [found(f"V1/v2/20261123T101500Z/{name}") for name in ("a b.dlt", "a,b.dlt")]
    with pytest.raises(BadInput, match=r"a b\.dlt' and .*a,b\.dlt' would both be called 'a_b.dlt'"):
        make_manifest(files, J7, "archive")


def test_keys_of_a_batch_that_contradict_each_other_are_named() -> None:
    pattern = Pattern("{vehicle}/{batch}/{firmware}/{time:%Y%m%d}_{file}")
    files = [
        found(f"V1/d1/{firmware}/20261123_{firmware}.dlt", pattern=pattern)
        for firmware in ("v1", "v2")
    ]
    with pytest.raises(BadInput, match=r"says that the firmware is 'v1'.*'v2'"):
        make_manifest(files, J7, "archive")


def test_a_batch_without_a_recording_is_refused_and_not_told_to_mend_a_manifest() -> None:
    with pytest.raises(BadInput, match="names no recording") as raised:
        make_manifest([found("V1/v2/20261123T101500Z/a.odvd")], J7, "archive")
    assert "Mend" not in str(raised.value)


def test_the_earliest_time_is_that_of_the_batch_and_a_known_batch_keeps_its_id() -> None:
    pattern = Pattern("{vehicle}/{batch}/{time:%Y%m%dT%H%M%S}_{file}")
    options = BatchOptions(platform="J7", firmware="v1")
    files = [
        found(f"V1/d1/20261123T{hour}0000_{hour}.dlt", options, pattern) for hour in ("12", "11")
    ]
    manifest = make_manifest(files, options, "archive")
    assert manifest.batch.startswith("20261123T110000Z-V1-")
    assert make_manifest(files, options, "archive", "known").batch == "known"


def test_a_key_that_no_manifest_can_name_is_refused() -> None:
    facts = KeyFacts({"vehicle": "V1", "firmware": "v1"}, TIME, "a.dlt", "p")
    for key in ("logs/a//a.dlt", "logs/../a.dlt", "logs/a\n.dlt", "x" * 1025):
        with pytest.raises(BadInput, match="cannot name this key"):
            found_file(ObjectInfo(key, 1, "e", TIME), facts, J7, ARCHIVE)
    with pytest.raises(BadInput, match="without an ETag"):
        found_file(ObjectInfo("logs/a.dlt", 1, "", TIME), facts, J7, ARCHIVE)


def test_what_neither_the_pattern_nor_an_option_says_is_missing() -> None:
    assert list(missing_fields(("vehicle",), BatchOptions(firmware="v1"))) == ["platform"]
    assert not missing_fields(("vehicle", "firmware"), J7)
    with pytest.raises(BadInput, match=r"--platform says what the pattern's \{platform\} says"):
        missing_fields(("platform",), J7)
    with pytest.raises(BadInput, match="--campaign"):
        missing_fields(("vehicle", "firmware"), BatchOptions(platform="J7", campaign="a b"))
    with pytest.raises(BadInput, match="--priority"):
        missing_fields(("vehicle", "firmware"), BatchOptions(platform="J7", priority="P9"))


def test_differences_are_said_in_words() -> None:
    folder = "V1/v2/20261123T101500Z"
    old = make_manifest([found(f"{folder}/{n}.dlt") for n in "abc"], J7, "archive")
    files = [found(f"{folder}/{n}.dlt", etag="e2" if n == "b" else "e1") for n in "bcde"]
    new = make_manifest(files, BatchOptions(platform="K5", priority="P2"), "archive")
    assert differences(old, old) == ""
    assert differences(old, new) == (
        "2 files more, 1 file fewer, 1 file changed, platform J7 is now K5"
    )


def test_a_batch_of_another_time_in_the_same_folder_is_another_batch() -> None:
    pattern = Pattern("{vehicle}_{firmware}_{time:%Y%m%dT%H%M%SZ}_{file}")
    groups = {
        found(f"V1_v2_{TIME + timedelta(seconds=n):%Y%m%dT%H%M%SZ}_a.dlt", pattern=pattern).group
        for n in range(3)
    }
    assert len(groups) == 3
