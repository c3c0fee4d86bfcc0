"""Sums over the vehicles of a fleet: all that a comparison needs, whatever the number of batches.

Of each vehicle its totals by firmware are taken, and of these, products within the vehicle; the
sums of both over vehicles are exact whole numbers (`Decimal(38, 0)` where 64 bits might not do). A
change of one vehicle subtracts what it was and adds what it is. A public interface, as
`fleet/<name>.parquet`:

exposures       platform, firmware: vehicles, batches, seconds and lifecycles of operation,
                `boots` of one ECU in the mean; `squares`: of each vehicle's seconds.
exposure_pairs  platform, firmware, other (the later of the two in the alphabet): vehicles that ran
                both; `products` of their seconds s and t; `shared`: s t / (s + t), rounded
                by vehicle.
faults          platform, kind, fault, firmware: vehicles that reported it, messages, lifecycles in
                which it was seen; `squares` of a vehicle's messages, `products` with its seconds.
fault_pairs     platform, kind, fault, firmware, other, of vehicles that ran both: vehicles that
                reported it under both, and `reporting` ones under either; `messages` under
                `firmware` and `messages_other`; `messages_messages`, `messages_seconds`,
                `seconds_messages`: products of the first under `firmware` with the second under
                `other`; `expected`, `expected_other`: the messages of both shared
                out by seconds; `weighted` = w messages (other seconds) / (seconds of both),
                `weighted_other` likewise, and `weighted_squares`, `weighted_other_squares`,
                `weighted_products` of these: in thousandths of messages, rounded by vehicle.
names           platform, kind, fault, title, severity, ecu: messages. What a fault is called.
updates         platform, updated_from, updated_to: batches that name this update.
days            platform, firmware, day (UTC): vehicles, batches, seconds, lifecycles; messages with
                a fault, and `critical` ones of them (fatal or error).

The weight of a vehicle with the expected counts e and f, together y, is w = 1 / (1 + d^2 e f / y):
the inverse variance of its logarithmic ratio (Poisson's, and d^2 between vehicles; DerSimonian and
Laird 1986), times the Poisson part. So no vehicle counts for more than about 1 / d^2 messages,
however noisy it is. It depends on y alone and not on how y falls to the two versions, so it favours
neither.

A null `firmware` is time or messages that cannot be placed.
"""

from __future__ import annotations

from collections.abc import Mapping
from typing import Final

import polars as pl

from argus_pipeline.fleet.cells import HOURS
from argus_pipeline.statistics.severity import CRITICAL

Sums = Mapping[str, pl.DataFrame]
"""The frames by name."""

BIG: Final = pl.Decimal(38, 0)
THOUSANDTHS: Final = 1000

VEHICLES_DIFFER: Final = 0.5
"""d: how far the logarithm of a vehicle's own ratio is from that of all (a factor of 1.6)."""

_PLATFORM: Final = {"platform": pl.String}
_FAULT: Final = {**_PLATFORM, "kind": pl.String, "fault": pl.String}
_FIRMWARE: Final = {"firmware": pl.String}
_PAIR: Final = {**_FIRMWARE, "other": pl.String}

