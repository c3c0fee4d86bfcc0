from __future__ import annotations

import os
import signal
import subprocess
import sys
import time
from dataclasses import replace
from pathlib import Path

import pytest

from argus_pipeline.errors import Unavailable
from argus_pipeline.stack import processes
from argus_pipeline.stack.processes import Command, ProcessRecord


def start(folder: Path, code: str) -> ProcessRecord:
    return processes.start(
        Command(
            "sleeper",
            [sys.executable, "-c", code],
            log=folder / "sleeper.log",
            cwd=folder,
            environment=os.environ,
        ),
        address="nowhere",
    )


SLEEP = "import time; print('up', flush=True); time.sleep(60)"


def test_a_started_process_is_known_again_from_its_file(tmp_path: Path) -> None:
    record = start(tmp_path, SLEEP)
    processes.save(record, tmp_path / "sleeper.json")
    assert processes.load(tmp_path / "sleeper.json") == record
    assert processes.is_running(record)
    assert processes.stop(record, patience_s=5)
    assert not processes.is_running(record)


def test_stopping_twice_is_fine(tmp_path: Path) -> None:
    record = start(tmp_path, SLEEP)
    assert processes.stop(record, patience_s=5)
    assert not processes.stop(record, patience_s=5)


def test_a_process_that_got_the_pid_of_an_old_one_is_never_signalled(tmp_path: Path) -> None:
    other = subprocess.Popen([sys.executable, "-c", SLEEP], start_new_session=True)
    try:
        stale = ProcessRecord("old", other.pid, "another boot/1", 0, "", "")
        assert not processes.is_running(stale)
        assert processes.members(stale) == []
        assert not processes.stop(stale, patience_s=1)
        assert other.poll() is None
    finally:
        other.kill()
        other.wait()


def test_a_zombie_does_not_count_as_running(tmp_path: Path) -> None:
    child = subprocess.Popen([sys.executable, "-c", "pass"])
    mark = processes.start_mark(child.pid)
    zombie = ProcessRecord("zombie", child.pid, mark or "", 0, "", "")
    # Not waited for, so it stays a zombie.
    os.waitid(os.P_PID, child.pid, os.WEXITED | os.WNOWAIT)
    assert Path(f"/proc/{child.pid}").exists()
    assert not processes.is_running(zombie)
    child.wait()


def test_orphans_of_a_killed_leader_are_found_and_ended(tmp_path: Path) -> None:
    record = start(
        tmp_path,
        "import subprocess, sys, time\n"
        f"subprocess.Popen([sys.executable, '-c', {SLEEP!r}])\n"
        "time.sleep(60)",
    )
    assert processes.wait_until(lambda: len(processes.members(record)) == 2, 10)
    processes.send(record.pid, signal.SIGKILL)
    assert processes.wait_until(lambda: not processes.is_running(record), 5)
    orphans = processes.members(record)
    assert len(orphans) == 1
    assert processes.stop(record, patience_s=5)
    assert not any(map(processes.is_alive, orphans))


def test_one_that_ignores_the_request_to_end_is_killed(tmp_path: Path) -> None:
    record = start(
        tmp_path, "import signal; signal.signal(signal.SIGTERM, signal.SIG_IGN);" + SLEEP
    )
    assert processes.wait_until(lambda: "up" in processes.tail(Path(record.log)), 10)
    began = time.monotonic()
    assert processes.stop(record, patience_s=0.5)
    assert time.monotonic() - began < 5
    assert not processes.is_running(record)


def test_one_that_ends_while_it_starts_is_an_error_with_its_last_words(tmp_path: Path) -> None:
    record = start(tmp_path, "raise SystemExit('the port is taken')")

    def never() -> None:
        raise OSError("refused")

    with pytest.raises(Unavailable, match=r"sleeper.*ended(.|\n)*the port is taken"):
        processes.wait_ready(record, never, patience_s=10)


def test_one_that_never_answers_is_an_error_within_the_given_time(tmp_path: Path) -> None:
    record = start(tmp_path, SLEEP)

    def never() -> None:
        raise OSError("connection refused")

    try:
        with pytest.raises(Unavailable, match=r"did not answer within 1 s.*connection refused"):
            processes.wait_ready(record, never, patience_s=1)
    finally:
        processes.stop(record, patience_s=5)


def test_a_program_that_is_not_there_is_an_error(tmp_path: Path) -> None:
    command = Command("gone", [str(tmp_path / "gone")], tmp_path / "log", tmp_path, os.environ)
    with pytest.raises(Unavailable, match="gone"):
        processes.start(command, address="")


def test_a_damaged_record_is_none(tmp_path: Path) -> None:
    for text in ("", "{", "[]", '{"pid": 1}'):
        (tmp_path / "x.json").write_text(text)
        assert processes.load(tmp_path / "x.json") is None
    assert processes.load(tmp_path / "absent.json") is None


def test_a_large_log_is_put_aside_at_the_next_start(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    log = tmp_path / "a.log"
    log.write_text("x" * 100)
    monkeypatch.setattr(processes, "LOG_LIMIT_BYTES", 99)
    processes.keep_log_small(log)
    assert not log.exists()
    assert (tmp_path / "a.log.1").read_text() == "x" * 100


def test_a_record_with_another_moment_of_start_is_another_process(tmp_path: Path) -> None:
    record = start(tmp_path, SLEEP)
    try:
        assert not processes.is_running(replace(record, mark=record.mark + "1"))
    finally:
        processes.stop(record, patience_s=5)
