"""The structured verdict on a batch: evidence first, articles second, nothing invented."""

from collections.abc import Iterator

from dagster import (
    AssetCheckResult,
    AssetCheckSeverity,
    AssetCheckSpec,
    AssetDep,
    AssetExecutionContext,
    Failure,
    MaterializeResult,
    MetadataValue,
    asset,
)
from polars import DataFrame

from argus_pipeline.batches.manifest import Manifest
from argus_pipeline.diagnosis.evidence import Kind
from argus_pipeline.diagnosis.model import Diagnosis
from argus_pipeline.diagnosis.pipeline import make_case, save_diagnosis, supervise
from argus_pipeline.diagnosis.validator import check_citations
from argus_pipeline.diagnosis.writer import Written
from argus_pipeline.errors import BadInput
from argus_pipeline.fleet.baseline import read_baseline
from argus_pipeline.recordings.finished import read_results
from argus_pipeline.report.markdown import escape
from argus_pipeline.statistics.storage import read_statistics
from argus_pipeline.storage.object_store import ObjectStore
from assets.batch_statistics import batch_statistics
from assets.bulk import IN_BULK, of_each_batch
from assets.common import OWNERS, RETRIES, batches, read_manifest
from assets.knowledge_base import knowledge_base
from resources.database import DatabaseResource
from resources.embedder import EmbedderResource
from resources.language_model import LanguageModelResource
from resources.object_store import ObjectStoreResource

# Limits how many batches are diagnosed at once; argus_pipeline.language_model limits the calls.
DIAGNOSIS_POOL = "diagnosis"


@asset(
    partitions_def=batches,
    deps=[batch_statistics, AssetDep(knowledge_base)],
    group_name="batch",
    kinds={"haystack", "postgres"},
    owners=OWNERS,
    code_version="4",
    retry_policy=RETRIES,
    backfill_policy=IN_BULK,
    pool=DIAGNOSIS_POOL,
    check_specs=[
        AssetCheckSpec(
            "claims_cite_evidence",
            asset="diagnosis",
            partitions_def=batches,
            blocking=True,
            description="Every claim cites evidence and articles that exist and hold its numbers.",
        ),
        AssetCheckSpec(
            "no_evidence_dropped",
            asset="diagnosis",
            partitions_def=batches,
            description="The diagnosis lists all codes, critical texts and damaged recordings, "
            "and no claim was taken out.",
        ),
    ],
)
def diagnosis(
    context: AssetExecutionContext,
    object_store: ObjectStoreResource,
    database: DatabaseResource,
    embedder: EmbedderResource,
    language_model: LanguageModelResource,
) -> Iterator[AssetCheckResult | MaterializeResult]:
    """The likely cause of what happened in a batch, with the evidence for each claim.

    Numbered evidence is made of the statistics, and articles are retrieved by code, platform and
    firmware. What is clear takes the fast path; the rest goes to experts and a writer, which is a
    language model where one is configured and answers. A claim that cites nothing is dropped.
    One row a batch, in `argus.diagnoses`.
    """
    store = object_store.store()
    yield from of_each_batch(
        context,
        store,
        lambda batch: _of_batch(context, store, database, embedder, language_model, batch),
    )


