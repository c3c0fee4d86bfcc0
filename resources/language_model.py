"""The language model, which is optional."""

from dagster import ConfigurableResource
from pydantic import PrivateAttr
from sqlalchemy import Engine

from argus_pipeline import settings
from argus_pipeline.language_model.model import LanguageModel, model_from


class LanguageModelResource(ConfigurableResource):
    """The endpoint that ARGUS_LLM_BASE_URL names, behind limits that hold for all processes."""

    _model: LanguageModel | None = PrivateAttr(default=None)

    def model(self, engine: Engine) -> LanguageModel | None:
        """The model, made once for each process; None where none is configured."""
        if self._model is None:
            self._model = model_from(settings.load(), engine)
        return self._model
