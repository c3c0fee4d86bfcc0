from __future__ import annotations

import base64
import itertools
import re
import subprocess
import sys
import xml.etree.ElementTree as ElementTree
import zlib
from collections.abc import Callable
from datetime import timedelta
from html.parser import HTMLParser
from pathlib import Path
from typing import Any

import pytest
from charts.made import START, MadeBatch

from argus_pipeline.charts import CHARTS as OF_A_BATCH
from argus_pipeline.charts import (
    ChartContext,
    RenderedChart,
    render,
    top_codes,
)
from argus_pipeline.charts import page as page_module
from argus_pipeline.charts.page import script_json
from argus_pipeline.charts.png import SIGNATURE, recompressed
from argus_pipeline.charts.rendering import MAX_PREVIEW_BYTES
from argus_pipeline.charts.style import COLOURS, shown
from argus_pipeline.statistics.batch import BatchStatistics, compute_statistics
from argus_pipeline.statistics.severity import NONE, SEVERITIES

HOSTILE = "</script><script>alert(1)</script><!--\u2028\x00\x1b[31m\u202e&\"'"
KINDS = ("boot", "resume", "clock_change")
NOTHING = (
    "no events with a severity|no fault codes found|no boots that a clock can place"
    "|no signal was recorded"
)
CONTEXT = ChartContext("batch-1", "LFV3A23C0K3000001", "J7", "v2.3.1")
CHARTS = pytest.mark.parametrize("chart", OF_A_BATCH.values(), ids=OF_A_BATCH)
Chart = Callable[[BatchStatistics, ChartContext], Any]


class Page(HTMLParser):
    """Elements with their attributes, and the text of the title."""

    def __init__(self, text: str) -> None:
        super().__init__()
        self.elements: list[tuple[str, dict[str, str | None]]] = []
        self.title = ""
        self._inside = ""
        self.feed(text)

    def handle_starttag(self, tag: str, attrs: list[tuple[str, str | None]]) -> None:
        self.elements.append((tag, dict(attrs)))
        self._inside = tag

    def handle_data(self, data: str) -> None:
        if self._inside == "title":
            self.title += data.strip()

    def all(self, tag: str) -> list[dict[str, str | None]]:
        return [attributes for name, attributes in self.elements if name == tag]


@pytest.fixture(scope="module")
def busy(tmp_path_factory: pytest.TempPathFactory) -> BatchStatistics:
    """Every severity in every bin, more codes and ECUs than fit, and all lifecycles that count."""
    rows = [
        {
            "time": START + timedelta(seconds=n % 3_600),
            "severity": SEVERITIES[n % 6],
            "text": f"E{n % 997:03} at {n}",
            "ecu": f"E{n % 11}",
        }
        for n in range(30_000)
    ]
    boots = [
        {"ecu": f"E{n % 40}", "start": START + timedelta(seconds=n), "kind": KINDS[n % 3]}
        for n in range(1_000)
    ]
    batch = MadeBatch(tmp_path_factory.mktemp("busy")).dlt("a.dlt", rows, boots=boots)
    return batch.statistics()


@CHARTS
def test_the_page_loads_nothing_from_anywhere(chart: Chart, busy: BatchStatistics) -> None:
    page = Page(render(chart(busy, CONTEXT)).html.decode())
    assert page.all("script") == [{}, {}]
    assert page.all("link") == page.all("img") == page.all("iframe") == []
    assert not any("src" in attributes for _, attributes in page.elements)
    (policy,) = [
        str(meta["content"])
        for meta in page.all("meta")
        if meta.get("http-equiv") == "Content-Security-Policy"
    ]
    assert policy.startswith("default-src 'none';")
    assert "http" not in policy


@CHARTS
def test_the_page_says_what_it_is(chart: Chart, busy: BatchStatistics) -> None:
    rendered = render(chart(busy, CONTEXT))
    page = Page(rendered.html.decode())
    assert page.all("html") == [{"lang": "en"}]
    assert page.all("meta")[0] == {"charset": "utf-8"}
    assert page.title.endswith("LFV3A23C0K3000001 · J7 · firmware v2.3.1 · batch batch-1")
    assert rendered.html.startswith(b"<!DOCTYPE html>")


@CHARTS
def test_the_same_statistics_give_the_same_bytes(chart: Chart, busy: BatchStatistics) -> None:
    assert render(chart(busy, CONTEXT)) == render(chart(busy, CONTEXT))


def test_another_process_draws_the_same_bytes() -> None:
    program = (
        "import hashlib; from argus_pipeline.charts import *;"
        "from argus_pipeline.statistics.batch import compute_statistics;"
        "drawn = render(severity_over_time(compute_statistics([], [])));"
        "print([hashlib.sha256(data).hexdigest() for data in (*drawn.files().values(),)])"
    )
    runs = [
        subprocess.run([sys.executable, "-c", program], capture_output=True, check=True).stdout
        for _ in range(2)
    ]
    assert runs[0] == runs[1]


