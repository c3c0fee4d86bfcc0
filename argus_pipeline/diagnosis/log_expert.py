"""What the log shows when its evidence is read together: orders, coincidences, what recurs.

Everything is derived from the summary, so it costs the same whatever the batch's size. A finding
says what came with what, never that one is the cause of the other, and it holds no figure that
its evidence does not.
"""

from __future__ import annotations

import re
from collections.abc import Iterable, Sequence
from datetime import timedelta
from itertools import combinations
from typing import Final

from argus_pipeline.diagnosis.evidence import Evidence, FeatureSummary, Kind
from argus_pipeline.diagnosis.model import Claim
from argus_pipeline.diagnosis.ranking import is_fault

MAX_FINDINGS: Final = 6
_TOGETHER: Final = timedelta(seconds=60)
_PERSISTENT: Final = 0.5
_MAX_NAMED: Final = 4
# How `log_evidence` and `anomaly_evidence` write the ECU of a piece.
_ECU: Final = re.compile(r"\bECU ([^\s,:;.]+)")
_NEAR: Final = re.compile(r"^Near (\S+) the signal (\S+)")
_NEW: Final = re.compile(r"^New: ([^,]+),")


def log_findings(summary: FeatureSummary) -> tuple[Claim, ...]:
    """Up to `MAX_FINDINGS` findings, what bears on the update first."""
    faults = [piece for piece in summary.evidence if is_fault(piece)]
    found: list[Claim] = []
    for reader in (_around_the_update, _new_faults, _signals, _restarts, _coincidences, _order):
        found += reader(summary, faults)
    found += _course(summary, faults)
    return tuple(found[:MAX_FINDINGS])


def name_of(piece: Evidence) -> str:
    """What a fault is called in a sentence."""
    return piece.code or f"the {piece.severity} message without a code"


def _around_the_update(summary: FeatureSummary, faults: Sequence[Evidence]) -> Iterable[Claim]:
    update = summary.of_kind(Kind.UPDATE)[0]
    placed = [piece for piece in faults if "after_update_s" in piece.numbers][:_MAX_NAMED]
    after = [piece for piece in placed if piece.numbers["after_update_s"] >= 0]
    before = [piece for piece in placed if piece.numbers["after_update_s"] < 0]
    if after:
        only = " and not before" if before else ""
        text = f"{_names(after)} first came after the update{only}."
        yield Claim(text, _ids(after, update))
    if before:
        text = f"{_names(before)} was there before the update: the update cannot have brought it."
        yield Claim(text, _ids(before, update))


def _new_faults(summary: FeatureSummary, faults: Sequence[Evidence]) -> Iterable[Claim]:
    for change in summary.of_kind(Kind.CHANGE):
        new = _NEW.match(change.statement)
        known = [piece for piece in faults if new and piece.code == new.group(1)]
        if known:
            text = f"{_names(known)} is new against what was usual before."
            yield Claim(text, _ids(known, change))


def _signals(summary: FeatureSummary, faults: Sequence[Evidence]) -> Iterable[Claim]:
    for piece in summary.of_kind(Kind.SIGNAL):
        near = _NEAR.match(piece.statement)
        related = [fault for fault in faults if near and fault.code == near.group(1)]
        if near and related:
            text = f"When {_names(related)} came, the signal {near.group(2)} left its usual range."
            yield Claim(text, _ids([piece, *related]))


def _restarts(summary: FeatureSummary, faults: Sequence[Evidence]) -> Iterable[Claim]:
    for piece in summary.of_kind(Kind.RESTART):
        ecu = _ecu(piece)
        same = [fault for fault in faults if ecu and _ecu(fault) == ecu][:_MAX_NAMED]
        if same:
            text = f"ECU {ecu}, whose boots ended badly, is also the one that reports"
            yield Claim(f"{text} {_names(same)}.", _ids([piece, *same]))


def _coincidences(_: FeatureSummary, faults: Sequence[Evidence]) -> Iterable[Claim]:
    for one, other in combinations(faults[:_MAX_NAMED], 2):
        if one.time is None or other.time is None or abs(one.time - other.time) > _TOGETHER:
            continue
        ecus = {_ecu(one), _ecu(other)} - {None}
        where = " on different ECUs" if len(ecus) > 1 else ""
        text = f"{name_of(one)} and {name_of(other)} first came within a minute of each other"
        yield Claim(f"{text}{where}.", _ids([one, other]))


def _order(_: FeatureSummary, faults: Sequence[Evidence]) -> Iterable[Claim]:
    timed = sorted(
        ((piece.time, n, piece) for n, piece in enumerate(faults) if piece.time is not None)
    )[:_MAX_NAMED]
    if len(timed) > 1:
        pieces = [piece for _, _, piece in timed]
        text = f"The faults first came in this order: {', '.join(map(name_of, pieces))}."
        yield Claim(text, _ids(pieces))


def _course(summary: FeatureSummary, faults: Sequence[Evidence]) -> Iterable[Claim]:
    seconds = float(summary.of_kind(Kind.SCOPE)[0].numbers.get("seconds", 0))
    lasting = [
        piece
        for piece in faults
        if seconds and piece.numbers.get("lasted_s", 0) >= _PERSISTENT * seconds
    ][:_MAX_NAMED]
    if lasting:
        text = f"{_names(lasting)} kept coming over more than half of the batch's time."
        yield Claim(text, _ids(lasting, summary.of_kind(Kind.SCOPE)[0]))


def _ecu(piece: Evidence) -> str | None:
    found = _ECU.search(piece.statement)
    return found.group(1) if found else None


def _ids(pieces: Sequence[Evidence], *more: Evidence) -> tuple[str, ...]:
    return tuple(dict.fromkeys(piece.id for piece in (*pieces, *more)))


def _names(pieces: Sequence[Evidence]) -> str:
    names = [name_of(piece) for piece in pieces]
    return ", ".join(names[:-1]) + " and " + names[-1] if len(names) > 1 else names[0]
