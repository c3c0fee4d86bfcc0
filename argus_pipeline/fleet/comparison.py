"""Each fault before and after each update, platform by platform: `firmware_comparison`.

All that is read are the sums, so the cost depends on how many different faults and versions there
are, and not on how many batches or vehicles.
"""

from __future__ import annotations

import io
from typing import Any, Final

import numpy as np
import polars as pl
from numpy.typing import NDArray
from scipy import stats

from argus_pipeline.errors import BadInput
from argus_pipeline.fleet.cells import SECONDS_AN_HOUR
from argus_pipeline.fleet.classes import Finding, classify
from argus_pipeline.fleet.names import fault_names
from argus_pipeline.fleet.pairs import firmware_pairs
from argus_pipeline.fleet.power import detectable_ratio
from argus_pipeline.fleet.rate_ratio import (
    Moments,
    dispersion,
    rate_ratios,
    shared_information,
)
from argus_pipeline.fleet.rules import CLASSES, ComparisonRules
from argus_pipeline.fleet.sums import THOUSANDTHS, Sums
from argus_pipeline.statistics.severity import SEVERITY
from argus_pipeline.storage import keys
from argus_pipeline.storage.object_store import ObjectMissing, ObjectStore

WITHIN: Final = "within vehicles"
BETWEEN: Final = "between vehicles"

_PAIR: Final = ("platform", "firmware_before", "firmware_after")
_FAULT: Final = ("platform", "kind", "fault")

_COLUMNS: Final[dict[str, pl.DataType | type[pl.DataType]]] = {
    "platform": pl.String,
    "firmware_before": pl.String,
    "firmware_after": pl.String,
    "pair": pl.String,
    "kind": pl.String,
    "fault": pl.String,
    "title": pl.String,
    "severity": SEVERITY,
    "ecu": pl.String,
    "class": pl.Enum(CLASSES),
    "compared": pl.String,
    "ratio": pl.Float64,
    "low": pl.Float64,
    "high": pl.Float64,
    "p": pl.Float64,
    "p_adjusted": pl.Float64,
    "detectable_ratio": pl.Float64,
    "messages_before": pl.Int64,
    "messages_after": pl.Int64,
    "hours_before": pl.Float64,
    "hours_after": pl.Float64,
    "per_hour_before": pl.Float64,
    "per_hour_after": pl.Float64,
    "lifecycles_before": pl.Int64,
    "lifecycles_after": pl.Int64,
    "per_lifecycle_before": pl.Float64,
    "per_lifecycle_after": pl.Float64,
    "vehicles_before": pl.Int64,
    "vehicles_after": pl.Int64,
    "vehicles_both": pl.Int64,
    "reporting_before": pl.Int64,
    "reporting_after": pl.Int64,
    "dispersion": pl.Float64,
}
COMPARISON: Final = pl.Schema(_COLUMNS)
"""docs/fleet.md describes the columns."""


def compare_firmware(sums: Sums, rules: ComparisonRules) -> pl.DataFrame:
    """Compare all pairs of versions, one row a fault that was seen under either.

    Returns:
        `COMPARISON`: by platform and versions, the changes with the smallest p first.
    """
    rows, moments, within = fleet_moments(sums, rules)
    if rows.is_empty():
        return pl.DataFrame(schema=COMPARISON)
    ratios = rate_ratios(moments, within)
    tested = moments.y1 + moments.y2 >= rules.least_messages
    adjusted, tests = _adjusted(rows, ratios.p, tested)
    detectable = detectable_ratio(
        moments, within, alpha=rules.false_discovery_rate / np.maximum(tests, 1), power=rules.power
    )
    found = rows.with_columns(
        _series("ratio", ratios.ratio).fill_nan(None),
        *(_series(name, getattr(ratios, name)) for name in ("low", "high", "p")),
        _series("p_adjusted", adjusted).fill_nan(None),
        _series("detectable_ratio", detectable),
        _series("dispersion", dispersion(moments)),
        pl.Series("compared", np.where(within, WITHIN, BETWEEN)),
    ).with_columns(pl.when(pl.lit(tested)).then("p").alias("p"))
    return _fit(_with_rates(found).with_columns(_classes(found, rules)), sums)


