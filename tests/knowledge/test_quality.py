from __future__ import annotations

from collections.abc import Iterator
from typing import Any

import pytest
from sqlalchemy import Engine

from argus_pipeline.database.engine import create_engine
from argus_pipeline.database.migrate import migrate
from argus_pipeline.knowledge.articles import Article
from argus_pipeline.knowledge.embedding import LocalEmbedder
from argus_pipeline.knowledge.quality import check, renew_vectors
from argus_pipeline.knowledge.store import count_articles, import_articles

EMBEDDER = LocalEmbedder()


class Older(LocalEmbedder):
    name = "older"


def article(article_id: str, title: str, **fields: Any) -> Article:
    return Article(article_id, "C0035", title, "tests", "en", **{"remedies": ("x",), **fields})


@pytest.fixture
def engine(database_url: str) -> Iterator[Engine]:
    migrate(database_url)
    made = create_engine(database_url)
    yield made
    made.dispose()


def test_duplicates_and_articles_without_a_remedy_are_named(engine: Engine) -> None:
    articles = [
        article("a", "Wheel speed"), article("b", "wheel SPEED"),
        article("c", "Wheel speed", platform="J7"),
        article("d", "Wheel speed", firmware_min="v2.%", firmware_max="v2.%"),
        article("e", "Wheel bearing", remedies=()),
    ]  # fmt: skip
    import_articles(engine, articles, EMBEDDER)
    found = check(engine, EMBEDDER)
    assert (found.articles, found.duplicates, found.duplicate_ids) == (5, 1, (("a", "b"),))
    assert (found.without_remedy, found.without_remedy_ids) == (1, ("e",))
    assert found.other_embedders == {}


def test_vectors_of_another_embedder_are_found_and_renewed(engine: Engine) -> None:
    import_articles(engine, [article("a", "Wheel"), article("b", "Ring")], Older())
    import_articles(engine, [article("c", "Cable")], EMBEDDER)
    assert check(engine, EMBEDDER).other_embedders == {"older": 2}
    assert renew_vectors(engine, EMBEDDER) == 2
    assert count_articles(engine) == {EMBEDDER.name: 3}
    assert renew_vectors(engine, EMBEDDER) == 0


def test_an_empty_knowledge_base_has_nothing_wrong(engine: Engine) -> None:
    found = check(engine, EMBEDDER)
    assert (found.articles, found.duplicates, found.without_remedy) == (0, 0, 0)
