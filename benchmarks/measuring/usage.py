"""Sections on what the parser takes of a machine: threads and memory."""

from __future__ import annotations

import os
import shutil
from collections.abc import Callable
from functools import partial
from pathlib import Path
from statistics import median

from measuring import ours
from measuring.bench import GB, MB, Bench
from measuring.clock import Facts, Measure, memory_floor
from measuring.contenders import dlt_convert, dlt_core, measure_work
from measuring.contest import say, target, times
from measuring.inputs import typical_dlt, vehicle_rec, write_repeated
from measuring.table import Section

NULL = Path(os.devnull)


def threads(bench: Bench) -> Section:
    section = Section(
        "threads",
        "two threads beside one, wall time, DLT to CSV, output to /dev/null",
        ("", "input MB", "one thread s", "two threads s", "noise", "runs", "CPU of two", "ratio"),
    )
    one, two = (next(way for way in ours.WAYS if way.threads == count) for count in (1, 2))
    pairs: list[tuple[str, int, Callable[[], Facts], Callable[[], Facts]]] = [
        (
            "argus, reader, one file",
            bench.dlt.size,
            partial(one.csv, bench.dlt, NULL),
            partial(two.csv, bench.dlt, NULL),
        )
    ]
    files = [bench.dlt] * 4
    pairs += [
        (
            f"{way.name}, each of 4 files",
            4 * bench.dlt.size,
            partial(ours.many, way.csv, files, 1),
            partial(ours.many, way.csv, files, 2),
        )
        for way in ours.WAYS
        if way.threads == 1
    ]
    for name, size, single, double in pairs:
        measured: tuple[list[Measure], list[Measure]] = ([], [])
        for turn in range(bench.rounds):
            for count, work in enumerate((single, double)):
                say(f"{section.name}: {name}, {count + 1} thread(s), {turn + 1} of {bench.rounds}")
                measured[count].append(measure_work(work))
        walls = [[measure.wall for measure in each] for each in measured]
        cpus = [[measure.cpu for measure in each] for each in measured]
        first, second = (min(each) for each in walls)
        noise = max(median(each) / min(each) - 1 for each in walls)
        cells = (f"{size / MB:.0f}", f"{first:.3f}", f"{second:.3f}", f"+{noise * 100:.0f} %")
        more = min(cpus[1]) / min(cpus[0])
        section.rows.append((name, *cells, str(bench.rounds), times(more), times(first / second)))
        section.figures.append({"name": name, "wall_seconds": walls, "cpu_seconds": cpus})
        target(section, name, first / second, 1.8, 1.95, "times")
    section.notes.append("CPU of two: the CPU time of two threads, as a multiple of that of one")
    if len(os.sched_getaffinity(0)) < 2:
        section.notes.append("this process has a single core: two threads cannot be faster here")
    return section


def memory(bench: Bench) -> Section:
    section = Section(
        "memory",
        "peak of resident memory above that before the first byte; output is dropped",
        ("", "input MB", "peak MB", "wall s"),
    )
    dlt, vehicle, size = typical_dlt(), vehicle_rec(), bench.looped_bytes
    works: list[tuple[str, int, Callable[[], Facts]]] = [
        ("push parser, DLT to CSV, looped", size // 50, partial(ours.push_looped, dlt, size // 50)),
        ("push parser, DLT to CSV, looped", size, partial(ours.push_looped, dlt, size)),
        (
            "push parser, .rec to CSV, looped",
            size // 5,
            partial(ours.push_looped, vehicle, size // 5),
        ),
    ]
    works += [
        (f"{way.name}, DLT to CSV, a file", bench.dlt.size, partial(way.csv, bench.dlt, NULL))
        for way in ours.WAYS
    ]
    big = bench.folder / "big.dlt"
    if bench.is_big and shutil.disk_usage(bench.folder).free > size + 5 * GB:
        say(f"writing {size / GB:.0f} GB")
        recording = write_repeated(dlt, big, size)
        works += [
            (f"{w.name}, DLT to CSV, a file", recording.size, partial(w.csv, recording, NULL))
            for w in ours.WAYS
        ]
    elif bench.is_big:
        section.notes.append(f"no room for a file of {size / GB:.0f} GB in {bench.folder.parent}")
    worst = 0
    for name, length, work in works:
        say(f"memory: {name}, {length / MB:.0f} MB")
        measure = measure_work(work)
        worst = max(worst, measure.memory)
        cells = (f"{length / MB:,.0f}", f"{measure.memory / MB:.1f}", f"{measure.wall:.1f}")
        section.rows.append((name, *cells))
        section.figures.append({"name": name, "input_bytes": length, "peak": measure.memory})
        if measure.facts["quarantined"]:
            section.wrong.append(f"{name}: {measure.facts['quarantined']:,} bytes quarantined")
    big.unlink(missing_ok=True)
    floor = memory_floor()
    for contender in (*dlt_convert(bench, bench.dlt, "", None, 1), *dlt_core(bench)):
        say(f"memory: {contender.name}")
        measure = contender.run()
        peak = measure.memory
        text = f"{peak / MB:.1f}" if peak > floor else f"at most {floor / MB:.1f}"
        size_text = f"{contender.size / MB:,.0f}"
        section.rows.append((contender.name, size_text, text, f"{measure.wall:.1f}"))
        section.figures.append({"name": contender.name, "peak": peak, "is_bound": peak <= floor})
    said = "reaches the aim" if worst <= 32 * MB else "holds" if worst <= 64 * MB else "ABOVE it"
    section.notes.append(f"ours at most {worst / MB:.1f} MB (limit 64, aim 32): {said}")
    section.notes.append("of a peer it is the peak of the whole process")
    return section