def read_comparison(store: ObjectStore) -> pl.DataFrame:
    """What was compared last; no rows before the first time.

    Raises:
        BadInput: it is of another version.
    """
    key = keys.fleet("firmware_comparison")
    try:
        found = pl.read_parquet(io.BytesIO(store.get(key)))
    except ObjectMissing:
        return pl.DataFrame(schema=COMPARISON)
    if found.schema != COMPARISON:
        raise BadInput(
            f"has the columns {', '.join(found.columns)}",
            where=store.uri(key),
            expected=", ".join(COMPARISON),
            hint="Materialize firmware_comparison again",
        )
    return found


def fleet_moments(
    sums: Sums, rules: ComparisonRules
) -> tuple[pl.DataFrame, Moments, NDArray[np.bool_]]:
    """The faults of all pairs of versions, the sums of each, and whether within vehicles.

    Vehicles are compared with themselves where at least `least_shared_information` of what can be
    known lies within vehicles, which is decided by hours alone.
    """
    rows = _rows(sums)
    moments = _moments(rows)
    return rows, moments, shared_information(moments) >= rules.least_shared_information


def _rows(sums: Sums) -> pl.DataFrame:
    """One row a pair of versions and a fault, with all sums that the comparison needs."""
    pairs = firmware_pairs(sums)
    exposures = sums["exposures"].drop_nulls("firmware").drop("batches")
    faults = sums["faults"].drop_nulls("firmware").rename({"squares": "yy", "products": "yt"})
    counted = faults.rename({"vehicles": "reporting", "lifecycles": "seen"})
    seen = pl.concat(
        [
            pairs.join(
                faults.select(*_FAULT, "firmware"),
                left_on=["platform", side],
                right_on=["platform", "firmware"],
            )
            for side in ("firmware_before", "firmware_after")
        ]
    ).unique()
    rows = seen
    for side in ("before", "after"):
        firmware = f"firmware_{side}"
        rows = rows.join(
            _of_side(exposures, ["platform"], side), on=["platform", firmware], how="left"
        ).join(_of_side(counted, list(_FAULT), side), on=[*_FAULT, firmware], how="left")
    rows = rows.join(_both_ways(sums["exposure_pairs"]), on=list(_PAIR), how="left").join(
        _both_ways(sums["fault_pairs"]), on=[*_PAIR, "kind", "fault"], how="left"
    )
    return rows.with_columns(pl.col(pl.Int64, pl.Decimal).fill_null(0)).sort(
        *_PAIR, "kind", "fault"
    )


def _of_side(sums: pl.DataFrame, keys: list[str], side: str) -> pl.DataFrame:
    """`sums` with the names of all columns but these keys ending in `_before` or `_after`."""
    return sums.select(*keys, pl.exclude(keys).name.suffix(f"_{side}"))


def _both_ways(pairs: pl.DataFrame) -> pl.DataFrame:
    """Sums of pairs by `firmware_before` and `firmware_after`, whichever of the two is first."""
    swapped = {"firmware": "other", "other": "firmware"} | {
        one: other
        for pair in (
            ("messages", "messages_other"),
            ("messages_seconds", "seconds_messages"),
            ("expected", "expected_other"),
            ("weighted", "weighted_other"),
            ("weighted_squares", "weighted_other_squares"),
        )
        if pair[0] in pairs.columns
        for one, other in (pair, pair[::-1])
    }
    turned = pairs.rename(swapped).select(pairs.columns)
    kind = "both" if "messages" in pairs.columns else "exposures"
    return pl.concat([pairs, turned]).rename(
        {
            "firmware": "firmware_before",
            "other": "firmware_after",
            "vehicles": "vehicles_both" if kind == "exposures" else "reporting_both",
        }
    )


