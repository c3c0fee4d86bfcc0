"""The composer and the validator as Haystack components.

Importing this module imports Haystack, which takes about 2 s: do it where a pipeline is built.
"""

from __future__ import annotations

import os
from typing import Any

# Read by Haystack when it is imported: nothing phones home.
os.environ["HAYSTACK_TELEMETRY_ENABLED"] = "false"

from haystack import component

from argus_pipeline.diagnosis.composer import Case, compose
from argus_pipeline.diagnosis.model import Diagnosis
from argus_pipeline.diagnosis.validator import validate
from argus_pipeline.knowledge.retrieval import ArticleMatch


@component
class EvidenceComposer:
    """Puts the evidence-only diagnosis together, without a language model."""

    @component.output_types(diagnosis=Diagnosis)
    def run(self, case: Case, matches: list[ArticleMatch], notes: list[str]) -> dict[str, Any]:
        """Compose from what the batch shows and what the retrieval found."""
        return {"diagnosis": compose(case, matches, notes)}


@component
class CitationValidator:
    """Takes out of a diagnosis what its citations do not bear."""

    @component.output_types(diagnosis=Diagnosis)
    def run(self, diagnosis: Diagnosis) -> dict[str, Any]:
        """Hold every claim to what it cites."""
        return {"diagnosis": validate(diagnosis)}
