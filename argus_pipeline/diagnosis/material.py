"""What a report lists beside the evidence: the ECUs' lifecycles, and what could not be read.

All of it is bounded and counts what it leaves out.
"""

from __future__ import annotations

from dataclasses import dataclass
from datetime import datetime
from typing import Any


@dataclass(frozen=True, slots=True)
class Software:
    """Boots in a row that ran one version; None where the ECU did not tell."""

    version: str | None
    boots: int
    since: datetime | None


@dataclass(frozen=True, slots=True)
class EcuLifecycles:
    """The lifecycles of an ECU over all recordings; `software` is the newest that it ran."""

    ecu: str
    boots: int
    resumes: int
    clock_changes: int
    software: tuple[Software, ...]
    software_omitted: int
    first: datetime | None
    last: datetime | None
    messages: int
    lost_messages: int


@dataclass(frozen=True, slots=True)
class Stretch:
    """Bytes of a recording that could not be decoded."""

    recording: str
    offset: int
    length: int
    reason: str


@dataclass(frozen=True, slots=True)
class Material:
    """The lists of a report.

    `ecus_omitted` counts ECUs that are not listed, `lifecycles_omitted` older lifecycles that no
    ECU's figures hold. `unread_bytes` are those of torn compressed recordings.
    """

    ecus: tuple[EcuLifecycles, ...] = ()
    ecus_omitted: int = 0
    lifecycles_omitted: int = 0
    stretches: tuple[Stretch, ...] = ()
    stretches_omitted: int = 0
    decoded_bytes: int = 0
    quarantined_bytes: int = 0
    unread_bytes: int = 0
    lost_messages: int = 0

    @classmethod
    def from_content(cls, content: dict[str, Any]) -> Material:
        """Read it back from what `dataclasses.asdict` and JSON made of it."""
        return cls(
            **{
                **content,
                "ecus": tuple(_ecu(ecu) for ecu in content["ecus"]),
                "stretches": tuple(Stretch(**stretch) for stretch in content["stretches"]),
            }
        )


def _ecu(content: dict[str, Any]) -> EcuLifecycles:
    software = (Software(**{**run, "since": _time(run["since"])}) for run in content["software"])
    times = {name: _time(content[name]) for name in ("first", "last")}
    return EcuLifecycles(**{**content, **times, "software": tuple(software)})


def _time(text: str | None) -> datetime | None:
    return None if text is None else datetime.fromisoformat(text)
