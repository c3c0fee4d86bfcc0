"""What is in a recording, and whether it is whole. Reads it and writes nothing."""

from __future__ import annotations

from collections import Counter
from collections.abc import Callable, Iterable, Mapping
from pathlib import Path
from typing import Final, cast

import argus_native

from argus_pipeline.errors import ArgusError
from argus_pipeline.recordings.findings import Ecu, FaultReason, Inspection, MessageType
from argus_pipeline.recordings.reading import DLT, REC, Reading, open_reading
from argus_pipeline.recordings.result import Fault, Status
from argus_pipeline.recordings.source import Source, called, open_source
from argus_pipeline.recordings.specifications import Specifications
from argus_pipeline.recordings.tally import SEVERITIES, Losses, Sender, Tally
from argus_pipeline.recordings.verdict import status_of, why_unreadable
from argus_pipeline.scratch import scratch_folder

LISTED: Final = 10
"""So long are the lists of an inspection unless more is asked for."""

_MOST_REASONS: Final = 1_000
_OTHER_REASONS: Final = "other reasons"
_NONE: Final = "none"
_UNKNOWN: Final = "unknown-"
_OVERFLOW: Final = "unknown-overflow"


def inspect_file(
    path: Path,
    *,
    specifications: Specifications | None = None,
    threads: int = 0,
    listed: int | None = LISTED,
    progress: Callable[[int], None] | None = None,
) -> Inspection:
    """Inspect a recording on disk or from standard input; what is spooled for it is removed.

    Args:
        path: the recording, or `STANDARD_INPUT`.
        specifications: what it is read with.
        threads: that read it; 0 for as many as there are cores.
        listed: length of the lists, None for all.
        progress: called now and then with a number of bytes; they add up to about the stored size.

    Raises:
        ArgusError: it cannot be read.
    """

    def half(count: int) -> None:
        if progress:
            progress(count // 2)

    name = called(path)
    try:
        with (
            scratch_folder() as scratch,
            open_source(path, scratch, name=name, progress=half) as source,
        ):
            return inspect_recording(
                source,
                name=name,
                specifications=specifications,
                threads=threads,
                listed=listed,
                progress=progress if source.path == path else half,
            )
    except OSError as error:
        raise ArgusError(
            f"cannot be read: {error.strerror or error}", where=str(error.filename or name)
        ) from error


def inspect_recording(
    source: Source,
    *,
    name: str,
    specifications: Specifications | None = None,
    threads: int = 0,
    listed: int | None = LISTED,
    progress: Callable[[int], None] | None = None,
) -> Inspection:
    """Read a recording from end to end and say what is in it. Memory stays bounded.

    Args:
        source: the recording.
        name: what it is called.
        specifications: what it is read with.
        threads: that read it; 0 for as many as there are cores.
        listed: length of the lists, None for all.
        progress: called now and then with a number of bytes; they add up to the stored size.
    """
    reading, notes = open_reading(source, specifications, threads=threads)
    tally = Tally()
    faults = _Faults(listed)
    reported = 0
    for batch in reading:
        tally.add(batch, is_dlt=reading.format == DLT)
        faults.add(reading.take_faults())
        if progress and isinstance(reading, argus_native.Reader):
            done = source.stored_size * reading.bytes_done // max(reading.bytes_to_do, 1)
            progress(done - reported)
            reported = done
    faults.add(reading.take_faults())
    if progress:
        progress(source.stored_size - reported)
    return _conclude(reading, source, tally, faults, name, specifications, notes, listed)


class _Faults:
    """The first faults, and how much was lost for each reason."""

    def __init__(self, listed: int | None) -> None:
        self.count = 0
        self.first: list[Fault] = []
        self._listed = listed
        self._faults: Counter[str] = Counter()
        self._bytes: Counter[str] = Counter()

    def add(self, faults: Iterable[tuple[int, int, str]]) -> None:
        for offset, length, reason in faults:
            self.count += 1
            # One is kept in any case: it may be all that there is to say of a recording.
            if self._listed is None or len(self.first) < max(self._listed, 1):
                self.first.append(Fault(offset, length, reason))
            if reason not in self._faults and len(self._faults) >= _MOST_REASONS:
                reason = _OTHER_REASONS
            self._faults[reason] += 1
            self._bytes[reason] += length

    def reasons(self) -> tuple[FaultReason, ...]:
        return tuple(
            FaultReason(reason, self._faults[reason], size)
            for reason, size in self._bytes.most_common()
        )


def _conclude(
    reading: Reading,
    source: Source,
    tally: Tally,
    faults: _Faults,
    name: str,
    specifications: Specifications | None,
    notes: tuple[str, ...],
    listed: int | None,
) -> Inspection:
    kept_raw = reading.undecoded
    status = status_of(
        rows=reading.rows, quarantined_bytes=reading.quarantined_bytes, kept_raw=kept_raw
    )
    if source.problem is not None and status is Status.PARSED:
        status = Status.PARTIAL
    error = None
    if status is Status.QUARANTINED:
        error = why_unreadable(reading, source, faults.first, name)
    senders = tally.senders()
    losses = tally.losses()
    ecus = _ecus(senders, losses, tally.lifecycles_by_ecu())
    kinds = tally.lifecycle_kinds()
    reasons = faults.reasons()
    types = _message_types(tally.tables, specifications) if reading.format == REC else []
    # Only what reads with a decoder of others says with which.
    decoder: str | None = getattr(reading, "read_by", None)
    return Inspection(
        recording=name,
        status=status,
        format=reading.format,
        decoder=decoder,
        size=reading.bytes_in,
        stored_size=source.stored_size,
        compression=source.compression,
        compression_fault=source.problem,
        messages=reading.rows,
        first_time=tally.first_time,
        last_time=tally.last_time,
        verbose=tally.verbose,
        non_verbose=tally.non_verbose,
        control=tally.control,
        types=_named(tally.types, ()),
        severities=_named(tally.severities, SEVERITIES),
        ecu_count=len(ecus),
        app_count=sum(ecu.applications for ecu in ecus),
        context_count=sum(ecu.contexts for ecu in ecus),
        ecus=tuple(ecus[:listed]),
        sender_count=len(senders),
        senders=tuple(senders[:listed]),
        lifecycle_count=sum(kinds.values()),
        lifecycle_kinds=kinds,
        lifecycles=tuple(tally.lifecycles(listed)),
        lost_messages=sum(sender.lost for sender in losses),
        loss_count=len(losses),
        losses=tuple(losses[:listed]),
        message_type_count=len(types),
        message_types=tuple(types[:listed]),
        tables=dict(tally.tables) if decoder else {},
        decoded_bytes=reading.decoded_bytes,
        quarantined_bytes=reading.quarantined_bytes,
        fault_count=faults.count,
        fault_reason_count=len(reasons),
        fault_reasons=reasons[:listed],
        faults=tuple(faults.first),
        kept_raw_kind_count=len(kept_raw),
        kept_raw=dict(Counter(kept_raw).most_common(listed)),
        warnings=(*notes, *_warnings(reading, specifications)),
        error=error,
    )


def _warnings(reading: Reading, specifications: Specifications | None) -> tuple[str, ...]:
    """What was wrong with the files that it was read with."""
    if specifications is None or reading.format not in {DLT, REC}:
        return ()
    is_rec = reading.format == REC
    return specifications.warnings if is_rec else specifications.catalogue_warnings


def _ecus(
    senders: Iterable[Sender], losses: Iterable[Losses], lifecycles: Mapping[str, int]
) -> list[Ecu]:
    """What each ECU sent, the one with the most messages first."""
    messages: Counter[str | None] = Counter()
    lost: Counter[str | None] = Counter()
    applications: dict[str | None, set[str]] = {}
    contexts: Counter[str | None] = Counter()
    for sender in senders:
        messages[sender.ecu] += sender.messages
        named = applications.setdefault(sender.ecu, set())
        if sender.app:
            named.add(sender.app)
        contexts[sender.ecu] += bool(sender.context)
    for loser in losses:
        lost[loser.ecu] += loser.lost
    return [
        Ecu(
            ecu=ecu,
            messages=count,
            applications=len(applications[ecu]),
            contexts=contexts[ecu],
            lifecycles=lifecycles.get(ecu, 0) if ecu is not None else 0,
            lost=lost[ecu],
        )
        for ecu, count in messages.most_common()
    ]


def _message_types(
    tables: Mapping[str, int], specifications: Specifications | None
) -> list[MessageType]:
    """The types of a `.rec` by its tables' names, the one with the most messages first."""
    specification = specifications.specification if specifications else None
    names = dict(specification.messages) if specification else {}
    ids = {name: number for number, name in names.items()}
    found = []
    for table, rows in tables.items():
        name, _, sender = table.rpartition("-")
        if table == _OVERFLOW:
            found.append(MessageType(None, None, None, rows, decoded=False))
        elif name in ids:
            found.append(MessageType(name, ids[name], int(sender), rows, decoded=True))
        else:
            number = int(name.removeprefix(_UNKNOWN))
            found.append(MessageType(names.get(number), number, int(sender), rows, decoded=False))
    return sorted(found, key=lambda kind: -kind.messages)


def _named(counts: Mapping[str | None, int], order: tuple[str, ...]) -> dict[str, int]:
    """Counts with a name for null, which comes last; in a given order, else the largest first."""
    words = cast("dict[str, int]", {word: n for word, n in counts.items() if word is not None})
    first = [word for word in order if word in words]
    rest = sorted(words.keys() - set(order), key=lambda word: -words[word])
    named = {word: words[word] for word in [*first, *rest]}
    return named | ({_NONE: counts[None]} if None in counts else {})
