"""How fast and how right is retrieval inside filters, and what do others make of the same articles?

    python benchmarks/knowledge_base.py [--articles N] [--million] [--cache DIR] [--json]

Articles of a synthetic knowledge base: each vector is a mixture of vectors of two sentences of the
starter set and noise, so that neighbours are near and no two are the same. Filters (code, platform,
firmware) of 1 to 30,000 matching rows are asked by 8 clients at once, each a process of its own.
Every answer is compared with the exact order inside its filter, computed by numpy over the same
vectors, and no answer may have fewer rows than there are. Beside it, over the same table: an HNSW
index asked first and filtered afterwards, as a pure vector search does, and pgvector-haystack,
where it can be installed into the cache folder.

`--million` does the same over 1,000,000 articles and takes half an hour.
"""

from __future__ import annotations

import argparse
import json
import multiprocessing
import os
import subprocess
import sys
import tempfile
import time
from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import numpy as np
from measuring.clock import of_others
from measuring.contest import say
from measuring.ending import clean_up_on_kill
from measuring.table import Section, machine
from sqlalchemy import Engine, text

from argus_pipeline.database.engine import create_engine
from argus_pipeline.database.migrate import migrate
from argus_pipeline.knowledge.codes import code_family
from argus_pipeline.knowledge.embedding import LocalEmbedder
from argus_pipeline.knowledge.files import read_articles, starter_articles
from argus_pipeline.knowledge.index import ensure_index
from argus_pipeline.knowledge.retrieval import Question, retrieve
from argus_pipeline.knowledge.vectors import Vectors, normalised
from argus_pipeline.knowledge.versions import version_span
from argus_pipeline.stack.postgres import PostgresServer

SIZES = (1, 10, 100, 1_000, 5_000, 10_000, 30_000)
CLIENTS = 8
QUESTIONS = 40
TOP_K = 5
PLATFORM, FIRMWARE = "J7", "v2.3.1"
PEER = "pgvector-haystack"
COLUMNS = (*("", "rows in filter", "median ms", "p95 ms", "recall@5", "too few rows", "we are"),)


class KnownVectors(LocalEmbedder):
    """Stands for the embedder: the question is the number of a vector, so no time is spent on it.

    Embedding a question takes the same millisecond whatever is asked of the database afterwards.
    """

    def __init__(self, vectors: Vectors) -> None:
        self._vectors = vectors

    def embed(self, texts: Sequence[str]) -> Vectors:
        """The vectors of these numbers."""
        return self._vectors[[int(one) for one in texts]]


@dataclass(frozen=True)
class Base:
    """The synthetic knowledge base: vectors by row, and the filter that each row answers to."""

    vectors: Vectors
    codes: list[str]
    ids: list[str]
    questions: Vectors

    def rows(self, size: int) -> np.ndarray[Any, Any]:
        """The rows that the filter with so many matching rows lets through."""
        return np.flatnonzero(np.array(self.codes) == code_of(size))

    def right(self, question: int, size: int) -> list[str]:
        """The exact answer."""
        rows = self.rows(size)
        near = 1 - self.vectors[rows] @ self.questions[question]
        return [self.ids[rows[n]] for n in np.argsort(near, kind="stable")[:TOP_K]]


def code_of(size: int) -> str:
    """The code that so many articles have."""
    return f"P3{SIZES.index(size)}FF"


def make_base(articles: int) -> Base:
    """Vectors and codes: the filters of `SIZES`, and the rest under codes of other articles."""
    found = read_articles([starter_articles()]).articles
    lists = ((a.title, *a.symptoms, *a.causes, *a.checks, *a.remedies) for a in found)
    sentences = LocalEmbedder().embed(sorted({line for texts in lists for line in texts}))
    random = np.random.default_rng(7)
    codes = [code_of(size) for size in SIZES for _ in range(size)]
    codes += [f"X{n % 997:03}" for n in range(articles - len(codes))]
    vectors = mixed(sentences, articles, random)
    ids = [f"{code.lower()}-{n:07}" for n, code in enumerate(codes)]
    return Base(vectors, codes, ids, mixed(sentences, QUESTIONS, random))


