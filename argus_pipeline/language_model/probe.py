"""Is somebody there? Asked by the list of models, which costs no tokens."""

from __future__ import annotations

import httpx

from argus_pipeline.language_model.options import ModelOptions

_WAIT_S = 5.0


def probe(options: ModelOptions) -> str | None:
    """What is wrong with the endpoint; None when it answers.

    An endpoint that has no list of models answers 404, and is there for all that.
    """
    key = options.api_key
    try:
        headers = {"Authorization": f"Bearer {key}"} if key else {}
        response = httpx.get(f"{options.base_url}/models", headers=headers, timeout=_WAIT_S)
    except (httpx.HTTPError, httpx.InvalidURL, UnicodeEncodeError) as error:
        return f"{type(error).__name__} {error}".strip()
    if response.status_code in {401, 403}:
        return f"it refuses the key ({response.status_code})"
    return f"it answered {response.status_code}" if response.status_code >= 500 else None
