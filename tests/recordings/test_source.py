"""A recording as a plain file, whatever it came as."""

from __future__ import annotations

import errno
import gzip
import hashlib
import io
import os
import tempfile
import threading
from pathlib import Path
from types import SimpleNamespace

import pytest

from argus_pipeline.errors import ArgusError, BadInput
from argus_pipeline.recordings import source as module
from argus_pipeline.recordings.decompression import zstd
from argus_pipeline.recordings.source import (
    CancelledError,
    decompression_limit,
    open_source,
)

PLAIN = b"".join(b"%d: a line of a log\n" % i for i in range(30_000))


@pytest.fixture
def scratch(tmp_path: Path) -> Path:
    folder = tmp_path / "scratch"
    folder.mkdir()
    return folder


def sha256(content: bytes) -> str:
    return hashlib.sha256(content).hexdigest()


def test_a_plain_local_file_is_used_where_it_lies(tmp_path: Path, scratch: Path) -> None:
    path = tmp_path / "a.dlt"
    path.write_bytes(PLAIN)
    with open_source(path, scratch) as source:
        assert source.path == path
        assert (source.size, source.stored_size) == (len(PLAIN), len(PLAIN))
        assert (source.sha256, source.compression, source.problem) == (None, None, None)
        assert source.offsets_in == "recording"
        assert list(scratch.iterdir()) == []
    assert path.read_bytes() == PLAIN


def test_a_stream_is_spooled_counted_and_hashed_and_gone_afterwards(scratch: Path) -> None:
    with open_source(io.BytesIO(PLAIN), scratch) as source:
        assert source.path.parent == scratch
        assert source.path.read_bytes() == PLAIN
        assert (source.size, source.stored_size) == (len(PLAIN), len(PLAIN))
        assert (source.sha256, source.compression) == (sha256(PLAIN), None)
    assert list(scratch.iterdir()) == []


@pytest.mark.parametrize("as_path", [True, False])
@pytest.mark.parametrize("compression", ["gzip", "zstd"])
def test_compressed_recordings_are_told_by_their_bytes_and_decompressed(
    tmp_path: Path, scratch: Path, compression: str, as_path: bool
) -> None:
    stored = gzip.compress(PLAIN) if compression == "gzip" else zstd.compress(PLAIN)
    path = tmp_path / "named-as-if-plain.dlt"
    path.write_bytes(stored)
    with open_source(path if as_path else io.BytesIO(stored), scratch) as source:
        assert source.path.read_bytes() == PLAIN
        assert (source.size, source.stored_size) == (len(PLAIN), len(stored))
        assert (source.compression, source.sha256) == (compression, sha256(stored))
        assert (source.problem, source.warning) == (None, None)
        assert source.offsets_in == f"decompressed stream ({compression})"
    assert list(scratch.iterdir()) == []
    assert path.read_bytes() == stored


def test_a_name_that_ends_in_gz_makes_nothing_gzip(tmp_path: Path, scratch: Path) -> None:
    path = tmp_path / "a.dlt.gz"
    path.write_bytes(PLAIN)
    with open_source(path, scratch) as source:
        assert (source.path, source.compression) == (path, None)


@pytest.mark.parametrize("content", [b"", b"\x1f", b"\x1f\x8b", b"\x28\xb5\x2f", b"abc"])
def test_tiny_files_are_what_they_are(tmp_path: Path, scratch: Path, content: bytes) -> None:
    path = tmp_path / "tiny"
    path.write_bytes(content)
    with open_source(path, scratch) as source:
        assert (source.path, source.size, source.problem) == (path, len(content), None)
    with open_source(io.BytesIO(content), scratch) as source:
        assert source.path.read_bytes() == content
        assert source.sha256 == sha256(content)


def test_an_empty_recording_that_was_compressed_is_empty(scratch: Path) -> None:
    with open_source(io.BytesIO(gzip.compress(b"")), scratch) as source:
        assert (source.size, source.compression, source.problem) == (0, "gzip", None)


def test_what_is_compressed_twice_is_decompressed_once(scratch: Path) -> None:
    once = gzip.compress(PLAIN)
    with open_source(io.BytesIO(gzip.compress(once)), scratch) as source:
        assert source.path.read_bytes() == once


