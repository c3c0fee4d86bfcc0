"""Which files become a batch, and what their fingerprints say."""

from __future__ import annotations

import base64
import hashlib
import os
from pathlib import Path

import pytest

from argus_pipeline.errors import BadInput
from argus_pipeline.upload.files import check_unchanged, find_files, fingerprint
from argus_pipeline.upload.plan import PART_BYTES


def write(folder: Path, **files: bytes) -> Path:
    folder.mkdir(exist_ok=True)
    for name, content in files.items():
        (folder / name.replace("__", ".")).write_bytes(content)
    return folder


def test_the_files_of_a_folder_come_in_the_order_of_their_names(tmp_path: Path) -> None:
    folder = write(tmp_path / "b", z__dlt=b"z", a__rec=b"a", vehicle__odvd=b"o")
    assert [p.name for p in find_files([folder]).files] == ["a.rec", "vehicle.odvd", "z.dlt"]


def test_hidden_files_and_the_options_of_the_upload_are_left_out_and_said_so(
    tmp_path: Path,
) -> None:
    folder = write(tmp_path / "b", a__dlt=b"a", __hidden=b"h", batch__json=b"{}")
    found = find_files([folder])
    assert [p.name for p in found.files] == ["a.dlt"]
    assert {s.path.name: s.reason for s in found.skipped} == {
        ".hidden": "hidden",
        "batch.json": "the options of the upload",
    }


def test_files_that_are_named_one_by_one_make_a_batch(tmp_path: Path) -> None:
    folder = write(tmp_path / "b", a__dlt=b"a", b__dlt=b"b", c__dlt=b"c")
    found = find_files([folder / "c.dlt", folder / "a.dlt"])
    assert [p.name for p in found.files] == ["a.dlt", "c.dlt"]


def test_an_empty_folder_is_refused(tmp_path: Path) -> None:
    with pytest.raises(BadInput, match="no file to upload"):
        find_files([write(tmp_path / "b")])


def test_a_folder_of_hidden_files_only_is_refused(tmp_path: Path) -> None:
    with pytest.raises(BadInput, match="no file to upload"):
        find_files([write(tmp_path / "b", __hidden=b"h")])


def test_a_path_that_does_not_exist_is_refused_by_name(tmp_path: Path) -> None:
    with pytest.raises(BadInput, match=r"nowhere\.dlt: does not exist"):
        find_files([tmp_path / "nowhere.dlt"])


def test_a_dangling_link_is_refused(tmp_path: Path) -> None:
    folder = write(tmp_path / "b", a__dlt=b"a")
    (folder / "link.dlt").symlink_to("nowhere")
    with pytest.raises(BadInput, match=r"link\.dlt: does not exist"):
        find_files([folder])


def test_a_pipe_is_refused_instead_of_waited_for(tmp_path: Path) -> None:
    folder = write(tmp_path / "b")
    os.mkfifo(folder / "pipe.dlt")
    with pytest.raises(BadInput, match="not a regular file"):
        find_files([folder])


def test_a_folder_inside_the_folder_is_refused_rather_than_lost(tmp_path: Path) -> None:
    folder = write(tmp_path / "b", a__dlt=b"a")
    write(folder / "inner", b__dlt=b"b")
    with pytest.raises(BadInput, match="a batch has none"):
        find_files([folder])


@pytest.mark.parametrize("name", ["a b.dlt", "a,b.dlt", "ä.dlt", "a" * 129, "a\nb"])
def test_an_unsafe_name_is_refused(tmp_path: Path, name: str) -> None:
    folder = write(tmp_path / "b")
    (folder / name).write_bytes(b"x")
    with pytest.raises(BadInput, match="is not safe"):
        find_files([folder])


def test_a_file_with_the_name_of_the_manifest_is_refused(tmp_path: Path) -> None:
    folder = write(tmp_path / "b", a__dlt=b"a", manifest__json=b"{}")
    with pytest.raises(BadInput, match="belongs to the manifest"):
        find_files([folder])


def test_the_same_name_from_two_folders_is_refused_naming_both(tmp_path: Path) -> None:
    one, two = write(tmp_path / "1", a__dlt=b"a"), write(tmp_path / "2", a__dlt=b"b")
    with pytest.raises(BadInput, match=r"1/a\.dlt and .*2/a\.dlt"):
        find_files([one, two])


def test_the_same_file_twice_is_refused(tmp_path: Path) -> None:
    file = write(tmp_path / "b", a__dlt=b"a") / "a.dlt"
    with pytest.raises(BadInput, match="there twice"):
        find_files([file, file])


def test_specifications_alone_are_no_batch(tmp_path: Path) -> None:
    with pytest.raises(BadInput, match="no recording"):
        find_files([write(tmp_path / "b", vehicle__odvd=b"o")])


@pytest.mark.skipif(os.geteuid() == 0, reason="root may read everything")
def test_a_file_without_read_permission_is_refused(tmp_path: Path) -> None:
    folder = write(tmp_path / "b", a__dlt=b"a")
    (folder / "a.dlt").chmod(0)
    with pytest.raises(BadInput, match="cannot be read"):
        find_files([folder])


def test_a_fingerprint_is_the_size_and_the_sha256(tmp_path: Path) -> None:
    file = fingerprint(write(tmp_path / "b", a__dlt=b"hello") / "a.dlt")
    assert (file.size, file.sha256) == (5, hashlib.sha256(b"hello").hexdigest())
    assert not file.is_multipart
    assert base64.b64decode(file.stored_checksum) == hashlib.sha256(b"hello").digest()


def test_an_empty_file_is_one_empty_part(tmp_path: Path) -> None:
    file = fingerprint(write(tmp_path / "b", a__dlt=b"") / "a.dlt")
    assert (file.size, len(file.parts)) == (0, 1)
    assert file.sha256 == hashlib.sha256(b"").hexdigest()


@pytest.mark.parametrize(
    ("size", "parts"), [(PART_BYTES, 1), (PART_BYTES + 1, 2), (2 * PART_BYTES, 2)]
)
def test_a_large_file_has_the_sha256_of_every_part(tmp_path: Path, size: int, parts: int) -> None:
    data = bytes(range(256)) * (size // 256) + b"x" * (size % 256)
    read: list[int] = []
    file = fingerprint(write(tmp_path / "b", a__dlt=data) / "a.dlt", read.append)
    cut = [data[at : at + PART_BYTES] for at in range(0, size, PART_BYTES)]
    assert [hashlib.sha256(part).digest() for part in cut] == list(file.parts)
    assert (len(file.parts), sum(read)) == (parts, size)
    assert file.sha256 == hashlib.sha256(data).hexdigest()


def test_a_file_that_grows_after_its_fingerprint_is_noticed(tmp_path: Path) -> None:
    path = write(tmp_path / "b", a__dlt=b"hello") / "a.dlt"
    file = fingerprint(path)
    check_unchanged(file)
    with path.open("ab") as stream:
        stream.write(b"!")
    with pytest.raises(BadInput, match="changed during the upload"):
        check_unchanged(file)


def test_a_file_that_vanishes_after_its_fingerprint_is_noticed(tmp_path: Path) -> None:
    path = write(tmp_path / "b", a__dlt=b"hello") / "a.dlt"
    file = fingerprint(path)
    path.unlink()
    with pytest.raises(BadInput, match="changed during the upload"):
        check_unchanged(file)
