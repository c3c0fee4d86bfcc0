from __future__ import annotations

from collections.abc import Sequence
from concurrent.futures import ThreadPoolExecutor
from dataclasses import replace
from typing import Any

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from sqlalchemy import Engine, text

from argus_pipeline.database.engine import create_engine, session
from argus_pipeline.database.migrate import migrate
from argus_pipeline.database.models import KnowledgeArticle
from argus_pipeline.errors import Unavailable
from argus_pipeline.knowledge.articles import Article
from argus_pipeline.knowledge.store import (
    ARTICLES_A_BATCH,
    ImportResult,
    count_articles,
    import_articles,
    list_articles,
)
from argus_pipeline.knowledge.vectors import Vectors, normalised
from argus_pipeline.knowledge.versions import version_key


class CountingEmbedder:
    """Vectors from the letters of a text: enough to see what is asked of an embedder."""

    distance_limit = 0.5

    def __init__(self, name: str = "letters", dimension: int = 8) -> None:
        self.name = name
        self.dimension = dimension
        self.calls: list[int] = []

    def embed(self, texts: Sequence[str]) -> Vectors:
        self.calls.append(len(texts))
        counts = np.zeros((len(texts), self.dimension))
        for row, content in zip(counts, texts, strict=True):
            for letter in content.lower():
                row[ord(letter) % self.dimension] += 1
        return normalised(counts)


def article(article_id: str, code: str = "C0035", **fields: Any) -> Article:
    return Article(article_id, code, f"title {article_id}", "tests", "en", **fields)


@pytest.fixture(scope="module")
def engine(module_database_url: str) -> Engine:
    migrate(module_database_url)
    return create_engine(module_database_url)


@pytest.fixture(autouse=True)
def _empty(engine: Engine) -> None:
    with session(engine) as opened:
        opened.execute(text("TRUNCATE argus.knowledge_articles"))


def rows(engine: Engine) -> list[Any]:
    with session(engine) as opened:
        return list(opened.execute(text("SELECT ctid, xmin, * FROM argus.knowledge_articles")))


FULL = article(
    "full", platform="J7", firmware_min="v2.3", firmware_max="v2.10", ecu="ABS",
    symptoms=("lamp",), causes=("cable", "sensor"), checks=("measure",), remedies=("replace",),
)  # fmt: skip


def test_what_is_imported_is_what_is_listed(engine: Engine) -> None:
    given_ones = [FULL, article("bare")]
    assert import_articles(engine, given_ones, CountingEmbedder()) == ImportResult(2, 0, 0, 0)
    assert list(list_articles(engine)) == [given_ones[1], given_ones[0]]
    assert count_articles(engine) == {"letters": 2}


def test_an_unchanged_import_writes_nothing_and_asks_the_embedder_nothing(engine: Engine) -> None:
    articles = [FULL, article("bare")]
    import_articles(engine, articles, CountingEmbedder())
    before = rows(engine)
    embedder = CountingEmbedder()
    assert import_articles(engine, articles, embedder) == ImportResult(0, 0, 0, 2)
    assert rows(engine) == before
    assert embedder.calls == []


def test_only_what_changed_is_written(engine: Engine) -> None:
    import_articles(engine, [FULL, article("bare")], CountingEmbedder())
    before = {row.article_id: row for row in rows(engine)}
    changed = replace(FULL, remedies=("replace", "update the firmware"))
    embedder = CountingEmbedder()
    result = import_articles(engine, [changed, article("bare"), article("new")], embedder)
    assert result == ImportResult(added=1, changed=1, reembedded=0, unchanged=1)
    # Title and symptoms of the one that changed, the title of the new one.
    assert embedder.calls == [3]
    after = {row.article_id: row for row in rows(engine)}
    assert after["bare"] == before["bare"]
    assert after["full"].remedies == ["replace", "update the firmware"]
    assert after["full"].changed_at > before["full"].changed_at


def test_another_embedder_gives_every_article_a_new_vector(engine: Engine) -> None:
    import_articles(engine, [FULL], CountingEmbedder())
    result = import_articles(engine, [FULL], CountingEmbedder("other", dimension=5))
    assert result == ImportResult(0, 0, 1, 0)
    (row,) = rows(engine)
    assert (row.embedder, row.dimension) == ("other", 5)


def test_vectors_are_computed_in_batches_and_the_progress_grows(engine: Engine) -> None:
    many = [article(f"a{n}") for n in range(2 * ARTICLES_A_BATCH + 1)]
    import_articles(engine, many[:1], CountingEmbedder())
    embedder, seen = CountingEmbedder(), list[int]()
    import_articles(engine, many, embedder, progress=seen.append)
    assert embedder.calls == [ARTICLES_A_BATCH, ARTICLES_A_BATCH]
    assert seen == [1, ARTICLES_A_BATCH + 1, len(many)]


def test_an_import_that_broke_off_goes_on_where_it_stopped(engine: Engine) -> None:
    class Breaking(CountingEmbedder):
        def embed(self, texts: Sequence[str]) -> Vectors:
            if self.calls:
                raise Unavailable("gone")
            return super().embed(texts)

    many = [article(f"a{n}") for n in range(ARTICLES_A_BATCH + 5)]
    with pytest.raises(Unavailable):
        import_articles(engine, many, Breaking())
    result = import_articles(engine, many, CountingEmbedder())
    assert (result.added, result.unchanged) == (5, ARTICLES_A_BATCH)


def test_two_imports_at_once_in_opposite_order_both_end_well(engine: Engine) -> None:
    many = [article(f"a{n}") for n in range(3 * ARTICLES_A_BATCH)]
    with ThreadPoolExecutor(2) as pool:
        imports = [
            pool.submit(import_articles, engine, given_ones, CountingEmbedder())
            for given_ones in (many, many[::-1])
        ]
    assert [future.result().total for future in imports] == [len(many), len(many)]
    assert count_articles(engine) == {"letters": len(many)}


def test_articles_are_listed_by_code_platform_and_words(engine: Engine) -> None:
    others = [article("any", "E104"), article("x", "E104", platform="X1")]
    import_articles(engine, [FULL, *others], CountingEmbedder())

    def listed(**by: str) -> list[str]:
        return [found.article_id for found in list_articles(engine, **by)]

    assert listed() == ["full", "any", "x"]
    assert listed(code="e104") == ["any", "x"]
    assert listed(platform="J7") == ["full", "any"]
    assert listed(words="sensor replace") == ["full"]
    assert listed(words="abs -lamp") == []
    assert listed(words="title -full") == ["any", "x"]
    assert listed(words="' | & ( \0") == []


versions = st.builds(
    lambda numbers, suffix: ".".join(map(str, numbers)) + suffix,
    st.lists(st.integers(0, 30), min_size=1, max_size=4),
    st.sampled_from(["", "-rc1", "-rc2", "-hotfix1", "-J7"]),
)


@given(pair=st.tuples(versions, versions))
@settings(max_examples=200)
def test_postgres_orders_version_keys_as_python_does(engine: Engine, pair: tuple[str, str]) -> None:
    one, other = (list(version_key(version) or ()) for version in pair)
    with session(engine) as opened:
        query = text("SELECT CAST(:a AS bigint[]) < CAST(:b AS bigint[])")
        assert opened.scalar(query, {"a": one, "b": other}) == (one < other)


def test_a_vector_of_another_length_than_is_said_is_refused(engine: Engine) -> None:
    import_articles(engine, [FULL], CountingEmbedder())
    with pytest.raises(Exception, match="dimension"), session(engine) as opened:
        opened.get_one(KnowledgeArticle, "full").dimension = 3
