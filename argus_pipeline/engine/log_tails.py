"""The `tail` of a run's compute logs, where it outlives a run worker that was killed.

Dagster copies what steps print to the output of their process by `tail -F`, and has a second
process end that once the first one is gone (`execute_posix_tail`). Killed between the start of the
two, a worker leaves a tail that nothing ends.
"""

from __future__ import annotations

import re
from collections.abc import Iterator
from contextlib import suppress
from typing import TYPE_CHECKING, Final

import psutil

if TYPE_CHECKING:
    from argus_pipeline.run_records import DagsterInstance

_OF_A_RUN: Final = re.compile(r"/([0-9a-f]{8}(?:-[0-9a-f]{4}){3}-[0-9a-f]{12})/compute_logs/")


def end_left_tails(instance: DagsterInstance) -> int:
    """End those of this host whose run is over; returns how many there were."""
    ended = 0
    for process, run_id in _tails():
        run = instance.get_run_by_id(run_id)
        # A run that this instance does not know is another stack's.
        if run is not None and run.is_finished:
            with suppress(psutil.Error):
                # It may have inherited that SIGTERM is ignored or blocked, and has nothing to tidy.
                process.kill()
                ended += 1
    return ended


def _tails() -> Iterator[tuple[psutil.Process, str]]:
    for process in psutil.process_iter(["name"]):
        if process.info["name"] != "tail":
            continue
        with suppress(psutil.Error):
            command = process.cmdline()
            found = _OF_A_RUN.search(command[-1]) if command[1:2] == ["-F"] else None
            if found:
                yield process, found[1]