@CHARTS
def test_a_busy_chart_has_few_marks_and_a_small_preview(
    chart: Chart, busy: BatchStatistics
) -> None:
    rendered = render(chart(busy, CONTEXT))
    assert rendered.svg.count(b"<path") < 3_000
    assert rendered.png.startswith(SIGNATURE)
    assert rendered.preview_png.startswith(SIGNATURE)
    assert len(rendered.preview_png) <= MAX_PREVIEW_BYTES
    uri = rendered.preview_uri()
    assert base64.b64decode(uri.removeprefix("data:image/png;base64,")) == rendered.preview_png


@CHARTS
def test_an_empty_batch_has_a_picture_with_its_title(chart: Chart) -> None:
    rendered = render(chart(compute_statistics([], []), CONTEXT))
    text = " ".join(ElementTree.fromstring(rendered.svg).itertext())
    assert "batch batch-1" in text
    assert re.search(NOTHING, text)


@CHARTS
def test_names_of_strangers_stay_text(chart: Chart, tmp_path: Path) -> None:
    rows = [{"severity": "error", "text": "E001", "ecu": HOSTILE, "app": HOSTILE}]
    boots = [{"ecu": HOSTILE, "software_version": HOSTILE}]
    statistics = MadeBatch(tmp_path).dlt("a.dlt", rows, boots=boots).statistics()
    context = ChartContext(HOSTILE, HOSTILE, HOSTILE, HOSTILE)
    rendered = render(chart(statistics, context))
    page = Page(rendered.html.decode())
    assert page.all("script") == [{}, {}]
    ElementTree.fromstring(rendered.svg)
    assert b"\x00" not in rendered.svg
    assert b"\x1b" not in rendered.svg


def test_json_inside_a_script_cannot_end_it() -> None:
    text = script_json({"text": HOSTILE})
    assert "<" not in text
    assert "\u2028" not in text


def test_shown_names_are_short_and_harmless() -> None:
    assert shown("a\x00b\u202ec", 10) == "a�b�c"
    assert shown("x" * 50, 10) == "x" * 9 + "…"
    assert shown("Bremsgerät 制动", 20) == "Bremsgerät 制动"


def test_a_repacked_picture_has_the_same_pixels(busy: BatchStatistics) -> None:
    png = render(top_codes(busy, CONTEXT)).png
    # Packed for speed, in two pieces, as other programs write it.
    at = png.index(b"IDAT") + 4
    pixels = zlib.decompress(png[at:])
    fast = zlib.compress(pixels, 1)
    pieces = b"".join(_chunk(b"IDAT", part) for part in (fast[:1000], fast[1000:]))
    large = png[: at - 8] + pieces + _chunk(b"IEND", b"")
    assert len(large) > len(png)
    assert recompressed(large) == png


def test_what_is_no_picture_is_refused() -> None:
    with pytest.raises(ValueError, match="not a PNG"):
        recompressed(b"GIF89a")


@pytest.mark.parametrize("family", [("fatal", "error", "warn"), ("info", "debug", "verbose", NONE)])
def test_severities_differ_in_black_and_white_the_worse_the_darker(family: list[str]) -> None:
    greys = [_lightness(COLOURS[word]) for word in family]
    assert all(lighter - darker > 0.11 for darker, lighter in itertools.pairwise(greys))


def test_the_files_of_a_chart_are_named_by_their_suffix() -> None:
    chart = RenderedChart(b"h", b"s", b"p", b"q")
    assert chart.files() == {"html": b"h", "svg": b"s", "png": b"p"}


def _chunk(kind: bytes, data: bytes) -> bytes:
    length = len(data).to_bytes(4, "big")
    return length + kind + data + zlib.crc32(kind + data).to_bytes(4, "big")


def _lightness(colour: str) -> float:
    """CIE L* of an sRGB colour, 0 to 1 (IEC 61966-2-1, CIE 15)."""
    channels = [int(colour[n : n + 2], 16) / 255 for n in (1, 3, 5)]
    linear = [c / 12.92 if c <= 0.04045 else ((c + 0.055) / 1.055) ** 2.4 for c in channels]
    luminance = 0.2126 * linear[0] + 0.7152 * linear[1] + 0.0722 * linear[2]
    return float(1.16 * luminance ** (1 / 3) - 0.16)


def test_the_script_of_a_page_is_the_same_whether_it_is_made_or_was_kept(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setenv("XDG_CACHE_HOME", str(tmp_path))
    make = page_module._bundle.__wrapped__
    made = make()
    [kept] = (tmp_path / "argus").iterdir()
    assert make() == made
    kept.write_bytes(b"the one that is kept")
    assert make() == "the one that is kept"


def test_a_page_is_made_where_nothing_can_be_kept(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    (tmp_path / "argus").write_text("no folder")
    monkeypatch.setenv("XDG_CACHE_HOME", str(tmp_path))
    assert "vegaEmbed" in page_module._bundle.__wrapped__()
