"""What a killed process leaves in TMPDIR is gone with the next one; what is in use is not."""

from __future__ import annotations

import os
import subprocess
import sys
import tempfile
import time
from pathlib import Path

import pytest

from argus_pipeline import scratch
from argus_pipeline.scratch import scratch_folder

WORKING = """
import sys, time
from argus_pipeline.scratch import scratch_folder
with scratch_folder() as folder:
    (folder / "table.csv").write_bytes(b"rows")
    print(folder, flush=True)
    time.sleep(60)
"""


@pytest.fixture(autouse=True)
def temporary(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    monkeypatch.setenv("TMPDIR", str(tmp_path))
    monkeypatch.setattr(tempfile, "tempdir", None)
    return tmp_path


def grow_old(folder: Path) -> None:
    then = time.time() - scratch._NEW_S - 1
    os.utime(folder, (then, then))


def test_it_is_there_while_it_is_used_and_gone_afterwards(temporary: Path) -> None:
    with scratch_folder() as folder:
        assert folder.parent == temporary
        (folder / "deep").mkdir()
    assert list(temporary.iterdir()) == []


def test_what_a_killed_process_left_is_removed_and_what_another_one_uses_stays(
    temporary: Path,
) -> None:
    workers = [
        subprocess.Popen([sys.executable, "-c", WORKING], stdout=subprocess.PIPE, text=True)
        for _ in range(2)
    ]
    try:
        left, used = (Path(str(one.stdout and one.stdout.readline()).strip()) for one in workers)
        workers[0].kill()
        workers[0].wait()
        for folder in (left, used):
            grow_old(folder)
        with scratch_folder():
            assert not left.exists()
            assert (used / "table.csv").read_bytes() == b"rows"
    finally:
        for one in workers:
            one.kill()
            one.communicate()


def test_a_folder_that_was_never_locked_is_removed_once_it_is_old(temporary: Path) -> None:
    new, old, anothers = (temporary / name for name in ("argus-scratch-a", "argus-scratch-b", "c"))
    for folder in (new, old, anothers):
        folder.mkdir()
    for folder in (old, anothers):
        grow_old(folder)
    with scratch_folder():
        pass
    assert sorted(temporary.iterdir()) == [new, anothers]
