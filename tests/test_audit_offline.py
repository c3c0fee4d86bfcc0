"""`tools/audit_offline.py`: pins compared with a database of known weaknesses in a file."""

from __future__ import annotations

import json
import subprocess
import sys
import zipfile
from pathlib import Path

import pytest

ROOT = Path(__file__).resolve().parents[1]


def entry(name: str, *, events: list[dict[str, str]], versions: tuple[str, ...] = ()) -> str:
    affected = {
        "package": {"name": name, "ecosystem": "PyPI"},
        "versions": versions,
        "ranges": [{"type": "ECOSYSTEM", "events": events}],
    }
    return json.dumps({"id": "OSV-1", "summary": "it leaks", "affected": [affected]})


def audit(folder: Path, pins: str, *entries: str) -> subprocess.CompletedProcess[str]:
    with zipfile.ZipFile(folder / "all.zip", "w") as packed:
        for number, text in enumerate(entries):
            packed.writestr(f"OSV-{number}.json", text)
    (folder / "pins.txt").write_text(pins)
    program = [sys.executable, str(ROOT / "tools" / "audit_offline.py")]
    return subprocess.run(
        [*program, str(folder / "all.zip"), str(folder / "pins.txt")],
        capture_output=True,
        text=True,
    )


@pytest.mark.parametrize(
    ("version", "known"),
    [("0.9", False), ("1.0", True), ("1.9", True), ("2.0", False), ("3.1", True), ("3.2", False)],
)
def test_a_pin_within_a_stretch_is_named(tmp_path: Path, version: str, known: bool) -> None:
    events = [
        {"introduced": "1.0"},
        {"fixed": "2.0"},
        {"introduced": "3"},
        {"last_affected": "3.1"},
    ]
    done = audit(
        tmp_path, f"Some_Package[x]=={version} ; a\n", entry("some-package", events=events)
    )
    assert done.returncode == int(known), done.stderr
    assert ("OSV-1: it leaks" in done.stdout) is known


def test_a_version_that_is_named_by_itself_counts(tmp_path: Path) -> None:
    done = audit(tmp_path, "a==1.0.0\n", entry("a", events=[], versions=("1.0",)))
    assert done.returncode == 1


def test_every_pin_of_ours_is_read(tmp_path: Path) -> None:
    ours = (ROOT / "requirements.txt").read_text()
    done = audit(tmp_path, ours, entry("a", events=[]))
    lines = [line for line in ours.splitlines() if line[:1].isalnum()]
    assert len(lines) > 100
    assert f"{len(lines)} pins compared, 0 known" in done.stdout


def test_a_database_that_cannot_be_read_is_no_success(tmp_path: Path) -> None:
    done = subprocess.run(
        [sys.executable, str(ROOT / "tools" / "audit_offline.py"), str(tmp_path / "none.zip")],
        capture_output=True,
        cwd=ROOT,
    )
    assert done.returncode == 2
