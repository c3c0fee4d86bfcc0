"""One call of an OpenAI-compatible endpoint, by Haystack's own generator.

Importing this module is cheap; the first call imports Haystack, which takes about 2 s.
"""

from __future__ import annotations

import os
from collections.abc import Callable, Sequence
from dataclasses import dataclass
from datetime import UTC, datetime
from functools import cached_property
from typing import TYPE_CHECKING, Any, Final

import httpx

from argus_pipeline.errors import ArgusError
from argus_pipeline.knowledge.endpoint import retry_after
from argus_pipeline.language_model.errors import Busy, FormRefused, TimedOut, Unusable
from argus_pipeline.language_model.options import ModelOptions
from argus_pipeline.language_model.transport import BoundedTransport

if TYPE_CHECKING:
    from haystack.components.generators.chat import OpenAIChatGenerator
    from haystack.dataclasses import StreamingChunk

MAX_ANSWER_BYTES: Final = 2 * 1024 * 1024
_CONNECT_S: Final = 5.0
_BUSY: Final = frozenset({429, 503, 529})
_PASSING: Final = frozenset({408, 409, 500, 502, 504})
_FORM: Final = frozenset({400, 404, 415, 422})
_HINT: Final = "Check ARGUS_LLM_BASE_URL, ARGUS_LLM_MODEL and ARGUS_LLM_API_KEY"


@dataclass(frozen=True, slots=True)
class Turn:
    """One message of a conversation: `system`, `user` or `assistant`."""

    role: str
    text: str


@dataclass(frozen=True, slots=True)
class Reply:
    """What the model wrote. Token counts are None where the endpoint does not tell."""

    text: str
    input_tokens: int | None
    output_tokens: int | None
    complete: bool
    """False when it was cut off at the limit of tokens, or by a filter."""


class Endpoint:
    """A model at an endpoint. Retries and limits are not its business.

    Args:
        options: where the endpoint is and how long a call may take.
        model: the model's name there.
    """

    def __init__(self, options: ModelOptions, model: str) -> None:
        self._options = options
        self._model = model

    @cached_property
    def _generator(self) -> OpenAIChatGenerator:
        # Read by Haystack when it is imported: nothing phones home.
        os.environ["HAYSTACK_TELEMETRY_ENABLED"] = "false"
        from haystack.components.generators.chat import OpenAIChatGenerator
        from haystack.utils import Secret

        answer_s = self._options.answer_s
        return OpenAIChatGenerator(
            # The library wants a key even where the endpoint wants none.
            api_key=Secret.from_token(self._options.api_key or "none"),
            model=self._model,
            api_base_url=self._options.base_url,
            timeout=answer_s,
            max_retries=0,
            http_client_kwargs={
                "transport": BoundedTransport(answer_s, MAX_ANSWER_BYTES),
                "timeout": httpx.Timeout(answer_s, connect=min(_CONNECT_S, answer_s)),
            },
        )

    def ask(
        self,
        turns: Sequence[Turn],
        form: dict[str, Any],
        on_text: Callable[[str], None] | None = None,
    ) -> Reply:
        """Make one call.

        Args:
            turns: the conversation.
            form: further parameters of the call, such as `response_format`.
            on_text: gets the text as it comes; without it the answer comes as a whole.

        Raises:
            Busy: the endpoint wants a pause.
            TimedOut: the call took too long, or its connection broke.
            FormRefused: the endpoint does not take this form.
            Unusable: the answer is none.
            ArgusError: the endpoint refuses for good, such as for a wrong key.
        """
        import openai
        from haystack.dataclasses import ChatMessage

        make = {
            "system": ChatMessage.from_system,
            "user": ChatMessage.from_user,
            "assistant": ChatMessage.from_assistant,
        }
        messages = [make[turn.role](turn.text) for turn in turns]

        def each(chunk: StreamingChunk) -> None:
            if on_text is not None and chunk.content:
                on_text(chunk.content)

        try:
            output = self._generator.run(
                messages, each if on_text is not None else None, generation_kwargs=form
            )
            message = output["replies"][0]
        except openai.APIStatusError as error:
            raise self._refusal(error) from error
        except (openai.APIConnectionError, httpx.HTTPError) as error:
            cause = error.__cause__ or error
            raise TimedOut(f"{type(cause).__name__}: {cause}".rstrip(": ")) from error
        except (openai.LengthFinishReasonError, openai.ContentFilterFinishReasonError) as error:
            usage = getattr(getattr(error, "completion", None), "usage", None)
            return Reply(
                "",
                getattr(usage, "prompt_tokens", None),
                getattr(usage, "completion_tokens", None),
                complete=False,
            )
        except openai.APIError as error:
            # Such as an error event in the middle of a stream.
            raise TimedOut(f"the answer broke off: {error}") from error
        except (AttributeError, IndexError, KeyError, TypeError, ValueError, AssertionError) as e:
            raise Unusable(
                "the endpoint's answer is not a chat completion", where=self._options.base_url
            ) from e
        usage = message.meta.get("usage") or {}
        finish = message.meta.get("finish_reason")
        return Reply(
            message.text or "",
            _count(usage.get("prompt_tokens")),
            _count(usage.get("completion_tokens")),
            # A stream that ends without a reason was torn.
            complete=finish == "stop" or (finish is None and on_text is None),
        )

    def _refusal(self, error: Any) -> Exception:
        status = error.status_code
        reason = f"it answered {status}: {' '.join(str(error.message).split())[:200]}"
        if status in _BUSY:
            pause = retry_after(error.response.headers.get("Retry-After"), datetime.now(UTC))
            return Busy(reason, pause)
        if status in _PASSING:
            return TimedOut(reason)
        if status in _FORM:
            return FormRefused(reason)
        return ArgusError(
            f"the language model's endpoint refuses: {reason}",
            where=self._options.base_url,
            hint=_HINT,
        )


def _count(number: Any) -> int | None:
    return number if isinstance(number, int) and number >= 0 else None
