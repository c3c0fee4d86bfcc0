from __future__ import annotations

from collections.abc import Iterator

import dagster as dg
import pytest
from sqlalchemy import text

from argus_pipeline.database.engine import create_engine
from argus_pipeline.database.migrate import migrate
from argus_pipeline.knowledge.articles import Article
from argus_pipeline.knowledge.embedding import LocalEmbedder
from argus_pipeline.knowledge.store import count_articles, import_articles
from assets.knowledge_base import knowledge_base
from resources.database import DatabaseResource
from resources.embedder import EmbedderResource


class Older(LocalEmbedder):
    name = "older"


def made(article_id: str, **fields: str) -> Article:
    return Article(article_id, "X9", "A title", "tests", "en", causes=("c",), **fields)


@pytest.fixture
def result(database_url: str) -> Iterator[dg.ExecuteInProcessResult]:
    migrate(database_url)
    engine = create_engine(database_url)
    # A person's own articles, from when another embedder was configured.
    import_articles(engine, [made("a"), made("b")], Older())
    yield dg.materialize(
        [knowledge_base],
        resources={"database": DatabaseResource(url=database_url), "embedder": EmbedderResource()},
    )
    engine.dispose()


def test_the_asset_renews_vectors_and_warns_of_what_people_should_mend(
    result: dg.ExecuteInProcessResult, database_url: str
) -> None:
    checks = {check.check_name: check for check in result.get_asset_check_evaluations()}
    passed = {name: check.passed for name, check in checks.items()}
    assert passed == {
        "articles_are_readable": True,
        "no_duplicates": False,
        "articles_have_a_remedy": False,
        "one_embedder": True,
    }
    assert checks["no_duplicates"].severity is dg.AssetCheckSeverity.WARN
    assert checks["articles_have_a_remedy"].metadata["without"].value == 2
    engine = create_engine(database_url)
    assert set(count_articles(engine)) == {LocalEmbedder.name}
    with engine.connect() as connection:
        counted = connection.execute(text("SELECT count(*) FROM argus.knowledge_articles"))
        rows = counted.scalar_one()
    (event,) = result.asset_materializations_for_node("knowledge_base")
    assert event.metadata["dagster/row_count"].value == rows
    assert event.metadata["embedded again"].value == 2
