"""Diagnoses labelled batches over a database of its own that holds the starter articles."""

from __future__ import annotations

import tempfile
from collections.abc import Iterator, Sequence
from contextlib import contextmanager
from pathlib import Path

from sqlalchemy import Engine

from argus_pipeline.database.engine import create_engine
from argus_pipeline.database.migrate import migrate
from argus_pipeline.diagnosis.pipeline import supervise
from argus_pipeline.knowledge.articles import Article
from argus_pipeline.knowledge.embedding import LocalEmbedder
from argus_pipeline.knowledge.files import read_articles, starter_articles
from argus_pipeline.knowledge.store import import_articles
from argus_pipeline.stack.postgres import PostgresServer
from benchmarks.diagnosis.baselines import Bm25, code_look_up
from benchmarks.diagnosis.batches import case_of
from benchmarks.diagnosis.dataset import Labelled, halves, read_cases
from benchmarks.diagnosis.scoring import Answer, answered


def articles() -> list[Article]:
    """The starter set."""
    return list(read_articles([starter_articles()]).articles)


@contextmanager
def knowledge_base(known: Sequence[Article]) -> Iterator[Engine]:
    """A database with some articles, gone afterwards."""
    with tempfile.TemporaryDirectory(prefix="argus-eval-", dir="/tmp") as folder:
        server = PostgresServer(Path(folder) / "postgres", durable=False)
        server.start()
        try:
            server.ensure_database("evaluation")
            migrate(server.url("evaluation"))
            engine = create_engine(server.url("evaluation"))
            import_articles(engine, known, LocalEmbedder())
            yield engine
            engine.dispose()
        finally:
            server.stop()


def answers(
    engine: Engine, known: Sequence[Article], asked: Sequence[Labelled] | None = None
) -> Iterator[Answer]:
    """The answer to each labelled batch; by default to all."""
    everything = read_cases()
    drawn, bm25, embedder = halves(everything), Bm25(known), LocalEmbedder()
    with tempfile.TemporaryDirectory(prefix="argus-eval-", dir="/tmp") as folder:
        for labelled in everything if asked is None else asked:
            case = case_of(labelled, Path(folder) / labelled.id)
            diagnosis = supervise(case, engine, embedder).diagnosis
            by_code = code_look_up(known, labelled, case)
            by_bm25 = bm25.ranked(labelled)
            yield answered(labelled, drawn[labelled.id], diagnosis, by_code, by_bm25)
