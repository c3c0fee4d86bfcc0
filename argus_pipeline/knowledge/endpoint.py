"""Vectors from an endpoint that speaks OpenAI's `POST /embeddings`."""

from __future__ import annotations

import json
import time
from collections.abc import Callable, Sequence
from datetime import UTC, datetime
from email.utils import parsedate_to_datetime
from functools import cached_property
from typing import Any, Final

import httpx
import numpy as np

from argus_pipeline.errors import ArgusError, Unavailable
from argus_pipeline.knowledge.vectors import MAX_CHARACTERS, Vectors, normalised

ATTEMPTS: Final = 4
TEXTS_A_CALL: Final = 128
# A server that asks for a longer pause than this is not there for us now.
MAX_PAUSE_S: Final = 30.0
MAX_ANSWER_BYTES: Final = 64 * 1024 * 1024
_RETRIED: Final = frozenset({408, 429, 500, 502, 503, 504})
_HINT: Final = "Check ARGUS_EMBEDDINGS_URL, ARGUS_EMBEDDINGS_MODEL and ARGUS_EMBEDDINGS_KEY"


class EndpointEmbedder:
    """An embedder behind HTTP. Every wait is bounded: `answer_s` for one call, `ATTEMPTS` calls.

    Args:
        url: the base address (such as `http://127.0.0.1:8080/v1`) or that of `/embeddings`.
        model: the model's name at the endpoint. It alone names the embedder, so that the same
            model may move to another address.
        key: sent as a bearer token; None sends none.
        answer_s: how long one call may take as a whole, in seconds.
        sleep: how to wait between two attempts.
    """

    distance_limit = 0.6

    def __init__(
        self,
        url: str,
        model: str,
        *,
        key: str | None = None,
        answer_s: float = 60.0,
        sleep: Callable[[float], None] = time.sleep,
    ) -> None:
        base = url.rstrip("/")
        self._url = base if base.endswith("/embeddings") else base + "/embeddings"
        self._model = model
        self._answer_s = answer_s
        self._sleep = sleep
        try:
            self._client = httpx.Client(
                headers={"Authorization": f"Bearer {key}"} if key else {},
                timeout=httpx.Timeout(answer_s, connect=min(5.0, answer_s)),
            )
        except UnicodeEncodeError as error:
            raise ArgusError(
                "the key has characters that no header can hold", where="ARGUS_EMBEDDINGS_KEY"
            ) from error

    @property
    def name(self) -> str:
        """The model's name with its kind in front."""
        return f"endpoint:{self._model}"

    @cached_property
    def dimension(self) -> int:
        """How many numbers a vector has: asked of the endpoint, once."""
        return int(self.embed(["dimension"]).shape[1])

    def embed(self, texts: Sequence[str]) -> Vectors:
        """One row for each text, in calls of `TEXTS_A_CALL`.

        Raises:
            Unavailable: no answer, or none but errors that may pass.
            ArgusError: the endpoint refuses, or its answer is not what was asked for.
        """
        if not texts:
            return np.empty((0, self.dimension), np.float32)
        # Endpoints refuse an empty text.
        inputs = [text[:MAX_CHARACTERS].strip() or "-" for text in texts]
        parts = [
            self._vectors(inputs[start : start + TEXTS_A_CALL])
            for start in range(0, len(inputs), TEXTS_A_CALL)
        ]
        if len({part.shape[1] for part in parts}) > 1:
            raise self._unusable("has vectors of different lengths")
        return np.concatenate(parts)

    def _vectors(self, inputs: list[str]) -> Vectors:
        body = {"model": self._model, "input": inputs, "encoding_format": "float"}
        answer = self._ask(body)
        try:
            entries = sorted(json.loads(answer)["data"], key=lambda entry: entry["index"])
            indexes = [entry["index"] for entry in entries]
            vectors = np.array([entry["embedding"] for entry in entries], np.float32)
        except (ValueError, KeyError, TypeError) as error:
            raise self._unusable("is not a list of embeddings") from error
        if indexes != list(range(len(inputs))) or vectors.ndim != 2 or vectors.shape[1] == 0:
            raise self._unusable(f"has not one vector for each of the {len(inputs)} texts")
        if not np.isfinite(vectors).all():
            raise self._unusable("has numbers that are not finite")
        return normalised(vectors)

    def _ask(self, body: dict[str, Any]) -> bytes:
        reason = ""
        for attempt in range(ATTEMPTS):
            pause = 0.5 * 2.0**attempt
            try:
                response, content = self._call(body)
            except (httpx.InvalidURL, httpx.UnsupportedProtocol) as error:
                raise ArgusError(
                    "the address cannot be used", where=self._url, expected="http://host:port/v1"
                ) from error
            except httpx.HTTPError as error:
                reason = f"{type(error).__name__} {error}".strip()
            else:
                if response.status_code == 200:
                    return content
                reason = f"it answered {response.status_code}: {_excerpt(content)}"
                if response.status_code not in _RETRIED:
                    raise ArgusError(
                        f"the embeddings endpoint refuses: {reason}", where=self._url, hint=_HINT
                    )
                pause = retry_after(response.headers.get("Retry-After"), datetime.now(UTC)) or pause
                if pause > MAX_PAUSE_S:
                    reason += f" (and asks for a pause of {pause:.0f} s)"
                    break
            if attempt + 1 < ATTEMPTS:
                self._sleep(pause)
        raise Unavailable(
            f"the embeddings endpoint does not answer: {reason}", where=self._url, hint=_HINT
        )

    def _call(self, body: dict[str, Any]) -> tuple[httpx.Response, bytes]:
        """One call. httpx bounds each read only, so the whole is bounded here."""
        until = time.monotonic() + self._answer_s
        content = bytearray()
        with self._client.stream("POST", self._url, json=body) as response:
            for chunk in response.iter_bytes():
                content += chunk
                if time.monotonic() > until:
                    raise httpx.ReadTimeout(f"the answer took more than {self._answer_s:g} s")
                if len(content) > MAX_ANSWER_BYTES:
                    raise self._unusable(f"has more than {MAX_ANSWER_BYTES} bytes")
        return response, bytes(content)

    def _unusable(self, why: str) -> ArgusError:
        return ArgusError(f"the endpoint's answer {why}", where=self._url, hint=_HINT)


def retry_after(header: str | None, now: datetime) -> float | None:
    """The pause in seconds that a `Retry-After` header asks for (RFC 9110, 10.2.3), if any."""
    if header is None:
        return None
    if header.strip().isdecimal():
        return float(header)
    try:
        until = parsedate_to_datetime(header)
    except ValueError:
        return None
    if until.tzinfo is None:
        until = until.replace(tzinfo=UTC)
    return max(0.0, (until - now).total_seconds())


def _excerpt(content: bytes) -> str:
    text = " ".join(content[:1000].decode("utf-8", "replace").split())
    return text[:200] or "nothing"
