"""Structured logs of real runs of Dagster."""

import json
from pathlib import Path

import dagster as dg
import pytest
import yaml

from argus_pipeline.logs import VARIABLE

ROOT = Path(__file__).resolve().parents[1]
PYTHON_LOGS = yaml.safe_load((ROOT / "dagster.yaml").read_text())["python_logs"]


@dg.asset(partitions_def=dg.DynamicPartitionsDefinition(name="batch"))
def said(context: dg.AssetExecutionContext) -> None:
    context.log.info("three 'ü' messages\nof two lines")


def materialize() -> str:
    with dg.DagsterInstance.ephemeral(settings={"python_logs": PYTHON_LOGS}) as instance:
        instance.add_dynamic_partitions("batch", ["b1"])
        return dg.materialize([said], instance=instance, partition_key="b1").run_id


def test_each_line_names_its_batch_and_its_run(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setenv(VARIABLE, str(tmp_path / "log"))
    run = materialize()
    lines = [json.loads(line) for line in (tmp_path / "log").read_text().splitlines()]
    events = {line["event"]: line for line in lines if "event" in line}
    assert events["ASSET_MATERIALIZATION"]["run"] == events["STEP_SUCCESS"]["run"] == run
    assert all(line["batch"] == "b1" for line in lines)
    [ours] = [line for line in lines if "event" not in line and "two lines" in line["message"]]
    assert ours.pop("at").endswith("+00:00")
    assert ours == {
        "level": "info",
        "batch": "b1",
        "run": run,
        "job": "__ephemeral_asset_job__",
        "step": "said",
        "message": "three 'ü' messages\nof two lines",
    }


def test_without_the_variable_nothing_is_written(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch, capfd: pytest.CaptureFixture[str]
) -> None:
    monkeypatch.delenv(VARIABLE, raising=False)
    monkeypatch.chdir(tmp_path)
    materialize()
    assert list(tmp_path.iterdir()) == []
    assert '"batch"' not in capfd.readouterr().err


def test_a_log_that_cannot_be_written_ends_no_run(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setenv(VARIABLE, str(tmp_path / "missing" / "log"))
    assert materialize()
