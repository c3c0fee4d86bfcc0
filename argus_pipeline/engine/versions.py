"""Which code and settings a worker has, beside the control plane: others make other bytes."""

from __future__ import annotations

import json
from collections.abc import Mapping
from typing import TYPE_CHECKING, Final

from argus_pipeline import __version__, settings

if TYPE_CHECKING:
    from argus_pipeline.run_records import DagsterInstance

_KEY: Final = "argus/control_plane_versions"
_NOTHING: Final = "unset"


def own_versions() -> dict[str, str]:
    """What is installed here, and by variable the settings that decide what is made and where.

    Addresses and keys are not among them: a host may reach the same store in another way.
    """
    import argus_native

    now = settings.load()
    shaping = {
        "ARGUS_S3_BUCKET": now.s3_bucket,
        "ARGUS_S3_PREFIX": now.s3_prefix,
        "ARGUS_ARCHIVE_BUCKETS": ",".join(now.archive_buckets),
        "ARGUS_REPORT_LANGUAGE": now.report_language,
        "ARGUS_EMBEDDINGS_MODEL": now.embeddings_model,
        "ARGUS_LLM_MODEL": now.llm_model,
        "ARGUS_LLM_URGENT_MODEL": now.llm_urgent_model,
    }
    return {
        "argus": __version__,
        "parser": argus_native.__version__,
        **{name: value or _NOTHING for name, value in shaping.items()},
    }


def difference(own: Mapping[str, str], control_plane: Mapping[str, str]) -> str | None:
    """Why a worker must not work for this control plane, None where it may.

    Args:
        own: the worker's versions, by part.
        control_plane: the same of the control plane; empty while it has not said them.
    """
    other = {
        part: version
        for part, version in control_plane.items()
        if own.get(part, version) != version
    }
    if not other:
        return None
    theirs = ", ".join(f"{part} {version}" for part, version in sorted(other.items()))
    ours = ", ".join(f"{part} {own[part]}" for part in sorted(other))
    return (
        f"the control plane has {theirs}, and this worker {ours}: "
        "they need the same, for their outputs have to be the same bytes"
    )


def publish(instance: DagsterInstance) -> None:
    """Say which versions the control plane has, where workers read it."""
    instance.run_storage.set_cursor_values({_KEY: json.dumps(own_versions(), sort_keys=True)})


def published(instance: DagsterInstance) -> dict[str, str]:
    """What the control plane said of itself, empty before it first did."""
    text = instance.run_storage.get_cursor_values({_KEY}).get(_KEY)
    return {str(k): str(v) for k, v in json.loads(text).items()} if text else {}
