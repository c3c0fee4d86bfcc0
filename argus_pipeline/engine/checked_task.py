"""A task that carries the versions of the control plane, and a worker of others hands back."""

from __future__ import annotations

import logging
import time
from typing import Any, Final

from celery import Task
from celery.exceptions import Ignore

from argus_pipeline.engine import versions

HEADER: Final = "argus_versions"
# Until then a worker that is told to shut down has stopped taking tasks.
_STOPPED_S: Final = 2.0
_log = logging.getLogger(__name__)


def headers() -> dict[str, Any]:
    """What is sent with each task."""
    return {HEADER: versions.own_versions()}


class CheckedTask(Task):
    """Does its work where the versions are the same; elsewhere another worker gets it."""

    abstract = True

    def __call__(self, *arguments: Any, **named: Any) -> Any:
        """Compare, and do it."""
        said = getattr(self.request, HEADER, None) or {}
        other = versions.difference(versions.own_versions(), said)
        if other is not None:
            self._hand_back(other)
        return super().__call__(*arguments, **named)

    def _hand_back(self, reason: str) -> None:
        """Stop this part of the worker, and put the task back as it was.

        Raises:
            Ignore: so that nothing is recorded of it here.
        """
        request = self.request
        _log.error("this worker takes no more: %s", reason)
        self.app.control.shutdown(destination=[request.hostname])
        time.sleep(_STOPPED_S)
        self.app.send_task(
            self.name,
            args=request.args,
            kwargs=request.kwargs,
            task_id=request.id,
            queue=request.delivery_info["routing_key"],
            headers={HEADER: getattr(request, HEADER)},
            ignore_result=request.ignore_result,
        )
        if not request.ignore_result:
            # Whoever waits for its result must not take it for begun.
            self.update_state(state="PENDING")
        raise Ignore
