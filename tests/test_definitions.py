"""What Dagster loads."""

from __future__ import annotations

import os
import subprocess
import sys
from pathlib import Path

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


def test_the_domain_knows_no_dagster() -> None:
    # `engine` is Dagster's own distribution, and what we add to it.
    allowed = {"definitions.py", "run_records.py", "cli", "engine"}
    found = [
        path
        for path in (ROOT / "argus_pipeline").rglob("*.py")
        if path.relative_to(ROOT / "argus_pipeline").parts[0] not in allowed
        and any(
            line.strip().startswith(
                ("import dagster", "from dagster", "from assets", "from sensors")
            )
            for line in path.read_text().splitlines()
        )
    ]
    assert found == []
