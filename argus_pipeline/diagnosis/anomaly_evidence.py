"""Evidence of boots that ended badly, and of signals that left their usual range with a fault."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any, Final

from argus_pipeline.diagnosis.evidence import Evidence, Kind
from argus_pipeline.diagnosis.log_evidence import CODE_CHARACTERS, NAME_CHARACTERS, Listed
from argus_pipeline.diagnosis.text import amount, clean, named

if TYPE_CHECKING:
    from argus_pipeline.statistics.batch import BatchStatistics

MAX_RESTART_EVIDENCE: Final = 3
MAX_SIGNAL_EVIDENCE: Final = 4
_REASON_CHARACTERS: Final = 24


def restart_evidence(statistics: BatchStatistics) -> Listed:
    """ECUs of which boots ended in a reset or with a critical event, the most boots first."""
    import polars as pl

    bad = pl.col("ended").is_in(["reset", "critical"])
    boots = statistics.boots.sort("ecu", "start", nulls_last=True).with_columns(
        why=pl.col("reason").shift(-1).over("ecu")
    )
    ecus = (
        boots.group_by("ecu", maintain_order=True)
        .agg(
            boots=pl.len(),
            resets=(pl.col("ended") == "reset").sum(),
            critical=(pl.col("ended") == "critical").sum(),
            why=pl.col("why").filter(pl.col("ended") == "reset").drop_nulls().mode().sort().first(),
            last=pl.col("last_critical").filter(bad).drop_nulls().mode().sort().first(),
            time=pl.col("end").filter(bad).max(),
        )
        .filter(pl.col("resets") + pl.col("critical") > 0)
        .sort(pl.col("resets") + pl.col("critical"), "ecu", descending=[True, False])
    )
    return Listed(
        tuple(_restart(row) for row in ecus.head(MAX_RESTART_EVIDENCE).iter_rows(named=True)),
        total=ecus.height,
        weight=int((ecus["resets"] + ecus["critical"]).sum()),
    )


def signal_evidence(statistics: BatchStatistics) -> Listed:
    """Signals near the critical events of faults, those at most moments first."""
    import polars as pl

    beyond = pl.max_horizontal("below", "above")
    found = statistics.event_signals.with_columns(beyond=beyond).sort(
        ["beyond", "fault", "table", "signal"], descending=[True, False, False, False]
    )
    return Listed(
        tuple(_signal(row) for row in found.head(MAX_SIGNAL_EVIDENCE).iter_rows(named=True)),
        total=found.height,
        weight=int(found["beyond"].sum()),
    )


def _restart(row: dict[str, Any]) -> Evidence:
    resets, critical = int(row["resets"]), int(row["critical"])
    parts = []
    if resets:
        why = (
            f" (the next boot says: {named(row['why'], _REASON_CHARACTERS)})" if row["why"] else ""
        )
        parts.append(f"{resets:,} ended in a reset{why}")
    if critical:
        parts.append(f"{critical:,} right after a fatal or error message")
    statement = (
        f"ECU {named(row['ecu'], NAME_CHARACTERS)}: of {amount(int(row['boots']), 'boot')}"
        f" {' and '.join(parts)}"
    )
    if row["last"]:
        statement += f"; the last words before were mostly {named(row['last'], NAME_CHARACTERS)}"
    numbers = {"boots": resets + critical, "of": int(row["boots"]), "resets": resets}
    return Evidence("", Kind.RESTART, statement + ".", {**numbers, "critical": critical})


def _signal(row: dict[str, Any]) -> Evidence:
    moments, below, above = (int(row[name]) for name in ("moments", "below", "above"))
    is_below = below >= above
    often = below if is_below else above
    usual = row["usual_low"] if is_below else row["usual_high"]
    value = row["lowest"] if is_below else row["highest"]
    fault = clean(row["fault"], CODE_CHARACTERS)
    side, extreme = ("below", "lowest") if is_below else ("above", "highest")
    shown_usual, shown_value = f"{usual:.4g}", f"{value:.4g}"
    statement = (
        f"Near {fault} the signal {named(row['signal'], NAME_CHARACTERS)} of"
        f" {named(row['table'], NAME_CHARACTERS)} was {side} its usual {shown_usual} at {often:,}"
        f" of {amount(moments, 'moment')}, {extreme} value there {shown_value} (median)."
    )
    numbers: dict[str, int | float] = {
        "beyond": often,
        "moments": moments,
        "usual": float(shown_usual),
        "value": float(shown_value),
    }
    return Evidence("", Kind.SIGNAL, statement, numbers)
