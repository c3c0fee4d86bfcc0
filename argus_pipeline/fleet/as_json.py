"""A row of the tables over the fleet as JSON can say it."""

from __future__ import annotations

import math
from collections.abc import Mapping
from typing import Any


def json_row(row: Mapping[str, Any]) -> dict[str, Any]:
    """The same with null for an infinite number, such as the ratio of what never came before."""
    return {k: None if isinstance(v, float) and math.isinf(v) else v for k, v in row.items()}
