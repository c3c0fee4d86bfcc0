"""What `argus up` and `deploy/` do to Dagster's own records before Dagster starts.

A program of its own, so that `argus up` need not import Dagster.
"""

from __future__ import annotations

import argparse

from dagster import DagsterInstance, DagsterRunStatus, RunsFilter

from argus_pipeline.engine import versions
from argus_pipeline.engine.pools import align_pools

_GOING_ON = (DagsterRunStatus.STARTING, DagsterRunStatus.STARTED)


def end_lost_runs(instance: DagsterInstance) -> int:
    """End the runs whose workers died with the stack; return how many there were.

    The default launcher cannot tell that a worker is gone, so such a run would stay STARTED until
    its time limit and keep its place in the queue. As a failed run it is retried. To be called only
    when no worker can be alive.
    """
    lost = instance.get_runs(RunsFilter(statuses=list(_GOING_ON)))
    for run in lost:
        instance.report_run_failed(run, "The stack was stopped or killed while this run went on.")
    cancelled = instance.get_runs(RunsFilter(statuses=[DagsterRunStatus.CANCELING]))
    for run in cancelled:
        instance.report_run_canceled(run)
    return len(lost) + len(cancelled)


def main() -> None:
    """Do what the command line names."""
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--migrate", action="store_true")
    parser.add_argument("--end-lost-runs", action="store_true")
    parser.add_argument("--roles", action="store_true", help="of a database that is ours")
    wanted = parser.parse_args()
    with DagsterInstance.get() as instance:
        if wanted.migrate:
            instance.upgrade()
            # Before the first run: workers compare themselves when they start.
            versions.publish(instance)
            align_pools(instance)
        if wanted.end_lost_runs:
            end_lost_runs(instance)
    if wanted.roles:
        # Once Dagster's tables are there, which readers of progress read.
        from argus_pipeline import settings
        from argus_pipeline.database.engine import create_engine
        from argus_pipeline.database.roles import ensure_roles

        engine = create_engine(settings.load().require_database_url())
        try:
            ensure_roles(engine)
        finally:
            engine.dispose()


if __name__ == "__main__":
    main()
