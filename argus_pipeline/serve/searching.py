"""Search over codes, texts, articles and past diagnoses: was this seen before?"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from typing import TYPE_CHECKING, Final

from argus_pipeline.knowledge.codes import codes_in_question, normal_code
from argus_pipeline.knowledge.matches import ArticleMatch, Question
from argus_pipeline.knowledge.past_diagnoses import PastDiagnosis, seen_before
from argus_pipeline.knowledge.retrieval import retrieve
from argus_pipeline.serve.batch_lists import Bucket, Filters, Line, list_batches

if TYPE_CHECKING:
    from argus_pipeline.asking.answering import Answer
    from argus_pipeline.serve.context import Context

ARTICLES: Final = 6
PAST: Final = 8
BATCHES: Final = 10


@dataclass(frozen=True, slots=True)
class Found:
    """What a search found, the nearest first."""

    codes: tuple[str, ...]
    articles: tuple[ArticleMatch, ...]
    past: tuple[PastDiagnosis, ...]
    batches: tuple[Line, ...]
    notes: tuple[str, ...]


def search(
    context: Context, bucket: Bucket, query: str, platform: str | None, firmware: str | None
) -> Found:
    """Search for a text with codes, words or both.

    Raises:
        Unavailable: the database does not answer.
    """
    engine = context.engine
    codes = codes_in_question(query)
    words = " ".join(w for w in query.split() if normal_code(w.strip("?!.,;:")) not in codes)
    articles = retrieve(
        engine, context.embedder, Question(codes, platform, firmware, words, ARTICLES)
    )
    past = seen_before(engine, context.embedder, Question(codes, platform, firmware, words, PAST))
    lines: Sequence[Line] = ()
    if codes:
        filters = Filters(code=codes[0], platform=platform, firmware=firmware)
        lines = list_batches(
            engine, context.runs, bucket, context.exact, filters, limit=BATCHES
        ).lines
    notes = tuple(dict.fromkeys([*articles.notes, *past.notes]))
    return Found(codes, articles.matches[:ARTICLES], past.diagnoses, tuple(lines), notes)


def ask(
    context: Context, question: str, batch: str | None, platform: str | None, firmware: str | None
) -> Answer:
    """Answer a question from evidence, articles and past diagnoses, as `argus ask` does.

    Raises:
        ArgusError: the batch has no diagnosis, or the question is empty.
        Unavailable: the database does not answer.
    """
    from argus_pipeline.asking.answering import answer
    from argus_pipeline.asking.passages import Scope, gather
    from argus_pipeline.language_model.model import model_from
    from argus_pipeline.serve.reports import read_told

    told = read_told(context.engine, batch)[0].diagnosis if batch else None
    found = gather(context.engine, context.embedder, question, Scope(told, platform, firmware))
    # The model's calls are counted in tables: without the right to write there is no call.
    model = None if context.writer is None else model_from(context.settings, context.writer)
    return answer(question, found, model, batch=batch, embedder=context.embedder.name)
