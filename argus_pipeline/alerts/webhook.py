"""Hands an alert to a webhook, signed."""

from __future__ import annotations

import hashlib
import hmac
import os
import time
from collections.abc import Mapping
from dataclasses import dataclass, field
from typing import Final

from argus_pipeline.errors import ArgusError, Unavailable

URL: Final = "ARGUS_ALERT_URL"
SECRET: Final = "ARGUS_ALERT_SECRET"
SECONDS: Final = 4.0


@dataclass(frozen=True, slots=True)
class Webhook:
    """Where alerts go, and the secret that they are signed with."""

    url: str
    secret: str = field(repr=False)


def read_webhook(environment: Mapping[str, str] | None = None) -> Webhook | None:
    """The webhook that is configured, or None.

    Raises:
        ArgusError: there is an address that is none of HTTP, or no secret for it.
    """
    given = os.environ if environment is None else environment
    url = given.get(URL)
    if not url:
        return None
    if not url.startswith(("http://", "https://")):
        raise ArgusError("is no address of HTTP", where=URL, expected="https://…")
    secret = given.get(SECRET)
    if not secret:
        raise ArgusError(
            "is not set",
            where=SECRET,
            expected="the secret that the receiver checks alerts with",
            hint=f"Set it, or unset {URL}",
        )
    return Webhook(url, secret)


def signature(secret: str, timestamp: str, body: bytes) -> str:
    """`sha256=` and the HMAC (RFC 2104) of the time, a dot and the body, in hexadecimal."""
    digest = hmac.new(secret.encode(), timestamp.encode() + b"." + body, hashlib.sha256)
    return f"sha256={digest.hexdigest()}"


def send(webhook: Webhook, identity: str, body: bytes) -> None:
    """Send one alert.

    Raises:
        Unavailable: the receiver is not there, or does not answer with 2xx.
    """
    import httpx

    timestamp = str(int(time.time()))
    headers = {
        "Content-Type": "application/json",
        "X-Argus-Id": identity,
        "X-Argus-Timestamp": timestamp,
        "X-Argus-Signature": signature(webhook.secret, timestamp, body),
    }
    try:
        answer = httpx.post(webhook.url, content=body, headers=headers, timeout=SECONDS)
    except httpx.HTTPError as error:
        raise Unavailable(f"the webhook does not answer: {type(error).__name__}") from error
    if not answer.is_success:
        raise Unavailable(f"the webhook answered {answer.status_code}")
