from __future__ import annotations

import csv
import io
import json
from collections.abc import Callable
from pathlib import Path

import polars as pl
import pytest
from click.testing import Result
from query.conftest import BATCHES
from sqlalchemy import Engine
from typer.testing import CliRunner

from argus_pipeline.cli.main import app
from argus_pipeline.errors import BadInput
from argus_pipeline.storage.object_store import ObjectStore

Ask = Callable[..., Result]


@pytest.fixture
def ask(
    filled: ObjectStore,
    engine: Engine,
    monkeypatch: pytest.MonkeyPatch,
    tmp_path: Path,
) -> Ask:
    settings = filled.settings
    environment = {
        "ARGUS_HOME": str(tmp_path / "home"),
        "ARGUS_S3_ENDPOINT": settings.s3_endpoint,
        "ARGUS_S3_BUCKET": settings.s3_bucket,
        "ARGUS_S3_PREFIX": settings.s3_prefix,
        "ARGUS_S3_ACCESS_KEY": settings.s3_access_key,
        "ARGUS_S3_SECRET_KEY": settings.s3_secret_key,
        "ARGUS_DATABASE_URL": engine.url.render_as_string(hide_password=False),
    }
    for name, value in environment.items():
        monkeypatch.setenv(name, str(value))

    def run(*arguments: str, **keywords: str) -> Result:
        return CliRunner().invoke(app, ["query", *arguments], **keywords)

    return run


def test_the_answer_is_a_table(ask: Ask) -> None:
    found = ask("SELECT batch, messages FROM totals ORDER BY batch")
    assert found.exit_code == 0
    lines = found.stdout.splitlines()
    assert lines[0].split() == ["batch", "messages"]
    assert [line.split()[0] for line in lines[2:]] == list(BATCHES)


def test_csv_json_and_parquet_hold_the_same_rows(ask: Ask, tmp_path: Path) -> None:
    sql = "SELECT * FROM codes ORDER BY ALL"
    parquet = tmp_path / "codes.parquet"
    assert ask(sql, "--out", str(parquet)).exit_code == 0
    expected = pl.read_parquet(parquet)
    assert expected.height > 0
    assert expected.schema["first_time"].time_zone == "UTC"
    rows = json.loads(ask(sql, "--format", "json").stdout)
    assert [row["code"] for row in rows] == expected["code"].to_list()
    read = list(csv.DictReader(io.StringIO(ask(sql, "--format", "csv").stdout)))
    assert [int(row["messages"]) for row in read] == expected["messages"].to_list()
    assert [row["first_time"] or None for row in read] == [row["first_time"] for row in rows]


def test_rows_beyond_the_limit_are_left_out_and_that_is_said(ask: Ask, tmp_path: Path) -> None:
    sql = "SELECT * FROM range(5_000)"
    short = ask(sql, "--format", "csv")
    assert len(short.stdout.splitlines()) == 1_001
    assert "the first 1,000 rows of more; --limit 0 gives all" in short.stderr
    out = tmp_path / "all.csv"
    whole = ask(sql, "--out", str(out), "--limit", "0")
    assert len(out.read_text().splitlines()) == 5_001
    assert whole.stderr.strip() == f"argus: wrote 5,000 rows to {out}"


def test_sql_may_come_from_a_pipe(ask: Ask) -> None:
    found = ask("-", "--format", "csv", input="SELECT 1 AS one")
    assert found.stdout == "one\n1\n"


def test_the_tables_are_listed_with_what_a_row_is(ask: Ask) -> None:
    found = ask("--tables")
    assert "statistics.codes " in found.stdout
    assert "a fault code of a batch" in found.stdout
    assert 'parsed."vehicle.BrakeState-1"' in found.stdout


def test_bytes_times_and_nothing_have_a_text_of_their_own(ask: Ask) -> None:
    sql = (
        "SELECT '\\x00\\xff'::BLOB AS bytes, TIMESTAMPTZ '2026-11-23 10:15:00.5+00' AS time,"
        " NULL AS nothing, [1, 2] AS list"
    )
    [row] = json.loads(ask(sql, "--format", "json").stdout)
    assert row == {
        "bytes": "00ff",
        "time": "2026-11-23T10:15:00.500Z",
        "nothing": None,
        "list": "[1, 2]",
    }
    assert ask(sql).stdout.splitlines()[-1].split()[2] == "–"


def test_an_answer_without_rows_has_its_columns(ask: Ask, tmp_path: Path) -> None:
    sql = "SELECT code FROM codes WHERE false"
    assert ask(sql, "--format", "csv").stdout == "code\n"
    assert ask(sql, "--format", "json").stdout == "[]\n"
    out = tmp_path / "none.parquet"
    ask(sql, "--out", str(out))
    assert pl.read_parquet(out).schema == {"code": pl.String}


def test_letters_of_a_stranger_do_not_reach_the_terminal(ask: Ask) -> None:
    assert "\x1b" not in ask("SELECT chr(27) || '[31m' AS text").stdout


def test_wrong_sql_ends_with_a_sentence(ask: Ask) -> None:
    found = ask("SELECT * FROM cods")
    assert isinstance(found.exception, BadInput)
    assert "Did you mean codes" in str(found.exception)


@pytest.mark.parametrize("arguments", [[], ["SELECT 1", "--tables"]])
def test_it_is_either_a_statement_or_the_list(ask: Ask, arguments: list[str]) -> None:
    assert ask(*arguments).exit_code == 2
