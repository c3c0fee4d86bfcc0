"""Makes the lists of a report: lifecycles by ECU, and stretches of bytes that were not decoded."""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from itertools import groupby
from typing import TYPE_CHECKING, Final

from argus_pipeline.diagnosis.ecus import CLOCK_CHANGE, RESUME, EcuHistory, ecu_histories
from argus_pipeline.diagnosis.log_evidence import NAME_CHARACTERS
from argus_pipeline.diagnosis.material import EcuLifecycles, Material, Software, Stretch
from argus_pipeline.diagnosis.text import clean
from argus_pipeline.recordings.result import RecordingResult

if TYPE_CHECKING:
    from argus_pipeline.statistics.batch import BatchStatistics

MAX_ECUS: Final = 50
MAX_SOFTWARE: Final = 5
MAX_STRETCHES: Final = 50
MAX_STRETCHES_OF_ONE: Final = 5
_REASON_CHARACTERS: Final = 200


def make_material(results: Sequence[RecordingResult], statistics: BatchStatistics) -> Material:
    """The lists for a batch: ECUs by name, and the first stretches of each damaged recording."""
    histories = ecu_histories(statistics)
    told = sorted(histories, key=lambda h: (-len(h.lifecycles), -h.lost, h.ecu))[:MAX_ECUS]
    stretches = _stretches(results)
    return Material(
        ecus=tuple(_lifecycles(history) for history in sorted(told, key=lambda h: h.ecu)),
        ecus_omitted=len(histories) - len(told),
        lifecycles_omitted=int(statistics.total("lifecycles")) - statistics.lifecycles.height,
        stretches=stretches,
        stretches_omitted=sum(result.fault_count for result in results) - len(stretches),
        decoded_bytes=sum(result.decoded_bytes for result in results),
        quarantined_bytes=sum(result.quarantined_bytes for result in results),
        unread_bytes=sum(result.unread_bytes for result in results),
        lost_messages=int(statistics.total("lost_messages")),
    )


def _lifecycles(history: EcuHistory) -> EcuLifecycles:
    software = [
        Software(version, len(boots), boots[0].start)
        for version, found in groupby(history.boots, lambda boot: boot.software)
        if (boots := list(found))
    ]
    return EcuLifecycles(
        ecu=clean(history.ecu, NAME_CHARACTERS),
        boots=len(history.boots),
        resumes=history.count(RESUME),
        clock_changes=history.count(CLOCK_CHANGE),
        software=tuple(software[-MAX_SOFTWARE:]),
        software_omitted=max(len(software) - MAX_SOFTWARE, 0),
        first=history.first,
        last=history.last,
        messages=history.messages,
        lost_messages=history.lost,
    )


def _stretches(results: Sequence[RecordingResult]) -> tuple[Stretch, ...]:
    damaged = sorted(results, key=lambda r: (-r.quarantined_bytes, r.recording))
    return tuple(stretch for result in damaged for stretch in _of_one(result))[:MAX_STRETCHES]


def _of_one(result: RecordingResult) -> Iterator[Stretch]:
    for fault in result.faults[:MAX_STRETCHES_OF_ONE]:
        yield Stretch(
            clean(result.recording, NAME_CHARACTERS),
            fault.offset,
            fault.length,
            clean(fault.reason, _REASON_CHARACTERS),
        )
