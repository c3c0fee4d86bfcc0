"""A whole batch, from recordings to statistics and charts: how fast, in how much memory?

    python benchmarks/batch.py [--megabytes N] [--recordings N] [--rounds N] [--memory N] [--json]

Ours writes CSV, Parquet, every statistics frame and every chart as HTML, SVG and PNG; the script
that people write today (benchmarks/peers/dlt_pandas.py: dlt-convert, pandas, matplotlib) one CSV,
four small tables and two pictures. Both are measured as whole processes with all that they start.
With `--memory 10000` ours runs over 10 GB as well, alone, for its peak of memory.
"""

from __future__ import annotations

import argparse
import os
import shutil
import subprocess
import sys
import tempfile
from collections.abc import Sequence
from pathlib import Path

from measuring.bench import MB
from measuring.clock import Measure, WorkFailed, of_command, of_others
from measuring.contest import say, target
from measuring.inputs import Recording, typical_dlt, write_repeated
from measuring.table import Section, show

ROOT = Path(__file__).resolve().parents[1]
SCRIPT = ROOT / "benchmarks" / "peers" / "dlt_pandas.py"
LIBRARIES = ("pandas==3.1.1", "matplotlib==3.11.2")
COLUMNS = ("", "input MB", "messages", "wall s", "CPU s", "peak MB", "runs")
MEMORY_LIMIT_MB = 2_000


def main() -> int:
    options = _options()
    with tempfile.TemporaryDirectory(prefix="argus-bench-", dir=options.work) as folder:
        sections = [_against_the_script(Path(folder), options)] if options.rounds else []
        if options.memory:
            sections.append(_memory(Path(folder), options))
    return show(sections, as_json=options.json)


def _against_the_script(folder: Path, options: argparse.Namespace) -> Section:
    section = Section(
        "batch",
        f"parse, statistics and charts of {options.recordings} recordings, whole processes",
        COLUMNS,
    )
    recordings = _write(folder / "recordings", options.megabytes, options.recordings)
    python, missing = _script_python(options.cache)
    others, busy = of_others(), []
    ours: list[Measure] = []
    theirs: list[Measure] = []
    for turn in range(options.rounds):
        say(f"argus, {turn + 1} of {options.rounds}")
        ours.append(_argus(folder, recordings))
        if python:
            say(f"dlt-convert, pandas, matplotlib, {turn + 1} of {options.rounds}")
            try:
                theirs.append(_run([python, SCRIPT], folder, recordings))
            except WorkFailed as failure:
                missing = f"it failed: {failure}"
    busy.append(others())
    _line(section, "argus", recordings, ours)
    if missing or not theirs:
        section.notes.append(f"the script is left out: {missing}")
    else:
        _line(section, "dlt-convert, pandas, matplotlib", recordings, theirs)
        best, peer = (min(each, key=lambda turn: turn.wall) for each in (ours, theirs))
        target(section, "in time (wall)", peer.wall / best.wall, 15, 15, "times")
        target(section, "in CPU time", peer.cpu / best.cpu, 15, 15, "times")
        memory = max(m.memory for m in theirs) / max(m.memory for m in ours)
        target(section, "less memory", memory, 1, 1, "times")
    section.notes.append(f"others kept the cores {busy[0] * 100:.0f} % busy meanwhile")
    return section


def _memory(folder: Path, options: argparse.Namespace) -> Section:
    section = Section("memory", "peak of resident memory over a large batch, ours alone", COLUMNS)
    shutil.rmtree(folder / "recordings", ignore_errors=True)
    recordings = _write(folder / "large", options.memory, options.recordings)
    measure = _argus(folder, recordings)
    _line(section, "argus", recordings, [measure])
    peak = measure.memory / MB
    said = "holds" if peak < MEMORY_LIMIT_MB else "ABOVE it"
    section.notes.append(f"at most {peak:,.0f} MB (limit {MEMORY_LIMIT_MB:,}): {said}")
    return section


