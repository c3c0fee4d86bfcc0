"""Does `firmware_comparison` find what got worse, and leave alone what did not? `make truth`.

    python tools/truth.py [--seeds 200] [--json]

Simulates fleets with known changes and counts what the comparison says of them, through the same
code as the pipeline: cells, sums, comparison. Each fleet has 40 fault codes of five rates, of which
one is worse by each of five ratios, one is gone and the others are unchanged.

**Enough data** is a computation of power: with the sums of the fleet without any change, in the
mean over 40 other seeds, `fleet.power.detectable_ratio` at the strictest step of the correction
(rate of false discoveries / number of faults) and with a power of 0.95 is at most the injected
ratio.

A smaller fleet is written as binary recordings (`argus simulate --campaign`) and goes the whole
way: parser, statistics, cells. Its counts by code and version have to be those that were written,
so that what is shown with counts holds for recordings, too.

Bars, the exit status is 1 when one is missed:
- of regressions of ratio 2 or more with enough data at least 95 % are called worse or new, in each
kind
  of fleet and over all;
- of unchanged codes at most the rate of false discoveries is called new, worse, better or gone, in
  each kind of fleet, and of all such calls at most that share is false;
- of regressions of ratio 2 or more at most 5 % are called unchanged.
"""

from __future__ import annotations

import argparse
import json
import os
import sys
import tempfile
import time
from collections import Counter
from collections.abc import Iterator, Sequence
from concurrent.futures import ProcessPoolExecutor
from dataclasses import dataclass, fields, replace
from pathlib import Path
from typing import Any, Final

# Before polars is imported: two processes share two cores.
os.environ.setdefault("POLARS_MAX_THREADS", "1")

import numpy as np
import polars as pl

from argus_pipeline.fleet.classes import CHANGES, NEW, WORSE
from argus_pipeline.fleet.comparison import compare_firmware, fleet_moments
from argus_pipeline.fleet.local import folder_cells
from argus_pipeline.fleet.power import detectable_ratio
from argus_pipeline.fleet.rate_ratio import Moments
from argus_pipeline.fleet.rules import default_rules
from argus_pipeline.fleet.sums import sum_cells
from argus_pipeline.simulate.counts import FaultModel, FleetModel, simulate_cells
from argus_pipeline.simulate.fleet import write_fleet
from argus_pipeline.simulate.truth import read_truth

RATES: Final = (0.02, 0.05, 0.1, 0.3, 1.0)
RATIOS: Final = (1.5, 2.0, 3.0, 5.0, 10.0)
CODES: Final = 40
PLANNING_SEEDS: Final = 40
BAR_FOUND: Final = 0.95
BAR_CALLED_UNCHANGED: Final = 0.05

KINDS: Final = {
    "Poisson, most vehicles updated": FleetModel(60, 20, ()),
    "gamma-Poisson (k = 0.5)": FleetModel(60, 20, (), dispersion=0.5),
    "gamma-Poisson (k = 2)": FleetModel(150, 20, (), dispersion=2.0),
    "k = 0.5 and 3 % of vehicles 30 times as noisy": FleetModel(
        100, 20, (), dispersion=0.5, noisy=0.03
    ),
    "unequal hours (log-normal, s = 1.2), k = 0.5": FleetModel(
        100, 20, (), dispersion=0.5, hours_spread=1.2
    ),
    "first wave: 15 % of the vehicles updated, k = 0.5": FleetModel(
        200, 20, (), dispersion=0.5, updated=0.15, after_share=0.0
    ),
    "no vehicle seen in both, k = 0.5": FleetModel(300, 20, (), dispersion=0.5, updated=0.0),
    "no vehicle seen in both, 3 % noisy": FleetModel(
        400, 20, (), dispersion=0.5, noisy=0.03, updated=0.0
    ),
    "pilot: 12 vehicles of 10 h, all updated, k = 0.5": FleetModel(
        12, 10, (), dispersion=0.5, updated=1.0
    ),
}


@dataclass(frozen=True, slots=True)
class Call:
    """What the comparison said of one code of one fleet."""

    kind: str
    rate: float
    ratio: float
    enough: bool
    called: str


def faults(seed: int, *, changed: bool) -> Sequence[FaultModel]:
    """The codes of a fleet; which rate the changed ones have takes turns with the seed."""
    found = [FaultModel(f"E{i:03d}", RATES[i % len(RATES)]) for i in range(CODES)]
    if changed:
        for i, ratio in enumerate(RATIOS):
            place = i * len(RATES) + (seed + i) % len(RATES)
            found[place] = replace(found[place], ratio=ratio)
        gone = 25 + seed % len(RATES)
        found[gone] = replace(found[gone], ratio=0.0)
    return found


