"""Which .odvd files a recording is read with, and what happens to bad ones."""

from __future__ import annotations

import hashlib
from datetime import UTC, datetime
from pathlib import Path

import pytest

from argus_pipeline.batches.manifest import BatchFile, Manifest
from argus_pipeline.errors import BadInput
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
        merge_specifications(texts).digest
        for texts in ([], [a], [b], [a, b], [b, a], [SpecificationText("c", ONE)])
    }
    assert len(digests) == 6
    assert merge_specifications([a, b]).digest == merge_specifications([a, b]).digest


def test_a_local_file_that_is_no_specification_is_an_error(tmp_path: Path) -> None:
    (tmp_path / "bad.odvd").write_text("message")
    with pytest.raises(BadInput, match=r"bad.odvd:1:8: found the end of the file"):
        specification_files([tmp_path / "bad.odvd"])
    with pytest.raises(BadInput, match="No such file"):
        specification_files([tmp_path / "missing.odvd"])


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
