"""How well do fingerprints group messages of the same fault, beside drain3 on the same lines?

    python benchmarks/fingerprints.py [--quick] [--cache DIR]

The sample is tests/data/fingerprints/labelled.tsv: lines that were written for it, with the name
of the fault that each speaks of. Grouping accuracy is the share of the lines whose group holds just
the lines of their fault, no more and no less (Zhu et al., "Tools and Benchmarks for Automated Log
Parsing", ICSE-SEIP 2019). Exits with 1 when ours is below `FLOOR`.
"""

from __future__ import annotations

import argparse
import os
import subprocess
from collections import defaultdict
from collections.abc import Hashable, Sequence
from pathlib import Path

import polars as pl
from measuring.peers import of_pypi

from argus_pipeline.statistics.fingerprints import fingerprint
from argus_pipeline.statistics.templates import template

SAMPLE = Path(__file__).resolve().parents[1] / "tests" / "data" / "fingerprints" / "labelled.tsv"
DRAIN3 = "drain3==0.9.11"
FLOOR = 0.85


def main() -> int:
    options = _options()
    sample = pl.read_csv(SAMPLE, separator="\t", quote_char=None)
    truth, lines = sample["group"].to_list(), sample["text"].to_list()
    masked = sample.select(template(pl.col("text")))["text"]
    found: dict[str, Sequence[Hashable]] = {"argus": [fingerprint(text) for text in masked]}
    peer = of_pypi(DRAIN3, "drain3_groups.py", options.cache, may_install=not options.quick)
    if peer:
        for name, more in ((peer.name, ()), (f"{peer.name}, its example's masks", ("--masked",))):
            said = subprocess.run(
                [*peer.command, *more], input="\n".join(lines), capture_output=True, text=True
            )
            said.check_returncode()
            found[name] = said.stdout.split()
    else:
        print(f"missing: {peer.name}: {peer.missing}")
    print(f"{len(lines)} lines, {len(set(truth))} faults")
    ours = accuracy(truth, found["argus"])
    for name, groups in found.items():
        share = accuracy(truth, groups)
        ratio = "" if name == "argus" else f"  we are {ours / share:.2f} ×"
        print(f"{name:34} {share:6.1%} of the lines  {len(set(groups)):4} groups{ratio}")
    return 0 if ours >= FLOOR else 1


def accuracy(truth: Sequence[Hashable], found: Sequence[Hashable]) -> float:
    """The share of the lines whose group is just that of the truth."""
    whole = set(_groups(truth))
    return sum(len(group) for group in _groups(found) if group in whole) / len(truth)


def _groups(names: Sequence[Hashable]) -> list[frozenset[int]]:
    groups: dict[Hashable, set[int]] = defaultdict(set)
    for line, name in enumerate(names):
        groups[name].add(line)
    return [frozenset(group) for group in groups.values()]


def _options() -> argparse.Namespace:
    cache = Path(os.environ.get("XDG_CACHE_HOME") or Path.home() / ".cache")
    reader = argparse.ArgumentParser(description=__doc__.partition("\n")[0] if __doc__ else None)
    reader.add_argument("--quick", action="store_true", help="no peer is installed")
    reader.add_argument(
        "--cache", type=Path, default=cache / "argus" / "benchmarks", help="for peers of PyPI"
    )
    return reader.parse_args()


if __name__ == "__main__":
    raise SystemExit(main())