def test_a_torn_gzip_stream_keeps_what_came_before(scratch: Path) -> None:
    stored = gzip.compress(PLAIN)
    torn = stored[: len(stored) // 2]
    with open_source(io.BytesIO(torn), scratch) as source:
        kept = source.path.read_bytes()
        assert PLAIN.startswith(kept)
        assert source.size == len(kept) > len(PLAIN) // 3
        assert source.problem is not None
        assert (source.problem.offset, source.problem.length) == (len(torn), 0)
        assert source.warning is not None
        assert "torn off" in source.warning


def test_after_a_damage_the_rest_is_still_counted_and_hashed(scratch: Path) -> None:
    garbage = os.urandom(3_000_000).replace(b"\x1f\x8b", b"  ")
    packed = gzip.compress(PLAIN)
    stored = packed + b"!" + garbage
    counts: list[int] = []
    with open_source(io.BytesIO(stored), scratch, progress=counts.append) as source:
        assert source.path.read_bytes() == PLAIN
        assert (source.stored_size, source.sha256) == (len(stored), sha256(stored))
        assert source.problem is not None
        assert (source.problem.offset, source.problem.length) == (len(packed), len(garbage) + 1)
        assert sum(counts) == len(stored)
        assert f"{len(garbage) + 1:,} of them were not read" in (source.warning or "")


def test_a_pipe_is_read_to_its_end_however_it_is_cut(tmp_path: Path, scratch: Path) -> None:
    pipe = tmp_path / "pipe"
    os.mkfifo(pipe)
    stored = gzip.compress(PLAIN)

    def write() -> None:
        with pipe.open("wb", buffering=0) as out:
            for at in range(0, len(stored), 1000):
                out.write(stored[at : at + 1000])

    writer = threading.Thread(target=write)
    writer.start()
    with open_source(pipe, scratch) as source:
        assert source.path.read_bytes() == PLAIN
        assert (source.sha256, source.compression) == (sha256(stored), "gzip")
    writer.join()
    assert pipe.is_fifo()


def test_a_pipe_that_gives_one_byte_first_is_recognised_all_the_same(scratch: Path) -> None:
    class Dripping(io.RawIOBase):
        def __init__(self) -> None:
            self._left = io.BytesIO(zstd.compress(PLAIN))

        def read(self, size: int = -1) -> bytes:
            return self._left.read(1 if self._left.tell() < 10 else 500)

    with open_source(Dripping(), scratch) as source:  # type: ignore[arg-type]
        assert (source.compression, source.size) == ("zstd", len(PLAIN))


def test_a_bomb_stops_at_the_limit_and_leaves_nothing_behind(scratch: Path) -> None:
    bomb = gzip.compress(bytes(20_000_000))
    with (
        pytest.raises(BadInput, match=r"bomb\.gz: .* larger than 10,000,000 bytes") as raised,
        open_source(io.BytesIO(bomb), scratch, name="bomb.gz", limit=10_000_000),
    ):
        pass
    assert "ARGUS_MAX_DECOMPRESSED_GIB" in str(raised.value)
    assert list(scratch.iterdir()) == []


def test_the_limit_itself_may_be_reached_and_binds_no_plain_recording(scratch: Path) -> None:
    with open_source(io.BytesIO(gzip.compress(PLAIN)), scratch, limit=len(PLAIN)) as source:
        assert source.size == len(PLAIN)
    with open_source(io.BytesIO(PLAIN), scratch, limit=10) as source:
        assert source.size == len(PLAIN)


def test_the_limit_comes_from_the_environment(monkeypatch: pytest.MonkeyPatch) -> None:
    assert decompression_limit() == 64 * 1024**3
    monkeypatch.setenv("ARGUS_MAX_DECOMPRESSED_GIB", "2")
    assert decompression_limit() == 2 * 1024**3
    for wrong in ("much", "0", "-1"):
        monkeypatch.setenv("ARGUS_MAX_DECOMPRESSED_GIB", wrong)
        with pytest.raises(ArgusError, match="expected a number of GiB"):
            decompression_limit()


def test_a_full_disk_is_an_error_that_says_what_to_do(
    scratch: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    def full(prefix: str, dir: Path) -> tuple[int, str]:
        path = Path(dir) / prefix
        path.touch()
        return os.open("/dev/full", os.O_WRONLY), str(path)

    monkeypatch.setattr(tempfile, "mkstemp", full)
    # Small ones fail when the file is closed, large ones when they are written.
    for content in (b"small", bytes(3_000_000), gzip.compress(PLAIN)):
        with (
            pytest.raises(ArgusError, match="the disk is full") as raised,
            open_source(io.BytesIO(content), scratch, name="a.dlt"),
        ):
            pass
        assert not isinstance(raised.value, BadInput)
        assert raised.value.where == str(scratch)
        assert "TMPDIR" in str(raised.value)
        assert list(scratch.iterdir()) == []


def test_some_of_the_disk_stays_free_for_others(
    scratch: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(module, "_LOOK_EVERY", 1_000_000)
    monkeypatch.setattr(module.shutil, "disk_usage", lambda _: SimpleNamespace(free=1000))
    with open_source(io.BytesIO(bytes(1_000_000)), scratch) as source:
        assert source.size == 1_000_000
    with (
        pytest.raises(ArgusError, match="no room"),
        open_source(io.BytesIO(bytes(5_000_000)), scratch),
    ):
        pass
    assert list(scratch.iterdir()) == []


def test_other_errors_of_reading_and_writing_stay_what_they_are(
    tmp_path: Path, scratch: Path
) -> None:
    with pytest.raises(FileNotFoundError), open_source(tmp_path / "none", scratch):
        pass
    with pytest.raises(IsADirectoryError), open_source(tmp_path, scratch):
        pass

    class Broken(io.RawIOBase):
        def read(self, size: int = -1) -> bytes:
            raise OSError(errno.EIO, "the medium is broken")

    with (
        pytest.raises(OSError, match="medium"),
        open_source(Broken(), scratch),  # type: ignore[arg-type]
    ):
        pass
    assert list(scratch.iterdir()) == []


def test_reading_stops_when_asked_and_leaves_nothing_behind(scratch: Path) -> None:
    asked = 0

    def cancelled() -> bool:
        nonlocal asked
        asked += 1
        return asked > 3

    for content in (bytes(10_000_000), gzip.compress(bytes(10_000_000))):
        asked = 0
        with (
            pytest.raises(CancelledError),
            open_source(io.BytesIO(content), scratch, cancelled=cancelled),
        ):
            pass
        assert list(scratch.iterdir()) == []
