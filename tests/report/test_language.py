from __future__ import annotations

import json
import re
import string
from dataclasses import fields, replace
from html.parser import HTMLParser
from pathlib import Path

import pytest
from diagnosis.made import (
    GATEWAY,
    WHEEL_SPEED,
    Message,
    faulty_messages,
    manifest,
    match,
    result,
    statistics,
)
from report.hostile import HOSTILE, diagnosis

import argus_pipeline.report as room
from argus_pipeline import settings
from argus_pipeline.diagnosis import evidence, material, model
from argus_pipeline.diagnosis.composer import compose
from argus_pipeline.diagnosis.log_expert import log_findings
from argus_pipeline.diagnosis.model import SCHEMA_FILE, Diagnosis, Label, Outcome, Word
from argus_pipeline.diagnosis.pipeline import make_case
from argus_pipeline.diagnosis.ranking import SEVERITY_ORDER
from argus_pipeline.errors import ArgusError
from argus_pipeline.knowledge.matches import Step
from argus_pipeline.recordings.result import Fault
from argus_pipeline.report.html import render_html
from argus_pipeline.report.language import Language, Words, catalogue, language_from, language_of
from argus_pipeline.report.markdown import render_markdown
from argus_pipeline.report.writing import render_json

FOLDER = Path(room.__file__).parent
SOURCES = {
    path.name: path.read_text("utf-8")
    for path in (
        *FOLDER.glob("*view.py"),
        FOLDER / "markdown.py",
        FOLDER / "templates/report.html.j2",
        FOLDER / "templates/report_body.html.j2",
    )
}
# A key as the code and the template write it: with a dot, in quotes.
KEY = re.compile(r'"([a-z_]+\.[a-z_.]+)"')
ZH = Words(Language.CHINESE)
HAN = re.compile(r"[\u4e00-\u9fff]")


def places(text: str) -> set[str | None]:
    return {name for _, name, _, _ in string.Formatter().parse(text)} - {None}


def entries() -> list[tuple[str, dict[str, str]]]:
    found = catalogue()
    sentences = [(entry["en"], entry) for entry in found["sentences"]]
    return [*found["texts"].items(), *sentences]


@pytest.mark.parametrize(("name", "entry"), entries())
def test_every_text_is_there_in_every_language_with_the_same_places(
    name: str, entry: dict[str, str]
) -> None:
    assert set(entry) == {language.value for language in Language}
    assert all(text.strip() for text in entry.values()), name
    assert places(entry["en"]) == places(entry["zh"])


def test_every_noun_has_one_form_for_one_and_one_for_more() -> None:
    for forms in catalogue()["nouns"].values():
        assert len(forms["en"]) == 2
        assert all(form.count("{}") == 1 for form in (*forms["en"], *forms["zh"]))


def test_the_report_uses_no_text_that_lacks() -> None:
    used = {key for source in SOURCES.values() for key in KEY.findall(source)}
    files = {key for key in used if key.endswith((".html", ".css", ".j2"))}

    assert len(used) > 80
    assert used - files <= set(catalogue()["texts"])


def test_every_word_that_a_diagnosis_uses_has_a_text() -> None:
    wanted = [f"outcome.{outcome.value}" for outcome in Outcome]
    wanted += [f"word.{word.value}" for word in Word]
    wanted += [f"label.{label.value}" for label in Label]
    wanted += [f"severity.{severity}" for severity in SEVERITY_ORDER]
    wanted += [f"step.{step.value}" for step in Step]

    assert set(wanted) <= set(catalogue()["texts"])


class Told(HTMLParser):
    """The headings and the language of a page."""

    def __init__(self, page: str) -> None:
        super().__init__()
        self.language, self.titles, self.inside = "", list[str](), False
        self.feed(page)

    def handle_starttag(self, tag: str, attrs: list[tuple[str, str | None]]) -> None:
        if tag == "html":
            self.language = str(dict(attrs)["lang"])
        self.inside = tag in {"h2", "h4", "th", "dt"}

    def handle_data(self, data: str) -> None:
        if self.inside and data.strip():
            self.titles.append(data.strip())
        self.inside = False


def test_a_page_says_its_language_and_all_its_titles_are_in_it() -> None:
    chinese, english = (Told(render_html(diagnosis(), {}, Language(one))) for one in ("zh", "en"))

    assert (chinese.language, english.language) == ("zh-Hans", "en")
    # ids of entries, and the name that all languages share
    common = {"E1", "K1", "D1", "ECU"}
    assert [t for t in chinese.titles if not HAN.search(t) and t not in common] == []
    assert [t for t in english.titles if HAN.search(t)] == []
    assert len(chinese.titles) == len(english.titles)


