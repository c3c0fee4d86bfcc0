from __future__ import annotations

import io
from dataclasses import replace

import pytest
from hypothesis import example, given
from hypothesis import strategies as st
from markdown_it import MarkdownIt
from markdown_it.token import Token
from report.hostile import HOSTILE, diagnosis
from rich.console import Console
from rich.markdown import Markdown

from argus_pipeline.diagnosis.material import Material
from argus_pipeline.diagnosis.model import Outcome
from argus_pipeline.diagnosis.text import clean
from argus_pipeline.report.html import render_html
from argus_pipeline.report.markdown import MAX_CHARACTERS, escape, escape_quote, render_markdown

BATCH = diagnosis().batch
READER = MarkdownIt("commonmark").enable(["table", "strikethrough"])
# What no text from outside may become.
FORBIDDEN = {"link_open", "image", "html_inline", "html_block", "code_inline", "fence"}


def tokens(markdown: str) -> list[Token]:
    return [t for block in READER.parse(markdown) for t in (block, *(block.children or ()))]


def shape(markdown: str) -> list[str]:
    return [t.type for t in tokens(markdown) if t.type != "text_special"]


@pytest.mark.parametrize("text", HOSTILE)
def test_hostile_texts_do_not_change_the_shape_of_a_report(text: str) -> None:
    found = shape(render_markdown(diagnosis(text)))

    assert not FORBIDDEN & set(found)
    assert [t for t in found if t != "text"] == [
        t for t in shape(render_markdown(diagnosis("plain words"))) if t != "text"
    ]


@pytest.mark.parametrize("text", HOSTILE)
def test_hostile_texts_reach_no_terminal(text: str) -> None:
    out = io.StringIO()
    markdown = render_markdown(diagnosis(text))
    Console(file=out, force_terminal=False, width=100).print(Markdown(markdown, hyperlinks=False))

    for shown in (markdown, out.getvalue()):
        assert "\x1b" not in shown
        assert "\u202e" not in shown
        shown.encode()


PIECES = st.sampled_from([*HOSTILE, "|", "\\", "`", "[", "](", "://", "www.", "*", "_", "1.", "-"])


@given(st.one_of(st.text(max_size=60), st.lists(PIECES, max_size=4).map("".join)))
@example("\\|")
@example("\\\\|")
@example("a\\")
@example("-")
@example("12345678901.")
@example("+ x")
@example("=")
def test_an_escaped_text_shows_just_itself_in_a_cell_and_in_an_item(text: str) -> None:
    shown = clean(text, MAX_CHARACTERS)
    for markdown in (f"| a | b |\n| --- | --- |\n| {escape(text)} | end |", f"- {escape(text)}"):
        found = tokens(markdown)
        assert not FORBIDDEN & {t.type for t in found}
        inline = [t for t in found if t.type == "inline"]
        last = inline[-2] if markdown.startswith("|") else (inline or [None])[-1]
        content = "".join(c.content for c in (last.children or ())) if last else ""
        assert content == shown.strip()
        assert len(inline) == (4 if markdown.startswith("|") else int(bool(shown)))


def test_an_address_in_a_log_text_is_no_link_even_for_readers_that_make_them() -> None:
    assert escape_quote("see https://evil.example or WWW.evil.example") == (
        "see https\\[:\\]//evil.example or WWW\\[.\\]evil.example"
    )


def test_the_first_five_lines_suffice() -> None:
    first = render_markdown(diagnosis("brake")).splitlines()[:5]

    assert first[0] == "# Likely cause: brake (E1, K1)"
    assert first[1].startswith("- **Confidence:** medium, 3 of 5 points; a rule of thumb")
    assert "Evidence only" in first[2]
    assert "evidence\\_only" in first[2]
    assert "firmware brake → brake" in first[3]
    assert first[4] == "- **Do first:** Brake (E1, K1)"


@pytest.mark.parametrize(("probability", "said"), [(0.999, 99), (0.62, 62), (0.001, 1)])
def test_a_calibrated_confidence_says_how_often_it_is_right_and_never_always(
    probability: float, said: int
) -> None:
    found = diagnosis()
    held = replace(found.confidence, calibrated=True, probability=probability)
    text = render_markdown(replace(found, confidence=held, outcome=Outcome.LIKELY))
    assert f"right in about {said} % of such cases" in text


def test_evidence_names_file_table_and_offset() -> None:
    told = "[plain, table plain, byte 12](../../parsed/{}/plain/plain.csv); ecu1.dlt |"

    assert told.format(BATCH) in render_markdown(diagnosis())
    assert "| plain words, table plain words, byte 12; ecu1.dlt |" in render_markdown(
        diagnosis("plain words")
    )


def test_damaged_recordings_are_named_with_what_was_saved() -> None:
    markdown = render_markdown(diagnosis("ecu7.dlt"))

    assert "| ecu7.dlt | damaged, in part saved | 7 messages, 60 of 100 bytes (60 %) |" in markdown
    assert "And 4 more." in markdown


def test_lifecycles_are_listed_by_ecu_with_what_each_ran() -> None:
    markdown = render_markdown(diagnosis("v2.3.1"))

    assert "## Lifecycles" in markdown
    assert (
        "| v2.3.1 | 3 | 1 (clock set 2 times) | 4 older; not told; v2.3.1 from 2026-11-23 10:00:00"
        " UTC | 2026-11-23 10:00:00 UTC | not known | 1,234 | 12 |"
    ) in markdown
    assert (
        "2 more ECUs are not listed; 3 older lifecycles are in none of these figures;"
        " 8 more messages were lost there"
    ) in markdown


def test_what_could_not_be_read_is_told_with_offset_length_and_reason() -> None:
    markdown = render_markdown(diagnosis("bad length"))

    assert "## What could not be read\n\n40 of 100 bytes could not be decoded." in markdown
    assert "7 bytes of compressed recordings could not be decompressed" in markdown
    assert "20 messages are missing by the counters" in markdown
    assert "| bad length | 12 | 40 | bad length |" in markdown
    assert "And 5 more stretches." in markdown


def test_a_whole_batch_without_dlt_has_neither_section() -> None:
    found = replace(diagnosis(), material=Material(decoded_bytes=100), damaged=())

    for report in (render_markdown(found), render_html(found)):
        assert "Lifecycles" not in report
        assert "What could not be read" not in report


def test_a_loss_alone_is_told_without_tables() -> None:
    found = replace(diagnosis(), material=Material(lost_messages=1), damaged=())

    assert "## What could not be read\n\n1 message is missing by the counters" in (
        render_markdown(found)
    )


def test_what_was_taken_out_is_said() -> None:
    assert "1 statement was taken out, not holding against the evidence" in render_markdown(
        diagnosis()
    )


def test_charts_are_linked_where_they_lie() -> None:
    markdown = render_markdown(diagnosis(), {"top_codes": b"<svg xmlns='x'/>"})

    batch = diagnosis().batch
    assert f"![Top codes](../../charts/{batch}/top_codes.svg)" in markdown


def test_the_same_diagnosis_gives_the_same_markdown() -> None:
    assert render_markdown(diagnosis()) == render_markdown(diagnosis())


def test_the_source_reads_well_too() -> None:
    source = render_markdown(diagnosis("Install brake-control v2.3.2 (2026-11-23): 4 < 5."))

    assert "Install brake-control v2.3.2 (2026-11-23): 4 \\< 5." in source
