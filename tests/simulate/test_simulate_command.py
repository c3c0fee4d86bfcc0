"""`argus simulate` as a person types it."""

from __future__ import annotations

import json
from pathlib import Path

import typer
from typer.testing import CliRunner, Result

from argus_pipeline.cli.simulate import simulate
from argus_pipeline.errors import BadInput

app = typer.Typer()
app.command()(simulate)


def run(*arguments: object) -> Result:
    return CliRunner().invoke(app, [str(argument) for argument in arguments])


def test_it_writes_the_batches_and_says_where_the_truth_is(tmp_path: Path) -> None:
    done = run("--out", tmp_path / "f", "--batches", 2, "--size-mb", 0.1)
    assert done.exit_code == 0
    assert done.stdout == f"{tmp_path / 'f' / 'truth.json'}\n"
    assert sum(path.is_dir() for path in (tmp_path / "f").iterdir()) == 2


def test_it_prints_the_truth_as_json(tmp_path: Path) -> None:
    done = run("--out", tmp_path / "f", "--batches", 1, "--size-mb", 0.1, "--json")
    assert json.loads(done.stdout) == json.loads((tmp_path / "f" / "truth.json").read_text())


def test_the_start_moves_the_recordings(tmp_path: Path) -> None:
    done = run(
        *("--out", tmp_path / "f", "--batches", 1, "--size-mb", 0.1),
        *("--start", "2026-01-02T03:04:05+01:00", "--json"),
    )
    truth = json.loads(done.stdout)
    assert truth["start"] == "2026-01-02T02:04:05Z"
    assert truth["faults"][0]["first_time"].startswith("2026-01-02T02:")


def test_a_start_that_is_no_time_is_refused(tmp_path: Path) -> None:
    done = run("--out", tmp_path / "f", "--start", "tomorrow")
    assert isinstance(done.exception, BadInput)
    assert not (tmp_path / "f").exists()
