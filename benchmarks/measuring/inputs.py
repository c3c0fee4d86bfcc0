"""Large recordings, made of the small ones among the test data by repeating whole messages."""

from __future__ import annotations

import struct
from collections.abc import Callable
from dataclasses import dataclass
from pathlib import Path

DATA = Path(__file__).resolve().parents[2] / "tests" / "data"
DLT, REC = DATA / "dlt", DATA / "rec"
SPECIFICATION = REC / "vehicle.odvd"

_STORAGE_HEADER = 16
_ENVELOPE_HEADER = 5


@dataclass(frozen=True, slots=True)
class Piece:
    """Whole messages, back to back, counted by their length fields alone."""

    content: bytes
    messages: int

    def first(self, limit: int) -> Piece:
        """As many whole messages from the start as fit into `limit` bytes."""
        length_at = _dlt_length if self.content.startswith(b"DLT\x01") else _rec_length
        return _whole_messages(self.content[:limit], length_at)


@dataclass(frozen=True, slots=True)
class Recording:
    """A recording on disk and what is in it."""

    path: Path
    size: int
    messages: int
    is_rec: bool = False


def typical_dlt() -> Piece:
    """The typical log; it may be cut in the middle of its last message, which is left out."""
    return _whole_messages((DLT / "typ_4MB.dlt").read_bytes(), _dlt_length)


def vehicle_rec() -> Piece:
    """The two drives of one vehicle, one after the other."""
    both = b"".join(path.read_bytes() for path in sorted(REC.glob("J7_*.rec")))
    return _whole_messages(both, _rec_length)


def write_repeated(piece: Piece, path: Path, size: int) -> Recording:
    """A file of at least `size` bytes: the piece again and again."""
    times = -(-size // len(piece.content))
    with path.open("wb") as stream:
        for _ in range(times):
            stream.write(piece.content)
    is_rec = not piece.content.startswith(b"DLT")
    return Recording(path, times * len(piece.content), times * piece.messages, is_rec)


def _whole_messages(content: bytes, length_at: Callable[[bytes, int], int]) -> Piece:
    at = messages = 0
    while (length := length_at(content, at)) and at + length <= len(content):
        at += length
        messages += 1
    return Piece(content[:at], messages)


def _dlt_length(content: bytes, at: int) -> int:
    """Length of the stored DLT message at `at`, 0 where none begins."""
    if content[at : at + 4] != b"DLT\x01" or len(content) < at + _STORAGE_HEADER + 4:
        return 0
    (length,) = struct.unpack_from(">H", content, at + _STORAGE_HEADER + 2)
    return _STORAGE_HEADER + int(length)


def _rec_length(content: bytes, at: int) -> int:
    """Length of the envelope at `at`, 0 where none begins."""
    if content[at : at + 2] != b"\x0d\xa4" or len(content) < at + _ENVELOPE_HEADER:
        return 0
    return _ENVELOPE_HEADER + int.from_bytes(content[at + 2 : at + _ENVELOPE_HEADER], "little")
