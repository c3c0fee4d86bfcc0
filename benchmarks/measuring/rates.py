"""Sections on speed: bytes of the recording per CPU second, ours beside those of the peers."""

from __future__ import annotations

import os
import shutil
import sys
from functools import partial
from pathlib import Path

from measuring import ours
from measuring.bench import MB, Bench
from measuring.clock import of_command
from measuring.contenders import dlt_convert, dlt_core, in_process, limits, pydlt
from measuring.contest import COLUMNS, Contender, compete, target, times
from measuring.peers import ADLT_TIMES_DLT_CONVERT, CLUON_MB_PER_SECOND
from measuring.table import Section

NULL = Path(os.devnull)


def csv_to_nowhere(bench: Bench) -> Section:
    section = Section("csv", "DLT to CSV, a typical log, output to /dev/null", COLUMNS)
    contenders = [in_process(w.name, bench.dlt, partial(w.csv, bench.dlt, NULL)) for w in ours.WAYS]
    contenders += dlt_core(bench)
    contenders += dlt_convert(bench, bench.dlt, "", None, bench.slow_rounds)
    contenders += dlt_convert(bench, bench.small_dlt, ", less input", None, bench.rounds)
    contenders += pydlt(bench)
    rates = compete(section, [*contenders, *limits(bench.dlt)], bench.rounds)
    best = rates[contenders[0].name].best
    target(section, "DLT to CSV", best / MB, 500, 1000, "MB/s")
    if bench.peers.dlt_convert:
        convert = rates[f"{bench.peers.dlt_convert.name} -a"].best
        target(section, "against dlt-convert", best / convert, 35, 35, "times")
        low, high = ADLT_TIMES_DLT_CONVERT
        section.notes.append(
            f"adlt, quoted and not measured here, is {low:g} to {high:g} times dlt-convert:"
            f" we would be {times(best / convert / high)} to {times(best / convert / low)}"
        )
        section.notes.append("dlt-convert gets slower a MB with the size, so it stands here twice")
    if bench.peers.dlt_core:
        core = rates[f"{bench.peers.dlt_core.name}, parses only"].best
        target(section, "against dlt-core", best / core, 1, 1, "times")
    return section


def csv_to_file(bench: Bench) -> Section:
    section = Section("csv-file", "DLT to CSV, a typical log, output to a file", COLUMNS)
    out = bench.folder / "out.csv"
    contenders = [in_process(w.name, bench.dlt, partial(w.csv, bench.dlt, out)) for w in ours.WAYS]
    argus = shutil.which("argus", path=str(Path(sys.executable).parent))
    if argus:
        folder = bench.folder / "parsed"
        command: list[str | Path] = [
            argus,
            "parse",
            bench.dlt.path,
            "--out",
            folder,
            "--format",
            "csv",
        ]
        run = partial(of_command, command, accept=(0, 3))
        contenders.append(Contender("argus parse, the whole command", bench.dlt.size, run))
    contenders += dlt_convert(bench, bench.dlt, "", out, max(1, bench.slow_rounds - 1))
    compete(section, contenders, bench.rounds)
    written = section.figures[0]["facts"].get("written", 0)
    section.notes.append(f"the CSV has {written / bench.dlt.size:.2f} times the recording's size")
    if not argus:
        section.notes.append("argus is not installed beside this Python: `argus parse` left out")
    return section


def columns(bench: Bench) -> Section:
    section = Section("columns", "DLT to Arrow columns, a typical log", COLUMNS)
    contenders = [
        in_process(way.name, bench.dlt, partial(way.columns, bench.dlt)) for way in ours.WAYS
    ]
    contenders += [*dlt_core(bench), *limits(bench.dlt)]
    rates = compete(section, contenders, bench.rounds)
    target(section, "DLT to columns", rates[contenders[0].name].best / MB, 1000, 2000, "MB/s")
    return section


def rec(bench: Bench) -> Section:
    section = Section("rec", ".rec to CSV, output to /dev/null", COLUMNS)
    contenders = [in_process(w.name, bench.rec, partial(w.csv, bench.rec, NULL)) for w in ours.WAYS]
    way = ours.WAYS[0]
    name = f"{way.name}, columns only"
    contenders.append(in_process(name, bench.rec, partial(way.columns, bench.rec)))
    rates = compete(section, [*contenders, *limits(bench.rec)], bench.rounds)
    best = rates[contenders[0].name].best / MB
    quoted = f"{CLUON_MB_PER_SECOND:.1f}"
    ratio = best / CLUON_MB_PER_SECOND
    section.rows.append(("cluon-rec2csv, quoted", "", quoted, quoted, "", "", "0", times(ratio)))
    section.notes.append("cluon-rec2csv is in no package registry: its rate was measured elsewhere")
    target(section, ".rec to CSV", best, 200, 500, "MB/s")
    target(section, "against cluon-rec2csv", ratio, 50, 50, "times")
    return section
