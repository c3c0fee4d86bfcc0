"""A recording as a plain file that can be read from any place, whatever it came as.

A local file that is not compressed is used where it lies. All else is written to a scratch folder
in blocks: streams from a bucket, pipes, and what comes out of gzip and zstd.
"""

from __future__ import annotations

import errno
import hashlib
import os
import shutil
import signal
import stat
import tempfile
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from dataclasses import dataclass
from itertools import chain
from pathlib import Path
from typing import IO, Final

from argus_pipeline.errors import ArgusError, BadInput
from argus_pipeline.recordings.decompression import (
    Compression,
    DamagedStreamError,
    compression_of,
    decompressed,
)
from argus_pipeline.recordings.result import Fault

LIMIT_VARIABLE: Final = "ARGUS_MAX_DECOMPRESSED_GIB"
"""Environment variable: how large a compressed recording may become, in GiB."""

DEFAULT_LIMIT_GIB: Final = 64
RESERVED_BYTES: Final = 512 * 1024 * 1024
"""So much of the scratch folder's file system stays free for everybody else."""

STANDARD_INPUT: Final = Path("/dev/stdin")
"""What `-` on a command line means. Opened by its number: as a path it can fail for a socket."""

_BLOCK: Final = 1024 * 1024
_LOOK_EVERY: Final = 64 * 1024 * 1024
_NO_ROOM: Final = {errno.ENOSPC, errno.EDQUOT, errno.EFBIG}


class CancelledError(Exception):
    """Reading was stopped because the caller asked for it."""


@dataclass(frozen=True, slots=True)
class Source:
    """A recording as a plain file.

    Args:
        path: the file with the recording's bytes, decompressed. Everything that is said of
            offsets counts in it.
        size: of that file.
        stored_size: of what was given, compressed or not.
        sha256: of what was given, in hex; None for a local file that is used where it lies.
        compression: `gzip`, `zstd` or None.
        problem: where the compressed data stops to be readable and how many stored bytes were left
            out from there on; its offset counts in the compressed stream. None when it is whole.
    """

    path: Path
    size: int
    stored_size: int
    sha256: str | None
    compression: Compression | None
    problem: Fault | None

    @property
    def offsets_in(self) -> str:
        """What offsets count in, in words."""
        return f"decompressed stream ({self.compression})" if self.compression else "recording"

    @property
    def warning(self) -> str | None:
        """The problem for a person to read."""
        if self.problem is None:
            return None
        return (
            f"{self.problem.reason} (byte {self.problem.offset} of {self.stored_size:,} compressed "
            f"ones; {self.problem.length:,} of them were not read, and the {self.size:,} bytes "
            "decompressed before are kept)"
        )


def called(path: Path) -> str:
    """What a recording is called in messages: its path, or `stdin`."""
    return STANDARD_INPUT.name if path == STANDARD_INPUT else str(path)


@contextmanager
def open_source(
    opened: IO[bytes] | Path,
    scratch: Path,
    *,
    name: str | None = None,
    limit: int | None = None,
    progress: Callable[[int], None] | None = None,
    cancelled: Callable[[], bool] | None = None,
) -> Iterator[Source]:
    """Have a recording as a plain file; what was written for it is removed at the end.

    Compression is told by the bytes and never by the name, and undone once: what is compressed
    twice is still compressed. Torn or damaged data is no error: what comes before is kept and
    `Source.problem` says the rest.

    Args:
        opened: a path (pipes and devices too), `STANDARD_INPUT`, or a stream, which is read to
            its end.
        scratch: an existing folder with room for the decompressed recording.
        name: what the recording is called in messages; a path's own name by default.
        limit: bytes that a compressed recording may become; `decompression_limit()` by default.
        progress: called with the number of stored bytes after each block that is read.
        cancelled: asked before each block that is read or written.

    Raises:
        BadInput: it becomes larger than the limit.
        ArgusError: the scratch folder has no room.
        CancelledError: `cancelled` answered yes.
        OSError: it cannot be read.
    """
    most = decompression_limit() if limit is None else limit
    if isinstance(opened, Path) and not opened.is_file():
        # Polars has system calls begin anew after a signal: waiting would outlast Ctrl-C.
        signal.siginterrupt(signal.SIGINT, True)
    if opened == STANDARD_INPUT:
        with open(0, "rb", buffering=0, closefd=False) as stream:
            stored = _Stored(_blocks(stream), progress, cancelled)
            source = _spool(stored, scratch, name or called(STANDARD_INPUT), most)
    elif isinstance(opened, Path):
        with opened.open("rb", buffering=0) as file:
            head = file.read(_BLOCK)
            status = os.fstat(file.fileno())
            if stat.S_ISREG(status.st_mode) and compression_of(head) is None:
                size = status.st_size
                source = Source(opened, size, size, None, None, None)
            else:
                stored = _Stored(chain([head], _blocks(file)), progress, cancelled)
                source = _spool(stored, scratch, name or called(opened), most)
    else:
        stored = _Stored(_blocks(opened), progress, cancelled)
        source = _spool(stored, scratch, name or "the recording", most)
    try:
        yield source
    finally:
        if source.path != opened:
            source.path.unlink(missing_ok=True)


