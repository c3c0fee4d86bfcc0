"""Where the steps of a run are carried out."""

from collections.abc import Mapping, Sequence
from typing import Any

from dagster import (
    Executor,
    ExecutorRequirement,
    Field,
    InitExecutorContext,
    Selector,
    executor,
    multi_or_in_process_executor,
    multiple_process_executor_requirements,
)
from dagster._core.execution.retries import RetryMode, get_retries_config

_HERE: Any = multi_or_in_process_executor


def _requirements(config: Mapping[str, Any]) -> Sequence[ExecutorRequirement]:
    return [] if "in_process" in config else multiple_process_executor_requirements()


# A process for each step costs seconds to start, which a small batch and the roll-ups do not take
# altogether. Where it pays, the sensor asks for more in the run's configuration.
@executor(
    name="in_process_unless_asked",
    config_schema=Field(
        Selector(
            {
                **_HERE.config_schema.config_type.fields,
                "workers": Field({"retries": get_retries_config()}),
            }
        ),
        default_value={"in_process": {}},
    ),
    requirements=_requirements,
)
def in_process_unless_asked(context: InitExecutorContext) -> Executor:
    """In the run's own process, unless its configuration asks for several, or for workers."""
    config: Any = context.executor_config
    if "workers" not in config:
        return _HERE.executor_creation_fn(context)  # type: ignore[no-any-return]
    # Celery is only installed where it is used.
    from argus_pipeline.dagster_parts.steps import StepsOnWorkers

    retries = RetryMode.from_config(config["workers"]["retries"])
    return StepsOnWorkers(retries or RetryMode(RetryMode.ENABLED))
