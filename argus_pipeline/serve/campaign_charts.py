"""The charts in a campaign's page, which lies in the bucket as one file with its images inside."""

from __future__ import annotations

import base64
import re
from typing import Final

NAMES: Final = ("rate_ratios", "adoption")
"""In the order in which the page shows them."""
_IMAGE: Final = re.compile(rb'<img src="data:image/svg\+xml;base64,([A-Za-z0-9+/=]+)"')


def drawings_in(page: bytes) -> dict[str, bytes]:
    """The charts of a campaign's page as SVG, by name."""
    found = (base64.b64decode(match[1]) for match in _IMAGE.finditer(page))
    return dict(zip(NAMES, found, strict=False))
