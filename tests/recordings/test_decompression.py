"""gzip and zstd, whole, torn and damaged."""

from __future__ import annotations

import gzip
import random
import struct
import zlib
from collections.abc import Iterator

import pyarrow as pa
import pytest
from hypothesis import given
from hypothesis import strategies as st

from argus_pipeline.recordings.decompression import (
    Compression,
    DamagedStreamError,
    compression_of,
    decompressed,
    zstd,
)

PLAIN = b"".join(b"%d: a line of a log, %d\n" % (i, i * 7919 % 1000) for i in range(20_000))
SKIPPABLE = struct.pack("<II", 0x184D2A53, 5) + b"index"


def zstd_frame(content: bytes, *, checksum: bool = True) -> bytes:
    return zstd.compress(content, options={zstd.CompressionParameter.checksum_flag: checksum})


PACKED: dict[Compression, bytes] = {"gzip": gzip.compress(PLAIN), "zstd": zstd_frame(PLAIN)}


def read(
    stored: bytes, compression: Compression, *, chunk: int = 4096
) -> tuple[bytes, DamagedStreamError | None]:
    def chunks() -> Iterator[bytes]:
        for at in range(0, len(stored), chunk):
            yield stored[at : at + chunk]

    out = bytearray()
    try:
        for block in decompressed(chunks(), compression):
            assert len(block) <= 1024 * 1024
            out += block
    except DamagedStreamError as damage:
        return bytes(out), damage
    return bytes(out), None


@pytest.mark.parametrize("compression", ["gzip", "zstd"])
@pytest.mark.parametrize("chunk", [1, 777, 1 << 20])
def test_members_and_frames_behind_each_other_are_one_stream(
    compression: Compression, chunk: int
) -> None:
    packed = PACKED[compression]
    assert read(packed, compression, chunk=chunk) == (PLAIN, None)
    assert read(packed + packed, compression, chunk=chunk) == (PLAIN * 2, None)


def test_what_pyarrow_wrote_is_read() -> None:
    for compression in ("gzip", "zstd"):
        sink = pa.BufferOutputStream()
        with pa.CompressedOutputStream(sink, compression) as stream:
            stream.write(PLAIN)
        assert read(sink.getvalue().to_pybytes(), compression) == (PLAIN, None)


def test_skippable_frames_of_zstd_are_left_out_wherever_they_stand() -> None:
    frame = zstd_frame(PLAIN, checksum=False)
    stored = SKIPPABLE + SKIPPABLE + frame + SKIPPABLE + frame + SKIPPABLE
    assert compression_of(stored[:4096]) == "zstd"
    assert read(stored, "zstd") == (PLAIN * 2, None)


def test_zeros_behind_gzip_are_padding() -> None:
    assert read(PACKED["gzip"] + bytes(5000), "gzip") == (PLAIN, None)
    assert read((PACKED["gzip"] + bytes(100)) * 2, "gzip") == (PLAIN * 2, None)


@pytest.mark.parametrize("compression", ["gzip", "zstd"])
def test_other_bytes_behind_the_end_are_named_with_their_place(compression: Compression) -> None:
    packed = PACKED[compression]
    out, damage = read(packed + b"garbage", compression)
    assert out == PLAIN
    assert damage is not None
    assert damage.offset == len(packed)
    assert damage.reason == f"bytes behind the end of the {compression} data that are none of it"


@pytest.mark.parametrize("compression", ["gzip", "zstd"])
@pytest.mark.parametrize("kept", [0.2, 0.5, 0.9])
def test_a_torn_stream_gives_what_came_before(compression: Compression, kept: float) -> None:
    stored = PACKED[compression][: int(len(PACKED[compression]) * kept)]
    out, damage = read(stored, compression)
    assert damage is not None
    assert damage.reason == f"the {compression} data is torn off: its end is missing"
    assert damage.offset == len(stored)
    assert PLAIN.startswith(out)
    # One block of zstd holds up to 128 KiB and comes as a whole.
    assert len(out) > len(PLAIN) * kept - 150_000


@pytest.mark.parametrize("compression", ["gzip", "zstd"])
def test_a_stream_that_lacks_its_last_bytes_gives_all_of_its_content(
    compression: Compression,
) -> None:
    out, damage = read(PACKED[compression][:-2], compression)
    assert (out, damage is not None) == (PLAIN, True)


