"""Which objects may be read in place."""

from __future__ import annotations

from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st

from argus_pipeline.errors import ArgusError, BadInput
from argus_pipeline.settings import Settings
from argus_pipeline.storage.archives import (
    OURS,
    Address,
    allowed_folders,
    check_allowed,
    read_address,
    read_folder,
)


def settings(*archives: str, prefix: str = "") -> Settings:
    return Settings("argus", prefix, None, "us-east-1", None, None, None, archive_buckets=archives)


def is_allowed(address: str, *archives: str, prefix: str = "") -> bool:
    found = read_address(address)
    assert found is not None
    try:
        check_allowed(found, settings(*archives, prefix=prefix))
    except BadInput:
        return False
    return True


@pytest.mark.parametrize(
    "text",
    ["s3://archive/a", "s3://my.old_Bucket/a b/ü+%20?x#y.dlt", f"s3://abc/{'x' * 1024}"],
)
def test_an_address_reads_back_as_it_was_written(text: str) -> None:
    assert str(read_address(text)) == text


@pytest.mark.parametrize(
    "text",
    [
        *(None, 7, "", "a/b", "http://archive/a", "s3://archive", "s3://archive/", "s3:///a"),
        *("s3://ab/x", "s3://-bc/x", "s3://a:b@c/x", "s3://archive/a/../b", "s3://archive/./a"),
        *("s3://archive/a//b", "s3://archive//a", "s3://archive/a/", "s3://archive/a\nb"),
        *("s3://archive/\0", "s3://archive/\udc00", f"s3://archive/{'x' * 1025}"),
    ],
)
def test_what_some_client_might_read_as_another_object_is_no_address(text: Any) -> None:
    assert read_address(text) is None


@given(st.text())
def test_every_text_is_an_address_or_none(text: str) -> None:
    found = read_address(f"s3://archive/{text}")
    assert found in {None, Address("archive", text)}


def test_only_what_is_listed_may_be_read() -> None:
    for address, archives, allowed in (
        ("s3://archive/a", (), False),
        ("s3://archive/a", ("archive",), True),
        ("s3://archive/a", ("s3://archive/",), True),
        ("s3://archive2/a", ("archive",), False),
        ("s3://bench/2025/a", ("archive", "bench/2025"), True),
        ("s3://bench/2025x/a", ("archive", "bench/2025"), False),
        ("s3://bench/2024/a", ("archive", "bench/2025"), False),
    ):
        assert is_allowed(address, *archives) is allowed, (address, archives)


@pytest.mark.parametrize("folder", OURS)
def test_what_argus_keeps_is_never_read_in_place_whatever_is_listed(folder: str) -> None:
    name = folder.rstrip("/")
    assert not is_allowed(f"s3://argus/{folder}x", f"argus/{name}")
    assert not is_allowed(f"s3://argus/here/{folder}x", f"argus/here/{name}", prefix="here")
    assert is_allowed(f"s3://argus/old/{folder}x", "argus/old")
    assert is_allowed(f"s3://archive/{folder}x", "archive")


def test_of_its_own_bucket_only_a_folder_that_was_named_may_be_read() -> None:
    assert is_allowed("s3://argus/old/a", "argus/old")
    assert is_allowed("s3://argus/old/a", "argus/old", prefix="here")
    assert not is_allowed("s3://argus/older/a", "argus/old")
    with pytest.raises(ArgusError, match="only a folder of it, such as argus/archive"):
        allowed_folders(settings("argus"))


@pytest.mark.parametrize("entry", ["a b", "x", "archive/../argus", "http://archive"])
def test_an_entry_that_is_no_bucket_is_named(entry: str) -> None:
    with pytest.raises(ArgusError, match="ARGUS_ARCHIVE_BUCKETS") as raised:
        allowed_folders(settings("archive", entry))
    assert repr(entry) in str(raised.value)


def test_the_error_says_what_to_add() -> None:
    for address, entry in (
        (Address("archive", "a/b"), "Add archive to"),
        (Address("argus", "old/b"), "Add argus/old to"),
        (Address("argus", ""), "Add argus/archive to"),
    ):
        with pytest.raises(BadInput, match=f"lists other. {entry} ARGUS_ARCHIVE_BUCKETS"):
            check_allowed(address, settings("other"))


def test_a_folder_is_what_a_person_types() -> None:
    for text in ("s3://archive/logs", "s3://archive/logs/"):
        assert read_folder(text) == Address("archive", "logs/")
    for text in ("s3://archive", "s3://archive/"):
        assert read_folder(text) == Address("archive", "")
    for text in ("archive/logs", "s3://", "s3://archive//logs", "s3://archive/../x"):
        with pytest.raises(BadInput, match="s3://bucket/folder"):
            read_folder(text)
