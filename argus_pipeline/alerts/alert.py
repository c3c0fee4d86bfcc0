"""An alert: one event that a person should know of, and the JSON that tells it."""

from __future__ import annotations

import json
from dataclasses import dataclass, field
from enum import StrEnum
from typing import Any, Final

SCHEMA: Final = 1


class Kind(StrEnum):
    """What happened."""

    RUN_FAILED = "run_failed"
    BATCH_GIVEN_UP = "batch_given_up"
    CAMPAIGN_ON_HOLD = "campaign_on_hold"
    FEED_SILENT = "feed_silent"
    AUTOMATION_FAILING = "automation_failing"


@dataclass(frozen=True, slots=True)
class Event:
    """What tells one event from another.

    Attributes:
        kind: what happened.
        subject: the run, batch, campaign, sensor or schedule that it happened to; `feed` for the
            feed.
        moment: what tells it from another one of the same subject, such as its time; an empty one
            for what lasts: it is one event until it is over.
    """

    kind: Kind
    subject: str
    moment: str = ""


@dataclass(frozen=True, slots=True)
class Alert:
    """What people are told of an event.

    Attributes:
        event: the event.
        title: in one line.
        text: why, and what to do.
        link: a page about it, where one is known.
        data: for machines, by kind.
    """

    event: Event
    title: str
    text: str = ""
    link: str | None = None
    data: dict[str, Any] = field(default_factory=dict)

    def body(self, identity: str, at: str) -> bytes:
        """The JSON that is sent: `docs/recovery.md` describes it."""
        content = {
            "schema": SCHEMA,
            "id": identity,
            "at": at,
            "kind": self.event.kind,
            "subject": self.event.subject,
            "title": self.title,
            "text": self.text,
            "link": self.link,
            "data": self.data,
        }
        return json.dumps(content, ensure_ascii=False, sort_keys=True).encode()
