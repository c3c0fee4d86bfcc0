"""What Dagster's webserver says of the code and of the daemon, by GraphQL."""

from __future__ import annotations

import json
import urllib.request
from collections.abc import Mapping
from dataclasses import dataclass
from typing import Any


@dataclass(frozen=True, slots=True)
class DaemonHealth:
    """A part of the daemon; its last heartbeat is in seconds since 1970, None before the first."""

    kind: str
    required: bool
    healthy: bool
    heartbeat: float | None


def graphql(
    url: str,
    query: str,
    variables: Mapping[str, Any] | None = None,
    *,
    patience_s: float = 10.0,
) -> dict[str, Any]:
    """Ask Dagster's webserver.

    Raises:
        OSError, ValueError: it does not answer, or not with data.
    """
    request = urllib.request.Request(
        f"{url}/graphql",
        json.dumps({"query": query, "variables": dict(variables or {})}).encode(),
        {"Content-Type": "application/json"},
    )
    # Proxies that the environment names have no way to this machine's own addresses.
    opener = urllib.request.build_opener(urllib.request.ProxyHandler({}))
    with opener.open(request, timeout=patience_s) as answer:
        content = json.load(answer)
    if content.get("errors") or not isinstance(content.get("data"), dict):
        raise ValueError(f"GraphQL answered {content.get('errors')}")
    return dict(content["data"])


def load_errors(url: str) -> dict[str, str | None]:
    """By code location, why it did not load, or None where it did; empty while it is loading."""
    data = graphql(
        url,
        "{ workspaceOrError { ... on Workspace { locationEntries { name loadStatus"
        " locationOrLoadError { __typename ... on PythonError { message causes { message } }"
        " } } } } }",
    )
    found: dict[str, str | None] = {}
    for entry in data["workspaceOrError"].get("locationEntries", ()):
        if entry["loadStatus"] == "LOADED" and entry["locationOrLoadError"]:
            error = entry["locationOrLoadError"]
            # Dagster's own words say only that it did not load; what it was caused by says why.
            causes = [cause["message"] for cause in error.get("causes") or ()]
            found[entry["name"]] = causes[-1] if causes else error.get("message")
    return found


def daemon_health(url: str) -> list[DaemonHealth]:
    """What the daemon's parts last said, as the webserver knows it."""
    data = graphql(
        url,
        "{ instance { daemonHealth { allDaemonStatuses"
        " { daemonType required healthy lastHeartbeatTime } } } }",
    )
    return [
        DaemonHealth(
            status["daemonType"],
            bool(status["required"]),
            bool(status["healthy"]),
            status["lastHeartbeatTime"],
        )
        for status in data["instance"]["daemonHealth"]["allDaemonStatuses"]
    ]
