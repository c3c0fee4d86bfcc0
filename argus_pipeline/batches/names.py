"""Names that come from outside, checked before they become keys of a bucket."""

from __future__ import annotations

import re

from argus_pipeline.errors import BadInput

# No commas: Dagster's UI splits partition keys on them. No slashes, so a name stays one level.
SAFE_NAME = re.compile(r"[A-Za-z0-9._-]{1,128}")
SAFE_NAME_RULE = "1 to 128 of the characters A-Z a-z 0-9 . _ -, and not '.' or '..'"


def is_safe_name(name: object) -> bool:
    """Say whether `name` may become one part of a key."""
    return (
        isinstance(name, str) and SAFE_NAME.fullmatch(name) is not None and name not in {".", ".."}
    )


def safe_name(name: object, what: str, *, where: str | None = None) -> str:
    """Return `name` when it is safe; `what` says in the error which name it is.

    Raises:
        BadInput: it is not.
    """
    if not is_safe_name(name):
        raise BadInput(f"{what} {name!r} is not a safe name", where=where, expected=SAFE_NAME_RULE)
    assert isinstance(name, str)
    return name
