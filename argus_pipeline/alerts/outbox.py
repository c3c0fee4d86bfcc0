"""Each event is told once, and at least once: what was told, and what is to be, lies in the bucket.

A record under `waiting/` is written before the alert is sent, and takes its place under `told/`
after that. So what a crash leaves between the two is sent again, under the same id. The keys say
which events were told, so a look costs one listing, however many there were.
"""

from __future__ import annotations

import json
import time
import uuid
from collections.abc import Callable, Mapping
from dataclasses import dataclass
from datetime import UTC, datetime
from typing import Any, Final, TypeAlias
from urllib.parse import quote

from argus_pipeline.alerts.alert import Alert, Event
from argus_pipeline.errors import Unavailable
from argus_pipeline.storage import keys
from argus_pipeline.storage.object_store import ObjectMissing, ObjectStore

Send: TypeAlias = Callable[[str, bytes], None]
Describe: TypeAlias = Callable[[], Alert | None]
WAITING: Final = f"{keys.ALERTS}waiting/"
TOLD: Final = f"{keys.ALERTS}told/"
LOOK_S: Final = 3.0
"""After so long a look sends nothing more: a receiver may hang, and a sensor's tick be short."""


@dataclass(frozen=True, slots=True)
class Told:
    """What one look told.

    Attributes:
        told: the alerts.
        waiting: those that could not be sent and will be tried again, with the reason.
        later: how many the next look begins with, since this one took its time.
    """

    told: tuple[Alert, ...]
    waiting: tuple[tuple[Alert, str], ...]
    later: int = 0


def tell(
    store: ObjectStore,
    happened: Mapping[Event, Describe],
    send: Send | None,
    clock: Callable[[], float] = time.monotonic,
) -> Told:
    """Tell the events that were not told yet, and forget those that are over.

    Args:
        store: the bucket.
        happened: everything that is so now; what there is to say of it is asked only where it is
            to be told, and is None where it is over by then.
        send: takes id and body; None where there is no webhook, and the log has to do.
        clock: seconds that never go back.
    """
    until = clock() + LOOK_S
    known = {found.key for found in store.list(keys.ALERTS)}
    wanted = {_name(event): describe for event, describe in happened.items()}
    for key in known - {place + name for name in wanted for place in (WAITING, TOLD)}:
        store.delete(key)
    told: list[Alert] = []
    waiting: list[tuple[Alert, str]] = []
    # What was never tried goes first: one that the receiver refuses must not hold up the others.
    untold = sorted(
        (name for name in wanted if TOLD + name not in known), key=lambda n: WAITING + n in known
    )
    for done, name in enumerate(untold):
        if clock() > until:
            return Told(tuple(told), tuple(waiting), len(untold) - done)
        alert = wanted[name]()
        if alert is None:
            continue
        record = _read(store, WAITING + name) if WAITING + name in known else None
        if record is None:
            now = datetime.now(UTC).isoformat(timespec="seconds")
            record = {"id": uuid.uuid4().hex, "at": now}
            store.put(WAITING + name, json.dumps(record).encode())
        try:
            if send is not None:
                send(record["id"], alert.body(record["id"], record["at"]))
        except Unavailable as error:
            waiting.append((alert, str(error)))
            continue
        store.put(TOLD + name, json.dumps(record).encode())
        store.delete(WAITING + name)
        told.append(alert)
    return Told(tuple(told), tuple(waiting))


def _name(event: Event) -> str:
    # Names of campaigns come from outside.
    parts = (event.kind.value, event.subject, event.moment or "lasting")
    return f"{'/'.join(quote(part, safe='') for part in parts)}.json"


def _read(store: ObjectStore, key: str) -> dict[str, Any] | None:
    try:
        content = json.loads(store.get(key))
    except (ObjectMissing, ValueError):
        return None
    return content if isinstance(content, dict) and {"id", "at"} <= set(content) else None
