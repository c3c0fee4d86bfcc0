"""What a plain tool would answer: the article of the commonest code, or the best by BM25."""

from __future__ import annotations

import math
import re
from collections import Counter
from collections.abc import Sequence
from typing import Final

from argus_pipeline.diagnosis.composer import Case
from argus_pipeline.knowledge.articles import Article
from benchmarks.diagnosis.dataset import Labelled

_WORD: Final = re.compile(r"[\u4e00-\u9fff]|[^\W_]+")
# The usual numbers of Robertson and Zaragoza, "The Probabilistic Relevance Framework", 2009.
_K1, _B = 1.2, 0.75


def here(article: Article, labelled: Labelled) -> bool:
    """Whether an article is for the platform of a batch, or any."""
    return article.platform in {None, labelled.platform}


def code_look_up(articles: Sequence[Article], labelled: Labelled, case: Case) -> list[str]:
    """The articles of the code with the most messages, those of the platform first."""
    faults = [piece for piece in case.faults if piece.code]
    if not faults:
        return []
    code = max(faults, key=lambda piece: piece.numbers["messages"]).code
    found = [a for a in articles if a.code == code and here(a, labelled)]
    return [a.article_id for a in sorted(found, key=lambda a: a.platform is None)]


class Bm25:
    """Okapi BM25 over all words of the articles; an ideograph is a word."""

    def __init__(self, articles: Sequence[Article]) -> None:
        self._articles = list(articles)
        self._bags = [Counter(_words(_text(article))) for article in articles]
        self._mean = sum(bag.total() for bag in self._bags) / len(self._bags)
        holding = Counter(word for bag in self._bags for word in bag)
        all_ = len(self._bags)
        self._idf = {w: math.log(1 + (all_ - n + 0.5) / (n + 0.5)) for w, n in holding.items()}

    def ranked(self, labelled: Labelled) -> list[str]:
        """The articles for the words of all events of severity warn or worse, the best first."""
        events = (e for e in labelled.events if e.severity in {"warn", "error", "fatal"})
        asked = set(_words(" ".join(event.text for event in events)))
        scored = [
            (self._score(bag, asked), article)
            for bag, article in zip(self._bags, self._articles, strict=True)
            if here(article, labelled)
        ]
        scored.sort(key=lambda pair: (-pair[0], pair[1].article_id))
        return [article.article_id for score, article in scored[:3] if score > 0]

    def _score(self, bag: Counter[str], asked: set[str]) -> float:
        long = _K1 * (1 - _B + _B * bag.total() / self._mean)
        return sum(self._idf[w] * bag[w] * (_K1 + 1) / (bag[w] + long) for w in asked & bag.keys())


def _text(article: Article) -> str:
    titles = (article.title, *(title for _, title in article.titles))
    lists = (article.symptoms, article.causes, article.checks, article.remedies)
    return " ".join([article.code, *titles, *(line for lines in lists for line in lines)])


def _words(text: str) -> list[str]:
    return _WORD.findall(text.lower())
