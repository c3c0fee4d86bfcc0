"""What turns texts into vectors for the knowledge base and the retrieval."""

from dagster import ConfigurableResource
from pydantic import PrivateAttr

from argus_pipeline import settings
from argus_pipeline.knowledge.embedding import Embedder, embedder_from


class EmbedderResource(ConfigurableResource):
    """The local model, or the endpoint that ARGUS_EMBEDDINGS_URL names."""

    _embedder: Embedder | None = PrivateAttr(default=None)

    def embedder(self) -> Embedder:
        """The embedder, made once for each process."""
        if self._embedder is None:
            self._embedder = embedder_from(settings.load())
        return self._embedder