def mixed(sentences: Vectors, count: int, random: np.random.Generator) -> Vectors:
    """Mixtures of two sentences and noise."""
    made = np.empty((count, sentences.shape[1]), np.float32)
    for start in range(0, count, 50_000):
        part = made[start : start + 50_000]
        first, second = (sentences[random.integers(0, len(sentences), len(part))] for _ in "ab")
        noise = random.standard_normal(part.shape, np.float32) * 0.012
        part[:] = normalised(first + 0.6 * second + noise)
    return made


def load(engine: Engine, base: Base) -> float:
    """Copy the articles into the table as an import sorts them, and say how long it took."""
    span = version_span("v2.3.%")
    assert span is not None
    low, high = ("{" + ",".join(map(str, key)) + "}" for key in span)
    filler = json.dumps(["A sentence of usual length that stands for what people write."] * 3)
    begun = time.perf_counter()
    columns = (
        "article_id, code, family, platform, firmware_min, firmware_min_key, firmware_max,"
        " firmware_max_key, title, titles, symptoms, causes, checks, remedies, source, language,"
        " confirmed, content_hash, embedding, embedder, dimension"
    )
    raw = engine.raw_connection()
    cursor = raw.driver_connection.cursor()  # type: ignore[union-attr]
    with cursor.copy(f"COPY argus.knowledge_articles ({columns}) FROM STDIN") as copy:
        for row, (article, code) in enumerate(zip(base.ids, base.codes, strict=True)):
            vector = "[" + ",".join(f"{number:.7g}" for number in base.vectors[row]) + "]"
            copy.write_row(
                (
                    article, code, code_family(code), PLATFORM, "v2.3.%", low, "v2.3.%", high,
                    f"Article {row}", "{}", filler, filler, filler, filler, "benchmark", "en",
                    False, "0" * 64, vector, LocalEmbedder.name, LocalEmbedder.dimension,
                )
            )  # fmt: skip
    raw.commit()
    raw.close()
    with engine.connect().execution_options(isolation_level="AUTOCOMMIT") as connection:
        connection.execute(text("VACUUM ANALYZE argus.knowledge_articles"))
    return time.perf_counter() - begun


Answer = tuple[float, int, list[str]]


def ours(url: str, base: Base, size: int, numbers: Sequence[int]) -> list[Answer]:
    """Ask `retrieve` some questions inside one filter."""
    engine = create_engine(url)
    embedder = KnownVectors(base.questions)
    answers = []
    for warm, number in [(True, numbers[0]), *((False, n) for n in numbers)]:
        question = Question((code_of(size),), PLATFORM, FIRMWARE, str(number), TOP_K)
        begun = time.perf_counter()
        found = retrieve(engine, embedder, question)
        seconds = time.perf_counter() - begun
        if not warm:
            answers.append((seconds, number, [m.article.article_id for m in found.matches]))
    engine.dispose()
    return answers


def pure(url: str, base: Base, size: int, numbers: Sequence[int]) -> list[Answer]:
    """The nearest by the index alone, filtered afterwards."""
    engine = create_engine(url)
    dimension = LocalEmbedder.dimension
    statement = text(
        "SELECT article_id FROM (SELECT article_id, code FROM argus.knowledge_articles"
        f" WHERE embedder = '{LocalEmbedder.name}' AND dimension = {dimension}"
        f" ORDER BY (embedding\\:\\:halfvec({dimension})) <=> CAST(:v AS halfvec({dimension}))"
        " LIMIT 40) near WHERE code = :code LIMIT 5"
    )
    answers = []
    for warm, number in [(True, numbers[0]), *((False, n) for n in numbers)]:
        values = {"v": str(base.questions[number].tolist()), "code": code_of(size)}
        begun = time.perf_counter()
        with engine.connect() as connection:
            found = list(connection.scalars(statement, values))
        seconds = time.perf_counter() - begun
        if not warm:
            answers.append((seconds, number, found))
    engine.dispose()
    return answers