def _of_batch(
    context: AssetExecutionContext,
    store: ObjectStore,
    database: DatabaseResource,
    embedder: EmbedderResource,
    language_model: LanguageModelResource,
    batch: str,
) -> Iterator[AssetCheckResult | MaterializeResult]:
    manifest, _, _ = read_manifest(context, store, batch)
    case = make_case(
        manifest,
        read_results(store, manifest),
        read_statistics(store, manifest.batch),
        _baseline(context, store, manifest),
    )
    engine = database.engine()
    written = supervise(case, engine, embedder.embedder(), language_model.model(engine))
    found = written.diagnosis
    if written.trouble:
        context.log.warning(f"{found.route.missing}: {written.trouble}")
    problems = [f"{p.where}: {p.what}" for p in check_citations(found)]
    yield AssetCheckResult(
        passed=not problems,
        check_name="claims_cite_evidence",
        metadata={
            "evidence": len(found.evidence),
            "claims dropped": found.dropped,
            "problems": MetadataValue.json(problems),
        },
    )
    yield _dropped_check(found)
    if problems:
        raise Failure(
            f"The diagnosis claims what nothing supports: {'; '.join(problems[:5])}",
            allow_retries=False,
        )
    save_diagnosis(engine, found, embedder.embedder())
    yield MaterializeResult(
        metadata={
            "verdict": found.verdict.text,
            "label": found.label.value,
            "confidence": f"{found.confidence.word} ({found.confidence.points} of "
            f"{found.confidence.of} points)",
            **_route(written),
            "likely causes": MetadataValue.md(_causes(found)),
            "evidence": len(found.evidence),
            "articles": MetadataValue.md(_articles(found)),
        }
    )


def _dropped_check(found: Diagnosis) -> AssetCheckResult:
    remainder = [piece for piece in found.evidence if piece.kind is Kind.REMAINDER]
    grave = {f"{kind}_left_out" for kind in (Kind.CODE, Kind.DAMAGE, Kind.EVENT)}
    left_out = sum(piece.numbers.get(name, 0) for piece in remainder for name in grave)
    said = " ".join(piece.statement for piece in remainder)
    return AssetCheckResult(
        passed=not left_out and not found.dropped,
        check_name="no_evidence_dropped",
        severity=AssetCheckSeverity.WARN,
        metadata={
            "claims dropped": found.dropped,
            "codes, texts and damaged recordings left out": left_out,
            "left out": MetadataValue.md(escape(said) or "nothing"),
        },
    )


def _baseline(
    context: AssetExecutionContext, store: ObjectStore, manifest: Manifest
) -> DataFrame | None:
    """What was usual before. A batch is diagnosed without it where the roll-ups are of no use."""
    try:
        return read_baseline(store, manifest)
    except BadInput as error:
        context.log.warning(f"no baseline: {error}")
        return None


def _route(written: Written) -> dict[str, MetadataValue]:
    """Every route and score, and what the language model took."""
    found, call = written.diagnosis, written.call
    route, held = found.route, found.confidence
    shown: dict[str, MetadataValue] = {
        "route": MetadataValue.text(route.path),
        "route reasons": MetadataValue.text("; ".join(route.reasons)),
        "features": MetadataValue.json(dict(held.features)),
        "scores": MetadataValue.json({c.code: c.score for c in found.likely_causes}),
        "calibrated": MetadataValue.bool(held.calibrated),
        "claims dropped": MetadataValue.int(found.dropped),
    }
    if held.probability is not None:
        shown["probability"] = MetadataValue.float(held.probability)
    if route.threshold is not None:
        shown["fast path from"] = MetadataValue.float(route.threshold)
    if route.missing is not None:
        shown["without a language model"] = MetadataValue.text(route.missing)
    if call is not None:
        shown |= {
            "model": MetadataValue.text(call.model),
            "model form": MetadataValue.text(call.rung),
            "model calls": MetadataValue.int(call.calls),
            "model answer was kept": MetadataValue.bool(call.cached),
            "input tokens": MetadataValue.int(call.input_tokens),
            "output tokens": MetadataValue.int(call.output_tokens),
            "cost": MetadataValue.float(call.cost),
        }
    return shown


# Claims and titles can repeat a stranger's log, so they are escaped.
def _causes(found: Diagnosis) -> str:
    return "\n".join(f"1. {escape(cause.claim.text)}" for cause in found.likely_causes) or "none"


def _articles(found: Diagnosis) -> str:
    lines = [f"- {a.id} {escape(a.article_id)}: {escape(a.step)}" for a in found.articles]
    return "\n".join(lines) or "none"