def _moments(rows: pl.DataFrame) -> Moments:
    def of(name: str, scale: float = 1.0) -> Any:
        return rows[name].cast(pl.Float64).to_numpy() / scale

    hour, part = float(SECONDS_AN_HOUR), float(THOUSANDTHS)
    y1, y2 = of("messages_before"), of("messages_after")
    boots = np.maximum(of("boots_before") + of("boots_after"), 1)
    seen = np.maximum(of("seen_before") + of("seen_after"), 1)
    return Moments(
        vehicles=of("vehicles_before") + of("vehicles_after") - of("vehicles_both"),
        reporting=of("reporting_before") + of("reporting_after") - of("reporting_both"),
        y1=y1,
        y2=y2,
        t1=of("seconds_before", hour),
        t2=of("seconds_after", hour),
        yy1=of("yy_before"),
        yy2=of("yy_after"),
        yt1=of("yt_before", hour),
        yt2=of("yt_after", hour),
        tt1=of("squares_before", hour**2),
        tt2=of("squares_after", hour**2),
        yy12=of("messages_messages"),
        yt12=of("messages_seconds", hour),
        ty12=of("seconds_messages", hour),
        tt12=of("products", hour**2),
        # How many boots would have seen it if its messages were independent, and how many did.
        burst=np.maximum(boots * -np.expm1(-(y1 + y2) / boots) / seen, 1.0),
        both=of("vehicles_both"),
        both_reporting=of("reporting"),
        both_share=np.divide(
            of("expected_other", part), np.maximum(of("messages") + of("messages_other"), 1)
        ),
        both_y1=of("messages"),
        both_y2=of("messages_other"),
        a=of("weighted_other", part),
        b=of("weighted", part),
        aa=of("weighted_other_squares", part**2),
        bb=of("weighted_squares", part**2),
        ab=of("weighted_products", part**2),
        h=of("shared", hour),
    )


def _adjusted(rows: pl.DataFrame, p: Any, tested: Any) -> tuple[Any, Any]:
    """Adjusted p of the tested faults (Benjamini and Hochberg 1995), and how many tests there were.

    A family is one pair of versions of one platform. Which faults are tested depends on the sum of
    both groups only, which says nothing about the ratio (independent filtering, Bourgon 2010).
    """
    adjusted, tests = np.full(rows.height, np.nan), np.zeros(rows.height)
    family = rows.select(pl.struct(_PAIR).rle_id()).to_series().to_numpy()
    for number in np.unique(family):
        own = family == number
        tests[own] = (own & tested).sum()
        if (own & tested).any():
            adjusted[own & tested] = stats.false_discovery_control(p[own & tested], method="bh")
    return adjusted, tests


def _series(name: str, values: Any) -> pl.Series:
    return pl.Series(name, values, pl.Float64)


def _classes(found: pl.DataFrame, rules: ComparisonRules) -> pl.Series:
    names = list(Finding.__dataclass_fields__)
    # A ratio of nothing to nothing is none: it lies at neither bound.
    rows = found.with_columns(pl.col("ratio").fill_null(1.0)).select(names).iter_rows()
    classes = [classify(Finding(*row), rules) for row in rows]
    return pl.Series("class", classes, pl.Enum(CLASSES))


def _with_rates(found: pl.DataFrame) -> pl.DataFrame:
    rated = found
    for side in ("before", "after"):
        messages = pl.col(f"messages_{side}")
        rated = rated.with_columns(
            (pl.col(f"seconds_{side}") / SECONDS_AN_HOUR).alias(f"hours_{side}")
        ).with_columns(
            (messages / pl.col(f"hours_{side}")).alias(f"per_hour_{side}"),
            pl.when(pl.col(f"lifecycles_{side}") > 0)
            .then(messages / pl.col(f"lifecycles_{side}"))
            .alias(f"per_lifecycle_{side}"),
        )
    return rated


def _fit(found: pl.DataFrame, sums: Sums) -> pl.DataFrame:
    return (
        found.join(fault_names(sums), on=list(_FAULT), how="left")
        .select(pl.col(name).cast(kind) for name, kind in COMPARISON.items())
        .sort(*_PAIR, "p", "kind", "fault", nulls_last=True)
    )