def plan(kind: str) -> dict[float, float]:
    """By rate, the smallest ratio that a fleet of this kind has enough data for."""
    model = replace(KINDS[kind], faults=faults(0, changed=False))
    summed: list[dict[str, Any]] = []
    for seed in range(PLANNING_SEEDS):
        rows, moments, within = fleet_moments(
            sum_cells(simulate_cells(model, 1_000_000 + seed)), default_rules().comparison
        )
        rates = rows["fault"].str.slice(1).cast(pl.Int64).to_numpy() % len(RATES)
        for place in range(len(RATES)):
            own = rates == place
            mean = {f.name: getattr(moments, f.name)[own].mean() for f in fields(Moments)}
            summed.append({"rate": RATES[place], "within": within[own].mean(), **mean})
    means = pl.DataFrame(summed).group_by("rate").mean().sort("rate")
    moments = Moments(**{f.name: means[f.name].to_numpy() for f in fields(Moments)})
    rules = default_rules().comparison
    found = detectable_ratio(
        moments,
        means["within"].to_numpy() >= 0.5,
        alpha=rules.false_discovery_rate / CODES,
        power=rules.power,
    )
    return dict(zip(means["rate"], found, strict=True))


def calls(kind: str, seed: int, enough: dict[float, float]) -> Iterator[Call]:
    """What is said of every code of one fleet."""
    model = replace(KINDS[kind], faults=faults(seed, changed=True))
    found = compare_firmware(sum_cells(simulate_cells(model, seed)), default_rules().comparison)
    said = dict(found.select("fault", "class").iter_rows())
    for fault in model.faults:
        yield Call(
            kind,
            fault.rate,
            fault.ratio,
            fault.ratio > 1 and enough[fault.rate] <= fault.ratio,
            said.get(fault.code, "not seen"),
        )


def run(job: tuple[str, Sequence[int], dict[float, float]]) -> list[Call]:
    """The calls of some fleets of a kind."""
    kind, seeds, enough = job
    return [call for seed in seeds for call in calls(kind, seed, enough)]


def measure(seeds: int) -> tuple[list[Call], dict[str, dict[float, float]]]:
    """All calls, and by kind of fleet what there is enough data for."""
    with ProcessPoolExecutor(2) as processes:
        plans = dict(zip(KINDS, processes.map(plan, KINDS), strict=True))
        parts = [
            (kind, range(start, min(start + 25, seeds)), plans[kind])
            for kind in KINDS
            for start in range(0, seeds, 25)
        ]
        return [call for part in processes.map(run, parts) for call in part], plans


RECORDED_VEHICLES: Final = 8
RECORDED_SEEDS: Final = 3
# What happens to the codes of a simulated campaign; what else the recordings say is chatter.
RECORDED: Final = {"C0035": "worse", "B1342": "unchanged"}


def recorded() -> tuple[list[str], list[str]]:
    """What fleets of binary recordings showed, and what of it is wrong."""
    shown, wrong = [], []
    for seed in range(RECORDED_SEEDS):
        with tempfile.TemporaryDirectory(prefix="argus-truth-") as scratch:
            folder = Path(scratch) / "fleet"
            write_fleet(folder, seed=seed, batches=RECORDED_VEHICLES, megabytes=0.1, campaign=True)
            batches = sorted(path for path in folder.iterdir() if path.is_dir())
            cells = pl.concat(folder_cells(b, Path(scratch) / "t" / b.name) for b in batches)
            written: Counter[tuple[str, str]] = Counter()
            for fault in read_truth(folder)["faults"]:
                for firmware, count in fault["by_firmware"].items():
                    written[fault["code"], firmware] += count
        codes = cells.filter(pl.col("kind") == "code")
        counted = codes.group_by("fault", "firmware").agg(pl.col("messages").sum())
        if {(c, f): n for c, f, n in counted.iter_rows()} != dict(written):
            wrong.append(f"recordings, seed {seed}: {counted.rows()} are not {written}")
        found = compare_firmware(sum_cells(cells), default_rules().comparison)
        said = {row["fault"]: (row["class"], row["ratio"]) for row in found.iter_rows(named=True)}
        for code, expected in RECORDED.items():
            became, ratio = said[code]
            shown.append(f"seed {seed}: {code} is {became}, {ratio:.2f} times")
            if became != expected:
                wrong.append(f"recordings, seed {seed}: {code} is {became}, not {expected}")
        false = [k for k, v in said.items() if k not in RECORDED and v[0] in CHANGES]
        wrong += [f"recordings, seed {seed}: {fault} is {said[fault][0]}" for fault in false]
    return shown, wrong


