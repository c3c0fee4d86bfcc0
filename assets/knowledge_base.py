"""The knowledge base: what is known about fault codes, imported with its embeddings."""

from dagster import (
    AssetCheckResult,
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
from argus_pipeline.knowledge.store import count_articles, import_articles
from assets.common import OWNERS, RETRIES
from resources.database import DatabaseResource
from resources.embedder import EmbedderResource


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
        AssetCheckSpec(
            "articles_are_readable",
            asset="knowledge_base",
            description="No article of the starter set was refused.",
        )
    ],
)
def knowledge_base(
    context: AssetExecutionContext, database: DatabaseResource, embedder: EmbedderResource
) -> MaterializeResult:
    """Articles on fault codes, by code, platform and firmware, in `argus.knowledge_articles`.

    Brings the starter set up to date; articles that people imported themselves stay as they are.
    """
    files = read_articles([starter_articles()])
    result = import_articles(database.engine(), files.articles, embedder.embedder())
    refused = [str(error) for error in files.refused]
    for error in refused:
        context.log.error(error)
    return MaterializeResult(
        metadata={
            "dagster/row_count": sum(count_articles(database.engine()).values()),
            "added": result.added,
            "changed": result.changed,
            "embedded again": result.reembedded,
            "unchanged": result.unchanged,
        },
        check_results=[
            AssetCheckResult(
                passed=not refused,
                check_name="articles_are_readable",
                metadata={"refused": MetadataValue.json(refused)},
            )
        ],
    )


knowledge_job = define_asset_job(
    "knowledge",
    selection=[knowledge_base],
    description="Brings the starter set of the knowledge base up to date.",
)
