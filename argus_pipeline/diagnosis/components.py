"""The steps of the diagnosis as Haystack components; each hands over to a function of the domain.

Importing this module imports Haystack, which takes about 2 s: do it where a pipeline is built.
"""

from __future__ import annotations

import os
from collections.abc import Callable, Sequence
from dataclasses import replace
from typing import TYPE_CHECKING, Any

# Read by Haystack when it is imported: nothing phones home.
os.environ["HAYSTACK_TELEMETRY_ENABLED"] = "false"

from haystack import component

from argus_pipeline.diagnosis.composer import Case, compose
from argus_pipeline.diagnosis.log_expert import log_findings
from argus_pipeline.diagnosis.model import Claim, Diagnosis, Label, PastDiagnosis
from argus_pipeline.diagnosis.routing import FAST, choose
from argus_pipeline.diagnosis.validator import validate
from argus_pipeline.diagnosis.weighing import weigh
from argus_pipeline.diagnosis.wider import joined, questions, search_wider
from argus_pipeline.diagnosis.writer import Written, write
from argus_pipeline.knowledge.retrieval import ArticleMatch

if TYPE_CHECKING:
    from sqlalchemy import Engine

    from argus_pipeline.knowledge.embedding import Embedder
    from argus_pipeline.language_model.model import LanguageModel

Recall = Callable[[Case], Sequence[PastDiagnosis]]
"""Finds past diagnoses that are like a case, those that a person confirmed first: D1, D2, …"""


@component
class PastRetriever:
    """Answers "have we seen this before?"; without a `recall` nobody has."""

    def __init__(self, recall: Recall | None) -> None:
        self._recall = recall

    @component.output_types(past=list[PastDiagnosis])
    def run(self, case: Case) -> dict[str, Any]:
        """Find the past diagnoses that are like the case."""
        return {"past": [] if self._recall is None else list(self._recall(case))}


@component
class EvidenceComposer:
    """Puts the evidence-only diagnosis together, without a language model."""

    @component.output_types(diagnosis=Diagnosis)
    def run(
        self,
        case: Case,
        matches: list[ArticleMatch],
        notes: list[str],
        past: list[PastDiagnosis],
    ) -> dict[str, Any]:
        """Compose from what the batch shows and what the retrieval found."""
        return {"diagnosis": compose(case, matches, notes, past)}


@component
class Supervisor:
    """Sends a diagnosis one of two ways, and writes down which and why."""

    @component.output_types(fast=Written, slow=Diagnosis)
    def run(self, diagnosis: Diagnosis) -> dict[str, Any]:
        """Choose the route; see `diagnosis.routing`."""
        route = choose(diagnosis)
        if route.path == FAST:
            return {"fast": Written(replace(diagnosis, label=Label.FAST_PATH, route=route))}
        return {"slow": replace(diagnosis, route=route)}


@component
class LogExpert:
    """Reads the evidence together: orders, coincidences, what came with the update."""

    @component.output_types(findings=tuple[Claim, ...])
    def run(self, diagnosis: Diagnosis, case: Case) -> dict[str, Any]:
        """Find what the pieces of evidence do not say one by one."""
        return {"findings": log_findings(case.summary)}


@component
class RetrievalExpert:
    """Searches wider for what no article of its code explains."""

    def __init__(self, engine: Engine, embedder: Embedder) -> None:
        self._engine = engine
        self._embedder = embedder

    @component.output_types(wider=list[ArticleMatch], wider_notes=list[str])
    def run(self, diagnosis: Diagnosis, case: Case) -> dict[str, Any]:
        """Ask for each unexplained fault by itself."""
        asked = questions(case, diagnosis)
        found, notes = search_wider(self._engine, self._embedder, case, asked)
        return {"wider": found, "wider_notes": notes}


@component
class DiagnosisExpert:
    """Weighs the likely causes against each other and against what speaks against them."""

    @component.output_types(weighed=tuple[Claim, ...])
    def run(self, diagnosis: Diagnosis) -> dict[str, Any]:
        """Say what speaks for and against each cause."""
        return {"weighed": weigh(diagnosis)}


@component
class Writer:
    """Composes once more with all that the experts found, and lets the model write over it."""

    def __init__(
        self,
        model: LanguageModel | None,
        embedder: str,
        on_text: Callable[[str], None] | None = None,
    ) -> None:
        self._model = model
        self._embedder = embedder
        self._on_text = on_text

    @component.output_types(written=Written)
    def run(
        self,
        case: Case,
        diagnosis: Diagnosis,
        matches: list[ArticleMatch],
        notes: list[str],
        past: list[PastDiagnosis],
        findings: tuple[Claim, ...],
        weighed: tuple[Claim, ...],
        wider: list[ArticleMatch],
        wider_notes: list[str],
    ) -> dict[str, Any]:
        """Write the diagnosis of the slow path."""
        ground = replace(
            compose(case, joined(matches, wider), [*notes, *wider_notes], past),
            route=diagnosis.route,
            findings=(*findings, *weighed),
        )
        written = write(ground, case.manifest, self._model, self._embedder, self._on_text)
        return {"written": written}


@component
class CitationValidator:
    """Takes out of a diagnosis what its citations do not bear."""

    @component.output_types(written=Written)
    def run(self, written: Written) -> dict[str, Any]:
        """Hold every claim to what it cites."""
        return {"written": replace(written, diagnosis=validate(written.diagnosis))}
