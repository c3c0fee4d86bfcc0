"""How fast is the parser, how much memory does it take, and what does one fault cost?

    python benchmarks/parser.py [--quick] [--only NAME] [--big] [--json]

Rates are bytes of the recording per CPU second (user and system time, all threads together), so
they are per core; 1 MB is a million bytes. Inputs are at least 200 MB and lie in the page cache.
Contenders take turns, each turn in a process of its own. Peers that are not here are named.
"""

from __future__ import annotations

import argparse
import json
import os
import tempfile
from collections.abc import Callable, Sequence
from pathlib import Path

import argus_native
from measuring import damage, rates, usage
from measuring.bench import Bench, prepare
from measuring.clock import of_others
from measuring.contest import say
from measuring.table import Section, machine

SECTIONS: dict[str, Callable[[Bench], Section]] = {
    "csv": rates.csv_to_nowhere,
    "csv-file": rates.csv_to_file,
    "columns": rates.columns,
    "rec": rates.rec,
    "threads": usage.threads,
    "memory": usage.memory,
    "faults": damage.lost,
    "every-fault": damage.every_fault,
}


def main() -> int:
    options = _options()
    with tempfile.TemporaryDirectory(prefix="argus-bench-", dir=options.work) as folder:
        say("writing the inputs")
        bench = prepare(Path(folder), options.cache, is_quick=options.quick, is_big=options.big)
        about = {"parser": argus_native.__version__, **machine()}
        sections = []
        if not options.json:
            print("  ".join(f"{name}: {value}" for name, value in about.items() if value))
            for peer in bench.peers.missing:
                print(f"missing: {peer.name}: {peer.missing}")
        for name, section in SECTIONS.items():
            if options.only and name not in options.only:
                continue
            others = of_others()
            made = section(bench)
            made.notes.append(_disturbed(others()))
            sections.append(made)
            if not options.json:
                print(sections[-1].text(), flush=True)
    if options.json:
        missing = {peer.name: peer.missing for peer in bench.peers.missing}
        every = [section.to_dict() for section in sections]
        print(json.dumps({"machine": about, "missing": missing, "sections": every}, indent=1))
    return 1 if any(section.wrong for section in sections) else 0


def _disturbed(others: float) -> str:
    note = f"others kept the cores {others * 100:.0f} % busy meanwhile"
    return f"{note}: repeat it on a quiet machine" if others > 0.15 else note


def _options(arguments: Sequence[str] | None = None) -> argparse.Namespace:
    cache = Path(os.environ.get("XDG_CACHE_HOME") or Path.home() / ".cache")
    reader = argparse.ArgumentParser(description=__doc__.partition("\n")[0] if __doc__ else None)
    reader.add_argument("--quick", action="store_true", help="small inputs, no peer is installed")
    reader.add_argument(
        "--only", action="append", choices=SECTIONS, metavar="NAME", help=", ".join(SECTIONS)
    )
    reader.add_argument("--big", action="store_true", help="memory also over a file of 10 GB")
    reader.add_argument("--json", action="store_true", help="every repetition, as JSON")
    reader.add_argument(
        "--work", type=Path, default=Path(tempfile.gettempdir()), help="for the inputs (1 GB)"
    )
    reader.add_argument(
        "--cache",
        type=Path,
        default=cache / "argus" / "benchmarks",
        help="for peers of PyPI and crates.io",
    )
    return reader.parse_args(arguments)


if __name__ == "__main__":
    raise SystemExit(main())
