"""The manifest: what it has to hold, and what is said of one that does not."""

from __future__ import annotations

import contextlib
import json
from datetime import UTC, datetime, timedelta, timezone
from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st

from argus_pipeline.batches.manifest import (
    MAX_MANIFEST_BYTES,
    BadManifest,
    BatchFile,
    Manifest,
    parse_manifest,
)
from argus_pipeline.batches.names import is_safe_name

KEY = "incoming/2026/11/23/b1/manifest.json"
SHA = "0" * 63 + "a"
GOOD: dict[str, Any] = {
    "schema": 1,
    "batch": "b1",
    "vehicle": "LFV3A23C0K3000001",
    "platform": "J7",
    "firmware": "v2.3.1",
    "created": "2026-11-23T10:15:00Z",
    "files": [{"name": "ecu1.dlt", "size": 4, "sha256": SHA}],
}

NAMES = st.text("abcXYZ019._-", min_size=1, max_size=30).filter(is_safe_name)
FILE_NAMES = NAMES.filter(lambda name: name != "manifest.json")
SIZES = st.integers(0, 2**50)
HASHES = st.text("0123456789abcdef", min_size=64, max_size=64)
SOURCES = st.builds("s3://archive/{}/{}".format, NAMES, NAMES)
ETAGS = st.from_regex(r"[!#-~]{1,40}", fullmatch=True)
FILES = st.lists(
    st.builds(BatchFile, FILE_NAMES, SIZES, HASHES)
    | st.builds(BatchFile, FILE_NAMES, SIZES, st.none(), SOURCES, ETAGS)
    | st.builds(BatchFile, FILE_NAMES, SIZES, HASHES, SOURCES, st.none() | ETAGS),
    min_size=1,
    max_size=5,
    unique_by=lambda file: file.name,
).filter(lambda files: any(file.is_recording for file in files))
MANIFESTS = st.builds(
    Manifest,
    batch=NAMES,
    vehicle=NAMES,
    platform=NAMES,
    firmware=NAMES,
    created=st.datetimes(timezones=st.just(UTC)),
    files=FILES.map(tuple),
    firmware_from=st.none() | NAMES,
    campaign=st.none() | NAMES,
    priority=st.sampled_from(["P0", "P1", "P2"]),
    tags=st.dictionaries(st.text(), st.text()),
    unknown=st.dictionaries(
        st.from_regex(r"x_[a-z]{1,5}", fullmatch=True), st.integers() | st.text() | st.booleans()
    ),
)


def parse(content: Any, **options: Any) -> Manifest:
    data = content if isinstance(content, bytes) else json.dumps(content).encode()
    return parse_manifest(data, key=KEY, **options)


def without(field: str) -> dict[str, Any]:
    return {name: value for name, value in GOOD.items() if name != field}


def with_file(**changes: Any) -> dict[str, Any]:
    return {**GOOD, "files": [{**GOOD["files"][0], **changes}]}


def test_the_required_fields_are_enough() -> None:
    manifest = parse(GOOD, batch="b1")
    assert manifest.files == (BatchFile("ecu1.dlt", 4, SHA),)
    assert manifest.created == datetime(2026, 11, 23, 10, 15, tzinfo=UTC)
    assert (manifest.priority, manifest.firmware_from, manifest.campaign) == ("P1", None, None)
    assert manifest.tags == {}


@given(MANIFESTS)
def test_a_manifest_reads_back_as_it_was_written(manifest: Manifest) -> None:
    data = manifest.to_json()
    assert parse_manifest(data, key=KEY, batch=manifest.batch) == manifest
    assert parse_manifest(data, key=KEY).to_json() == data


@given(st.binary())
def test_bytes_that_are_no_manifest_are_refused_and_nothing_else_happens(data: bytes) -> None:
    with pytest.raises(BadManifest):
        parse(data)


@given(st.sampled_from([*GOOD, "priority", "tags", "campaign", "firmware_from"]), st.data())
def test_a_field_of_any_other_kind_is_refused_or_read(field: str, data: st.DataObject) -> None:
    anything = st.recursive(
        st.none() | st.booleans() | st.integers() | st.floats(allow_nan=False) | st.text(),
        lambda inner: st.lists(inner) | st.dictionaries(st.text(), inner),
        max_leaves=5,
    )
    with contextlib.suppress(BadManifest):
        parse({**GOOD, field: data.draw(anything)}).to_json()


@pytest.mark.parametrize("field", list(GOOD))
def test_a_missing_or_empty_required_field_is_named(field: str) -> None:
    for content in (without(field), {**GOOD, field: None}):
        with pytest.raises(BadManifest, match=f"lacks the field '{field}'"):
            parse(content)


