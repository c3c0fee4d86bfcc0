"""Each event is told once, and at least once: what was told, and what is to be, lies in the bucket.

A record is written before the alert is sent and marked after that. So what a crash leaves between
the two is sent again, under the same id.
"""

from __future__ import annotations

import json
import uuid
from collections.abc import Callable, Sequence
from dataclasses import dataclass
from datetime import UTC, datetime
from typing import Any, TypeAlias
from urllib.parse import quote

from argus_pipeline.alerts.alert import Alert
from argus_pipeline.errors import Unavailable
from argus_pipeline.storage import keys
from argus_pipeline.storage.object_store import ObjectMissing, ObjectStore

Send: TypeAlias = Callable[[str, bytes], None]


@dataclass(frozen=True, slots=True)
class Told:
    """What one look told, and what could not be sent and will be tried again, with the reason."""

    told: tuple[Alert, ...]
    waiting: tuple[tuple[Alert, str], ...]


def tell(store: ObjectStore, alerts: Sequence[Alert], send: Send | None) -> Told:
    """Tell the alerts that were not told yet, and forget what is over.

    Args:
        store: the bucket.
        alerts: everything that is so now.
        send: takes id and body; None where there is no webhook, and the log has to do.
    """
    known = {found.key for found in store.list(keys.ALERTS)}
    wanted = {_key(alert): alert for alert in alerts}
    for key in known - set(wanted):
        store.delete(key)
    told: list[Alert] = []
    waiting: list[tuple[Alert, str]] = []
    for key, alert in wanted.items():
        record = _read(store, key) if key in known else None
        if record is not None and record["sent"]:
            continue
        if record is None:
            now = datetime.now(UTC).isoformat(timespec="seconds")
            record = {"id": uuid.uuid4().hex, "at": now, "sent": False}
            store.put(key, json.dumps(record).encode())
        try:
            if send is not None:
                send(record["id"], alert.body(record["id"], record["at"]))
        except Unavailable as error:
            waiting.append((alert, str(error)))
            continue
        store.put(key, json.dumps({**record, "sent": True}).encode())
        told.append(alert)
    return Told(tuple(told), tuple(waiting))


def _key(alert: Alert) -> str:
    # Names of campaigns come from outside.
    parts = (alert.kind.value, alert.subject, alert.event or "lasting")
    return f"{keys.ALERTS}{'/'.join(quote(part, safe='') for part in parts)}.json"


def _read(store: ObjectStore, key: str) -> dict[str, Any] | None:
    try:
        content = json.loads(store.get(key))
    except (ObjectMissing, ValueError):
        return None
    return content if isinstance(content, dict) and {"id", "at", "sent"} <= set(content) else None
