"""Fleets as counts: what the statistics of their batches would say, without any recording.

Hundreds of fleets in minutes, to measure what the comparison of versions finds and what it makes
up. The counts follow a gamma-Poisson model: vehicle v has its own factor g for each fault (mean 1,
variance `dispersion`), and in t hours Poisson(g rate t) messages. A few vehicles may be noisy.
"""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from datetime import UTC, datetime, timedelta
from typing import Any, Final

import numpy as np
import polars as pl
from numpy.typing import NDArray

from argus_pipeline.batches.manifest import BatchFile, Manifest
from argus_pipeline.fleet.cells import CELLS, HOURS, SECONDS_AN_HOUR, ordered
from argus_pipeline.statistics import schemas

START: Final = datetime(2026, 11, 1, tzinfo=UTC)
PLATFORM: Final = "J7"
BEFORE: Final = "v2.2.9"
AFTER: Final = "v2.3.1"
HOURS_A_LIFECYCLE: Final = 0.75
ECU: Final = "ECU1"
RECORDING: Final = "counts.dlt"

Numbers = NDArray[Any]


@dataclass(frozen=True, slots=True)
class FaultModel:
    """One fault: messages per hour before the update, and what the update multiplies them by."""

    code: str
    rate: float
    ratio: float = 1.0


@dataclass(frozen=True, slots=True)
class FleetModel:
    """A fleet of one platform.

    Args:
        vehicles: how many.
        hours: of a vehicle and a version in the mean; they differ log-normally by `hours_spread`
            (standard deviation of the logarithm).
        updated: share of the vehicles that reports from both versions; of the others,
            `after_share` reports from the new version only and the rest from the old one only.
        dispersion: variance of the vehicles' factors; 0 is pure chance.
        noisy: share of the vehicles that have `noise` times as many messages of a fault, drawn for
            each fault anew.
    """

    vehicles: int
    hours: float
    faults: Sequence[FaultModel]
    hours_spread: float = 0.7
    updated: float = 0.7
    after_share: float = 0.5
    dispersion: float = 0.0
    noisy: float = 0.0
    noise: float = 30.0


def simulate_cells(model: FleetModel, seed: int) -> pl.DataFrame:
    """The cells of all batches of a fleet, those of `simulate_counts` at once."""
    drawn = _draw(model, seed)
    given = pl.DataFrame(
        [_facts(_manifest(number, hours)) for number, hours in enumerate(drawn.hours)],
        schema={**{name: CELLS[name] for name in CELLS.names()[:7]}, "number": pl.Int64},
        orient="row",
    )
    sides = [
        pl.DataFrame({"number": drawn.numbers, "hours": drawn.hours[:, side]})
        .filter(pl.col("hours") > 0)
        .with_columns(
            firmware=pl.lit(name),
            kind=pl.lit(HOURS),
            seconds=(pl.col("hours") * SECONDS_AN_HOUR).round().cast(pl.Int64),
            lifecycles=(pl.col("hours") / HOURS_A_LIFECYCLE).round().clip(1).cast(pl.Int64),
        )
        .with_columns(boots=pl.col("lifecycles"))
        .drop("hours")
        for side, name in enumerate((BEFORE, AFTER))
    ]
    codes = pl.Series([fault.code for fault in model.faults])
    for side, name in enumerate((BEFORE, AFTER)):
        number, fault = np.nonzero(drawn.counts[side])
        sides.append(
            pl.DataFrame(
                {
                    "number": number,
                    "messages": drawn.counts[side][number, fault],
                    "lifecycles": _seen(drawn.counts[side], drawn.hours[:, side])[number, fault],
                }
            )
            .with_columns(codes.gather(fault).alias("fault"))
            .with_columns(
                firmware=pl.lit(name),
                kind=pl.lit("code"),
                title=pl.col("fault"),
                severity=pl.lit("error"),
                ecu=pl.lit(ECU),
            )
        )
    cells = pl.concat(sides, how="diagonal_relaxed").join(given, on="number")
    return ordered(
        cells.with_columns(
            pl.col("messages", "lifecycles", "seconds", "boots").fill_null(0)
        ).select(pl.col(name).cast(kind) for name, kind in CELLS.items())
    )


def simulate_counts(
    model: FleetModel, seed: int
) -> Iterator[tuple[Manifest, pl.DataFrame, pl.DataFrame]]:
    """For each vehicle a manifest and the frames `exposures` and `fault_counts` of its batch."""
    drawn = _draw(model, seed)
    codes = [fault.code for fault in model.faults]
    for number, hours in enumerate(drawn.hours):
        manifest = _manifest(number, hours)
        before, after = (counts[number] for counts in drawn.counts)
        yield (
            manifest,
            _exposures(manifest, hours),
            _fault_counts(manifest, codes, hours, (before, after)),
        )


