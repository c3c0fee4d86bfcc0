"""Which code a worker has beside the control plane: another parser would make other bytes."""

from __future__ import annotations

import json
from collections.abc import Mapping
from typing import TYPE_CHECKING, Final

from argus_pipeline import __version__

if TYPE_CHECKING:
    from argus_pipeline.run_records import DagsterInstance

_KEY: Final = "argus/control_plane_versions"


def own_versions() -> dict[str, str]:
    """What is installed here."""
    import argus_native

    return {"argus": __version__, "parser": argus_native.__version__}


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
        "install the same version on both, for their outputs have to be the same bytes"
    )


def publish(instance: DagsterInstance) -> None:
    """Say which versions the control plane has, where workers read it."""
    instance.run_storage.set_cursor_values({_KEY: json.dumps(own_versions(), sort_keys=True)})


def published(instance: DagsterInstance) -> dict[str, str]:
    """What the control plane said of itself, empty before it first did."""
    text = instance.run_storage.get_cursor_values({_KEY}).get(_KEY)
    return {str(k): str(v) for k, v in json.loads(text).items()} if text else {}