def _write(folder: Path, megabytes: int, count: int) -> list[Recording]:
    """Recordings of the typical log; their bytes are on the disk once, under many names."""
    folder.mkdir()
    size = megabytes * MB // count
    first = write_repeated(typical_dlt().first(size), folder / "r000.dlt", size)
    recordings = [first]
    for number in range(1, count):
        path = folder / f"r{number:03}.dlt"
        os.link(first.path, path)
        recordings.append(Recording(path, first.size, first.messages))
    return recordings


def _argus(folder: Path, recordings: Sequence[Recording]) -> Measure:
    os.environ["PYTHONPATH"] = str(ROOT / "benchmarks")
    return _run([sys.executable, "-m", "measuring.whole_batch"], folder, recordings)


def _run(command: Sequence[str | Path], folder: Path, recordings: Sequence[Recording]) -> Measure:
    out, said = folder / "out", folder / "said.txt"
    shutil.rmtree(out, ignore_errors=True)
    measure = of_command([*command, out, *(recording.path for recording in recordings)], out=said)
    measure.facts["messages"] = int(said.read_text())
    say(f"  {measure.wall:.1f} s, {measure.cpu:.1f} s CPU, {measure.memory / MB:,.0f} MB")
    shutil.rmtree(out)
    return measure


def _line(
    section: Section, name: str, recordings: Sequence[Recording], measures: Sequence[Measure]
) -> None:
    best = min(measures, key=lambda measure: measure.wall)
    memory = max(measure.memory for measure in measures)
    found, expected = best.facts["messages"], sum(r.messages for r in recordings)
    section.rows.append(
        (
            name,
            f"{sum(r.size for r in recordings) / MB:,.0f}",
            f"{found:,}",
            f"{best.wall:.1f}",
            f"{best.cpu:.1f}",
            f"{memory / MB:,.0f}",
            str(len(measures)),
        )
    )
    section.figures.append(
        {
            "name": name,
            "wall_seconds": [measure.wall for measure in measures],
            "cpu_seconds": [measure.cpu for measure in measures],
            "memory_bytes": memory,
        }
    )
    if found != expected:
        section.wrong.append(f"{name}: {found:,} messages where {expected:,} are")


def _script_python(cache: Path) -> tuple[Path | None, str]:
    """A Python with the script's libraries, or why there is none."""
    if not shutil.which("dlt-convert"):
        return None, "no dlt-convert: apt install dlt-tools"
    folder = cache / "dlt_pandas"
    python = folder / "bin" / "python"
    check = [str(python), "-c", "import pandas, matplotlib"]
    if not python.exists() or subprocess.run(check, capture_output=True, check=False).returncode:
        say(f"installing {' and '.join(LIBRARIES)}")
        pip = [sys.executable, "-m", "pip", "-q", "--python", str(python), "install", *LIBRARIES]
        for step in ([sys.executable, "-m", "venv", "--without-pip", str(folder)], pip):
            ended = subprocess.run(step, capture_output=True, text=True, check=False)
            if ended.returncode:
                return None, (ended.stderr.strip().splitlines() or ["not installed"])[-1]
    return python, ""


def _options(arguments: Sequence[str] | None = None) -> argparse.Namespace:
    cache = Path(os.environ.get("XDG_CACHE_HOME") or Path.home() / ".cache")
    reader = argparse.ArgumentParser(description=__doc__.partition("\n")[0] if __doc__ else None)
    reader.add_argument("--megabytes", type=int, default=100, help="of the batch; the claim: 1000")
    reader.add_argument("--recordings", type=int, default=100, help="in the batch")
    reader.add_argument("--rounds", type=int, default=1, help="turns of each; 0 for none")
    reader.add_argument("--memory", type=int, help="a batch of so many MB for the peak of memory")
    reader.add_argument("--json", action="store_true", help="every repetition, as JSON")
    reader.add_argument("--work", type=Path, default=Path(tempfile.gettempdir()))
    reader.add_argument("--cache", type=Path, default=cache / "argus" / "benchmarks")
    return reader.parse_args(arguments)


if __name__ == "__main__":
    raise SystemExit(main())
