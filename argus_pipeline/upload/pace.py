"""How fast an upload may be, over all its parts at once."""

from __future__ import annotations

import io
import re
from typing import Any, Final

from s3transfer.bandwidth import BandwidthLimitedStream, LeakyBucket
from s3transfer.utils import signal_not_transferring, signal_transferring

from argus_pipeline.errors import BadInput

_RATE: Final = re.compile(r"([0-9]+(?:\.[0-9]+)?)\s*([kMG]?)B(?:/s)?", re.IGNORECASE)
_UNITS: Final = {"": 1, "k": 1e3, "m": 1e6, "g": 1e9}


class Pace:
    """A limit that all parts share; without a rate there is none.

    boto3's own limiter, which counts bytes as they leave and not when they are signed.

    Args:
        bytes_per_second: the limit, or None.
    """

    def __init__(self, bytes_per_second: float | None = None) -> None:
        self._bucket = LeakyBucket(bytes_per_second) if bytes_per_second else None

    def body(self, data: bytes) -> Any:
        """The bytes as the body of a request."""
        if self._bucket is None:
            return data
        return BandwidthLimitedStream(io.BytesIO(data), self._bucket, _Going())

    def prepare(self, client: Any) -> None:
        """Let a boto3 client tell the limiter when it signs and when it sends."""
        if self._bucket is not None:
            events = client.meta.events
            events.register_first(
                "request-created.s3", signal_not_transferring, unique_id="argus-pace-off"
            )
            events.register_last(
                "request-created.s3", signal_transferring, unique_id="argus-pace-on"
            )


class _Going:
    """What the limiter asks whether the transfer has failed elsewhere."""

    exception = None


def parse_rate(text: str) -> float:
    """Bytes a second from a text such as `10MB/s` or `500 kB/s`; a kB is 1,000 bytes.

    Raises:
        BadInput: it is none.
    """
    found = _RATE.fullmatch(text.strip())
    rate = float(found[1]) * _UNITS[found[2].lower()] if found else 0.0
    if rate <= 0:
        raise BadInput(f"--limit is {text!r}", expected="such as 10MB/s or 500kB/s")
    return rate
