"""The keyword leg: articles that contain the words of a question, as far as a cap.

It brings candidates; `wording` says how much each of them shares.
"""

from __future__ import annotations

import re
from typing import Any, Final

from sqlalchemy import Select, String, cast, func, literal, select
from sqlalchemy.dialects.postgresql import TSQUERY
from sqlalchemy.sql.elements import ColumnElement

from argus_pipeline.database.models import KnowledgeArticle
from argus_pipeline.knowledge.nearest import DISTANCE

# So many rows that contain a word are looked at, and so many words of a question asked for.
CAP: Final = 500
MAX_WORDS: Final = 12
_WORD = re.compile(r"[^\W_]{3,}")
# A longer word is looked for by its first letters, so that "sensors" finds "sensor".
_STEM: Final = 6
EVERYDAY: Final = frozenset(
    re.findall(
        r"\w+",
        "the and for with from that this after before has have had was were not are but into over"
        " an as at be by can do does if in is it its of on or then to when which while will"
        " der die das und mit von nach vor bei ein eine einer einem nicht ist wird war des dem auf"
        " am an aus den durch er es im in ob oder sich sind so um wenn zu zum zur",
    )
)


def keywords(question: str) -> tuple[str, ...]:
    """The words of a question worth looking for, in lower case, each once, in order."""
    words = (word.lower() for word in _WORD.findall(question))
    return tuple(dict.fromkeys(word for word in words if word not in EVERYDAY))[:MAX_WORDS]


def containing(
    words: tuple[str, ...], where: ColumnElement[bool], limit: int, *, all_of_them: bool
) -> Select[Any]:
    """The articles inside a filter that contain the words, the best match first, each with its
    distance to the question (see `nearest.DISTANCE`).

    Args:
        words: at least one, as `keywords` makes them.
        where: the filter.
        limit: how many articles.
        all_of_them: every word has to be there; else one is enough.
    """
    table = KnowledgeArticle
    stems = (word if len(word) <= _STEM else f"{word[:_STEM]}:*" for word in words)
    asked = cast(literal((" & " if all_of_them else " | ").join(stems), String), TSQUERY)
    candidates = (
        select(table.article_id, func.ts_rank_cd(table.search, asked).label("rank"))
        .where(table.search.op("@@")(asked), where)
        .limit(CAP)
        .subquery()
    )
    return (
        select(table, DISTANCE)
        .join(candidates, table.article_id == candidates.c.article_id)
        .order_by(candidates.c.rank.desc(), table.article_id)
        .limit(limit)
    )
