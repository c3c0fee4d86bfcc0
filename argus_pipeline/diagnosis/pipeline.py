"""From a batch to its diagnosis: retriever → composer → validator, as one Haystack pipeline.

Haystack is imported when a pipeline is built, since that takes about 2 s.
"""

from __future__ import annotations

import json
from collections.abc import Sequence
from typing import TYPE_CHECKING, Any, Final

from argus_pipeline.batches.manifest import Manifest
from argus_pipeline.database.engine import session
from argus_pipeline.database.models import Batch
from argus_pipeline.database.records import diagnosis_content, upsert_diagnosis
from argus_pipeline.diagnosis.composer import Case
from argus_pipeline.diagnosis.listing import make_material
from argus_pipeline.diagnosis.model import Diagnosis
from argus_pipeline.diagnosis.recording_evidence import recording_states
from argus_pipeline.diagnosis.summary import summarise
from argus_pipeline.errors import ArgusError
from argus_pipeline.recordings.result import RecordingResult

if TYPE_CHECKING:
    import polars as pl
    from haystack import Pipeline
    from sqlalchemy import Engine

    from argus_pipeline.knowledge.embedding import Embedder
    from argus_pipeline.statistics import BatchStatistics

ARTICLES_PER_CODE: Final = 3


def build_pipeline(engine: Engine, embedder: Embedder) -> Pipeline:
    """The diagnosis as a pipeline: `retriever` → `composer` → `validator`.

    Inputs: what `pipeline_inputs` makes of a case. Output: `validator.diagnosis`.
    """
    # The components first: they switch Haystack's telemetry off before it is imported.
    from argus_pipeline.diagnosis.components import CitationValidator, EvidenceComposer
    from argus_pipeline.knowledge.component import KnowledgeRetriever

    from haystack import Pipeline  # isort: skip

    pipeline = Pipeline()
    pipeline.add_component("retriever", KnowledgeRetriever(engine, embedder))
    pipeline.add_component("composer", EvidenceComposer())
    pipeline.add_component("validator", CitationValidator())
    pipeline.connect("retriever.matches", "composer.matches")
    pipeline.connect("retriever.notes", "composer.notes")
    pipeline.connect("composer.diagnosis", "validator.diagnosis")
    return pipeline


def pipeline_inputs(case: Case) -> dict[str, dict[str, Any]]:
    """What the pipeline is run with for a case."""
    return {
        "retriever": {
            "codes": case.codes,
            "platform": case.manifest.platform,
            "firmware": case.manifest.firmware,
            "query": case.question,
            "top_k": ARTICLES_PER_CODE,
        },
        "composer": {"case": case},
    }


def make_case(
    manifest: Manifest,
    results: Sequence[RecordingResult],
    statistics: BatchStatistics,
    baseline: pl.DataFrame | None = None,
) -> Case:
    """A batch as the diagnosis sees it: bounded evidence, and what the report lists beside it."""
    summary = summarise(manifest, results, statistics, baseline)
    damaged, omitted = recording_states(results, summary.evidence)
    material = make_material(results, statistics)
    return Case(manifest, summary, damaged, omitted, material)


def diagnose(
    manifest: Manifest,
    results: Sequence[RecordingResult],
    statistics: BatchStatistics,
    engine: Engine,
    embedder: Embedder,
    baseline: pl.DataFrame | None = None,
) -> Diagnosis:
    """The diagnosis of a batch. The same input and articles give the same diagnosis.

    Args:
        manifest: what the batch is.
        results: the results of all its recordings.
        statistics: the statistics over them.
        engine: of the migrated database that holds the knowledge base.
        embedder: the one that the articles were imported with.
        baseline: rates of faults of the vehicle and its platform, as `diagnosis.baseline` has it.

    Raises:
        Unavailable: the database does not answer.
    """
    case = make_case(manifest, results, statistics, baseline)
    output = build_pipeline(engine, embedder).run(pipeline_inputs(case))
    diagnosis: Diagnosis = output["validator"]["diagnosis"]
    return diagnosis


def save_diagnosis(engine: Engine, diagnosis: Diagnosis, embedder: Embedder) -> bool:
    """Write the one row of a batch's diagnosis, and say whether anything changed.

    The row's `confidence` stays empty while nothing has calibrated it; the points are in the
    content. When the embedder does not answer or refuses, the row goes in without a vector.

    Raises:
        ArgusError: the batch is not registered.
        Unavailable: the database does not answer.
    """
    try:
        vector = embedder.embed([diagnosis.summary])[0].tolist()
    except ArgusError:
        vector = None
    with session(engine) as opened:
        if opened.get(Batch, diagnosis.batch) is None:
            raise ArgusError("the batch is not registered", where=diagnosis.batch)
        return upsert_diagnosis(
            opened,
            diagnosis.batch,
            verdict=diagnosis.verdict.text,
            label=diagnosis.label.value,
            confidence=None,
            top_codes=[code for code, _, _ in diagnosis.top_codes],
            content=json.loads(diagnosis.to_json()),
            embedding=vector,
            embedder=None if vector is None else embedder.name,
        )


def load_diagnosis(engine: Engine, batch: str) -> Diagnosis:
    """The diagnosis of a batch as it was saved.

    Raises:
        ArgusError: the batch has none, or it is of another schema.
        Unavailable: the database does not answer.
    """
    with session(engine) as opened:
        content = diagnosis_content(opened, batch)
    if content is None:
        raise ArgusError(f"the batch {batch!r} has no diagnosis", hint="Materialize diagnosis")
    try:
        return Diagnosis.from_json(json.dumps(content))
    except ValueError as error:
        raise ArgusError(
            f"the diagnosis of {batch!r} cannot be read: {error}",
            hint="Materialize diagnosis again",
        ) from error
