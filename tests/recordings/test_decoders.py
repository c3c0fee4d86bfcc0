"""Decoders of other packages: how they are found, and which of them reads a recording."""

from __future__ import annotations

import re
import sys
import textwrap
from collections.abc import Callable, Iterator
from pathlib import Path

import polars as pl
import pyarrow.parquet as pq
import pytest

from argus_pipeline.recordings.decoders import (
    decoder_versions,
    find_decoder,
    installed_decoders,
)
from argus_pipeline.recordings.plugin_reader import PluginReader
from argus_pipeline.recordings.tables import TableFiles

Install = Callable[..., None]

FORMATS_PAGE = Path(__file__).resolve().parents[2] / "docs" / "formats.md"


def documented_decoder() -> str:
    """The worked example of the documentation, with smaller batches."""
    [code] = re.findall(
        r"`bench_log\.py`:\n\n```python\n(.*?)```", FORMATS_PAGE.read_text(), re.DOTALL
    )
    assert "ROWS = 10_000" in code
    return str(code).replace("ROWS = 10_000", "ROWS = 2")


@pytest.fixture
def install(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Iterator[Install]:
    """Installs a distribution as pip would: a module and its `.dist-info` on the path."""
    folder = tmp_path / "site-packages"
    folder.mkdir()
    monkeypatch.syspath_prepend(folder)
    modules: list[str] = []

    def put(module: str, code: str, *entries: str) -> None:
        (folder / f"{module}.py").write_text(textwrap.dedent(code))
        info = folder / f"{module}-1.0.dist-info"
        info.mkdir()
        (info / "METADATA").write_text(f"Metadata-Version: 2.1\nName: {module}\nVersion: 1.0\n")
        (info / "entry_points.txt").write_text("\n".join(("[argus.decoders]", *entries, "")))
        modules.append(module)
        installed_decoders.cache_clear()

    installed_decoders.cache_clear()
    yield put
    installed_decoders.cache_clear()
    for module in modules:
        sys.modules.pop(module, None)


def decoder_code(name: str, version: str = "1.0", *, recognises: str = "True") -> str:
    return textwrap.dedent(f"""
        class Made:
            name = {name!r}
            version = {version!r}
            def recognises(self, head):
                return {recognises}
            def decode(self, path):
                return iter(())
    """)


def test_without_any_installed_decoder_nothing_is_found(install: Install) -> None:
    assert installed_decoders().decoders == ()
    assert decoder_versions() == ""
    assert find_decoder(b"BENCHLOG 1\n").decoder is None


def test_the_documented_decoder_reads_its_recordings_from_end_to_end(
    install: Install, tmp_path: Path
) -> None:
    install("bench_log", documented_decoder(), "bench = bench_log:BenchLog")
    path = tmp_path / "bench.log"
    path.write_bytes(
        b"BENCHLOG 1\n"
        b"1760000000000|info|begin\n"
        b"1760000001500|error|a, \"b\"\n"
        b"what is this\n"
        b"1760000002000|info|\n"
    )  # fmt: skip
    assert decoder_versions() == "bench-log 1.0"
    found = find_decoder(path.read_bytes())
    assert found.decoder is not None
    assert (found.decoder.name, found.warnings) == ("bench-log", ())

    reader = PluginReader(found.decoder, path, path.stat().st_size)
    tables = TableFiles(tmp_path)
    for batch in reader:
        tables.append(batch)  # type: ignore[arg-type]
    [table] = tables.close()
    assert (table.name, table.rows, reader.rows, reader.format) == ("lines", 3, 3, "bench-log")
    assert reader.take_faults() == [(63, 13, "a line that is not <ms>|<level>|<text>")]
    assert reader.decoded_bytes + reader.quarantined_bytes == reader.bytes_in
    assert reader.failure is None
    assert table.files["csv"].read_bytes() == (
        b"offset,time,level,text\r\n"
        b"11,2025-10-09T08:53:20.000000000Z,info,begin\r\n"
        b'36,2025-10-09T08:53:21.500000000Z,error,"a, ""b"""\r\n'
        b'76,2025-10-09T08:53:22.000000000Z,info,""\r\n'
    )
    assert pl.read_parquet(table.files["parquet"])["text"].to_list() == ["begin", 'a, "b"', ""]
    assert str(pq.read_schema(table.files["parquet"]).field("time").type) == (
        "timestamp[ns, tz=UTC]"
    )


def test_built_in_formats_are_asked_first(install: Install, data: Path) -> None:
    install("greedy", decoder_code("greedy"), "g = greedy:Made")
    for name in ("dlt/golden.dlt", "rec/alltypes.rec"):
        assert find_decoder((data / name).read_bytes()[:4096]).decoder is None
    assert find_decoder(b"anything else").decoder is not None


def test_an_empty_recording_is_nobodys(install: Install) -> None:
    install("greedy", decoder_code("greedy"), "g = greedy:Made")
    assert find_decoder(b"").decoder is None


def test_a_decoder_sees_the_first_4096_bytes(install: Install) -> None:
    install(
        "longhead", decoder_code("longhead", recognises="len(head) == 4096"), "a = longhead:Made"
    )
    assert find_decoder(b" " * 5000).decoder is not None
    assert find_decoder(b" " * 4095).decoder is None


def test_of_two_decoders_that_claim_a_recording_the_first_by_name_reads_it(
    install: Install,
) -> None:
    install("second", decoder_code("zeta", "2.1"), "a = second:Made")
    install("first", decoder_code("alpha", "0.9"), "z = first:Made")
    found = find_decoder(b"anything")
    assert found.decoder is not None
    assert found.decoder.name == "alpha"
    [warning] = found.warnings
    assert "alpha 0.9, zeta 2.1" in warning
    assert "alpha reads it" in warning


def test_the_versions_of_all_decoders_count_for_what_no_built_in_format_reads(
    install: Install,
) -> None:
    install("second", decoder_code("zeta", "2.1"), "a = second:Made")
    install("first", decoder_code("alpha", "0.9"), "z = first:Made")
    for read_as in (None, "alpha", "zeta"):
        assert decoder_versions(read_as) == "alpha 0.9, zeta 2.1"
    assert decoder_versions("dlt") == decoder_versions("rec") == ""


def test_an_object_may_stand_where_a_class_may(install: Install) -> None:
    install("made", decoder_code("made") + "\nINSTANCE = Made()\n", "a = made:INSTANCE")
    assert decoder_versions() == "made 1.0"


@pytest.mark.parametrize(
    ("code", "entry", "reason"),
    [
        ("raise RuntimeError('no licence')", "Made", "RuntimeError: no licence"),
        ("import sys\nsys.exit(3)", "Made", "SystemExit: 3"),
        ("Other = 1", "Made", "AttributeError"),
        ("Made = object()", "Made", "lacks one of name, version, recognises and decode"),
        (decoder_code("a/b"), "Made", "its name 'a/b' is not 1 to 128"),
        (decoder_code("dlt"), "Made", "belongs to a built-in format"),
        (decoder_code("good", ""), "Made", "its version is not a text, or empty"),
    ],
)
def test_a_decoder_that_cannot_be_used_is_a_warning_and_the_others_go_on(
    install: Install, code: str, entry: str, reason: str
) -> None:
    install("broken", code, f"broken-one = broken:{entry}")
    install("whole", decoder_code("whole"), "whole = whole:Made")
    found = find_decoder(b"anything")
    assert found.decoder is not None
    [warning] = found.warnings
    assert warning.startswith("the decoder broken-one is not used: ")
    assert reason in warning
    assert decoder_versions() == "whole 1.0"


def test_of_two_decoders_of_one_name_one_is_left_out(install: Install) -> None:
    install("one", decoder_code("same", "1"), "a = one:Made")
    install("two", decoder_code("same", "2"), "b = two:Made")
    assert decoder_versions() == "same 1"
    assert "another one is called 'same'" in find_decoder(b"x").warnings[0]


def test_a_decoder_that_raises_when_it_is_asked_does_not_claim_the_recording(
    install: Install,
) -> None:
    install("asked", decoder_code("asked", recognises="head[10_000]"), "a = asked:Made")
    found = find_decoder(b"short")
    assert found.decoder is None
    assert "the decoder asked 1.0 was not asked: IndexError" in found.warnings[0]
