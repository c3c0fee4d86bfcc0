"""Structured logs: what runs say, as a line of JSON with the ids of batch and run.

`dagster.yaml` names this handler for everything that Dagster logs in a run. It writes only where
`ARGUS_LOG_JSON` names a file, or `-` for the standard error. Each line is one write to a file that
is open for appending, so that processes do not write into each other's lines.
"""

from __future__ import annotations

import json
import logging
import os
import sys
from collections.abc import Mapping
from datetime import UTC, datetime
from typing import Any, Final

VARIABLE: Final = "ARGUS_LOG_JSON"
_PARTITION_TAG: Final = "dagster/partition"


class JsonLines(logging.Handler):
    """Writes records as they come; without the variable it does nothing."""

    def emit(self, record: logging.LogRecord) -> None:
        """Write one record."""
        path = os.environ.get(VARIABLE)
        if not path:
            return
        try:
            line = (json.dumps(content_of(record), ensure_ascii=False) + "\n").encode()
            if path == "-":
                sys.stderr.write(line.decode())
                return
            file = os.open(path, os.O_WRONLY | os.O_APPEND | os.O_CREAT, 0o640)
            try:
                os.write(file, line)
            finally:
                os.close(file)
        except Exception:  # a full disk must not end a run
            self.handleError(record)


def content_of(record: logging.LogRecord) -> Mapping[str, Any]:
    """What a line says of a record: time, level, batch, run, job, step, event and message."""
    meta: Mapping[str, Any] = getattr(record, "dagster_meta", {})
    event = meta.get("dagster_event")
    tags = meta.get("job_tags") or {}
    said = {
        "at": datetime.fromtimestamp(record.created, UTC).isoformat(timespec="milliseconds"),
        "level": record.levelname.lower(),
        "batch": tags.get(_PARTITION_TAG),
        "run": meta.get("run_id"),
        "job": meta.get("job_name"),
        "step": meta.get("step_key"),
        "event": getattr(event, "event_type_value", None),
        "message": meta.get("orig_message") or record.getMessage(),
    }
    return {name: value for name, value in said.items() if value is not None}
