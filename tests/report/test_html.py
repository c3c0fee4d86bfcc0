from __future__ import annotations

import base64
import re
from html.parser import HTMLParser

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from report.hostile import HOSTILE, diagnosis

from argus_pipeline.diagnosis.text import clean
from argus_pipeline.report.html import MAX_CHARACTERS, render_html

SVG = b'<svg xmlns="http://www.w3.org/2000/svg"><script>alert(1)</script></svg>'
PNG = b"\x89PNG\r\n\x1a\n123"


class Page(HTMLParser):
    """Tags, addresses, ids and text of a page."""

    def __init__(self, page: str) -> None:
        super().__init__()
        self.tags: list[str] = []
        self.attributes: list[tuple[str, str, str | None]] = []
        self.text = ""
        self.feed(page)
        self.close()

    def handle_starttag(self, tag: str, attrs: list[tuple[str, str | None]]) -> None:
        self.tags.append(tag)
        self.attributes += [(tag, name, value) for name, value in attrs]

    def handle_data(self, data: str) -> None:
        self.text += data

    def values(self, name: str) -> list[str]:
        return [value or "" for _, attribute, value in self.attributes if attribute == name]


# A blank makes it no safe name: nothing leads to a recording of that name.
PLAIN = Page(render_html(diagnosis("plain words")))
WITHIN = re.compile(r"#[EKD][0-9]+|\.\./\.\./(parsed|quarantine|reports)/[A-Za-z0-9._/-]+")


@pytest.mark.parametrize("text", HOSTILE)
def test_hostile_texts_do_not_change_the_shape_of_a_page(text: str) -> None:
    page = Page(render_html(diagnosis(text)))

    assert page.tags == PLAIN.tags
    assert [(t, n) for t, n, _ in page.attributes] == [(t, n) for t, n, _ in PLAIN.attributes]
    assert page.values("href") == PLAIN.values("href")
    assert "script" not in page.tags
    assert not {"\x1b", "\u202e", "\u200b"} & set(page.text)
    if text.strip():
        assert clean(text, MAX_CHARACTERS) in page.text


@settings(max_examples=30)
@given(st.text(min_size=1, max_size=80))
def test_no_text_changes_the_shape_of_a_page(text: str) -> None:
    page = render_html(diagnosis(f"{text} !"))

    page.encode()
    assert Page(page).tags == PLAIN.tags


def test_a_page_needs_nothing_from_outside() -> None:
    page = Page(render_html(diagnosis(), {"a": SVG, "b": PNG}))

    assert all(value.startswith("data:image/") for value in page.values("src"))
    assert all(WITHIN.fullmatch(value) for value in page.values("href"))
    assert not {"script", "link", "iframe", "object", "embed", "base", "form"} & set(page.tags)
    assert any("default-src 'none'" in value for value in page.values("content"))
    assert "url(" not in page.text
    assert "@import" not in page.text


def test_every_citation_leads_to_its_entry() -> None:
    targets = {value.removeprefix("#") for value in PLAIN.values("href")}

    assert targets == {"E1", "K1"}
    assert targets <= set(PLAIN.values("id"))


def test_charts_are_images_inside_the_page() -> None:
    page = Page(render_html(diagnosis(), {"severity_over_time": SVG, "top_codes": PNG}))

    svg, png = page.values("src")
    assert base64.b64decode(svg.removeprefix("data:image/svg+xml;base64,")) == SVG
    assert base64.b64decode(png.removeprefix("data:image/png;base64,")) == PNG
    assert page.values("alt") == ["Severity over time", "Top codes"]
    assert "script" not in page.tags


def test_what_is_no_image_is_refused() -> None:
    with pytest.raises(ValueError, match="neither SVG nor PNG"):
        render_html(diagnosis(), {"a": b"<html>"})


def test_quotations_of_the_log_are_marked_as_such() -> None:
    page = render_html(diagnosis("cell <n> low"))

    assert "<span>log text</span> <q><bdi>cell &lt;n&gt; low</bdi></q>" in page


def test_lifecycles_and_what_could_not_be_read_have_sections_of_their_own() -> None:
    page = Page(render_html(diagnosis("v2.3.1")))

    assert "Lifecycles" in page.text
    assert "4 older; not told; v2.3.1 from 2026-11-23 10:00:00 UTC" in page.text
    assert "What could not be read" in page.text
    assert "20 messages are missing by the counters" in page.text


def test_the_label_and_what_it_means_are_shown() -> None:
    assert "evidence_only" in PLAIN.text
    assert "no language model took part" in PLAIN.text
    assert "not a probability" in PLAIN.text