def share(part: int, whole: int) -> float | None:
    """A share, or None of nothing."""
    return part / whole if whole else None


def summary(found: Sequence[Call]) -> dict[str, Any]:
    """The figures of one kind of fleet, or of all."""
    worse = [c for c in found if c.ratio >= 2 and c.enough]
    all_worse = [c for c in found if c.ratio >= 2]
    same = [c for c in found if c.ratio == 1]
    alarms = [c for c in found if c.called in CHANGES]
    return {
        "regressions": len(worse),
        "found": share(sum(c.called in (WORSE, NEW) for c in worse), len(worse)),
        "called unchanged": share(sum(c.called == "unchanged" for c in all_worse), len(all_worse)),
        "unchanged codes": len(same),
        "false alarms": share(sum(c.called in CHANGES for c in same), len(same)),
        "false of all alarms": share(sum(c.ratio == 1 for c in alarms), len(alarms)),
    }


def power_table(found: Sequence[Call]) -> pl.DataFrame:
    """Share found by ratio and rate, over all kinds of fleets."""
    rows = [
        {"ratio": c.ratio, "rate": c.rate, "found": c.called in (WORSE, NEW)}
        for c in found
        if c.ratio > 1
    ]
    return (
        pl.DataFrame(rows)
        .group_by("ratio", "rate")
        .agg(pl.col("found").mean())
        .sort("ratio", "rate")
        .pivot("rate", index="ratio", values="found")
    )


def missed(name: str, figures: dict[str, Any]) -> Iterator[str]:
    """The bars that these figures miss."""
    rate = default_rules().comparison.false_discovery_rate
    if figures["found"] is not None and figures["found"] < BAR_FOUND:
        yield f"{name}: found {figures['found']:.3f} of the regressions with enough data"
    if (figures["called unchanged"] or 0) > BAR_CALLED_UNCHANGED:
        yield f"{name}: {figures['called unchanged']:.3f} of the regressions called unchanged"
    for figure in ("false alarms", "false of all alarms"):
        if (figures[figure] or 0) > rate:
            yield f"{name}: {figure} {figures[figure]:.4f}"


def percent(value: float | None) -> str:
    """A share as people read it."""
    return "-" if value is None else f"{100 * value:.2f} %"


def main() -> int:
    """Measure, print, and say by the exit status whether every bar was cleared."""
    parser = argparse.ArgumentParser(description=__doc__.partition("\n")[0])
    parser.add_argument("--seeds", type=int, default=200)
    parser.add_argument("--json", action="store_true")
    given = parser.parse_args()
    began = time.monotonic()
    found, plans = measure(given.seeds)
    figures = {k: summary([c for c in found if c.kind == k]) for k in KINDS}
    figures["all"] = summary(found)
    misses = [m for name, own in figures.items() for m in missed(name, own)]
    shown, wrong = recorded()
    misses += wrong
    if given.json:
        print(json.dumps({"figures": figures, "enough": plans, "missed": misses}, indent=1))
        return bool(misses)
    print(f"{given.seeds} seeds, {CODES} codes; {time.monotonic() - began:.0f} s\n")
    print(
        "| fleet | regressions with enough data | found | called unchanged | false alarms |", end=""
    )
    print(" false of all alarms |\n|---|---|---|---|---|---|")
    for name, own in figures.items():
        shares = ("found", "called unchanged", "false alarms", "false of all alarms")
        values = " | ".join(percent(own[figure]) for figure in shares)
        print(f"| {name} | {own['regressions']:,} | {values} |")
    print("\nSmallest ratio with enough data, by messages per hour before:\n")
    print("| fleet | " + " | ".join(map(str, RATES)) + " |\n|---|" + "---|" * len(RATES))
    for name, own in plans.items():
        cells = (f"{own[rate]:.2f}" if np.isfinite(own[rate]) else "-" for rate in RATES)
        print(f"| {name} | " + " | ".join(cells) + " |")
    print("\nShare found, by ratio and messages per hour before, over all fleets:\n")
    table = power_table(found)
    print("| ratio | " + " | ".join(table.columns[1:]) + " |\n|---|" + "---|" * len(RATES))
    for row in table.iter_rows():
        print(f"| {row[0]} | " + " | ".join(percent(value) for value in row[1:]) + " |")
    print(f"\n{RECORDED_VEHICLES} vehicles as binary recordings: " + "; ".join(shown))
    for miss in misses:
        print(f"MISSED {miss}", file=sys.stderr)
    return bool(misses)


if __name__ == "__main__":
    sys.exit(main())
