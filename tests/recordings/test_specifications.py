"""What a recording is read with, and what happens to bad files."""

from __future__ import annotations

import hashlib
from datetime import UTC, datetime
from pathlib import Path

import pytest

from argus_pipeline.batches.manifest import BatchFile, Manifest
from argus_pipeline.errors import BadInput
from argus_pipeline.recordings.fibex import MAX_CATALOGUE_BYTES
from argus_pipeline.recordings.specifications import (
    SpecificationText,
    load_specifications,
    merge_specifications,
    specification_files,
)
from argus_pipeline.storage import keys
from argus_pipeline.storage.object_store import ObjectStore

ONE = b"message A [id = 1] { uint8 a [id = 1]; }"
OTHER = b"message A [id = 1] { uint16 a [id = 1]; } message B [id = 2] { }"
_FRAME = '<FRAME ID="ID_%d"><SHORT-NAME>M</SHORT-NAME><PDU-INSTANCES><PDU-INSTANCE>' + (
    '<PDU-REF ID-REF="p"/></PDU-INSTANCE></PDU-INSTANCES></FRAME>'
)
CATALOGUE = (
    '<FIBEX><PDU ID="p"><DESC>text</DESC></PDU>'
    + "".join(_FRAME % number for number in range(30))
    + "</FIBEX>"
).encode()


def test_the_earlier_specification_wins_and_the_conflict_is_named() -> None:
    merged = merge_specifications(
        [SpecificationText("own.odvd", ONE), SpecificationText("schemas/b.odvd", OTHER)]
    )
    assert merged.specification is not None
    assert merged.specification.messages == [(1, "A"), (2, "B")]
    [warning] = merged.warnings
    assert "schemas/b.odvd" in warning
    assert "'A' (id 1)" in warning


def test_a_broken_specification_is_a_warning_with_line_and_column() -> None:
    merged = merge_specifications(
        [
            SpecificationText("bad.odvd", b"message\n[id]"),
            SpecificationText("latin.odvd", b"// \xe4"),
            SpecificationText("huge.odvd", None),
            SpecificationText("good.odvd", ONE),
        ]
    )
    assert merged.sources == ("good.odvd",)
    assert [w.partition(": ")[2].partition(" ")[0] for w in merged.warnings] == [
        "bad.odvd:2:1:",
        "latin.odvd:",
        "huge.odvd:",
    ]


def test_the_digest_tells_any_change_of_name_content_or_order() -> None:
    a, b = SpecificationText("a", ONE), SpecificationText("b", OTHER)
    digests = {
        merge_specifications(texts).rec_digest
        for texts in ([], [a], [b], [a, b], [b, a], [SpecificationText("c", ONE)])
    }
    assert len(digests) == 6
    assert merge_specifications([a, b]).rec_digest == merge_specifications([a, b]).rec_digest


def test_a_format_depends_on_its_own_kind_of_file_only() -> None:
    odvd, fibex = SpecificationText("a", ONE), SpecificationText("a", CATALOGUE)
    nothing = merge_specifications([])
    other_odvd = merge_specifications([odvd])
    other_fibex = merge_specifications([], [fibex])
    assert nothing.digest("dlt") == other_odvd.digest("dlt") != other_fibex.digest("dlt")
    assert nothing.digest("rec") == other_fibex.digest("rec") != other_odvd.digest("rec")
    for unread in (None, "blf"):
        assert {s.digest(unread) for s in (nothing, other_odvd, other_fibex)} == {""}


def test_the_earlier_catalogue_wins_and_the_conflicts_are_named() -> None:
    changed = CATALOGUE.replace(b"text", b"other text")
    texts = [SpecificationText("own.xml", CATALOGUE), SpecificationText("schemas/b.xml", changed)]
    merged = merge_specifications([], texts)
    assert merged.catalogue is not None
    assert len(merged.catalogue) == 30
    assert merged.catalogue_sources == ("own.xml", "schemas/b.xml")
    assert len(merged.catalogue_warnings) == 21
    assert (
        "schemas/b.xml: message 'M' (id 0) is left out: an earlier catalogue has another"
        in (merged.catalogue_warnings[0])
    )
    assert "10 more messages are left out" in merged.catalogue_warnings[-1]
    assert (merged.specification, merged.warnings) == (None, ())


