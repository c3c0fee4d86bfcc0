"""The dagster.yaml of deploy/ say what `instance_config` says."""

from __future__ import annotations

import pytest
import yaml
from dagster._config import resolve_to_config_type, validate_config
from dagster._core.instance.config import dagster_instance_config_schema

from argus_pipeline.engine.instance_file import POOL_SLOTS, instance_config
from argus_pipeline.engine.kubernetes import KUBECONFIG_VARIABLE
from argus_pipeline.engine.options import Engine
from tools.instance_files import FILES, ROOT, content

BASE = yaml.safe_load((ROOT / "dagster.yaml").read_text())


@pytest.mark.parametrize("engine", FILES)
def test_each_file_is_what_its_engine_makes_of_the_roots(engine: Engine) -> None:
    written = FILES[engine].read_text()
    assert written == content(engine), "run python tools/instance_files.py"
    assert yaml.safe_load(written) == instance_config(BASE, engine, {})


@pytest.mark.parametrize("engine", FILES)
def test_dagster_takes_the_keys_of_each_file(engine: Engine) -> None:
    schema = resolve_to_config_type(dagster_instance_config_schema())
    outcome = validate_config(schema, yaml.safe_load(FILES[engine].read_text()))
    assert outcome.success, outcome.errors


def test_a_control_plane_outside_of_the_cluster_names_its_kubeconfig() -> None:
    launcher = instance_config(BASE, Engine.KUBERNETES, {KUBECONFIG_VARIABLE: "/etc/argus/kube"})
    config = launcher["run_launcher"]["config"]
    assert config["load_incluster_config"] is False
    assert config["kubeconfig_file"] == "/etc/argus/kube"


def test_as_many_runs_go_out_as_the_environment_says() -> None:
    config = instance_config(BASE, Engine.KUBERNETES, {"ARGUS_RUNS_AT_ONCE": "100"})
    assert config["concurrency"]["runs"]["max_concurrent_runs"] == 100
    assert config["concurrency"]["pools"]["default_limit"] == POOL_SLOTS, "the same everywhere"