def haystack_peer(url: str, base: Base, size: int, numbers: Sequence[int]) -> list[Answer]:
    """pgvector-haystack's retriever, with the filter in its metadata."""
    os.environ["HAYSTACK_TELEMETRY_ENABLED"] = "false"
    os.environ["PG_CONN_STR"] = url
    from haystack_integrations.components.retrievers.pgvector import (  # type: ignore[import-not-found]
        PgvectorEmbeddingRetriever,
    )

    retriever = PgvectorEmbeddingRetriever(document_store=peer_store(), top_k=TOP_K)
    conditions = [("code", code_of(size)), ("platform", PLATFORM)]
    filters = {
        "operator": "AND",
        "conditions": [
            {"field": f"meta.{name}", "operator": "==", "value": value}
            for name, value in conditions
        ],
    }
    answers = []
    for warm, number in [(True, numbers[0]), *((False, n) for n in numbers)]:
        vector = base.questions[number].tolist()
        begun = time.perf_counter()
        found = retriever.run(query_embedding=vector, filters=filters)["documents"]
        seconds = time.perf_counter() - begun
        if not warm:
            answers.append((seconds, number, [document.id for document in found]))
    return answers


def peer_store() -> Any:
    """The peer's store with its defaults, but for the size and the function of the vectors."""
    from haystack_integrations.document_stores.pgvector import (  # type: ignore[import-not-found]
        PgvectorDocumentStore,
    )

    return PgvectorDocumentStore(
        table_name="peer",
        embedding_dimension=LocalEmbedder.dimension,
        vector_function="cosine_similarity",
    )


def load_peer(url: str, base: Base) -> None:
    """Write the same articles into the peer's table."""
    os.environ["PG_CONN_STR"] = url
    from haystack import Document

    store = peer_store()
    for start in range(0, len(base.ids), 5_000):
        store.write_documents(
            [
                Document(
                    id=base.ids[n],
                    content=f"Article {n}",
                    meta={"code": base.codes[n], "platform": PLATFORM, "firmware_min": "v2.3.0"},
                    embedding=base.vectors[n].tolist(),
                )
                for n in range(start, min(start + 5_000, len(base.ids)))
            ]
        )


def install_peer(cache: Path) -> bool:
    """Put pgvector-haystack into the cache folder, beside the Haystack that is here."""
    folder = cache / "haystack"
    if not folder.is_dir():
        command = [sys.executable, "-m", "pip", "install", "--quiet", "--no-deps"]
        done = subprocess.run([*command, "--target", folder, PEER], check=False)
        if done.returncode:
            return False
    sys.path.append(str(folder))
    # The namespace package of Haystack's integrations is in two folders now.
    try:
        import haystack_integrations.document_stores.pgvector  # noqa: F401
    except ImportError as error:
        say(f"{PEER} cannot be used: {error}")
        return False
    return True


def beside_haystack(section: Section, cache: Path, url: str, base: Base) -> None:
    """Our lines' peer; what it cannot do is a note, not an end."""
    if not install_peer(cache):
        section.notes.append(f"{PEER} could not be installed")
        return
    plain = url.replace("postgresql+psycopg://", "postgresql://")
    try:
        say(f"loading {PEER}")
        load_peer(plain, base)
        list(measure(section, PEER, haystack_peer, plain, base))
    except Exception as error:
        section.notes.append(f"{PEER} failed: {' '.join(str(error).split())[:200]}")


def ask(work: Any, url: str, base: Base, size: int) -> list[Answer]:
    """All questions inside one filter, by clients at once."""
    context = multiprocessing.get_context("fork")
    with context.Pool(CLIENTS) as pool:
        shares = [list(range(n, QUESTIONS, CLIENTS)) for n in range(CLIENTS)]
        jobs = [pool.apply_async(work, (url, base, size, share)) for share in shares]
        return [answer for job in jobs for answer in job.get()]