@pytest.mark.parametrize("field", ["batch", "vehicle", "platform", "firmware"])
@pytest.mark.parametrize("value", ["", "a/b", "..", "a,b", 7, ["a"], {}])
def test_an_unsafe_name_is_refused_by_its_field(field: str, value: Any) -> None:
    with pytest.raises(BadManifest, match=f"field '{field}'"):
        parse({**GOOD, field: value})


@pytest.mark.parametrize("field", ["firmware_from", "campaign"])
def test_an_optional_name_is_checked_where_it_is_there(field: str) -> None:
    assert getattr(parse({**GOOD, field: None}), field) is None
    with pytest.raises(BadManifest, match=f"field '{field}' is 'a b'"):
        parse({**GOOD, field: "a b"})


@pytest.mark.parametrize("schema", [0, 2, "1", True, 1.5])
def test_another_schema_is_refused(schema: Any) -> None:
    with pytest.raises(BadManifest, match="field 'schema'"):
        parse({**GOOD, "schema": schema})


@pytest.mark.parametrize("priority", ["P3", "p0", "", 0, ["P0"]])
def test_an_unknown_priority_is_refused(priority: Any) -> None:
    with pytest.raises(BadManifest, match="field 'priority'"):
        parse({**GOOD, "priority": priority})


@pytest.mark.parametrize(
    "created",
    [
        "yesterday",
        "",
        "2026-11-23T10:15:00",
        "2026-13-01T00:00:00Z",
        "0001-01-01T00:00:00+08:00",
        1_763_892_900,
        [],
    ],
)
def test_a_time_that_is_none_or_has_no_zone_is_refused(created: Any) -> None:
    with pytest.raises(BadManifest, match="field 'created'"):
        parse({**GOOD, "created": created})


def test_a_time_of_another_zone_is_read_as_utc() -> None:
    created = parse({**GOOD, "created": "2026-11-23T18:15:00+08:00"}).created
    assert created == datetime(2026, 11, 23, 18, 15, tzinfo=timezone(timedelta(hours=8)))
    assert created.tzinfo == UTC


@pytest.mark.parametrize("files", ["ecu1.dlt", {}, 7])
def test_files_that_are_no_list_are_refused(files: Any) -> None:
    with pytest.raises(BadManifest, match="field 'files'"):
        parse({**GOOD, "files": files})


def test_an_empty_batch_is_refused() -> None:
    with pytest.raises(BadManifest, match="names no recording"):
        parse({**GOOD, "files": []})


@pytest.mark.parametrize("name", ["vehicle.odvd", "ecu.fibex", "ecu.xml"])
def test_a_batch_of_specifications_only_is_refused(name: str) -> None:
    with pytest.raises(BadManifest, match=r"names no recording .*not \.odvd, \.fibex or \.xml"):
        parse(with_file(name=name))


def test_specifications_are_told_from_recordings() -> None:
    files = [*GOOD["files"], {"name": "vehicle.odvd", "size": 1, "sha256": SHA}]
    manifest = parse({**GOOD, "files": files})
    assert [f.name for f in manifest.recordings] == ["ecu1.dlt"]
    assert [f.name for f in manifest.specifications] == ["vehicle.odvd"]


def test_catalogues_are_told_from_recordings() -> None:
    names = ["ecu.fibex", "ecu.fibex.xml", "ECU.XML", "ecu.arxml", "ecu.xml.gz", "xml"]
    files = [*GOOD["files"], *({"name": n, "size": 1, "sha256": SHA} for n in names)]
    manifest = parse({**GOOD, "files": files})
    assert [f.name for f in manifest.catalogues] == names[:3]
    assert [f.name for f in manifest.recordings] == ["ecu1.dlt", *names[3:]]
    assert manifest.specifications == ()


def test_a_file_that_is_there_twice_is_refused_by_name() -> None:
    with pytest.raises(BadManifest, match=r"names the file 'ecu1\.dlt' twice"):
        parse({**GOOD, "files": GOOD["files"] * 2})


@pytest.mark.parametrize("name", [None, "", "..", "a/b.dlt", "manifest.json", 7, "a,b"])
def test_a_bad_file_name_is_refused(name: Any) -> None:
    with pytest.raises(BadManifest, match=r"field 'files\[0\]\.name'"):
        parse(with_file(name=name))


@pytest.mark.parametrize("size", [None, -1, "4", 4.0, True, 2**63])
def test_a_bad_file_size_is_refused(size: Any) -> None:
    with pytest.raises(BadManifest, match=r"field 'files\[0\]\.size'"):
        parse(with_file(size=size))


@pytest.mark.parametrize("sha256", [None, "", SHA[:-1], SHA + "0", "g" * 64, 7])
def test_a_bad_file_hash_is_refused(sha256: Any) -> None:
    with pytest.raises(BadManifest, match=r"field 'files\[0\]\.sha256'"):
        parse(with_file(sha256=sha256))


