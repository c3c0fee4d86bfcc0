"""The forms that articles are exported in. By itself, since the command line needs no more."""

from __future__ import annotations

from enum import StrEnum


class Form(StrEnum):
    """The forms of an export."""

    YAML = "yaml"
    JSON = "json"
    CSV = "csv"
    MARKDOWN = "md"