@pytest.mark.parametrize("compression", ["gzip", "zstd"])
def test_a_wrong_checksum_keeps_the_content_and_says_so(compression: Compression) -> None:
    end = 8 if compression == "gzip" else 4
    stored = bytearray(PACKED[compression])
    stored[-end] ^= 0xFF
    out, damage = read(bytes(stored), compression)
    assert out == PLAIN
    assert damage is not None
    assert "checksum" in damage.reason
    assert len(stored) - end <= damage.offset < len(stored)


def test_the_bytes_before_a_damage_in_gzip_are_all_given() -> None:
    packer = zlib.compressobj(6, zlib.DEFLATED, 31)
    first_half = packer.compress(PLAIN[:300_000]) + packer.flush(zlib.Z_FULL_FLUSH)
    stored = bytearray(first_half + packer.compress(PLAIN[300_000:]) + packer.flush())
    stored[len(first_half)] = 0x07  # a block type that does not exist
    out, damage = read(bytes(stored), "gzip", chunk=1 << 20)
    assert out == PLAIN[:300_000]
    assert damage is not None
    assert (damage.offset, damage.reason) == (
        len(first_half),
        "damaged gzip data (invalid block type)",
    )


def test_the_blocks_before_a_damage_in_zstd_are_all_given() -> None:
    content = random.Random(1).randbytes(300_000)
    stored = bytearray(zstd_frame(content))
    first_block = stored.index(content[:16]) - 3
    second_block = first_block + 3 + 128 * 1024
    assert stored[second_block + 3 : second_block + 19] == content[128 * 1024 :][:16]
    stored[second_block] |= 0x06
    out, damage = read(bytes(stored), "zstd", chunk=1 << 20)
    assert out == content[: 128 * 1024]
    assert damage is not None
    assert (damage.offset, "reserved" in damage.reason) == (second_block, True)


def test_a_zstd_window_that_needs_too_much_memory_is_refused_with_advice() -> None:
    window_of_2_gib = (31 - 10) << 3
    stored = b"\x28\xb5\x2f\xfd" + bytes([0x00, window_of_2_gib]) + b"\x09\x00\x00a"
    out, damage = read(stored, "zstd")
    assert out == b""
    assert damage is not None
    assert "without --long" in damage.reason


@pytest.mark.parametrize("compression", ["gzip", "zstd"])
def test_a_bomb_comes_in_small_blocks(compression: Compression) -> None:
    size = 50 * 1024 * 1024
    zeros = bytes(size)
    stored = gzip.compress(zeros) if compression == "gzip" else zstd.compress(zeros)
    total = 0
    for block in decompressed(iter([stored]), compression):
        assert len(block) <= 1024 * 1024
        total += len(block)
    assert total == size


def test_a_long_match_at_the_very_end_of_a_block_is_not_lost() -> None:
    packer = zlib.compressobj(9, zlib.DEFLATED, 31)
    stored = packer.compress(bytes(3 * 1024 * 1024)) + packer.flush(zlib.Z_SYNC_FLUSH)
    out, damage = read(stored, "gzip", chunk=1 << 20)
    assert len(out) == 3 * 1024 * 1024
    assert damage is not None


@pytest.mark.parametrize(
    ("head", "expected"),
    [
        (b"", None),
        (b"\x1f", None),
        (b"\x1f\x8b", None),
        (b"\x1f\x8b\x08", None),
        (b"\x1f\x8b\x08\x00", "gzip"),
        (b"\x1f\x8b\x07\x00", None),
        (b"\x1f\x8b\x08\xe0", None),
        (b"\x28\xb5\x2f", None),
        (b"\x28\xb5\x2f\xfd", "zstd"),
        (SKIPPABLE, None),
        (SKIPPABLE[:6], None),
        (b"DLT\x01", None),
    ],
)
def test_compression_is_told_by_the_first_bytes(head: bytes, expected: str | None) -> None:
    assert compression_of(head) == expected


@given(data=st.data(), compression=st.sampled_from(["gzip", "zstd"]), chunk=st.integers(1, 100_000))
def test_no_change_of_a_byte_raises_anything_else(
    data: st.DataObject, compression: Compression, chunk: int
) -> None:
    stored = bytearray(PACKED[compression] * 2)
    for _ in range(data.draw(st.integers(0, 3))):
        stored[data.draw(st.integers(0, len(stored) - 1))] = data.draw(st.integers(0, 255))
    stored = stored[: data.draw(st.integers(0, len(stored)))]
    out, damage = read(bytes(stored), compression, chunk=max(chunk, 500))
    assert damage is None or 0 <= damage.offset <= len(stored)
    again, same = read(bytes(stored), compression, chunk=1 << 20)
    assert again == out
    assert (same and same.args) == (damage and damage.args)
