"""`argus status` where Dagster's database is away, and for programs."""

from __future__ import annotations

import json
import shutil

from typer.testing import CliRunner

from argus_pipeline.batch_status import BatchStatus
from argus_pipeline.batches.stages import Stage
from argus_pipeline.cli import status as command
from argus_pipeline.cli.main import app
from argus_pipeline.errors import Unavailable
from argus_pipeline.quick_status import QuickStatus
from argus_pipeline.stack.ports import free_ports


def test_a_database_that_is_away_is_named_without_its_password(
    pytestconfig, tmp_path, monkeypatch
) -> None:
    shutil.copyfile(pytestconfig.rootpath / "dagster.yaml", tmp_path / "dagster.yaml")
    [port] = free_ports(1)
    address = f"postgresql://argus:hidden@127.0.0.1:{port}/argus"
    monkeypatch.setenv("DAGSTER_HOME", str(tmp_path))
    monkeypatch.setenv("ARGUS_DAGSTER_DATABASE_URL", address)
    monkeypatch.setenv("ARGUS_S3_BUCKET", "argus")
    answer = CliRunner().invoke(app, ["status"])
    assert isinstance(answer.exception, Unavailable)
    assert "Dagster's database: the database does not answer" in str(answer.exception)
    assert "hidden" not in str(answer.exception) + answer.output


def test_a_program_that_watches_gets_a_line_for_each_change(
    monkeypatch,
) -> None:
    looks = iter(
        [
            (Stage.PARSING, 1.0),
            (Stage.PARSING, 2.0),
            Unavailable("the database does not answer"),
            (Stage.DIAGNOSING, 4.0),
            (Stage.DONE, 5.0),
        ]
    )

    def look(*_: object) -> list[BatchStatus]:
        now = next(looks)
        if isinstance(now, Exception):
            raise now
        return [BatchStatus("b1", now[0], seconds=now[1])]

    monkeypatch.setenv("ARGUS_S3_BUCKET", "argus")
    monkeypatch.setattr(QuickStatus, "of", look)
    monkeypatch.setattr(command.time, "sleep", lambda _: None)
    answer = CliRunner().invoke(app, ["status", "b1", "--watch", "--json"])
    assert answer.exit_code == 0
    lines = [json.loads(line) for line in answer.output.splitlines()]
    assert [one["stage"] for [one] in lines] == ["parsing", "diagnosing", "done"]