@pytest.fixture
def composed(tmp_path: Path) -> list[Diagnosis]:
    """Diagnoses by the real composer: a known code, an unknown one, and a quiet batch."""
    faulty, quiet = faulty_messages(), [Message(0, "info", "all well")]
    matches = [match(WHEEL_SPEED, Step.CODE_PLATFORM_FIRMWARE), match(GATEWAY, Step.CODE)]
    damaged = [result(rows=len(faulty), faults=[Fault(512, 40, "bad length")])]
    known = make_case(manifest(), damaged, statistics(tmp_path / "a", faulty, damaged))
    still = make_case(manifest(), [result(rows=1)], statistics(tmp_path / "b", quiet))
    found = [compose(known, matches), compose(known, []), compose(still, [])]
    return [replace(one, findings=tuple(log_findings(known.summary))) for one in found[:2]] + [
        found[2]
    ]


def test_the_sentences_of_the_composer_are_told_in_chinese(composed: list[Diagnosis]) -> None:
    assert {one.outcome for one in composed} == set(Outcome)
    for one in composed:
        told = [one.verdict, *one.checked, *one.next_steps, *one.unknowns, *one.findings]
        told += [cause.claim for cause in one.likely_causes]
        left = [claim.text for claim in told if not HAN.search(ZH.sentence(claim.text))]
        # Advice of an article stays as its author wrote it.
        assert left == []
        reasons = [
            *one.confidence.reasons,
            *(r for c in one.likely_causes for r in c.confidence.reasons),
        ]
        assert [text for text in reasons if not HAN.search(ZH.sentence(text))] == []


def test_titles_of_articles_are_told_in_the_language_that_they_have(tmp_path: Path) -> None:
    faulty = faulty_messages()
    wheel = replace(WHEEL_SPEED, titles=(("zh", "左前轮速传感器"),))
    case = make_case(manifest(), [result(rows=len(faulty))], statistics(tmp_path, faulty))
    found = compose(case, [match(wheel, Step.CODE_PLATFORM_FIRMWARE), match(GATEWAY, Step.CODE)])
    chinese = render_markdown(found, language=Language.CHINESE)

    assert "可能原因：左前轮速传感器（C0035）" in chinese
    assert WHEEL_SPEED.title not in chinese
    assert GATEWAY.title in chinese
    assert "左前轮速传感器" not in render_markdown(found)
    assert Diagnosis.from_json(found.to_json()) == found


def test_no_word_of_the_log_or_of_a_person_is_changed(composed: list[Diagnosis]) -> None:
    known = composed[0]
    page = render_markdown(known, language=Language.CHINESE)

    for cause in known.likely_causes:
        assert all(claim.text[:20] in page for claim in (*cause.checks, *cause.remedies))
    for text in HOSTILE:
        assert ZH.sentence(text) == text


def test_english_says_what_the_diagnosis_says(composed: list[Diagnosis]) -> None:
    for one in composed:
        assert Words().sentence(one.verdict.text) == one.verdict.text


@pytest.mark.parametrize("text", ["plain", *HOSTILE])
def test_hostile_texts_reach_no_report_in_chinese(text: str) -> None:
    page = render_html(diagnosis(text), language=Language.CHINESE)
    markdown = render_markdown(diagnosis(text), language=Language.CHINESE)

    assert "<script" not in page
    assert re.search(r"(?<!\\)<", markdown) is None
    assert not {"\x1b", "\u202e", "\u200b"} & {*page, *markdown}


def test_the_json_is_the_same_in_every_language() -> None:
    assert render_json(diagnosis()) == diagnosis().to_json().decode()


def test_the_language_is_configured_and_a_wrong_one_is_refused() -> None:
    assert language_from(settings.load({})) is Language.ENGLISH
    chosen = settings.load({"ARGUS_REPORT_LANGUAGE": "ZH"})
    assert language_from(chosen) is Language.CHINESE
    with pytest.raises(ArgusError, match="en or zh"):
        language_of("de", where="ARGUS_REPORT_LANGUAGE")


def test_the_schema_names_every_field_of_every_part_of_a_diagnosis() -> None:
    schema = json.loads(SCHEMA_FILE.read_text())
    parts = schema["$defs"]
    documented = {
        model.Claim: parts["claim"],
        model.Confidence: parts["confidence"],
        model.Cause: parts["cause"],
        evidence.Evidence: parts["evidence"],
        evidence.Reference: parts["evidence"]["properties"]["references"]["items"],
        model.ArticleUsed: parts["article"],
        model.PastDiagnosis: parts["past"],
        model.RecordingState: parts["recording"],
        model.Route: schema["properties"]["route"],
        material.Material: parts["material"],
        material.EcuLifecycles: parts["ecu"],
        material.Software: parts["ecu"]["properties"]["software"]["items"],
        material.Stretch: parts["stretch"],
    }
    for kind, part in documented.items():
        assert set(part["properties"]) == {field.name for field in fields(kind)}, kind
    told = {field.name for field in fields(Diagnosis)} | {"schema"}
    assert set(schema["properties"]) == told
