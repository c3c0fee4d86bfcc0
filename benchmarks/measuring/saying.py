"""What a benchmark says while it works, and where a share of its values lies."""

from __future__ import annotations

import sys
import time
from collections.abc import Sequence


def say_now(text: str) -> None:
    """A line of progress with the time of day, beside the figures on stdout."""
    print(f"{time.strftime('%H:%M:%S')} {text}", file=sys.stderr, flush=True)


def quantile(values: Sequence[float], share: float) -> float:
    """The value that this share of them does not exceed, one of them; 0 where there is none."""
    ordered = sorted(values)
    return ordered[min(int(share * len(ordered)), len(ordered) - 1)] if ordered else 0.0