def test_a_broken_catalogue_is_a_warning_with_its_place() -> None:
    merged = merge_specifications(
        [],
        [
            SpecificationText("ar.xml", b"<AUTOSAR/>"),
            SpecificationText("torn.xml", CATALOGUE[:-20]),
            SpecificationText("huge.xml", None),
            SpecificationText("good.xml", CATALOGUE),
        ],
    )
    assert merged.catalogue_sources == ("good.xml",)
    ar, torn, huge = merged.catalogue_warnings
    assert ar.startswith("catalogue not used: ar.xml: is an AUTOSAR description (ARXML)")
    assert torn.startswith("catalogue not used: torn.xml:1:")
    assert huge.startswith("catalogue not used: huge.xml: larger than")


def test_a_local_file_that_is_no_specification_is_an_error(tmp_path: Path) -> None:
    (tmp_path / "bad.odvd").write_text("message")
    with pytest.raises(BadInput, match=r"bad.odvd:1:8: found the end of the file"):
        specification_files([tmp_path / "bad.odvd"])
    with pytest.raises(BadInput, match="No such file"):
        specification_files([tmp_path / "missing.odvd"])


def test_a_local_file_that_is_no_catalogue_is_an_error(tmp_path: Path) -> None:
    (tmp_path / "bad.xml").write_text("<FIBEX>")
    with pytest.raises(BadInput, match=r"bad.xml:1:8: not well-formed XML"):
        specification_files([], [tmp_path / "bad.xml"])
    with pytest.raises(BadInput, match="No such file"):
        specification_files([], [tmp_path / "missing.xml"])


def test_a_batchs_own_specifications_come_before_the_common_ones(
    object_store: ObjectStore,
) -> None:
    object_store.put("incoming/2026/11/23/b/own.odvd", ONE)
    object_store.put(f"{keys.SCHEMAS}common.odvd", OTHER)
    object_store.put(f"{keys.SCHEMAS}readme.txt", b"not a specification")
    own = BatchFile("own.odvd", len(ONE), hashlib.sha256(ONE).hexdigest())
    manifest = Manifest("b", "v", "p", "f", datetime(2026, 11, 23, tzinfo=UTC), (own,))
    loaded = load_specifications(object_store, manifest, "incoming/2026/11/23/b/")
    assert loaded.sources == ("own.odvd", "schemas/common.odvd")
    assert len(loaded.warnings) == 1


def test_a_batchs_own_catalogues_come_before_the_common_ones(object_store: ObjectStore) -> None:
    object_store.put("incoming/2026/11/23/b/own.fibex.xml", CATALOGUE)
    object_store.put(f"{keys.SCHEMAS}common.FIBEX", CATALOGUE)
    object_store.put(f"{keys.SCHEMAS}common.odvd", ONE)
    own = BatchFile("own.fibex.xml", len(CATALOGUE), hashlib.sha256(CATALOGUE).hexdigest())
    huge = BatchFile("huge.xml", MAX_CATALOGUE_BYTES + 1, "0" * 64)
    manifest = Manifest("b", "v", "p", "f", datetime(2026, 11, 23, tzinfo=UTC), (own, huge))
    loaded = load_specifications(object_store, manifest, "incoming/2026/11/23/b/")
    assert loaded.catalogue_sources == ("own.fibex.xml", "schemas/common.FIBEX")
    assert loaded.sources == ("schemas/common.odvd",)
    assert len(loaded.catalogue_warnings) == 1
    assert "huge.xml: larger than" in loaded.catalogue_warnings[0]
