"""Shows the texts of a JSON answer while it is still being written."""

from __future__ import annotations

import json
import re
from collections.abc import Callable
from typing import Final

from argus_pipeline.diagnosis.text import clean

_TEXT: Final = re.compile(r'"text"\s*:\s*("(?:[^"\\]|\\.)*")')
_CHARACTERS: Final = 600


class LiveText:
    """Gives on each text of an answer when it is complete; other parts of the JSON are not shown.

    Args:
        show: gets one harmless line for each text.
    """

    def __init__(self, show: Callable[[str], None]) -> None:
        self._show = show
        self._buffer = ""
        self._done = 0

    def feed(self, piece: str) -> None:
        """More of the answer."""
        self._buffer += piece
        for found in _TEXT.finditer(self._buffer, self._done):
            self._done = found.end()
            try:
                text = json.loads(found.group(1), strict=False)
            except ValueError:
                continue
            self._show(clean(text, _CHARACTERS))
