"""Evidence from the lifecycles: which ECUs started anew, and which messages are missing."""

from __future__ import annotations

from collections.abc import Sequence
from itertools import groupby
from typing import TYPE_CHECKING, Any, Final

from argus_pipeline.diagnosis.ecus import CLOCK_CHANGE, RESUME, EcuHistory, Lifecycle
from argus_pipeline.diagnosis.evidence import Evidence, Kind, Reference
from argus_pipeline.diagnosis.log_evidence import NAME_CHARACTERS, Listed
from argus_pipeline.diagnosis.text import amount, clean, named
from argus_pipeline.recordings.tables import MESSAGES, SOURCES

if TYPE_CHECKING:
    from argus_pipeline.statistics.batch import BatchStatistics

MAX_LIFECYCLE_EVIDENCE: Final = 4
MAX_LOSS_EVIDENCE: Final = 3
_NAMED_ECUS: Final = 6
_ID_CHARACTERS: Final = 16
_NAMED_VERSIONS: Final = 3

_Course = tuple[int, int, int, tuple[str, ...]]


def lifecycle_evidence(histories: Sequence[EcuHistory], *, unseen: int = 0) -> Listed:
    """One piece for all ECUs that started anew equally often and ran the same software.

    What changed its software comes first, then what started most often.

    Args:
        histories: of the ECUs.
        unseen: lifecycles that the statistics keep as a number only.
    """
    alike: dict[_Course, list[EcuHistory]] = {}
    for history in histories:
        if len(history.lifecycles) > 1:
            alike.setdefault(_course(history), []).append(history)
    groups = sorted(
        alike.items(),
        key=lambda item: (-len(item[0][3]), [-count for count in item[0][:3]], item[1][0].ecu),
    )
    return Listed(
        tuple(
            _restarts(course, group, unseen) for course, group in groups[:MAX_LIFECYCLE_EVIDENCE]
        ),
        total=len(groups),
        weight=sum(len(group) for _, group in groups),
        unseen=unseen,
    )


def loss_evidence(statistics: BatchStatistics) -> Listed:
    """The senders that most messages are missing of; the weight is all that is missing."""
    import polars as pl

    senders = (
        statistics.losses.sort("lost", "recording", descending=[True, False], maintain_order=True)
        .group_by("ecu", "app", "context", maintain_order=True)
        .agg(pl.col("lost", "gaps").sum(), pl.col("recording").first())
        .sort(["lost", "ecu", "app", "context"], descending=[True, False, False, False])
    )
    return Listed(
        tuple(_loss(row) for row in senders.head(MAX_LOSS_EVIDENCE).iter_rows(named=True)),
        total=senders.height,
        weight=int(statistics.total("lost_messages")),
    )


def _course(history: EcuHistory) -> _Course:
    """Boots, resumes, changes of the clock, and the versions that it ran one after the other."""
    told = (boot.software for boot in history.boots if boot.software is not None)
    versions = tuple(version for version, _ in groupby(told))
    return len(history.boots), history.count(RESUME), history.count(CLOCK_CHANGE), versions


def _restarts(course: _Course, histories: Sequence[EcuHistory], unseen: int) -> Evidence:
    boots, resumes, clock_changes, versions = course
    lost = sum(history.lost for history in histories)
    numbers: dict[str, int | float] = {
        "ecus": len(histories),
        "boots": boots,
        "resumes": resumes,
        "clock_changes": clock_changes,
        "versions": len(versions),
        "messages_lost": lost,
    }
    least = "at least " if unseen else ""
    parts = [f"booted {least}{amount(boots, 'time')}"]
    if resumes:
        parts.append(f"resumed {amount(resumes, 'time')} after a suspend")
    if clock_changes:
        parts.append(f"had the recorder's clock set {amount(clock_changes, 'time')} meanwhile")
    names = [named(history.ecu, _ID_CHARACTERS) or "without an id" for history in histories]
    left = len(names) - _NAMED_ECUS
    if left > 0:
        names = [*names[:_NAMED_ECUS], f"{left:,} more"]
    who = f"ECU {names[0]}" if len(names) == 1 else f"ECUs {', '.join(names)} each"
    it, its = ("it", "its") if len(names) == 1 else ("they", "their")
    statement = f"{who} {', '.join(parts)}"
    if versions:
        statement += f"; {it} ran software {', then '.join(versions[:_NAMED_VERSIONS])}"
        if len(versions) > _NAMED_VERSIONS:
            statement += f" and {len(versions) - _NAMED_VERSIONS:,} more"
    if lost:
        missing = "is missing" if lost == 1 else "are missing"
        statement += f"; {amount(lost, 'message')} {missing} by {its} counters"
    # The place to look at is where one of them last started anew.
    last = max((h.lifecycles[-1] for h in histories), key=_began)
    row = last.rows[0]
    place = Reference(clean(row["recording"], NAME_CHARACTERS), int(row["first_offset"]), MESSAGES)
    return Evidence(
        "",
        Kind.LIFECYCLE,
        statement + ".",
        numbers,
        (place,),
        time=last.start,
    )


def _began(lifecycle: Lifecycle) -> float:
    return 0.0 if lifecycle.start is None else lifecycle.start.timestamp()


def _loss(row: dict[str, Any]) -> Evidence:
    lost, gaps = int(row["lost"]), int(row["gaps"])
    ids = [named(row[name], _ID_CHARACTERS) for name in ("ecu", "app", "context") if row[name]]
    return Evidence(
        "",
        Kind.LOSS,
        f"{amount(lost, 'message')} lost from {'/'.join(ids) or 'senders beyond the table'}:"
        f" {amount(gaps, 'gap')} in the message counter.",
        {"lost": lost, "gaps": gaps},
        (Reference(clean(row["recording"], NAME_CHARACTERS), table=SOURCES),),
    )
