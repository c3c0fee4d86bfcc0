"""gzip and zstd in blocks: told by their bytes, and read up to the very place of a damage.

gzip goes through the standard library, of whose state a copy can be kept, so that the last bytes
before a damage are read one by one. zstd is fed one block of the frame at a time, since its
library gives nothing of a call that failed.
"""

from __future__ import annotations

import sys
import zlib
from collections.abc import Iterator
from typing import Final, Literal

if sys.version_info >= (3, 14):
    from compression import zstd
else:
    import backports.zstd as zstd

Compression = Literal["gzip", "zstd"]

_GZIP_MAGIC: Final = b"\x1f\x8b"
_DEFLATE: Final = 8
_RESERVED_FLAGS: Final = 0xE0
_GZIP_WRAPPER: Final = 31
"""zlib's `wbits` for a gzip header, a window of 32 KiB and a checked end (zlib.h)."""

_ZSTD_MAGIC: Final = b"\x28\xb5\x2f\xfd"
_SKIPPABLE_LAST_BYTES: Final = b"\x2a\x4d\x18"
_BLOCK_RLE: Final = 1
_BLOCK_RESERVED: Final = 3

_PIECE: Final = 64 * 1024
_MOST_AT_ONCE: Final = 1024 * 1024


class DamagedStreamError(Exception):
    """The stream cannot be read any further.

    Args:
        offset: in the compressed stream, of the first byte that was not used.
        reason: what is wrong there.
    """

    def __init__(self, offset: int, reason: str) -> None:
        super().__init__(offset, reason)
        self.offset = offset
        self.reason = reason


def compression_of(head: bytes) -> Compression | None:
    """How a file is compressed, by its first bytes; None when it is not, as far as they tell.

    Skippable frames in front of a zstd frame are looked past, as far as `head` reaches.
    """
    if head[:2] == _GZIP_MAGIC and len(head) >= 4:
        return "gzip" if head[2] == _DEFLATE and not head[3] & _RESERVED_FLAGS else None
    at = 0
    while _is_skippable(head[at : at + 4]) and at + 8 <= len(head):
        at += 8 + int.from_bytes(head[at + 4 : at + 8], "little")
    return "zstd" if head[at : at + 4] == _ZSTD_MAGIC else None


def decompressed(stored: Iterator[bytes], compression: Compression) -> Iterator[bytes]:
    """The decompressed bytes, in blocks of at most 1 MiB.

    Args:
        stored: the compressed bytes, in blocks of any size but the empty one.
        compression: as `compression_of` tells it.

    Raises:
        DamagedStreamError: after all that could be read was given; `stored` may not be at its end.
    """
    return _gunzip(stored) if compression == "gzip" else _unzstd(_Reader(stored))


def _gunzip(stored: Iterator[bytes]) -> Iterator[bytes]:
    member = None  # the one that is being read (RFC 1952: a file is a series of members)
    position = 0
    for block in stored:
        for start in range(0, len(block), _PIECE):
            data = block[start : start + _PIECE]
            while data or member is not None:
                if member is None:
                    if position > 0:
                        padding = len(data) - len(data.lstrip(b"\0"))
                        position, data = position + padding, data[padding:]
                        if not _GZIP_MAGIC.startswith(data[:2]):
                            raise DamagedStreamError(position, _foreign("gzip"))
                        if not data:
                            break
                    member = zlib.decompressobj(_GZIP_WRAPPER)
                before = member.copy()
                try:
                    out = member.decompress(data, _MOST_AT_ONCE)
                except zlib.error as error:
                    out, used = _up_to_the_damage(before, data)
                    yield out
                    raise DamagedStreamError(position + used, _gzip_reason(error)) from error
                if out:
                    yield out
                left = member.unused_data if member.eof else member.unconsumed_tail
                position, data = position + len(data) - len(left), left
                if member.eof:
                    member = None
                elif not data and len(out) < _MOST_AT_ONCE:
                    break
    if member is not None:
        raise DamagedStreamError(position, _torn("gzip"))


def _up_to_the_damage(member: zlib._Decompress, data: bytes) -> tuple[bytes, int]:
    """Byte by byte, as the library gives nothing of a call that failed."""
    out = bytearray()
    for used in range(len(data)):
        try:
            out += member.decompress(data[used : used + 1])
        except zlib.error:
            return bytes(out), used
    return bytes(out), len(data)


