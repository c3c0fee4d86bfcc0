"""The knowledge base: what is known about fault codes, imported with its embeddings."""

from dagster import (
    AssetCheckResult,
    AssetCheckSeverity,
    AssetCheckSpec,
    AssetExecutionContext,
    AutomationCondition,
    MaterializeResult,
    MetadataValue,
    asset,
    define_asset_job,
)

from argus_pipeline import __version__
from argus_pipeline.knowledge.files import read_articles, starter_articles
from argus_pipeline.knowledge.index import ensure_index
from argus_pipeline.knowledge.quality import Quality, check, renew_vectors
from argus_pipeline.knowledge.store import import_articles
from assets.common import OWNERS, RETRIES
from resources.database import DatabaseResource
from resources.embedder import EmbedderResource

CHECKS = {
    "articles_are_readable": "No article of the starter set was refused.",
    "no_duplicates": "No two articles say the same of the same vehicles.",
    "articles_have_a_remedy": "Every article says what to do.",
    "one_embedder": "Every vector was made by the configured embedder.",
}


@asset(
    group_name="knowledge",
    kinds={"postgres", "yaml"},
    owners=OWNERS,
    retry_policy=RETRIES,
    # A new stack has never imported; a new version of Argus may bring new articles.
    automation_condition=AutomationCondition.on_missing()
    | AutomationCondition.code_version_changed(),
    code_version=__version__,
    check_specs=[
        AssetCheckSpec(name, asset="knowledge_base", description=description)
        for name, description in CHECKS.items()
    ],
)
def knowledge_base(
    context: AssetExecutionContext, database: DatabaseResource, embedder: EmbedderResource
) -> MaterializeResult:
    """Articles on fault codes, by code, platform and firmware, in `argus.knowledge_articles`.

    Brings the starter set up to date; articles that people imported themselves stay as they are.
    Vectors of another embedder, of whichever article, are computed anew.
    """
    engine, model = database.engine(), embedder.embedder()
    files = read_articles([starter_articles()])
    result = import_articles(engine, files.articles, model)
    renewed = renew_vectors(engine, model)
    indexed = ensure_index(engine, model)
    refused = [str(error) for error in files.refused]
    for error in refused:
        context.log.error(error)
    quality = check(engine, model)
    return MaterializeResult(
        metadata={
            "dagster/row_count": quality.articles,
            "added": result.added,
            "changed": result.changed,
            "embedded again": result.reembedded + renewed,
            "unchanged": result.unchanged,
            "embedder": model.name,
            "approximate index": "there" if indexed else "not needed",
        },
        check_results=[
            AssetCheckResult(
                passed=not refused,
                check_name="articles_are_readable",
                metadata={"refused": MetadataValue.json(refused)},
            ),
            *_quality_checks(quality),
        ],
    )


def _quality_checks(quality: Quality) -> list[AssetCheckResult]:
    """Gaps in what people wrote are warnings: a diagnosis goes on without them."""
    return [
        AssetCheckResult(
            passed=not quality.duplicates,
            check_name="no_duplicates",
            severity=AssetCheckSeverity.WARN,
            metadata={
                "duplicates": quality.duplicates,
                "articles": MetadataValue.json([list(ids) for ids in quality.duplicate_ids]),
            },
        ),
        AssetCheckResult(
            passed=not quality.without_remedy,
            check_name="articles_have_a_remedy",
            severity=AssetCheckSeverity.WARN,
            metadata={
                "without": quality.without_remedy,
                "articles": MetadataValue.json(list(quality.without_remedy_ids)),
            },
        ),
        AssetCheckResult(
            passed=not quality.other_embedders,
            check_name="one_embedder",
            metadata={"others": MetadataValue.json(quality.other_embedders)},
        ),
    ]


knowledge_job = define_asset_job(
    "knowledge",
    selection=[knowledge_base],
    description="Brings the starter set of the knowledge base up to date.",
)
