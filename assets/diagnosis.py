"""The structured verdict on a batch: evidence first, articles second, nothing invented."""

from collections.abc import Iterator

from dagster import (
    AssetCheckResult,
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
from argus_pipeline.diagnosis import Diagnosis, check_citations, diagnose, save_diagnosis
from argus_pipeline.errors import BadInput
from argus_pipeline.fleet.baseline import read_baseline
from argus_pipeline.recordings.finished import read_results
from argus_pipeline.report import escape
from argus_pipeline.statistics import read_statistics
from argus_pipeline.storage.object_store import ObjectStore
from assets.batch_statistics import batch_statistics
from assets.common import OWNERS, RETRIES, batches, read_manifest
from assets.knowledge_base import knowledge_base
from resources.database import DatabaseResource
from resources.embedder import EmbedderResource
from resources.object_store import ObjectStoreResource

DIAGNOSIS_POOL = "diagnosis"


@asset(
    partitions_def=batches,
    deps=[batch_statistics, AssetDep(knowledge_base)],
    group_name="batch",
    kinds={"haystack", "postgres"},
    owners=OWNERS,
    code_version="3",
    retry_policy=RETRIES,
    pool=DIAGNOSIS_POOL,
    check_specs=[
        AssetCheckSpec(
            "claims_cite_evidence",
            asset="diagnosis",
            partitions_def=batches,
            blocking=True,
            description="Every claim cites evidence and articles that exist and hold its numbers.",
        )
    ],
)
def diagnosis(
    context: AssetExecutionContext,
    object_store: ObjectStoreResource,
    database: DatabaseResource,
    embedder: EmbedderResource,
) -> Iterator[AssetCheckResult | MaterializeResult]:
    """The likely cause of what happened in a batch, with the evidence for each claim.

    Numbered evidence is made of the statistics, articles are retrieved by code, platform and
    firmware, and a claim that cites nothing is dropped. One row a batch, in `argus.diagnoses`.
    """
    store = object_store.store()
    manifest, _, _ = read_manifest(context, store)
    found = diagnose(
        manifest,
        read_results(store, manifest),
        read_statistics(store, manifest.batch),
        database.engine(),
        embedder.embedder(),
        baseline=_baseline(context, store, manifest),
    )
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
    if problems:
        raise Failure(
            f"The diagnosis claims what nothing supports: {'; '.join(problems[:5])}",
            allow_retries=False,
        )
    save_diagnosis(database.engine(), found, embedder.embedder())
    yield MaterializeResult(
        metadata={
            "verdict": found.verdict.text,
            "label": found.label.value,
            "confidence": f"{found.confidence.word} ({found.confidence.points} of "
            f"{found.confidence.of} points, uncalibrated)",
            "likely causes": MetadataValue.md(_causes(found)),
            "evidence": len(found.evidence),
            "articles": MetadataValue.md(_articles(found)),
        }
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


# Claims and titles can repeat a stranger's log, so they are escaped.
def _causes(found: Diagnosis) -> str:
    return "\n".join(f"1. {escape(cause.claim.text)}" for cause in found.likely_causes) or "none"


def _articles(found: Diagnosis) -> str:
    lines = [f"- {a.id} {escape(a.article_id)}: {escape(a.step)}" for a in found.articles]
    return "\n".join(lines) or "none"
