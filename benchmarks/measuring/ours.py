"""The ways in which the parser is driven, each in one small function.

A new way is a function for each of CSV and columns, and a line in `WAYS`.
"""

from __future__ import annotations

import os
from collections.abc import Callable, Iterator
from concurrent.futures import ThreadPoolExecutor
from dataclasses import dataclass
from functools import partial
from pathlib import Path

import argus_native

from measuring.clock import Facts
from measuring.inputs import SPECIFICATION, Piece, Recording

CHUNK_BYTES = 1024 * 1024


def specification() -> argus_native.Specification:
    return argus_native.Specification(SPECIFICATION.read_text(), source=SPECIFICATION.name)


def push_csv(recording: Recording, out: Path) -> Facts:
    """The push parser over a file; the CSV of all tables goes into one file."""
    parser = _parser(is_rec=recording.is_rec)
    with out.open("wb", buffering=0) as target:
        written, named = 0, set[str]()
        for _ in _fed(parser, recording.path):
            for batch in parser.take():
                written += _write(target.fileno(), batch.to_csv(header=batch.table not in named))
                named.add(batch.table)
                del batch  # else its memory would stay until the next one comes
    return _facts(parser, written)


def push_columns(recording: Recording) -> Facts:
    """The push parser over a file; each batch is handed out as Arrow columns, and dropped."""
    parser = _parser(is_rec=recording.is_rec)
    for _ in _fed(parser, recording.path):
        for batch in parser.take():
            batch.__arrow_c_array__()
    return _facts(parser, 0)


def push_looped(piece: Piece, size: int) -> Facts:
    """The push parser over an endless recording that is nowhere on disk, up to `size` bytes."""
    parser = _parser(is_rec=not piece.content.startswith(b"DLT"))
    view = memoryview(piece.content)
    written = 0
    while parser.bytes_in < size:
        for at in range(0, len(view), CHUNK_BYTES):
            parser.feed(view[at : at + CHUNK_BYTES])
            written += _dropped_csv(parser)
            parser.take_faults()
    parser.finish()
    written += _dropped_csv(parser)
    return _facts(parser, written)


def reader_csv(threads: int, recording: Recording, out: Path) -> Facts:
    """The file reader, which scans for lifecycles first, and writes the CSV in its threads."""
    reader = _reader(recording, threads, csv=True)
    with out.open("wb", buffering=0) as target:
        written, named = 0, set[str]()
        for batch in reader:
            if batch.table not in named:
                written += _write(target.fileno(), batch.csv_header())
                named.add(batch.table)
            written += _write(target.fileno(), batch.csv_rows or b"")
            del batch  # else its memory would stay until the next one comes
    return _facts(reader, written)


def reader_columns(threads: int, recording: Recording) -> Facts:
    """The file reader; each batch is handed out as Arrow columns, and dropped."""
    reader = _reader(recording, threads, csv=False)
    for batch in reader:
        batch.__arrow_c_array__()
        del batch
    return _facts(reader, 0)


def many(
    csv: Callable[[Recording, Path], Facts], recordings: list[Recording], threads: int
) -> Facts:
    """Several files at once, each driven by one thread; the CSV is thrown away."""
    with ThreadPoolExecutor(threads) as pool:
        every = list(pool.map(lambda one: csv(one, Path(os.devnull)), recordings))
    return {name: sum(facts[name] for facts in every) for name in every[0]}


@dataclass(frozen=True, slots=True)
class Way:
    """A way to drive the parser over one file."""

    name: str
    threads: int
    csv: Callable[[Recording, Path], Facts]
    columns: Callable[[Recording], Facts]


def _reader_way(threads: int) -> Way:
    name = f"argus, reader, {threads} thread{'s' if threads > 1 else ''}"
    return Way(name, threads, partial(reader_csv, threads), partial(reader_columns, threads))


WAYS = (
    _reader_way(1),
    _reader_way(2),
    Way("argus, push parser", 1, push_csv, push_columns),
)
"""The one that the ratios are taken of comes first."""


def _parser(*, is_rec: bool) -> argus_native.Parser:
    return argus_native.Parser(specification=specification() if is_rec else None)


def _reader(recording: Recording, threads: int, *, csv: bool) -> argus_native.Reader:
    return argus_native.Reader(
        str(recording.path),
        specification=specification() if recording.is_rec else None,
        threads=threads,
        csv=csv,
    )


def _fed(parser: argus_native.Parser, path: Path) -> Iterator[None]:
    """Feed a file through one buffer; stops after each chunk and after the end."""
    buffer = bytearray(CHUNK_BYTES)
    view = memoryview(buffer)
    with path.open("rb", buffering=0) as stream:
        while got := stream.readinto(buffer):
            parser.feed(view[:got])
            yield
    parser.finish()
    yield


def _dropped_csv(parser: argus_native.Parser) -> int:
    return sum(len(batch.to_csv(header=False)) for batch in parser.take())


def _write(target: int, text: bytes | memoryview) -> int:
    rest = memoryview(text)
    while rest:
        rest = rest[os.write(target, rest) :]
    return len(text)


def _facts(parser: argus_native.Parser | argus_native.Reader, written: int) -> Facts:
    return {
        "messages": parser.rows,
        "quarantined": parser.quarantined_bytes,
        "bytes": parser.bytes_in,
        "written": written,
    }