KEYS: Final[dict[str, dict[str, type[pl.DataType]]]] = {
    "exposures": {**_PLATFORM, **_FIRMWARE},
    "exposure_pairs": {**_PLATFORM, **_PAIR},
    "faults": {**_FAULT, **_FIRMWARE},
    "fault_pairs": {**_FAULT, **_PAIR},
    "names": {**_FAULT, "title": pl.String, "severity": pl.String, "ecu": pl.String},
    "updates": {**_PLATFORM, "updated_from": pl.String, "updated_to": pl.String},
    "days": {**_PLATFORM, **_FIRMWARE, "day": pl.Date},
}
_SUMMED: Final[dict[str, dict[str, pl.DataType | type[pl.DataType]]]] = {
    "exposures": {
        **dict.fromkeys(("vehicles", "batches", "seconds", "lifecycles", "boots"), pl.Int64),
        "squares": BIG,
    },
    "exposure_pairs": {
        "vehicles": pl.Int64,
        **dict.fromkeys(("products", "shared"), BIG),
    },
    "faults": {
        **dict.fromkeys(("vehicles", "messages", "lifecycles"), pl.Int64),
        "squares": BIG,
        "products": BIG,
    },
    "fault_pairs": {
        **dict.fromkeys(("vehicles", "reporting", "messages", "messages_other"), pl.Int64),
        **dict.fromkeys(("messages_messages", "messages_seconds", "seconds_messages"), BIG),
        **dict.fromkeys(("expected", "expected_other", "weighted", "weighted_other"), BIG),
        **dict.fromkeys(("weighted_squares", "weighted_other_squares", "weighted_products"), BIG),
    },
    "names": {"messages": pl.Int64},
    "updates": {"batches": pl.Int64},
    "days": dict.fromkeys(
        ("vehicles", "batches", "seconds", "lifecycles", "messages", "critical"), pl.Int64
    ),
}
SCHEMAS: Final = {name: pl.Schema({**KEYS[name], **_SUMMED[name]}) for name in KEYS}
NAMES: Final = tuple(SCHEMAS)

_VEHICLE: Final = ("platform", "vehicle")


def no_sums() -> Sums:
    """Sums over no vehicle."""
    return {name: pl.DataFrame(schema=schema) for name, schema in SCHEMAS.items()}


def sum_cells(cells: pl.DataFrame) -> Sums:
    """The sums over vehicles of which all cells are given."""
    hours = cells.filter(pl.col("kind") == HOURS)
    faults = cells.filter(pl.col("kind") != HOURS)
    driven = hours.group_by(*_VEHICLE, "firmware").agg(pl.col("seconds").sum())
    counted = faults.group_by(*_VEHICLE, "kind", "fault", "firmware").agg(
        pl.col("messages", "lifecycles").sum()
    )
    found = {
        "exposures": hours.group_by("platform", "firmware")
        .agg(
            pl.col("vehicle").n_unique().alias("vehicles"),
            pl.col("batch").n_unique().alias("batches"),
            pl.col("seconds", "lifecycles", "boots").sum(),
        )
        .join(
            driven.group_by("platform", "firmware").agg(_sum("squares", "seconds", "seconds")),
            on=["platform", "firmware"],
            how="left",
            nulls_equal=True,
        ),
        "exposure_pairs": _exposure_pairs(driven),
        "faults": _faults(driven, counted),
        "fault_pairs": _fault_pairs(driven, counted),
        "names": faults.group_by(list(KEYS["names"])).agg(pl.col("messages").sum()),
        "updates": cells.drop_nulls("updated_from")
        .group_by(list(KEYS["updates"]))
        .agg(batches=pl.col("batch").n_unique()),
        "days": _days(hours, faults),
    }
    return {name: _fit(name, frame) for name, frame in found.items()}


def add(sums: Sums, more: Sums, less: Sums) -> Sums:
    """`sums` with `more` added and `less` taken away; rows of zeros only are left out."""
    return {name: _added(name, sums[name], more[name], less[name]) for name in NAMES}


def _added(name: str, *frames: pl.DataFrame) -> pl.DataFrame:
    summed = list(_SUMMED[name])
    base, more, less = frames
    total = pl.concat([base, more, less.with_columns(-pl.col(column) for column in summed)])
    added = total.group_by(list(KEYS[name])).agg(pl.col(summed).sum())
    return _fit(name, added.filter(pl.any_horizontal(pl.col(column) != 0 for column in summed)))


def _fit(name: str, frame: pl.DataFrame) -> pl.DataFrame:
    schema = SCHEMAS[name]
    return frame.select(pl.col(column).cast(kind) for column, kind in schema.items()).sort(
        list(KEYS[name]), nulls_last=False
    )


def _sum(name: str, one: str, other: str) -> pl.Expr:
    """The sum of products; a product of two 64-bit numbers may need more bits."""
    product = pl.col(one).cast(pl.Int128) * pl.col(other).cast(pl.Int128)
    return product.sum().cast(BIG).alias(name)