@dataclass(frozen=True, slots=True)
class _Drawn:
    """Hours (vehicle, side) and counts (side, vehicle, fault); side 0 is before, 1 is after."""

    hours: Numbers
    counts: tuple[Numbers, Numbers]

    @property
    def numbers(self) -> Numbers:
        return np.arange(len(self.hours))


def _draw(model: FleetModel, seed: int) -> _Drawn:
    random = np.random.default_rng(seed)
    hours = _hours(model, random)
    rates = np.array([fault.rate for fault in model.faults])
    ratios = np.array([fault.ratio for fault in model.faults])
    factors = _factors(model, random)
    before = random.poisson(factors * rates * hours[:, :1])
    after = random.poisson(factors * rates * ratios * hours[:, 1:])
    return _Drawn(hours, (before, after))


def _seen(counts: Numbers, hours: Numbers) -> Numbers:
    """In how many boots of a vehicle each fault is seen, when its messages are independent."""
    boots = np.maximum(np.round(hours / HOURS_A_LIFECYCLE), 1)[:, None]
    seen = np.round(boots * -np.expm1(-counts / boots)).astype(np.int64)
    return np.asarray(np.clip(seen, counts > 0, counts))


def _facts(manifest: Manifest) -> tuple[object, ...]:
    """The first columns of its cells, and its number."""
    return (
        manifest.batch,
        manifest.created,
        manifest.created.date(),
        manifest.platform,
        manifest.vehicle,
        manifest.firmware_from,
        manifest.firmware,
        int(manifest.vehicle.removeprefix("SIM")),
    )


def _hours(model: FleetModel, random: np.random.Generator) -> Numbers:
    """Hours of each vehicle before and after."""
    spread = model.hours_spread
    hours = model.hours * random.lognormal(-(spread**2) / 2, spread, (model.vehicles, 2))
    only = random.random(model.vehicles) >= model.updated
    side = random.random(model.vehicles) < model.after_share
    hours[only & side, 0] = 0
    hours[only & ~side, 1] = 0
    # As statistics have them, to the second.
    return np.asarray(np.maximum(np.round(hours * SECONDS_AN_HOUR), hours > 0) / SECONDS_AN_HOUR)


def _factors(model: FleetModel, random: np.random.Generator) -> Numbers:
    shape = (model.vehicles, len(model.faults))
    factors = np.ones(shape)
    if model.dispersion > 0:
        factors = random.gamma(1 / model.dispersion, model.dispersion, shape)
    if model.noisy > 0:
        factors = np.where(random.random(shape) < model.noisy, factors * model.noise, factors)
    return factors


def _manifest(number: int, hours: Numbers) -> Manifest:
    vehicle = f"SIM{number:06d}"
    both = bool(hours[0] > 0 and hours[1] > 0)
    return Manifest(
        batch=f"20261101T000000Z-{vehicle}",
        vehicle=vehicle,
        platform=PLATFORM,
        firmware=AFTER if hours[1] > 0 else BEFORE,
        firmware_from=BEFORE if both else None,
        campaign="2026-q4-simulated" if hours[1] > 0 else None,
        created=START + timedelta(hours=number),
        files=(BatchFile(RECORDING, 0, "0" * 64),),
    )


def _exposures(manifest: Manifest, hours: Numbers) -> pl.DataFrame:
    ran = [(name, float(t)) for name, t in zip((BEFORE, AFTER), hours, strict=True) if t > 0]
    times = [manifest.created] * len(ran)
    return schemas.fit(
        "exposures",
        pl.DataFrame(
            {
                "firmware": [name for name, _ in ran],
                "hours": [t for _, t in ran],
                "lifecycles": [max(round(t / HOURS_A_LIFECYCLE), 1) for _, t in ran],
                "first_time": times,
                "last_time": times,
            }
        ),
    )


def _fault_counts(
    manifest: Manifest, codes: Sequence[str], hours: Numbers, counts: tuple[Numbers, Numbers]
) -> pl.DataFrame:
    found = [
        (code, firmware, int(count), int(lifecycles))
        for firmware, own, ran in zip((BEFORE, AFTER), counts, hours, strict=True)
        for code, count, lifecycles in zip(
            codes, own, _seen(own[None, :], np.array([ran]))[0], strict=True
        )
        if count
    ]
    columns = {"fault": pl.String, "firmware": pl.String} | dict.fromkeys(
        ("messages", "lifecycles"), pl.Int64
    )
    counted = pl.DataFrame(found, schema=columns, orient="row")
    return schemas.fit(
        "fault_counts",
        counted.with_columns(
            kind=pl.lit("code"),
            title=pl.col("fault"),
            severity=pl.lit("error"),
            ecu=pl.lit(ECU),
            first_time=pl.lit(manifest.created),
            last_time=pl.lit(manifest.created),
            recording=pl.lit(RECORDING),
            table=pl.lit("messages"),
            offset=pl.lit(0),
        ),
    )
