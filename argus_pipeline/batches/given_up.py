"""Batches that were given up, and requests of people to try again: small records in the bucket.

A record under `given-up/` is written once no attempt is left, and is gone when the batch is tried
again. A request under `retries/` stays until the run that it asks for is there.
"""

from __future__ import annotations

import json
import uuid
from collections.abc import Iterator, Mapping
from dataclasses import asdict, dataclass, field
from datetime import UTC, datetime
from typing import Any

from argus_pipeline.storage import keys
from argus_pipeline.storage.object_store import ObjectMissing, ObjectStore


@dataclass(frozen=True, slots=True)
class GivenUp:
    """Why a batch was given up. `campaign` is None where it has none or its manifest is bad.

    `code_versions` by asset tell later whether other code may fare better.
    """

    batch: str
    reason: str
    run_id: str
    manifest_etag: str | None
    attempts: int
    campaign: str | None
    at: str
    code_versions: Mapping[str, str] = field(default_factory=dict)

    @property
    def command(self) -> str:
        """What tries it again."""
        return f"argus retry {self.batch}"


@dataclass(frozen=True, slots=True)
class Retry:
    """A person's request to try a batch again; `token`, its ETag, tells two requests apart."""

    batch: str
    token: str


def give_up(store: ObjectStore, record: GivenUp) -> None:
    """Put the batch on the list."""
    content = {**asdict(record), "command": record.command}
    store.put(keys.given_up(record.batch), json.dumps(content, indent=1).encode())


def read_given_up(store: ObjectStore, batch: str) -> GivenUp | None:
    """Why the batch was given up, or None where it was not.

    A record that somebody damaged still says that, and one of them hides none of the others.
    """
    try:
        content = store.get(keys.given_up(batch))
    except ObjectMissing:
        return None
    found: Any = None
    try:
        found = json.loads(content)
        found.pop("command", None)
        record = GivenUp(**found)
        dict(record.code_versions)
    except (ValueError, TypeError, AttributeError) as error:
        reason = f"its record {keys.given_up(batch)} cannot be read: {error}"
        campaign = found.get("campaign") if isinstance(found, dict) else None
        known = campaign if isinstance(campaign, str) else None
        return GivenUp(batch, reason, "", None, 0, known, "")
    return record


def list_given_up(store: ObjectStore) -> Iterator[str]:
    """The batches on the list, by name."""
    for batch, _ in list_given_up_records(store):
        yield batch


def list_given_up_records(store: ObjectStore) -> Iterator[tuple[str, str]]:
    """The batches on the list, each with the ETag of its record: another one is another time."""
    for found in store.list(keys.GIVEN_UP):
        yield found.key.removeprefix(keys.GIVEN_UP).removesuffix(".json"), found.etag


def read_all_given_up(store: ObjectStore) -> list[GivenUp]:
    """All of the list."""
    read = (read_given_up(store, name) for name in list_given_up(store))
    return [record for record in read if record is not None]


def request_retry(store: ObjectStore, batch: str) -> None:
    """Ask for another attempt, and take the batch off the list."""
    asked = {"batch": batch, "at": datetime.now(UTC).isoformat(), "token": uuid.uuid4().hex}
    store.put(keys.retry(batch), json.dumps(asked).encode())
    store.delete(keys.given_up(batch))


def list_retries(store: ObjectStore) -> Iterator[Retry]:
    """The requests that no run answers yet. The key says all; the content is for people."""
    for found in store.list(keys.RETRIES):
        batch = found.key.removeprefix(keys.RETRIES).removesuffix(".json")
        yield Retry(batch, found.etag.strip('"'))


def answer_retry(store: ObjectStore, batch: str) -> None:
    """The run that was asked for is there."""
    store.delete(keys.retry(batch))