def _exposure_pairs(driven: pl.DataFrame) -> pl.DataFrame:
    total = pl.col("seconds") + pl.col("seconds_other")
    shared = pl.col("seconds") / total * pl.col("seconds_other")
    both = _pairs(driven, list(_VEHICLE)).with_columns(
        shared=pl.when(total > 0).then(shared).otherwise(0.0).round().cast(pl.Int64)
    )
    return both.group_by(list(KEYS["exposure_pairs"])).agg(
        pl.len().alias("vehicles"),
        _sum("products", "seconds", "seconds_other"),
        pl.col("shared").sum(),
    )


def _faults(driven: pl.DataFrame, counted: pl.DataFrame) -> pl.DataFrame:
    joined = counted.join(driven, on=[*_VEHICLE, "firmware"], how="left", nulls_equal=True)
    return (
        joined.with_columns(pl.col("seconds").fill_null(0))
        .group_by(list(KEYS["faults"]))
        .agg(
            (pl.col("messages") > 0).sum().alias("vehicles"),
            pl.col("messages", "lifecycles").sum(),
            _sum("squares", "messages", "messages"),
            _sum("products", "messages", "seconds"),
        )
    )


def _fault_pairs(driven: pl.DataFrame, counted: pl.DataFrame) -> pl.DataFrame:
    """Of every vehicle and fault, all pairs of versions that it ran; without a message it is 0."""
    fault = [*_VEHICLE, "kind", "fault"]
    every = (
        counted.select(fault)
        .unique()
        .join(driven.drop_nulls("firmware"), on=list(_VEHICLE))
        .join(counted, on=[*fault, "firmware"], how="left")
        .with_columns(pl.col("messages").fill_null(0))
    )
    both = _pairs(every, fault)
    messages, other = pl.col("messages"), pl.col("messages_other")
    seconds = pl.col("seconds") + pl.col("seconds_other")
    total, share = messages + other, pl.col("seconds") / seconds
    weight = 1 / (1 + VEHICLES_DIFFER**2 * total * share * (1 - share))
    thousandths = {
        "expected": total * share,
        "expected_other": total * (1 - share),
        "weighted": weight * messages * (1 - share),
        "weighted_other": weight * other * share,
    }
    weighed = both.filter(total > 0, seconds > 0).with_columns(
        (THOUSANDTHS * value).round().cast(pl.Int64).alias(name)
        for name, value in thousandths.items()
    )
    return weighed.group_by(list(KEYS["fault_pairs"])).agg(
        ((messages > 0) & (other > 0)).sum().alias("vehicles"),
        pl.len().alias("reporting"),
        pl.col("messages", "messages_other", *thousandths).sum(),
        _sum("messages_messages", "messages", "messages_other"),
        _sum("messages_seconds", "messages", "seconds_other"),
        _sum("seconds_messages", "seconds", "messages_other"),
        _sum("weighted_squares", "weighted", "weighted"),
        _sum("weighted_other_squares", "weighted_other", "weighted_other"),
        _sum("weighted_products", "weighted", "weighted_other"),
    )


def _pairs(frame: pl.DataFrame, by: list[str]) -> pl.DataFrame:
    """The rows of each two versions with the same `by`, side by side."""
    placed = frame.drop_nulls("firmware")
    return (
        placed.join(placed, on=by, suffix="_other")
        .rename({"firmware_other": "other"})
        .filter(pl.col("firmware") < pl.col("other"))
    )


def _days(hours: pl.DataFrame, faults: pl.DataFrame) -> pl.DataFrame:
    by = list(KEYS["days"])
    critical = pl.col("severity").is_in(CRITICAL)
    messages = faults.group_by(by).agg(
        pl.col("messages").sum(), critical=pl.col("messages").filter(critical).sum()
    )
    return (
        hours.group_by(by)
        .agg(
            pl.col("vehicle").n_unique().alias("vehicles"),
            pl.col("batch").n_unique().alias("batches"),
            pl.col("seconds", "lifecycles").sum(),
        )
        .join(messages, on=by, how="full", coalesce=True, nulls_equal=True)
        .fill_null(0)
    )
