"""A diagnosis full of texts that try to break out of where they are shown."""

from __future__ import annotations

from dataclasses import replace
from datetime import UTC, datetime

from argus_pipeline.diagnosis.evidence import Evidence, Kind, Reference
from argus_pipeline.diagnosis.material import EcuLifecycles, Material, Software, Stretch
from argus_pipeline.diagnosis.model import (
    ArticleUsed,
    Cause,
    Claim,
    Confidence,
    Diagnosis,
    Label,
    Outcome,
    PastDiagnosis,
    RecordingState,
    Route,
    Word,
)

HOSTILE = (
    "<script>alert(1)</script>",
    "a | b | c",
    "[click](https://evil.example/x)",
    "![x](https://evil.example/x.png)",
    "<https://evil.example>",
    "https://evil.example and www.evil.example",
    "`code` ``` *bold* __under__ ~~gone~~",
    "# heading",
    "- item",
    "1. item",
    "1) item",
    "> quote",
    "\x1b[2J\x1b[31mred\x07",
    "\u202egnp.exe\u2066\u200b",
    "</td></tr></table><h1>out</h1>",
    '" onmouseover="alert(1)',
    "{{ 7 * 7 }} {% raw %}",
    "&lt;b&gt; &#60; \\| \\\\| \\`",
    "line\nbreak\r\n\r\n# new",
    "x" * 100_000,
    "\ud800 lone",
    "</style><script>",
    "$$\\int$$ :smile: @everyone",
)


def diagnosis(text: str = "plain") -> Diagnosis:
    """A diagnosis with this text in every place that can hold one."""
    claim = Claim(text, ("E1", "K1"))
    confidence = Confidence(Word.MEDIUM, 3, 5, (text,))
    evidence = Evidence(
        "E1",
        Kind.CODE,
        text,
        {"messages": 3},
        (Reference(text, 12, text), Reference("ecu1.dlt")),
        code=text,
        severity="error",
        quote=text,
    )
    article = ArticleUsed(
        id="K1",
        article_id=text,
        title=text,
        code=text,
        platform=text,
        firmware_min=text,
        firmware_max=None,
        step=text,
        distance=0.25,
        other_platform=True,
        caveat=text,
        symptoms=(text,),
        causes=(text,),
        checks=(text,),
        remedies=(text,),
        source=text,
        language="en",
    )
    cause = Cause(
        claim=claim,
        code=text,
        severity="error",
        score=3.0,
        confidence=confidence,
        articles=("K1",),
        step=text,
        causes=(claim,),
        checks=(claim,),
        remedies=(claim,),
    )
    began = datetime(2026, 11, 23, 10, tzinfo=UTC)
    software = (Software(None, 1, None), Software(text, 2, began))
    ecu = EcuLifecycles(text, 3, 1, 2, software, 4, began, None, 1234, 12)
    material = Material(
        ecus=(ecu,),
        ecus_omitted=2,
        lifecycles_omitted=3,
        stretches=(Stretch(text, 12, 40, text),),
        stretches_omitted=5,
        decoded_bytes=60,
        quarantined_bytes=40,
        unread_bytes=7,
        lost_messages=20,
    )
    damaged = RecordingState(text, "partial", 100, 7, 60, 40, 2, 12, text, "E1")
    return Diagnosis(
        batch="20261123T101500Z-LFV3A23C0K3000001-7f3a",
        vehicle=text,
        platform=text,
        firmware=text,
        firmware_from=text,
        campaign=text,
        outcome=Outcome.LIKELY,
        verdict=replace(claim, text=f"likely cause: {text}"),
        label=Label.EVIDENCE_ONLY,
        confidence=confidence,
        first_step=claim,
        likely_causes=(cause,),
        checked=(claim,),
        next_steps=(claim,),
        unknowns=(claim,),
        evidence=(evidence,),
        articles=(article,),
        damaged=(damaged,),
        damaged_omitted=4,
        top_codes=((text, "error", 3),),
        summary=text,
        notes=(text,),
        dropped=1,
        shortened=2,
        material=material,
        findings=(claim,),
        past=(PastDiagnosis("D1", text, text, text, text, (text,), True, 0.2, text),),
        route=Route("slow_path", (text,), 0.5, 0.9, text),
        model=text,
    )
