"""How the language model is used: the limits, the waits and the prices, from the environment."""

from __future__ import annotations

import os
from collections.abc import Mapping
from dataclasses import dataclass, field
from typing import Final

from argus_pipeline.errors import ArgusError
from argus_pipeline.settings import Settings

URGENT: Final = "P0"


@dataclass(frozen=True, slots=True)
class ModelOptions:
    """One endpoint and how it may be called. All processes of an Argus should have the same.

    Args:
        base_url: of the endpoint, such as `http://127.0.0.1:8000/v1`.
        model: what batches are diagnosed with.
        urgent_model: what batches of priority P0 are diagnosed with; None: the same.
        api_key: sent as a bearer token; None sends none of worth.
        calls_at_once: how many calls may run at any moment, over all processes and machines.
        tokens_per_minute: how many tokens, read and written, may be used in any minute.
        answer_s: how long one call may take as a whole, in seconds.
        wait_s: how long a call may wait for its turn, in seconds.
        attempts: how many calls one question may cost when the endpoint fails or is busy.
        keep_s: how long an answer is kept for whoever asks the same, in seconds.
        input_price: of a million tokens that the model reads; in any currency.
        output_price: of a million tokens that it writes.
        temperature: sent where it is set, since some models refuse it.
        diagnose_again: whether batches that were diagnosed while the model was away are diagnosed
            again when it is back.
    """

    base_url: str
    model: str
    urgent_model: str | None = None
    api_key: str | None = field(default=None, repr=False)
    calls_at_once: int = 20
    tokens_per_minute: int = 200_000
    answer_s: float = 60.0
    wait_s: float = 120.0
    attempts: int = 3
    keep_s: float = 7 * 86400.0
    input_price: float = 0.0
    output_price: float = 0.0
    temperature: float | None = None
    diagnose_again: bool = False

    def model_for(self, priority: str) -> str:
        """The model for batches of a priority."""
        return self.urgent_model or self.model if priority == URGENT else self.model

    def cost(self, input_tokens: int, output_tokens: int) -> float:
        """What a call cost, in the currency of the prices."""
        return (input_tokens * self.input_price + output_tokens * self.output_price) / 1e6


def options_from(
    settings: Settings, environment: Mapping[str, str] | None = None
) -> ModelOptions | None:
    """The configured model, or None where ARGUS_LLM_BASE_URL is not set.

    Raises:
        ArgusError: there is an endpoint but no model, or an option is no number.
    """
    if not settings.llm_base_url:
        return None
    if not settings.llm_model:
        raise ArgusError(
            "a language model's endpoint is set, but no model",
            where="ARGUS_LLM_MODEL",
            expected="the name of a model that the endpoint serves",
        )
    given = os.environ if environment is None else environment
    temperature = given.get("ARGUS_LLM_TEMPERATURE")
    return ModelOptions(
        base_url=settings.llm_base_url.rstrip("/").removesuffix("/chat/completions"),
        model=settings.llm_model,
        urgent_model=settings.llm_urgent_model,
        api_key=settings.llm_api_key,
        calls_at_once=int(_number(given, "ARGUS_LLM_CALLS", 20, least=1)),
        tokens_per_minute=int(_number(given, "ARGUS_LLM_TOKENS_PER_MINUTE", 200_000, least=1)),
        answer_s=_number(given, "ARGUS_LLM_ANSWER_SECONDS", 60.0, least=0.1),
        wait_s=_number(given, "ARGUS_LLM_WAIT_SECONDS", 120.0),
        attempts=int(_number(given, "ARGUS_LLM_ATTEMPTS", 3, least=1)),
        keep_s=3600 * _number(given, "ARGUS_LLM_CACHE_HOURS", 168.0),
        input_price=_number(given, "ARGUS_LLM_INPUT_PRICE", 0.0),
        output_price=_number(given, "ARGUS_LLM_OUTPUT_PRICE", 0.0),
        temperature=_number(given, "ARGUS_LLM_TEMPERATURE", 0.0) if temperature else None,
        diagnose_again=given.get("ARGUS_LLM_DIAGNOSE_AGAIN", "").lower() in {"1", "yes", "true"},
    )


def _number(given: Mapping[str, str], name: str, default: float, *, least: float = 0.0) -> float:
    text = given.get(name)
    if not text:
        return default
    try:
        number = float(text)
    except ValueError:
        number = float("nan")
    # Also false for what is not a number.
    if not least <= number < float("inf"):
        raise ArgusError(f"is {text!r}", where=name, expected=f"a number of at least {least:g}")
    return number
