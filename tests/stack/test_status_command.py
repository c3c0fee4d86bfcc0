"""`argus status` where Dagster's database is away."""

from __future__ import annotations

import shutil

from typer.testing import CliRunner

from argus_pipeline.cli.main import app
from argus_pipeline.errors import Unavailable
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
