"""Which firmware a stretch of time counts under: when the update of a batch happened, if one did.

The manifest names what the vehicle ran at the end (`firmware`) and, where the batch contains or
follows an update, what it ran before (`firmware_from`). When it changed is taken from the log, from
the strongest evidence that there is:

1. `software`: an ECU was sighted with another version and from some moment on with `firmware` only.
   That moment is the ECU's own; the first and the last of these are the vehicle's. Where no ECU
   ever names `firmware` or `firmware_from` (makers number the software of each ECU by itself), an
   ECU's last change of version is taken for it.
2. `follows`: an ECU named `firmware` when it was first sighted: the update came before the log.
3. `progress`: messages of an update with the target `firmware`: the last of them ends it.
4. `late`: `firmware` was named only from some moment on; what ran earlier cannot be told.
5. `not seen`: only `firmware_from` was named: until then it ran, and what came after is unknown.
6. `unknown`: nothing of the kind. Nothing can be placed but what names its own version.

A sighting is a boot with the version that the ECU answered (GetSoftwareVersion), a `.rec` message
that has fields for an ECU and its version, or a text that says what started. Without
`firmware_from` there is no update (`none named`) and everything counts under `firmware`.
"""

from __future__ import annotations

from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass, field
from enum import StrEnum
from itertools import groupby, pairwise
from typing import Final, NamedTuple

from argus_pipeline.knowledge.versions import version_key

EVER: Final = -(2**63)
NEVER: Final = 2**63 - 1
# What a lifecycle's bounds can be wrong by (docs/lifecycles.md: late without a meaning).
TOLERANCE: Final = 2_000_000_000


class Evidence(StrEnum):
    """What tells the moment of an update."""

    NONE_NAMED = "none named"
    SOFTWARE = "software"
    FOLLOWS = "follows"
    PROGRESS = "progress"
    LATE = "late"
    NOT_SEEN = "not seen"
    UNKNOWN = "unknown"


class Sighting(NamedTuple):
    """An ECU at a moment (ns since 1970, UTC), and what it ran; None where it did not say."""

    ecu: str | None
    time: int
    version: str | None


@dataclass(frozen=True, slots=True)
class Update:
    """When a vehicle went from `firmware_from` to `firmware`; times in ns since 1970, UTC.

    Until `began` it ran `firmware_from`, from `ended` on `firmware`; in between it cannot be told.
    `began` is `EVER` where nothing ran before, `ended` is `NEVER` where nothing is known to have
    run after; both are None where nothing at all is known. `moments` are those of single ECUs.
    """

    firmware: str | None
    firmware_from: str | None
    evidence: Evidence
    began: int | None = None
    ended: int | None = None
    moments: Mapping[str, int] = field(default_factory=dict)

    def at(self, time: int | None, ecu: str | None = None) -> str | None:
        """The firmware at a moment, None where it cannot be told."""
        if self.evidence is Evidence.NONE_NAMED:
            return self.firmware
        began, ended = self._window(ecu)
        if time is None or began is None or ended is None:
            return self.firmware if began == ended == EVER else None
        if time < began:
            return self.firmware_from
        return self.firmware if time >= ended else None

    def during(self, start: int | None, end: int | None, ecu: str | None = None) -> str | None:
        """The firmware of a lifecycle; None also for one that ran on while others were updated."""
        if start is None or end is None:
            return self.at(None, ecu)
        if ecu in self.moments:
            # It began with the boot that the moment is, so only its start counts.
            return self.at(start, ecu)
        began, ended = self._window(ecu)
        if self.evidence is Evidence.NONE_NAMED:
            return self.firmware
        if began is None or ended is None:
            return None
        if end <= began + TOLERANCE and began != EVER:
            return self.firmware_from
        return self.firmware if start >= ended - TOLERANCE else None

    def spelled(self, version: str) -> str:
        """A version as the manifest spells it, where it is one of the manifest's."""
        named = (self.firmware, self.firmware_from)
        return next((own for own in named if own and same_version(own, version)), version.strip())

    def _window(self, ecu: str | None) -> tuple[int | None, int | None]:
        moment = None if ecu is None else self.moments.get(ecu)
        return (self.began, self.ended) if moment is None else (moment, moment)


def same_version(one: str, other: str) -> bool:
    """Whether two texts are the same version: `v2.3.1` and `2.3.1` are."""
    return canonical(one) == canonical(other)


def canonical(version: str) -> tuple[int, ...] | str:
    """The same for all spellings of a version; a text that is none stands for itself."""
    key = version_key(version)
    return version.strip().casefold() if key is None else key


def find_update(
    firmware: str | None,
    firmware_from: str | None,
    sightings: Iterable[Sighting] = (),
    progress: Iterable[int] = (),
) -> Update:
    """When the update happened, by the rules above.

    Args:
        firmware: what the vehicle runs at the end of the batch.
        firmware_from: what it ran before; None where the batch knows of no update.
        sightings: of ECUs, in any order.
        progress: times (ns since 1970) of messages on an update to `firmware`.
    """

    def found(
        evidence: Evidence,
        began: int | None,
        ended: int | None,
        moments: Mapping[str, int] | None = None,
    ) -> Update:
        return Update(firmware, firmware_from, evidence, began, ended, moments or {})

    if firmware is None or firmware_from is None:
        return found(Evidence.NONE_NAMED, None, None)
    courses = {
        ecu: list(own) for ecu, own in groupby(sorted(sightings, key=_order), lambda s: s.ecu or "")
    }
    named = {s.version for own in courses.values() for s in own if s.version is not None}
    to_named = any(same_version(version, firmware) for version in named)
    from_named = any(same_version(version, firmware_from) for version in named)
    if to_named or not from_named:
        moments = {
            ecu: moment
            for ecu, own in courses.items()
            if (moment := _change(own, firmware if to_named else None)) is not None
        }
        if moments:
            first, last = min(moments.values()), max(moments.values())
            return found(Evidence.SOFTWARE, first, last, {e: t for e, t in moments.items() if e})
    since = [_since(own, firmware) for own in courses.values()]
    if EVER in since:
        return found(Evidence.FOLLOWS, EVER, EVER)
    last_progress = max(progress, default=None)
    if last_progress is not None:
        return found(Evidence.PROGRESS, last_progress, last_progress)
    told = [time for time in since if time is not None]
    if told:
        return found(Evidence.LATE, EVER, min(told))
    if from_named:
        before = [
            s.time
            for own in courses.values()
            for s in own
            if s.version is not None and same_version(s.version, firmware_from)
        ]
        return found(Evidence.NOT_SEEN, max(before), NEVER)
    return found(Evidence.UNKNOWN, None, None)


def _change(own: Sequence[Sighting], firmware: str | None) -> int | None:
    """When an ECU changed to `firmware` for good; without one, when it changed the last time."""
    told = [s for s in own if s.version is not None]
    for before, after in reversed(list(pairwise(told))):
        if before.version is None or after.version is None:
            continue
        if firmware is None:
            if not same_version(before.version, after.version):
                return after.time
        elif not same_version(after.version, firmware):
            return None
        elif not same_version(before.version, firmware):
            return after.time
    return None


def _since(own: Sequence[Sighting], firmware: str) -> int | None:
    """Since when an ECU names `firmware`: `EVER` where it was never sighted without."""
    for number, sighting in enumerate(own):
        if sighting.version is not None and same_version(sighting.version, firmware):
            return sighting.time if number else EVER
    return None


def _order(sighting: Sighting) -> tuple[str, int, str]:
    return sighting.ecu or "", sighting.time, sighting.version or ""
