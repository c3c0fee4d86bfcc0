from __future__ import annotations

import os
import subprocess
import sys

from haystack import Pipeline

from argus_pipeline.database.engine import create_engine
from argus_pipeline.database.migrate import migrate
from argus_pipeline.knowledge.articles import Article
from argus_pipeline.knowledge.component import KnowledgeRetriever
from argus_pipeline.knowledge.embedding import LocalEmbedder
from argus_pipeline.knowledge.retrieval import ArticleMatch
from argus_pipeline.knowledge.store import import_articles


def test_the_retriever_answers_inside_a_pipeline(database_url: str) -> None:
    migrate(database_url)
    engine = create_engine(database_url)
    wheel = Article("wheel", "C0035", "Wheel speed sensor", "tests", "en", platform="J7")
    import_articles(engine, [wheel], LocalEmbedder())
    pipeline = Pipeline()
    pipeline.add_component("retriever", KnowledgeRetriever(engine, LocalEmbedder()))
    asked = {"codes": ["C0035"], "platform": "J7", "firmware": "v1", "query": "wheel", "top_k": 2}
    answer = pipeline.run({"retriever": asked})["retriever"]
    (match,) = answer["matches"]
    assert isinstance(match, ArticleMatch)
    assert (match.article, match.step.value) == (wheel, "code+platform+firmware")
    assert answer["notes"] == []


def test_importing_the_component_switches_haystacks_telemetry_off() -> None:
    code = (
        "import argus_pipeline.knowledge.component, haystack.telemetry._telemetry as t;"
        "assert t.telemetry is None"
    )
    environment = {k: v for k, v in os.environ.items() if k != "HAYSTACK_TELEMETRY_ENABLED"}
    subprocess.run([sys.executable, "-c", code], check=True, env=environment, timeout=120)
