"""Ours, the peers and the physical limits, each as a contender over one recording."""

from __future__ import annotations

import ctypes
from collections.abc import Callable
from functools import partial
from pathlib import Path

from measuring import ours
from measuring.bench import Bench
from measuring.clock import Facts, Measure, in_child, of_command, read_through
from measuring.contest import Contender
from measuring.inputs import Recording


def measure_work(work: Callable[[], Facts]) -> Measure:
    """Measure something that needs no preparation."""
    return in_child(lambda _: work(), lambda: None)


def in_process(name: str, recording: Recording, work: Callable[[], Facts]) -> Contender:
    """One of our ways over a recording; it has to find every message."""
    return Contender(name, recording.size, partial(measure_work, work), recording.messages)


def dlt_convert(
    bench: Bench, recording: Recording, suffix: str, out: Path | None, rounds: int
) -> list[Contender]:
    """dlt-convert as text; it goes to `out`, or nowhere."""
    peer = bench.peers.dlt_convert
    if not peer:
        return []
    run = partial(of_command, [*peer.command, "-a", recording.path], out=out)
    return [Contender(f"{peer.name} -a{suffix}", recording.size, run, rounds=rounds)]


def dlt_core(bench: Bench) -> list[Contender]:
    """dlt-core, which reads and parses the file and makes nothing of it."""
    peer, recording = bench.peers.dlt_core, bench.dlt
    if not peer:
        return []

    def run() -> Measure:
        said = bench.folder / "dlt_core.txt"
        measure = of_command([*peer.command, recording.path], out=said)
        measure.facts["messages"] = int(said.read_text().split("\t")[1])
        return measure

    return [Contender(f"{peer.name}, parses only", recording.size, run, recording.messages)]


def pydlt(bench: Bench) -> list[Contender]:
    """pydlt as text, over a small recording."""
    peer, recording = bench.peers.pydlt, bench.tiny_dlt
    if not peer:
        return []
    run = partial(of_command, [*peer.command, recording.path])
    return [Contender(f"{peer.name}, text of each", recording.size, run, rounds=bench.slow_rounds)]


def limits(recording: Recording) -> list[Contender]:
    """What the machine can do: read the file, copy its bytes."""

    def read(buffer: bytearray) -> Facts:
        with recording.path.open("rb", buffering=0) as stream:
            return {"bytes": read_through(stream, buffer)}

    def two_buffers() -> tuple[bytes, ctypes.Array[ctypes.c_char]]:
        content = recording.path.read_bytes()
        copy = ctypes.create_string_buffer(len(content))
        ctypes.memset(copy, 1, len(content))
        return content, copy

    def copy(buffers: tuple[bytes, ctypes.Array[ctypes.c_char]]) -> Facts:
        ctypes.memmove(buffers[1], buffers[0], len(buffers[0]))
        return {"bytes": len(buffers[0])}

    buffer = partial(bytearray, ours.CHUNK_BYTES)
    return [
        Contender("limit: read() of the file", recording.size, partial(in_child, read, buffer)),
        Contender(
            "limit: memcpy of its bytes", recording.size, partial(in_child, copy, two_buffers)
        ),
    ]