def decompression_limit() -> int:
    """How many bytes a compressed recording may become: the environment's word, or 64 GiB.

    Raises:
        ArgusError: the variable is no number.
    """
    given = os.environ.get(LIMIT_VARIABLE) or str(DEFAULT_LIMIT_GIB)
    if not given.isdecimal() or int(given) == 0:
        raise ArgusError(
            f"is {given!r}", where=LIMIT_VARIABLE, expected="a number of GiB, such as 64"
        )
    return int(given) * 1024**3


class _Stored:
    """The blocks as they are stored, counted and hashed on their way."""

    def __init__(
        self,
        blocks: Iterator[bytes],
        progress: Callable[[int], None] | None,
        cancelled: Callable[[], bool] | None,
    ) -> None:
        self.size = 0
        self._blocks = blocks
        self._digest = hashlib.sha256()
        self._progress = progress
        self._cancelled = cancelled

    def __iter__(self) -> Iterator[bytes]:
        return self

    def __next__(self) -> bytes:
        self.stop_when_asked()
        block = next(self._blocks)
        self._digest.update(block)
        self.size += len(block)
        if self._progress:
            self._progress(len(block))
        return block

    def stop_when_asked(self) -> None:
        if self._cancelled and self._cancelled():
            raise CancelledError

    def sha256(self) -> str:
        return self._digest.hexdigest()


def _blocks(stream: IO[bytes]) -> Iterator[bytes]:
    while block := stream.read(_BLOCK):
        yield block


def _spool(stored: _Stored, scratch: Path, name: str, limit: int) -> Source:
    # Pipes give a few bytes at a time, too few to tell anything by.
    head = b""
    for block in stored:
        head += block
        if len(head) >= _BLOCK:
            break
    compression = compression_of(head)
    whole = chain([head] if head else [], stored)
    problem = None
    with _Scratch(scratch, name) as file:
        if compression is None:
            for block in whole:
                file.write(block)
        else:
            try:
                for block in decompressed(whole, compression):
                    stored.stop_when_asked()
                    if file.size + len(block) > limit:
                        raise _too_large(name, compression, limit)
                    file.write(block)
            except DamagedStreamError as damage:
                for _ in stored:  # the rest counts and is hashed all the same
                    pass
                left = stored.size - damage.offset
                problem = Fault(damage.offset, left, damage.reason)
    return Source(file.path, file.size, stored.size, stored.sha256(), compression, problem)


class _Scratch:
    """A new file in the scratch folder. It stays only when all went well."""

    def __init__(self, folder: Path, name: str) -> None:
        self.size = 0
        self._folder = folder
        self._name = name
        self._look_at = _LOOK_EVERY
        descriptor, path = tempfile.mkstemp(prefix="recording-", dir=folder)
        self.path = Path(path)
        self._file = os.fdopen(descriptor, "wb")

    def __enter__(self) -> _Scratch:
        return self

    def __exit__(self, kind: type[BaseException] | None, *_: object) -> None:
        try:
            self._file.close()
        except OSError as error:
            self.path.unlink(missing_ok=True)
            # After a failure the first error is the one that counts.
            if kind is None and error.errno in _NO_ROOM:
                raise self._no_room() from error
            if kind is None:
                raise
        if kind is not None:
            self.path.unlink(missing_ok=True)

    def write(self, data: bytes) -> None:
        if self.size >= self._look_at:
            self._look_at = self.size + _LOOK_EVERY
            if shutil.disk_usage(self._folder).free < RESERVED_BYTES:
                raise self._no_room()
        try:
            self._file.write(data)
        except OSError as error:
            if error.errno in _NO_ROOM:
                raise self._no_room() from error
            raise
        self.size += len(data)

    def _no_room(self) -> ArgusError:
        return ArgusError(
            f"no room for {self._name}: the disk is full after {self.size:,} bytes of it",
            where=str(self._folder),
            expected=f"room for the whole recording, decompressed, and {RESERVED_BYTES:,} bytes",
            hint="Free some space, or name a folder on a larger disk in TMPDIR",
        )


def _too_large(name: str, compression: Compression, limit: int) -> BadInput:
    return BadInput(
        f"its {compression} data becomes larger than {limit:,} bytes",
        where=name,
        expected=f"at most {limit:,} bytes after decompression",
        hint=f"If the recording is genuine, split it or raise {LIMIT_VARIABLE} (in GiB)",
    )
