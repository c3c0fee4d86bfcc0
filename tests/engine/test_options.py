"""Which engine carries out runs, and how it is configured."""

from __future__ import annotations

from pathlib import Path

import pytest
import yaml

from argus_pipeline.engine.instance_file import CELERY_RUNS, instance_config
from argus_pipeline.engine.options import (
    Engine,
    broker_url,
    engine_from,
    read_sizes,
    without_password,
)
from argus_pipeline.errors import ArgusError

BASE = yaml.safe_load((Path(__file__).parents[2] / "dagster.yaml").read_text())


def test_runs_stay_on_this_machine_unless_another_engine_is_named() -> None:
    assert engine_from({}) is Engine.LOCAL
    assert engine_from({"ARGUS_ENGINE": "celery"}) is Engine.CELERY


def test_an_unknown_engine_is_refused_with_those_that_there_are() -> None:
    with pytest.raises(ArgusError, match=r"ARGUS_ENGINE.*'slurm'.*local or celery or kubernetes"):
        engine_from({"ARGUS_ENGINE": "slurm"})


def test_a_broker_has_to_be_a_redis_and_its_password_is_not_shown() -> None:
    assert broker_url({"ARGUS_BROKER_URL": "redis://:k@h:1/0"}) == "redis://:k@h:1/0"
    with pytest.raises(ArgusError, match="no broker is named"):
        broker_url({})
    with pytest.raises(ArgusError) as refused:
        broker_url({"ARGUS_BROKER_URL": "amqp://user:hidden@h//"})
    assert "hidden" not in str(refused.value)


@pytest.mark.parametrize(
    ("url", "shown"),
    [
        ("redis://:secret@host:6379/0", "redis://***@host:6379/0"),
        ("rediss://user:secret@host/1", "rediss://***@host/1"),
        ("redis://host:6379/0", "redis://host:6379/0"),
    ],
)
def test_a_url_is_shown_without_what_opens_it(url: str, shown: str) -> None:
    assert without_password(url) == shown


def test_sizes_come_from_the_environment_and_nonsense_is_refused() -> None:
    sizes = read_sizes({"ARGUS_LARGE_BATCH_MB": "2", "ARGUS_SHARDS": "32"})
    assert (sizes.large_bytes, sizes.large_files, sizes.shards) == (2 * 1024**2, 16, 32)
    with pytest.raises(ArgusError, match="ARGUS_SHARDS"):
        read_sizes({"ARGUS_SHARDS": "0"})


def test_the_local_engine_leaves_the_instance_as_the_root_has_it() -> None:
    assert instance_config(BASE, Engine.LOCAL, {"X": ""}) == BASE


def test_with_celery_runs_go_to_workers_and_no_secret_is_written_down() -> None:
    environment = {"ARGUS_BROKER_URL": "redis://:secret@h/0"}
    config = instance_config(BASE, Engine.CELERY, environment)
    assert config["run_launcher"]["class"] == "CeleryLauncher"
    assert config["concurrency"]["runs"]["max_concurrent_runs"] == CELERY_RUNS
    assert config["concurrency"]["pools"]["default_limit"] >= CELERY_RUNS
    assert config["run_monitoring"]["start_timeout_seconds"] > 120
    assert "secret" not in yaml.safe_dump(config)
    # What makes runs come back is the same as on one machine.
    assert config["run_retries"] == BASE["run_retries"]


def test_how_many_runs_go_on_at_once_can_be_said() -> None:
    config = instance_config(BASE, Engine.CELERY, {"ARGUS_RUNS_AT_ONCE": "200"})
    assert config["concurrency"]["runs"]["max_concurrent_runs"] == 200