def measure(section: Section, name: str, work: Any, url: str, base: Base) -> Iterator[float]:
    """One line for each filter; yields its p95 in ms."""
    for size in SIZES:
        say(f"{section.name}: {name}, {size:,} rows")
        answers = ask(work, url, base, size)
        hits, few = [], 0
        for _, number, found in answers:
            right = base.right(number, size)
            hits.append(len(set(found) & set(right)) / len(right))
            few += len(found) < len(right)
        median, p95 = np.quantile([seconds for seconds, _, _ in answers], (0.5, 0.95)) * 1e3
        recall = float(np.mean(hits))
        ratio = ""
        ours_p95 = next((f["p95_ms"] for f in section.figures if f["rows"] == size), None)
        if ours_p95 is not None:
            ratio = f"{p95 / ours_p95:.2g} ×"
        section.rows.append(
            (name, f"{size:,}", f"{median:.1f}", f"{p95:.1f}", f"{recall:.3f}", str(few), ratio)
        )
        say("  ".join(section.rows[-1]))
        section.figures.append(
            {"name": name, "rows": size, "median_ms": median, "p95_ms": p95, "recall": recall,
             "too_few": few}
        )  # fmt: skip
        yield float(p95)


def judge(section: Section, limit_ms: float, up_to: int, recall: float) -> None:
    """Hold our lines to the figures."""
    for figure in section.figures:
        if figure["name"] != "argus":
            continue
        if figure["rows"] <= up_to and figure["p95_ms"] > limit_ms:
            section.wrong.append(
                f"p95 {figure['p95_ms']:.1f} ms at {figure['rows']:,} rows, above {limit_ms:g} ms"
            )
        if figure["recall"] < recall:
            section.wrong.append(f"recall {figure['recall']:.3f} at {figure['rows']:,} rows")
        if figure["too_few"]:
            section.wrong.append(f"fewer rows than exist at {figure['rows']:,} rows")


def run(options: argparse.Namespace, articles: int, *, limit: tuple[float, int, float]) -> Section:
    """Everything over one size of knowledge base."""
    section = Section("retrieval", f"{articles:,} articles, {CLIENTS} clients", COLUMNS)
    others = of_others()
    base = make_base(articles)
    with tempfile.TemporaryDirectory(prefix="argus-bench-", dir="/tmp") as folder:
        server = PostgresServer(Path(folder) / "postgres", durable=False)
        server.start()
        try:
            server.ensure_database("bench")
            url = server.url("bench")
            migrate(url)
            engine = create_engine(url)
            say(f"loading {articles:,} articles")
            section.notes.append(f"loaded in {load(engine, base):.0f} s")
            begun = time.perf_counter()
            ensure_index(engine, LocalEmbedder(), memory="3GB" if articles > 500_000 else "512MB")
            section.notes.append(f"index built in {time.perf_counter() - begun:.0f} s")
            engine.dispose()
            list(measure(section, "argus", ours, url, base))
            list(measure(section, "index first, filter after", pure, url, base))
            if not options.million:
                beside_haystack(section, options.cache, url, base)
        finally:
            server.stop()
    section.notes.append(f"the machine was busy with other things to {others() * 100:.0f} %")
    judge(section, *limit)
    return section


def main() -> int:
    clean_up_on_kill()
    parser = argparse.ArgumentParser(
        description=__doc__, formatter_class=argparse.RawTextHelpFormatter
    )
    parser.add_argument("--articles", type=int, default=100_000)
    parser.add_argument("--million", action="store_true")
    parser.add_argument("--cache", type=Path, default=Path.home() / ".cache/argus/benchmarks")
    parser.add_argument("--json", action="store_true")
    options = parser.parse_args()
    if options.million:
        section = run(options, 1_000_000, limit=(50.0, 10_000, 0.99))
    else:
        section = run(options, options.articles, limit=(20.0, 5_000, 1.0))
    if options.json:
        print(json.dumps({"machine": machine(), **section.to_dict()}, indent=1))
    else:
        print(json.dumps(machine()), section.text(), sep="\n")
    return 1 if section.wrong else 0


if __name__ == "__main__":
    raise SystemExit(main())