def test_a_hash_in_capitals_is_the_same_hash() -> None:
    assert parse(with_file(sha256=SHA.upper())).files[0].sha256 == SHA


def test_a_file_that_is_no_object_is_refused() -> None:
    with pytest.raises(BadManifest, match=r"field 'files\[0\]' is 'ecu1\.dlt'"):
        parse({**GOOD, "files": ["ecu1.dlt"]})


@pytest.mark.parametrize("tags", ["a", ["a"], {"a": 1}, {"a": None}])
def test_tags_that_are_no_texts_are_refused(tags: Any) -> None:
    with pytest.raises(BadManifest, match="field 'tags'"):
        parse({**GOOD, "tags": tags})


@pytest.mark.parametrize("field", ["tags", "operator"])
def test_half_a_surrogate_pair_is_refused_for_no_utf8_can_hold_it(field: str) -> None:
    with pytest.raises(BadManifest, match=f"field '{field}' has half a surrogate pair"):
        parse({**GOOD, field: {"a": "\ud800"}})


SOURCE = "s3://archive/logs/ecu1.dlt"


def test_a_file_may_lie_elsewhere_and_be_known_by_its_etag() -> None:
    adopted = with_file(sha256=None, source=SOURCE, etag="5d41-2")
    [file] = parse(adopted).files
    assert file == BatchFile("ecu1.dlt", 4, None, SOURCE, "5d41-2")
    assert file.identity == f"etag:5d41-2 {SOURCE}"
    assert json.loads(parse(adopted).to_json())["files"] == [
        {"name": "ecu1.dlt", "size": 4, "source": SOURCE, "etag": "5d41-2"}
    ]
    [with_both] = parse(with_file(source=SOURCE, etag="5d41-2")).files
    assert with_both.identity == SHA
    [by_hash] = parse(with_file(source=SOURCE)).files
    assert (by_hash.sha256, by_hash.etag) == (SHA, None)


def test_an_etag_without_a_source_is_not_looked_at() -> None:
    assert parse(with_file(etag=7)).files == (BatchFile("ecu1.dlt", 4, SHA),)
    with pytest.raises(BadManifest, match="sha256' is None"):
        parse(with_file(sha256=None, etag="5d41"))


@pytest.mark.parametrize(
    "source", ["", 7, [], "logs/a", "http://a/b", "s3://archive", "s3://archive/../argus/x"]
)
def test_a_source_that_is_no_address_is_refused_by_its_field(source: Any) -> None:
    with pytest.raises(BadManifest, match=r"field 'files\[0\].source' is .*s3://bucket/key"):
        parse(with_file(source=source, etag="e"))


@pytest.mark.parametrize("etag", ["", 7, 'a"b', "a b", "a\n", "ü", "x" * 257])
def test_an_etag_that_is_none_is_refused_by_its_field(etag: Any) -> None:
    with pytest.raises(BadManifest, match=r"field 'files\[0\].etag'"):
        parse(with_file(sha256=None, source=SOURCE, etag=etag))


def test_a_source_with_neither_etag_nor_hash_is_refused() -> None:
    with pytest.raises(BadManifest, match=r"files\[0\].sha256' is None"):
        parse(with_file(sha256=None, source=SOURCE))


def test_unknown_fields_are_kept() -> None:
    manifest = parse({**GOOD, "operator": {"name": "x"}, "unknown": 1})
    assert manifest.unknown == {"operator": {"name": "x"}, "unknown": 1}
    assert json.loads(manifest.to_json())["operator"] == {"name": "x"}


def test_the_batch_has_to_be_that_of_the_key() -> None:
    with pytest.raises(BadManifest, match=r"field 'batch' is 'b1' .*'b2', as its key says"):
        parse(GOOD, batch="b2")


@pytest.mark.parametrize(
    ("data", "message"),
    [
        (b"", "is not JSON at byte 0"),
        (b"{", "is not JSON"),
        (b"[]", "is a JSON list"),
        (b"null", "is a JSON NoneType"),
        (b"\xff\xfe", "is not UTF-8 at byte 0"),
        (b'{"schema": ' + b"1" * 5_000 + b"}", "cannot be read"),
        (b"[" * 200_000, "is nested too deeply|is not JSON"),
    ],
)
def test_what_is_no_json_object_is_said_so(data: bytes, message: str) -> None:
    with pytest.raises(BadManifest, match=message):
        parse(data)


def test_a_byte_order_mark_does_no_harm() -> None:
    assert parse(b"\xef\xbb\xbf" + json.dumps(GOOD).encode()).batch == "b1"


def test_a_manifest_beyond_all_measure_is_not_read() -> None:
    with pytest.raises(BadManifest, match="at most"):
        parse(b" " * (MAX_MANIFEST_BYTES + 1))
