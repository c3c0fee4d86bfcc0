"""From a batch to its diagnosis, as one Haystack pipeline with explicit routes.

Haystack is imported when a pipeline is built, since that takes about 2 s.
"""

from __future__ import annotations

import asyncio
import json
from collections.abc import Callable, Sequence
from concurrent.futures import ThreadPoolExecutor
from typing import TYPE_CHECKING, Any, Final

from argus_pipeline.batches.manifest import Manifest
from argus_pipeline.database.engine import session
from argus_pipeline.database.models import Batch
from argus_pipeline.database.records import diagnosis_content, upsert_diagnosis
from argus_pipeline.diagnosis.composer import Case
from argus_pipeline.diagnosis.listing import make_material
from argus_pipeline.diagnosis.model import Diagnosis
from argus_pipeline.diagnosis.recall import recall_for_case
from argus_pipeline.diagnosis.recording_evidence import recording_states
from argus_pipeline.diagnosis.summary import summarise
from argus_pipeline.diagnosis.writer import Written
from argus_pipeline.errors import ArgusError
from argus_pipeline.recordings.result import RecordingResult

if TYPE_CHECKING:
    import polars as pl
    from haystack import Pipeline
    from sqlalchemy import Engine

    from argus_pipeline.diagnosis.components import Recall
    from argus_pipeline.knowledge.embedding import Embedder
    from argus_pipeline.language_model.model import LanguageModel
    from argus_pipeline.statistics.batch import BatchStatistics

ARTICLES_PER_CODE: Final = 3


def build_pipeline(
    engine: Engine,
    embedder: Embedder,
    model: LanguageModel | None = None,
    *,
    recall: Recall | None = None,
    on_text: Callable[[str], None] | None = None,
) -> Pipeline:
    """The diagnosis as a pipeline.

        retriever ─┐
        past ──────┴► composer ► supervisor ─ fast ──────────────────────────► join ► validator
                                            └ slow ► log_expert       ┐          │
                                                   ► retrieval_expert ├► writer ─┘
                                                   ► diagnosis_expert ┘

    The three experts run at the same time. Inputs: what `pipeline_inputs` makes of a case.
    Output: `validator.written`.

    Args:
        engine: of the migrated database that holds the knowledge base.
        embedder: the one that the articles were imported with.
        model: the language model; None: fixed rules write.
        recall: finds past diagnoses.
        on_text: gets the model's text as it comes.
    """
    # The components first: they switch Haystack's telemetry off before it is imported.
    from argus_pipeline.diagnosis import components
    from argus_pipeline.knowledge.component import KnowledgeRetriever

    from haystack import Pipeline  # isort: skip
    from haystack.components.joiners import BranchJoiner

    pipeline = Pipeline()
    for name, part in (
        ("retriever", KnowledgeRetriever(engine, embedder)),
        ("past", components.PastRetriever(recall)),
        ("composer", components.EvidenceComposer()),
        ("supervisor", components.Supervisor()),
        ("log_expert", components.LogExpert()),
        ("retrieval_expert", components.RetrievalExpert(engine, embedder)),
        ("diagnosis_expert", components.DiagnosisExpert()),
        ("writer", components.Writer(model, embedder.name, on_text)),
        ("join", BranchJoiner(Written)),
        ("validator", components.CitationValidator()),
    ):
        pipeline.add_component(name, part)
    for sender, receiver in (
        ("retriever.matches", "composer.matches"),
        ("retriever.notes", "composer.notes"),
        ("past.past", "composer.past"),
        ("composer.diagnosis", "supervisor.diagnosis"),
        ("supervisor.slow", "log_expert.diagnosis"),
        ("supervisor.slow", "retrieval_expert.diagnosis"),
        ("supervisor.slow", "diagnosis_expert.diagnosis"),
        ("supervisor.slow", "writer.diagnosis"),
        ("retriever.matches", "writer.matches"),
        ("retriever.notes", "writer.notes"),
        ("past.past", "writer.past"),
        ("log_expert.findings", "writer.findings"),
        ("retrieval_expert.wider", "writer.wider"),
        ("retrieval_expert.wider_notes", "writer.wider_notes"),
        ("diagnosis_expert.weighed", "writer.weighed"),
        ("supervisor.fast", "join.value"),
        ("writer.written", "join.value"),
        ("join.value", "validator.written"),
    ):
        pipeline.connect(sender, receiver)
    return pipeline


def pipeline_inputs(case: Case) -> dict[str, dict[str, Any]]:
    """What the pipeline is run with for a case."""
    holders = ("past", "composer", "log_expert", "retrieval_expert", "writer")
    return {
        "retriever": {
            "codes": case.codes,
            "platform": case.manifest.platform,
            "firmware": case.manifest.firmware,
            "query": case.question,
            "top_k": ARTICLES_PER_CODE,
        },
        **{name: {"case": case} for name in holders},
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
    """The diagnosis of a batch without a language model.

    The same input and articles give the same diagnosis. Arguments and errors as of `supervise`.
    """
    case = make_case(manifest, results, statistics, baseline)
    return supervise(case, engine, embedder).diagnosis


def supervise(
    case: Case,
    engine: Engine,
    embedder: Embedder,
    model: LanguageModel | None = None,
    *,
    recall: Recall | None = None,
    on_text: Callable[[str], None] | None = None,
) -> Written:
    """Diagnose a case by the route that it needs.

    A language model that fails costs its part only: the diagnosis is then one by fixed rules, its
    label says so, and `trouble` why.

    Args:
        case: the batch, as `make_case` has it.
        engine: of the migrated database that holds the knowledge base.
        embedder: the one that the articles were imported with.
        model: the language model, None where there is none.
        recall: finds past diagnoses; by default those in the database.
        on_text: gets the model's text as it comes.

    Raises:
        Unavailable: the database does not answer.
    """
    recall = recall or recall_for_case(engine, embedder)
    pipeline = build_pipeline(engine, embedder, model, recall=recall, on_text=on_text)
    from haystack.core.errors import PipelineRuntimeError

    async def run() -> dict[str, Any]:
        return dict(await pipeline.run_async(pipeline_inputs(case), concurrency_limit=3))

    try:
        # In a thread of its own, since whoever calls may have an event loop, as notebooks have.
        with ThreadPoolExecutor(1) as thread:
            output = thread.submit(asyncio.run, run()).result()
    except PipelineRuntimeError as error:
        if isinstance(error.__cause__, ArgusError):
            raise error.__cause__ from error
        raise
    written: Written = output["validator"]["written"]
    return written


def save_diagnosis(engine: Engine, diagnosis: Diagnosis, embedder: Embedder) -> bool:
    """Write the one row of a batch's diagnosis, and say whether anything changed.

    The row's `confidence` is the probability, and stays empty while nothing has calibrated it.
    When the embedder does not answer or refuses, the row goes in without a vector.

    Raises:
        ArgusError: the batch is not registered.
        Unavailable: the database does not answer.
    """
    try:
        vector = embedder.embed([diagnosis.summary])[0].tolist()
    except ArgusError:
        vector = None
    held = diagnosis.confidence
    with session(engine) as opened:
        if opened.get(Batch, diagnosis.batch) is None:
            raise ArgusError("the batch is not registered", where=diagnosis.batch)
        return upsert_diagnosis(
            opened,
            diagnosis.batch,
            verdict=diagnosis.verdict.text,
            label=diagnosis.label.value,
            confidence=held.probability if held.calibrated else None,
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
