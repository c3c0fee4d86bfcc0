"""How much of the wording of a question an article shares: Okapi BM25 over a few candidates.

Meaning alone puts telegraphic log texts in a poor order, and words alone do not see a paraphrase;
together they are better than either (`make eval` has both as baselines). The words of the question
weigh by how few of the candidates have them, so nothing has to be known of all articles.

Source: Robertson and Zaragoza, "The Probabilistic Relevance Framework: BM25 and Beyond", 2009.
"""

from __future__ import annotations

import math
import re
from collections import Counter
from collections.abc import Sequence
from typing import Final

from argus_pipeline.knowledge.articles import Article
from argus_pipeline.knowledge.glossary import spelled_out
from argus_pipeline.knowledge.keywords import EVERYDAY

# So much of a cosine distance the article with the most of the wording gains.
WEIGHT: Final = 0.15
_K1, _B = 1.2, 0.75
# Words by their first letters, so that "sensors" is "sensor". An ideograph is a word.
_STEM: Final = 6
_WORD: Final = re.compile(r"[\u3400-\u9fff]|[^\W_\u3400-\u9fff]{2,}")


def shared_wording(question: str, articles: Sequence[Article]) -> list[float]:
    """For each candidate from 0 (no word shared) to 1 (the most of all candidates)."""
    asked = set(_stems(f"{question} {spelled_out(question)}"))
    bags = [Counter(_stems(_text(article))) for article in articles]
    mean = sum(bag.total() for bag in bags) / max(len(bags), 1)
    weights = {word: _weight(sum(word in bag for bag in bags), len(bags)) for word in asked}
    scores = [_score(bag, weights, bag.total() / mean if mean else 1.0) for bag in bags]
    most = max(scores, default=0.0)
    return [score / most if most else 0.0 for score in scores]


def _weight(holding: int, of: int) -> float:
    return math.log(1 + (of - holding + 0.5) / (holding + 0.5))


def _score(bag: Counter[str], weights: dict[str, float], length: float) -> float:
    rate = _K1 * (1 - _B + _B * length)
    return sum(
        weight * bag[word] * (_K1 + 1) / (bag[word] + rate)
        for word, weight in weights.items()
        if word in bag
    )


def _text(article: Article) -> str:
    titles = (article.title, *(title for _, title in article.titles))
    lists = (article.symptoms, article.causes, article.checks, article.remedies)
    return " ".join([*titles, *(line for lines in lists for line in lines)])


def _stems(text: str) -> list[str]:
    return [word[:_STEM] for word in _WORD.findall(text.lower()) if word not in EVERYDAY]