def _gzip_reason(error: zlib.error) -> str:
    what = str(error).rpartition(": ")[2]
    if what in {"incorrect data check", "incorrect length check"}:
        return _wrong_checksum("gzip")
    return f"damaged gzip data ({what})"


def _unzstd(reader: _Reader) -> Iterator[bytes]:
    # The frame format: RFC 8878, section 3.1.
    while True:
        start = reader.position
        magic = reader.take(4)
        if not magic:
            return
        if _is_skippable(magic):
            size = reader.take_all(4)
            reader.skip(int.from_bytes(size, "little"))
        elif magic == _ZSTD_MAGIC:
            yield from _frame(reader)
        elif len(magic) < 4 and _ZSTD_MAGIC.startswith(magic):
            raise DamagedStreamError(reader.position, _torn("zstd"))
        else:
            raise DamagedStreamError(start, _foreign("zstd"))


def _frame(reader: _Reader) -> Iterator[bytes]:
    start = reader.position - len(_ZSTD_MAGIC)
    frame = zstd.ZstdDecompressor()

    def feed(data: bytes, at: int) -> bytes:
        try:
            return frame.decompress(data)
        except zstd.ZstdError as error:
            raise DamagedStreamError(at, _zstd_reason(error)) from error

    descriptor = reader.take_all(1)
    flags = descriptor[0]
    single_segment = bool(flags & 0x20)
    window = 0 if single_segment else 1
    dictionary = (0, 1, 2, 4)[flags & 3]
    content_size = (1 if single_segment else 0, 2, 4, 8)[flags >> 6]
    feed(_ZSTD_MAGIC + descriptor + reader.take_all(window + dictionary + content_size), start)
    last = False
    while not last:
        at = reader.position
        header = reader.take_all(3)
        value = int.from_bytes(header, "little")
        last, kind, size = bool(value & 1), value >> 1 & 3, value >> 3
        if kind == _BLOCK_RESERVED:
            raise DamagedStreamError(at, "damaged zstd data (a block of a reserved type)")
        stored_size = 1 if kind == _BLOCK_RLE else size
        body = reader.take(stored_size)
        # A block that is torn off may still give bytes; at most 128 KiB whatever the block holds.
        yield feed(header + body, at)
        if len(body) < stored_size:
            raise DamagedStreamError(reader.position, _torn("zstd"))
    if flags & 0x04:
        at = reader.position
        try:
            frame.decompress(reader.take_all(4))
        except zstd.ZstdError as error:
            raise DamagedStreamError(at, _wrong_checksum("zstd")) from error


def _zstd_reason(error: zstd.ZstdError) -> str:
    what = str(error).rpartition(": ")[2]
    if "too much memory" in what:
        return "zstd data with a window above 128 MiB: compress it again without --long or --ultra"
    if "Dictionary" in what:
        return "zstd data that needs a dictionary: compress it again without one"
    return f"damaged zstd data ({what})"


class _Reader:
    """Takes so many bytes as are asked for out of blocks of any size."""

    def __init__(self, stored: Iterator[bytes]) -> None:
        self.position = 0
        self._stored = stored
        self._block = b""
        self._at = 0

    def take(self, size: int) -> bytes:
        """The next bytes; fewer only where the stream ends."""
        parts = []
        while size > 0:
            if self._at == len(self._block):
                self._block, self._at = next(self._stored, b""), 0
                if not self._block:
                    break
            part = self._block[self._at : self._at + size]
            parts.append(part)
            self._at += len(part)
            self.position += len(part)
            size -= len(part)
        return b"".join(parts)

    def take_all(self, size: int) -> bytes:
        """The next bytes, all of them.

        Raises:
            DamagedStreamError: the stream ends before.
        """
        taken = self.take(size)
        if len(taken) < size:
            raise DamagedStreamError(self.position, _torn("zstd"))
        return taken

    def skip(self, size: int) -> None:
        """Leave out so many bytes, however many they are."""
        while size > 0:
            size -= len(self.take_all(min(size, _PIECE)))


def _is_skippable(magic: bytes) -> bool:
    return len(magic) == 4 and magic[0] & 0xF0 == 0x50 and magic[1:] == _SKIPPABLE_LAST_BYTES


def _torn(compression: Compression) -> str:
    return f"the {compression} data is torn off: its end is missing"


def _foreign(compression: Compression) -> str:
    return f"bytes behind the end of the {compression} data that are none of it"


def _wrong_checksum(compression: Compression) -> str:
    return f"the checksum of the {compression} data is wrong: bytes before it are damaged"
