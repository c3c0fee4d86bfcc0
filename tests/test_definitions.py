"""What Dagster loads."""

from __future__ import annotations

import os
import subprocess
import sys
from pathlib import Path

from argus_pipeline.batches.fan_out import PRELOADED_MODULES

ROOT = Path(__file__).resolve().parents[1]


def test_dagster_finds_the_definitions_valid(tmp_path: Path) -> None:
    (tmp_path / "dagster.yaml").write_text("telemetry: {enabled: false}\n")
    done = subprocess.run(
        [sys.executable, "-m", "dagster", "definitions", "validate"],
        cwd=ROOT,
        env={**os.environ, "DAGSTER_HOME": str(tmp_path)},
        capture_output=True,
        text=True,
        timeout=120,
    )
    assert done.returncode == 0, done.stderr
    assert "All code locations passed validation" in done.stdout + done.stderr


def test_a_step_that_is_forked_after_the_preloading_can_still_use_polars() -> None:
    """A query while a module is imported starts polars' threads, and no fork has them: it waits."""
    script = f"""
import importlib, os, signal
for name in {PRELOADED_MODULES!r}:
    importlib.import_module(name)
import polars as pl
child = os.fork()
if not child:
    signal.alarm(30)
    frame = pl.LazyFrame({{"a": [1, 1, 2]}}).group_by("a").agg(pl.len())
    os._exit(0 if frame.collect().height == 2 else 1)
_, status = os.waitpid(child, 0)
raise SystemExit(os.waitstatus_to_exitcode(status))
"""
    done = subprocess.run(
        [sys.executable, "-c", script], cwd=ROOT, capture_output=True, text=True, timeout=120
    )
    assert done.returncode == 0, f"{done.returncode} (-14: it waited for ever)"


def importers(*names: str) -> set[str]:
    """What in `argus_pipeline`, by its first part, imports one of these."""
    package = ROOT / "argus_pipeline"
    wanted = tuple(f"{verb} {name}" for verb in ("import", "from") for name in names)
    return {
        path.relative_to(package).parts[0]
        for path in package.rglob("*.py")
        if any(line.strip().startswith(wanted) for line in path.read_text().splitlines())
    }


def test_the_domain_knows_no_dagster() -> None:
    assert importers("dagster") == {"cli", "dagster_parts", "definitions.py", "run_records.py"}


def test_no_room_of_the_package_reaches_up_to_what_the_wheel_has_not() -> None:
    assert importers("assets", "sensors", "resources") == {"cli", "definitions.py"}
