"""What is new and what is gone, against earlier batches of the vehicle and all of its platform.

Whether a fault is new is a question of how long it could have been seen: it is **new** where the
vehicle's or the platform's past has none of it, although at this batch's rate `EXPECTED` messages
or more would have been expected in its hours, and **gone** where the batch has none, although at
the vehicle's earlier rate so many would have been expected. For counts of a Poisson process the
chance of none where 5 are expected is e^-5, 0.7 %. Faults come in bursts, so this is a hint and no
test: comparing firmware over many vehicles is another matter.
"""

from __future__ import annotations

from collections.abc import Mapping
from typing import TYPE_CHECKING, Any, Final

from argus_pipeline.diagnosis.evidence import Evidence, Kind
from argus_pipeline.diagnosis.log_evidence import (
    CODE_CHARACTERS,
    QUOTE_CHARACTERS,
    Listed,
)
from argus_pipeline.diagnosis.text import amount, clean

if TYPE_CHECKING:
    import polars as pl

    from argus_pipeline.statistics.batch import BatchStatistics

EXPECTED: Final = 5.0
MAX_NEW: Final = 4
MAX_GONE: Final = 2
VEHICLE: Final = "vehicle"
PLATFORM: Final = "platform"
COLUMNS: Final = ("scope", "fault", "title", "messages", "hours")
"""Of a baseline: `scope` is `vehicle` (its earlier batches) or `platform` (all its other
vehicles), `fault`, `title` and `messages` as in `fault_counts`, summed up; `hours` of operation
behind the scope, the same in all its rows. A row with a null fault says the hours where a scope
has no faults."""


def baseline_evidence(
    statistics: BatchStatistics, baseline: pl.DataFrame | None
) -> tuple[Evidence, Listed]:
    """What the batch was compared with, and the faults that are new or gone, new ones first.

    Args:
        statistics: of the batch.
        baseline: with `COLUMNS`; None where nobody knows any.
    """
    hours = float(statistics.total("hours") or 0)
    scopes = _hours(baseline)
    if baseline is None or not scopes or hours <= 0:
        why = "of the vehicle or its platform" if hours > 0 else "that hours could be set against"
        statement = f"No baseline {why}: what is new or gone cannot be told."
        return Evidence("", Kind.BASELINE, statement), Listed((), 0, 0)
    counted = _messages(statistics)
    before = {scope: _of_scope(baseline, scope) for scope in scopes}
    new = [
        _new(fault, row, before, scopes)
        for fault, row in counted.items()
        if any(
            fault not in before[scope] and row["messages"] / hours * past >= EXPECTED
            for scope, past in scopes.items()
        )
    ]
    # What nobody has seen before goes before what only this vehicle has not.
    new.sort(key=lambda piece: -int(piece.numbers["unknown_to"]))
    gone = [
        _gone(fault, row, scopes[VEHICLE], hours)
        for fault, row in before.get(VEHICLE, {}).items()
        if fault not in counted and row["messages"] / scopes[VEHICLE] * hours >= EXPECTED
    ]
    told = [*new[:MAX_NEW], *gone[:MAX_GONE]]
    rest = [*new, *gone]
    return _compared(scopes, len(new), len(gone)), Listed(
        tuple(told), len(rest), sum(int(piece.numbers["messages"]) for piece in rest)
    )


def _hours(baseline: pl.DataFrame | None) -> dict[str, float]:
    if baseline is None:
        return {}
    rows = baseline.select("scope", "hours").unique().sort("scope", descending=True).iter_rows()
    return {scope: float(hours) for scope, hours in rows if hours and hours > 0}


def _messages(statistics: BatchStatistics) -> dict[str, dict[str, Any]]:
    import polars as pl

    return _rows(statistics.fault_counts.filter(pl.col("fault") != "other"))


def _of_scope(baseline: pl.DataFrame, scope: str) -> dict[str, dict[str, Any]]:
    import polars as pl

    return _rows(baseline.filter(scope=scope).filter(pl.col("fault").is_not_null()))


def _rows(counts: pl.DataFrame) -> dict[str, dict[str, Any]]:
    """Messages and title of each fault, those of most messages first."""
    import polars as pl

    summed = (
        counts.group_by("fault")
        .agg(pl.col("messages").sum(), pl.col("title").min())
        .filter(pl.col("messages") > 0)
        .sort(["messages", "fault"], descending=[True, False])
    )
    return {row["fault"]: row for row in summed.iter_rows(named=True)}


def _compared(scopes: Mapping[str, float], new: int, gone: int) -> Evidence:
    names = {VEHICLE: "earlier batches of the vehicle", PLATFORM: "other vehicles of the platform"}
    parts = [f"{_short(h)} h of {names.get(scope, scope)}" for scope, h in scopes.items()]
    statement = (
        f"Against {' and '.join(parts)}: {amount(new, 'fault')} new, {amount(gone, 'fault')} gone."
    )
    numbers: dict[str, int | float] = {f"{scope}_hours": _number(h) for scope, h in scopes.items()}
    return Evidence("", Kind.BASELINE, statement, {**numbers, "new": new, "gone": gone})


def _new(
    fault: str,
    row: Mapping[str, Any],
    before: Mapping[str, Mapping[str, Any]],
    scopes: Mapping[str, float],
) -> Evidence:
    messages = int(row["messages"])
    numbers: dict[str, int | float] = {"messages": messages}
    parts = []
    for scope, past in scopes.items():
        numbers[f"{scope}_hours"] = _number(past)
        if (known := before[scope].get(fault)) is None:
            parts.append(f"none in {_short(past)} h of the {scope}")
        else:
            numbers[f"{scope}_per_hour"] = rate = _number(known["messages"] / past)
            parts.append(f"{_short(rate)} per hour in {_short(past)} h of the {scope}")
    statement = (
        f"New: {clean(fault, CODE_CHARACTERS)}, {amount(messages, 'message')} here,"
        f" {', '.join(parts)}."
    )
    unknown = sum(fault not in before[scope] for scope in scopes)
    return _piece(statement, row, {**numbers, "unknown_to": unknown})


def _gone(fault: str, row: Mapping[str, Any], before: float, hours: float) -> Evidence:
    messages, rate = int(row["messages"]), _number(int(row["messages"]) / before)
    statement = (
        f"Gone: {clean(fault, CODE_CHARACTERS)}, none in {_short(hours)} h here; earlier"
        f" {amount(messages, 'message')}, {_short(rate)} per hour."
    )
    return _piece(statement, row, {"messages": messages, "per_hour": rate, "hours": _number(hours)})


def _piece(statement: str, row: Mapping[str, Any], numbers: Mapping[str, int | float]) -> Evidence:
    quote = None if row["title"] is None else clean(row["title"], QUOTE_CHARACTERS)
    return Evidence("", Kind.CHANGE, statement, numbers, quote=quote)


def _number(value: float) -> float:
    return float(f"{value:.3g}")


def _short(value: float) -> str:
    return f"{_number(value):,.10g}"
