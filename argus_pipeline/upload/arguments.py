"""What a batch is, as the person who uploads it says it."""

from __future__ import annotations

import json
from collections.abc import Mapping
from dataclasses import dataclass, field, fields
from datetime import UTC, datetime
from pathlib import Path
from secrets import token_hex
from typing import Any, Final

from argus_pipeline.batches.manifest import DEFAULT_PRIORITY, PRIORITIES
from argus_pipeline.batches.names import safe_name
from argus_pipeline.errors import BadInput

ARGUMENTS_FILE: Final = "batch.json"
"""A folder may bring its own arguments along in this file; it is never uploaded."""


@dataclass(frozen=True, slots=True)
class BatchArguments:
    """The fields of a manifest that only the uploader knows."""

    vehicle: str
    platform: str
    firmware: str
    firmware_from: str | None = None
    campaign: str | None = None
    priority: str = DEFAULT_PRIORITY
    tags: Mapping[str, str] = field(default_factory=dict)

    def __post_init__(self) -> None:
        for name in ("vehicle", "platform", "firmware", "firmware_from", "campaign"):
            value = getattr(self, name)
            if value is not None:
                safe_name(value, f"the {name.replace('_', '-')}", where=f"--{name}")
        if self.priority not in PRIORITIES:
            raise BadInput(
                f"the priority is {self.priority!r}",
                where="--priority",
                expected=", ".join(PRIORITIES),
            )


def read_arguments(folder: Path) -> Mapping[str, Any]:
    """The arguments that a folder brings along; none where it has no `batch.json`.

    Raises:
        BadInput: the file is no JSON object, or has a field that no manifest has.
    """
    path = folder / ARGUMENTS_FILE
    try:
        content = json.loads(path.read_text("utf-8"))
    except FileNotFoundError:
        return {}
    except ValueError as error:
        raise BadInput(f"is not JSON: {error}", where=str(path)) from error
    known = [f.name for f in fields(BatchArguments)]
    if not isinstance(content, dict) or set(content) - set(known):
        raise BadInput(
            "is not a set of upload arguments",
            where=str(path),
            expected=f"a JSON object with some of {', '.join(known)}",
        )
    return content


def parse_tags(pairs: list[str]) -> dict[str, str]:
    """Tags given as `key=value`.

    Raises:
        BadInput: one has no `=`, or a key stands twice.
    """
    tags: dict[str, str] = {}
    for pair in pairs:
        key, separator, value = pair.partition("=")
        if not separator or not key:
            raise BadInput(f"the tag is {pair!r}", where="--tag", expected="key=value")
        if key in tags:
            raise BadInput(f"the tag {key!r} is given twice", where="--tag")
        tags[key] = value
    return tags


def new_batch_id(vehicle: str, now: datetime) -> str:
    """An id that sorts by time: `20261123T101500Z-<vehicle>-<4 hex digits>`."""
    # A long name of a vehicle is cut, so that the id stays within 128 characters.
    return f"{now.astimezone(UTC):%Y%m%dT%H%M%SZ}-{vehicle[:100]}-{token_hex(2)}"
