"""Decoders of others run in a process of their own, and crash nothing but that."""

from __future__ import annotations

import os
import signal
import textwrap
from pathlib import Path

import pytest
from recordings.test_decoders import Install, documented_decoder, install

from argus_pipeline.errors import Unavailable
from argus_pipeline.recordings.apart import ApartReader
from argus_pipeline.recordings.decoders import find_decoder
from argus_pipeline.recordings.decoding import parse_recording
from argus_pipeline.recordings.plugin_reader import PluginReader
from argus_pipeline.recordings.result import Status
from argus_pipeline.recordings.source import open_source

__all__ = ["install"]

CONTENT = b"BENCHLOG 1\n" + b"".join(b"176000000%04d|info|m\n" % n for n in range(9)) + b"what\n"


def after_some_rows(what: str) -> str:
    """The documented decoder, which does something else after its first batch of rows."""
    code = documented_decoder()
    assert "yield self.batch(rows, decoded)\n                        rows" in code
    return code.replace(
        "yield self.batch(rows, decoded)\n                        rows",
        f"yield self.batch(rows, decoded)\n                        {what}\n"
        "                        rows",
        1,
    )


def recording(tmp_path: Path) -> Path:
    path = tmp_path / "bench.log"
    path.write_bytes(CONTENT)
    return path


def test_it_gives_the_same_as_in_the_own_process(install: Install, tmp_path: Path) -> None:
    install("bench_log", documented_decoder(), "bench = bench_log:BenchLog")
    path = recording(tmp_path)
    decoder = find_decoder(CONTENT).decoder
    assert decoder is not None
    found = []
    for kind in (PluginReader, ApartReader):
        reader = kind(decoder, path, len(CONTENT))
        rows = [(batch.table, batch.to_ipc()) for batch in reader]
        counts = (reader.rows, reader.decoded_bytes, reader.quarantined_bytes, reader.fault_count)
        found.append((rows, counts, reader.take_faults(), reader.format, reader.read_by))
    assert found[0] == found[1]
    assert found[0][1][0] == 9


@pytest.mark.parametrize(
    ("what", "how"),
    [
        ("import ctypes; ctypes.string_at(0)", "by SIGSEGV"),
        ("import os; os.abort()", "by SIGABRT"),
        ("import os; os._exit(3)", "with exit status 3"),
    ],
)
def test_a_crash_ends_the_recording_and_keeps_what_was_decoded_before(
    install: Install, tmp_path: Path, what: str, how: str
) -> None:
    install("bench_log", after_some_rows(what), "bench = bench_log:BenchLog")
    tables = tmp_path / "tables"
    tables.mkdir()
    with recording(tmp_path).open("rb") as stream, open_source(stream, tmp_path) as source:
        parsed = parse_recording(source, tables, name="bench.log")
    assert (parsed.status, parsed.rows) == (Status.PARTIAL, 2)
    assert parsed.decoded_bytes + parsed.quarantined_bytes == len(CONTENT)
    [fault] = parsed.faults
    assert fault.offset == parsed.decoded_bytes
    assert fault.reason == f"the decoder bench-log 1.0 crashed: its process ended {how}"


@pytest.mark.parametrize("ended_by", [signal.SIGKILL, signal.SIGTERM])
def test_a_process_that_was_ended_from_outside_says_nothing_of_the_recording(
    install: Install, tmp_path: Path, ended_by: signal.Signals
) -> None:
    what = f"import os; os.kill(os.getpid(), {int(ended_by)})"
    install("bench_log", after_some_rows(what), "bench = bench_log:BenchLog")
    decoder = find_decoder(CONTENT).decoder
    assert decoder is not None
    with pytest.raises(Unavailable, match=ended_by.name):
        list(ApartReader(decoder, recording(tmp_path), len(CONTENT)))


def test_what_is_no_longer_wanted_is_ended(install: Install, tmp_path: Path) -> None:
    started = tmp_path / "pid"
    what = f"""import os, pathlib, time; pathlib.Path({str(started)!r}).write_text(str(os.getpid()))
                        time.sleep(600)"""
    install("bench_log", textwrap.dedent(after_some_rows(what)), "bench = bench_log:BenchLog")
    decoder = find_decoder(CONTENT).decoder
    assert decoder is not None
    batches = iter(ApartReader(decoder, recording(tmp_path), len(CONTENT)))
    next(batches)
    while not started.exists() or not started.read_text():
        pass
    batches.close()  # type: ignore[attr-defined]
    with pytest.raises(ProcessLookupError):
        os.kill(int(started.read_text()), 0)
