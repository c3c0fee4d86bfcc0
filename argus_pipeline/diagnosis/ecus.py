"""The history of each ECU: its boots over all recordings of a batch, and what it ran in each.

A logger cuts its log into files, so one boot is often seen in several recordings. Lifecycles of
different recordings whose uptime was 0 at the same moment are one: the moments may differ by 2 s
and by what two clocks drift apart in the uptime that both recordings saw. What began under a clock
that was not set cannot be told apart so; there the recording that saw most boots counts.
"""

from __future__ import annotations

from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass, field
from datetime import datetime, timedelta
from functools import cached_property
from itertools import groupby, pairwise
from typing import TYPE_CHECKING, Any, Final

from argus_pipeline.diagnosis.text import named

if TYPE_CHECKING:
    from argus_pipeline.statistics.batch import BatchStatistics

BOOT: Final = "boot"
RESUME: Final = "resume"
CLOCK_CHANGE: Final = "clock_change"

_VERSION_CHARACTERS: Final = 32
_SAME_START: Final = timedelta(seconds=2)
_DRIFT: Final = 1 / 1024

Row = Mapping[str, Any]


@dataclass(frozen=True, slots=True)
class SoftwareChange:
    """A boot that ran another version than the boot before, by the ECU's own answers."""

    ecu: str
    before: str
    after: str
    time: datetime


@dataclass(slots=True)
class Lifecycle:
    """One lifecycle, with its rows of all recordings that saw it."""

    rows: list[Row]

    @property
    def kind(self) -> str:
        """What began it; a recording that saw only its end takes it for a boot."""
        kinds = (row["kind"] for row in self.rows)
        return next((kind for kind in kinds if kind != BOOT), BOOT)

    @property
    def start(self) -> datetime | None:
        """The moment at which uptime was 0, None where the clock was not set."""
        return _set(self.rows[0]["start"])

    @property
    def software(self) -> str | None:
        """What the ECU said it ran, cleaned."""
        versions = (named(row["software_version"] or "", _VERSION_CHARACTERS) for row in self.rows)
        return next(filter(None, versions), None)


@dataclass(frozen=True)
class EcuHistory:
    """What the recordings saw of one ECU, in the order of time as far as it is known."""

    ecu: str
    lifecycles: tuple[Lifecycle, ...]
    rows: tuple[Row, ...] = field(repr=False)

    @cached_property
    def boots(self) -> tuple[Lifecycle, ...]:
        """The lifecycles that began with a boot."""
        return tuple(one for one in self.lifecycles if one.kind == BOOT)

    def count(self, kind: str) -> int:
        """How many lifecycles of a kind there are."""
        return sum(one.kind == kind for one in self.lifecycles)

    @property
    def messages(self) -> int:
        """Messages in all recordings."""
        return sum(int(row["messages"]) for row in self.rows)

    @property
    def lost(self) -> int:
        """Messages that are missing by the counters of their senders."""
        return sum(int(row["lost"]) for row in self.rows)

    @property
    def first(self) -> datetime | None:
        """When it was first heard of, by a clock that was set."""
        return min(_times(self.rows, _first), default=None)

    @property
    def last(self) -> datetime | None:
        """When it was last heard of."""
        return max(_times(self.rows, _last), default=None)

    @cached_property
    def changes(self) -> tuple[SoftwareChange, ...]:
        """Boots that ran another version than the one before, where both are known."""
        return tuple(
            SoftwareChange(self.ecu, before.software, after.software, after.start)
            for before, after in pairwise(self.boots)
            if before.software is not None
            and after.software is not None
            and before.software != after.software
            and after.start is not None
            and (before.start is not None or _share_a_recording(before, after))
        )


def ecu_histories(statistics: BatchStatistics) -> tuple[EcuHistory, ...]:
    """The histories of all ECUs that the statistics list lifecycles of, by name."""
    rows = statistics.lifecycles.iter_rows(named=True)
    return tuple(_history(ecu, list(own)) for ecu, own in groupby(rows, lambda row: row["ecu"]))


def update_for(histories: Sequence[EcuHistory], ecu: str | None) -> SoftwareChange | None:
    """The update that an ECU saw: its own first change, else the first of any ECU."""
    own = [h.changes[0] for h in histories if h.ecu == ecu and h.changes]
    firsts = own or [h.changes[0] for h in histories if h.changes]
    return min(firsts, key=lambda change: change.time, default=None)


def _history(ecu: str, rows: list[Row]) -> EcuHistory:
    placed = [row for row in rows if _set(row["start"]) is not None]
    unplaced = [row for row in rows if _set(row["start"]) is None]
    return EcuHistory(ecu, (*_most_of_one_recording(unplaced), *_merged(placed)), tuple(rows))


def _merged(rows: Iterable[Row]) -> Iterable[Lifecycle]:
    found: list[Lifecycle] = []
    for row in sorted(rows, key=lambda row: (row["start"], row["recording"], row["lifecycle"])):
        if found and _same(found[-1], row):
            found[-1].rows.append(row)
        else:
            found.append(Lifecycle([row]))
    return found


def _same(lifecycle: Lifecycle, row: Row) -> bool:
    if any(seen["recording"] == row["recording"] for seen in lifecycle.rows):
        return False
    first = lifecycle.rows[0]
    uptime = min(first["last_uptime_s"] or 0.0, row["last_uptime_s"] or 0.0)
    distance: timedelta = row["start"] - first["start"]
    return distance <= _SAME_START + timedelta(seconds=_DRIFT * uptime)


def _most_of_one_recording(rows: Iterable[Row]) -> Iterable[Lifecycle]:
    by_recording: dict[str, list[Row]] = {}
    for row in rows:
        by_recording.setdefault(row["recording"], []).append(row)
    most = max(by_recording.items(), key=lambda item: (len(item[1]), item[0]), default=("", []))[1]
    return [Lifecycle([row]) for row in sorted(most, key=lambda row: int(row["lifecycle"]))]


def _share_a_recording(one: Lifecycle, other: Lifecycle) -> bool:
    recordings = {row["recording"] for row in one.rows}
    return any(row["recording"] in recordings for row in other.rows)


def _first(row: Row) -> datetime | None:
    start = _set(row["start"])
    if start is None:
        return _set(row["first_storage_time"])
    return start + timedelta(seconds=row["first_uptime_s"] or 0.0)


def _last(row: Row) -> datetime | None:
    return _set(row["end"]) or _set(row["last_storage_time"])


def _times(rows: Iterable[Row], of: Any) -> list[datetime]:
    return [time for row in rows if (time := of(row)) is not None]


def _set(time: datetime | None) -> datetime | None:
    """The time, None where it is that of a clock that was not set."""
    from argus_pipeline.statistics.timeline import CLOCK_SET_FROM

    return None if time is None or time < CLOCK_SET_FROM else time
