"""How long from nothing to the first report, without a network and without a language model?

    python benchmarks/first_report.py

A database server is made and started, the schema migrated, the starter articles imported, and one
labelled batch counted, diagnosed and rendered, each step timed, in a process that has loaded none
of it before. In a network namespace without any interface where that can be had (Linux, root), so
that nothing could be fetched. Exits 1 above 15 s.
"""

from __future__ import annotations

import json
import shutil
import subprocess
import sys
import tempfile
import time
from pathlib import Path

from measuring.table import machine

BAR_S = 15.0


def main() -> int:
    """Run the steps apart, and say what they took."""
    print(json.dumps(machine()))
    alone = ["unshare", "--net"] if shutil.which("unshare") else []
    if alone and subprocess.run([*alone, "true"], capture_output=True, check=False).returncode:
        alone = []
    print("network: " + ("none" if alone else "there is one; nothing is asked of it"))
    begun = time.perf_counter()
    command = [*alone, sys.executable, __file__, "--steps"]
    subprocess.run(command, check=True, cwd=Path(__file__).parents[1])
    seconds = time.perf_counter() - begun
    print(f"{'in all':24} {seconds:6.1f} s   bar {BAR_S:.0f} s")
    return int(seconds > BAR_S)


def steps() -> None:
    """From an empty folder to a page."""
    sys.path.insert(0, str(Path(__file__).parents[1]))
    last = time.perf_counter()

    def done(step: str) -> None:
        nonlocal last
        now = time.perf_counter()
        print(f"{step:24} {now - last:6.1f} s", flush=True)
        last = now

    from argus_pipeline.diagnosis.pipeline import supervise
    from argus_pipeline.knowledge.embedding import LocalEmbedder
    from argus_pipeline.report.html import render_html
    from benchmarks.diagnosis.batches import case_of
    from benchmarks.diagnosis.dataset import read_cases
    from benchmarks.diagnosis.running import articles, knowledge_base

    known = articles()
    done("programs and articles")
    with knowledge_base(known) as engine, tempfile.TemporaryDirectory(dir="/tmp") as folder:
        done("database and schema")
        case = case_of(read_cases()[0], Path(folder) / "batch")
        done("statistics")
        diagnosis = supervise(case, engine, LocalEmbedder()).diagnosis
        done("diagnosis")
        page = render_html(diagnosis, {})
        done("report")
        assert diagnosis.likely_causes[0].code in page


if __name__ == "__main__":
    if "--steps" in sys.argv[1:]:
        steps()
    else:
        raise SystemExit(main())
