"""Sensors and schedules that fail, told from Dagster's own records of their looks."""

from __future__ import annotations

import time
from collections.abc import Iterator, Sequence

import dagster as dg
import pytest
from dagster._core.definitions.run_request import InstigatorType
from dagster._core.remote_origin import (
    RegisteredCodeLocationOrigin,
    RemoteInstigatorOrigin,
    RemoteRepositoryOrigin,
)
from dagster._core.scheduler.instigation import (
    InstigatorState,
    InstigatorStatus,
    ScheduleInstigatorData,
    TickData,
    TickStatus,
)
from dagster._core.test_utils import instance_for_test
from dagster._utils.error import serializable_error_info_from_exc_info

from argus_pipeline.automation import UPLOADS, Failing
from argus_pipeline.batch_status import batch_statuses
from argus_pipeline.run_records import failing_automation
from argus_pipeline.stack.doctor import Level, check_automation
from sensors.alerts import alerts
from sensors.uploads import completed_uploads

BAD, SKIPPED, GOING_ON = TickStatus.FAILURE, TickStatus.SKIPPED, TickStatus.STARTED
SENSOR, SCHEDULE = InstigatorType.SENSOR, InstigatorType.SCHEDULE


@pytest.fixture
def instance() -> Iterator[dg.DagsterInstance]:
    with instance_for_test() as found:
        yield found


def looks(
    instance: dg.DagsterInstance,
    statuses: Sequence[TickStatus],
    *,
    name: str = "uploads",
    kind: InstigatorType = SENSOR,
    status: InstigatorStatus = InstigatorStatus.DECLARED_IN_CODE,
    newest: float = 0.0,
    apart: float = 31.0,
) -> None:
    """Leave what the daemon leaves of looks so far apart, the last so many seconds ago."""
    place = RemoteRepositoryOrigin(RegisteredCodeLocationOrigin("argus"), "__repository__")
    data = ScheduleInstigatorData("0 3 * * *") if kind is SCHEDULE else None
    state = InstigatorState(RemoteInstigatorOrigin(place, name), kind, status, data)
    instance.add_instigator_state(state)
    for behind, one in enumerate(reversed(statuses)):
        tick = TickData(
            state.instigator_origin_id,
            name,
            kind,
            one,
            time.time() - newest - apart * behind,
            selector_id=state.selector_id,
            error=an_error() if one is BAD else None,
            skip_reason="nothing new" if one is SKIPPED else None,
        )
        instance.create_tick(tick)


def an_error():
    try:
        try:
            raise ConnectionError("the store does not answer\nfor a minute")
        except ConnectionError as cause:
            raise RuntimeError("error during the execution of a sensor") from cause
    except RuntimeError as error:
        return serializable_error_info_from_exc_info((type(error), error, error.__traceback__))


def test_a_sensor_that_failed_three_times_is_told_with_what_caused_it(instance) -> None:
    looks(instance, [SKIPPED, BAD, BAD, BAD, GOING_ON])
    assert failing_automation(instance) == [
        Failing("uploads", "ConnectionError: the store does not answer")
    ]


@pytest.mark.parametrize(
    "statuses", [[], [SKIPPED], [SKIPPED, BAD, BAD], [BAD, BAD, BAD, SKIPPED], [BAD, BAD]]
)
def test_one_that_failed_less_often_or_looked_well_again_is_not(instance, statuses) -> None:
    looks(instance, statuses)
    assert failing_automation(instance) == []


def test_one_that_failed_for_a_moment_only_is_not(instance) -> None:
    looks(instance, [BAD] * 3, apart=5)
    assert failing_automation(instance) == []


def test_one_that_is_off_or_is_no_more_is_not(instance) -> None:
    looks(instance, [BAD] * 3, name="off", status=InstigatorStatus.STOPPED)
    looks(instance, [BAD] * 3, name="renamed", newest=100_000)
    assert failing_automation(instance) == []


def test_a_schedule_is_told_at_its_first_failure(instance) -> None:
    looks(instance, [BAD], name="nightly", kind=SCHEDULE, newest=3600)
    assert [one.name for one in failing_automation(instance)] == ["nightly"]


def test_a_batch_that_waits_for_a_sensor_that_fails_says_so(instance, pipeline, data) -> None:
    pipeline.put("b1", {"golden.dlt": (data / "dlt/golden.dlt").read_bytes()})
    [waits] = batch_statuses(instance, pipeline.store, ["b1"])
    assert waits.detail == "waiting for the sensor"
    looks(instance, [BAD] * 3, name=UPLOADS)
    [waits] = batch_statuses(instance, pipeline.store, ["b1"])
    assert waits.detail == "waiting for the sensor, which fails: `argus doctor` says why"


def test_the_doctor_names_it_with_the_reason(instance) -> None:
    [found] = check_automation("http://ui")
    assert found.level is Level.OK
    looks(instance, [BAD] * 3)
    [found] = check_automation("http://ui")
    assert (found.level, found.name) == (Level.FAIL, "uploads")
    assert "ConnectionError: the store does not answer" in found.what


def test_the_doctor_says_where_no_dagster_is_known(monkeypatch) -> None:
    monkeypatch.delenv("DAGSTER_HOME", raising=False)
    monkeypatch.setattr("argus_pipeline.settings.local_environment", dict)
    [found] = check_automation("http://ui")
    assert found.level is Level.WARN


def test_it_is_told_once_as_an_alert(instance, pipeline) -> None:
    def told() -> str | None:
        with dg.build_sensor_context(
            instance=instance,
            resources={"object_store": pipeline.resources["object_store"]},
        ) as context:
            return alerts(context).skip_message

    looks(instance, [BAD] * 3, name=UPLOADS)
    assert told() == "1 alerts told, 0 waiting."
    assert told() == "0 alerts told, 0 waiting."


def test_the_name_is_that_of_the_sensor_of_uploads() -> None:
    assert completed_uploads.name == UPLOADS
