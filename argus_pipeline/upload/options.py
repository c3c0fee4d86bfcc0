"""What a batch is, beside its files: from the command line, or from `batch.json` in its folder."""

from __future__ import annotations

import json
from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field, fields
from pathlib import Path
from typing import Any, Final

from argus_pipeline.batches.manifest import DEFAULT_PRIORITY, PRIORITIES
from argus_pipeline.batches.names import safe_name
from argus_pipeline.errors import BadInput

BATCH_FILE: Final = "batch.json"
_MAX_BATCH_FILE_BYTES: Final = 1024 * 1024


@dataclass(frozen=True, slots=True)
class BatchOptions:
    """The fields of a manifest that its sender decides; None where nothing was said."""

    vehicle: str | None = None
    platform: str | None = None
    firmware: str | None = None
    firmware_from: str | None = None
    campaign: str | None = None
    priority: str | None = None
    tags: Mapping[str, str] = field(default_factory=dict)

    def over(self, defaults: BatchOptions) -> BatchOptions:
        """These options, and `defaults` where they say nothing; tags are put together."""
        said = {f.name: getattr(self, f.name) or getattr(defaults, f.name) for f in fields(self)}
        return BatchOptions(**{**said, "tags": {**defaults.tags, **self.tags}})

    def missing(self) -> Sequence[str]:
        """Names of the required options that nothing was said for."""
        return [name for name in ("vehicle", "platform", "firmware") if not getattr(self, name)]

    def checked(self) -> BatchOptions:
        """The same with the default priority, every name checked.

        Raises:
            BadInput: a required one is missing, a name is not safe, the priority is unknown.
        """
        for name in self.missing():
            raise BadInput(f"--{name} is missing", expected=f"--{name} or {BATCH_FILE} to say it")
        for name in ("vehicle", "platform", "firmware", "firmware_from", "campaign"):
            value = getattr(self, name)
            if value is not None:
                safe_name(value, f"--{name.replace('_', '-')}")
        if self.priority is not None and self.priority not in PRIORITIES:
            raise BadInput(f"--priority is {self.priority!r}", expected=", ".join(PRIORITIES))
        return BatchOptions(
            **{f.name: getattr(self, f.name) for f in fields(self) if f.name != "priority"},
            priority=self.priority or DEFAULT_PRIORITY,
        )


def parse_tags(texts: Sequence[str]) -> dict[str, str]:
    """Read `key=value` texts; a value may hold further equals signs.

    Raises:
        BadInput: one has no key or no equals sign, or a key is there twice.
    """
    tags: dict[str, str] = {}
    for text in texts:
        name, equals, value = text.partition("=")
        if not equals or not name:
            raise BadInput(f"--tag is {text!r}", expected="key=value")
        if name in tags:
            raise BadInput(f"--tag {name!r} is there twice", expected="every key once")
        tags[name] = value
    return tags


def read_batch_file(folder: Path) -> BatchOptions:
    """Read the options that a folder brings along in `batch.json`; none where there is none.

    Raises:
        BadInput: it is not a JSON object of texts, or has a field that is none of the options.
    """
    path = folder / BATCH_FILE
    try:
        with path.open("rb") as stream:
            content: Any = json.loads(stream.read(_MAX_BATCH_FILE_BYTES))
    except FileNotFoundError:
        return BatchOptions()
    except OSError as error:
        raise BadInput(f"cannot be read: {error.strerror}", where=str(path)) from error
    except ValueError as error:
        raise BadInput(f"is not JSON: {error}", where=str(path)) from error
    if not isinstance(content, dict):
        raise BadInput("is not a JSON object", where=str(path))
    known = [f.name for f in fields(BatchOptions)]
    for name, value in content.items():
        if name not in known:
            raise BadInput(
                f"has the field {name!r}", where=str(path), expected=", ".join(sorted(known))
            )
        good = _is_tags(value) if name == "tags" else value is None or isinstance(value, str)
        if not good:
            raise BadInput(f"field {name!r} is {value!r}", where=str(path), expected="a text")
    return BatchOptions(**content)


def _is_tags(value: object) -> bool:
    return isinstance(value, dict) and all(isinstance(v, str) for v in value.values())
