from __future__ import annotations

import json
from pathlib import Path

import pytest
from diagnosis.made import BATCH, manifest
from diagnosis.test_feedback import MINIMAL
from typer.testing import CliRunner, Result

from argus_pipeline.cli import diagnosis
from argus_pipeline.database.engine import create_engine, session
from argus_pipeline.database.migrate import migrate
from argus_pipeline.database.records import upsert_batch, upsert_diagnosis
from argus_pipeline.errors import ArgusError


@pytest.fixture
def argus(database_url: str, monkeypatch: pytest.MonkeyPatch, tmp_path: Path) -> CliRunner:
    monkeypatch.setenv("ARGUS_HOME", str(tmp_path / "home"))
    monkeypatch.setenv("ARGUS_DATABASE_URL", database_url)
    migrate(database_url)
    engine = create_engine(database_url)
    with session(engine) as opened:
        upsert_batch(opened, manifest(), "etag")
        upsert_diagnosis(
            opened, BATCH, verdict="likely cause: wheel speed", label="evidence_only",
            confidence=None, top_codes=["C0035"], content=MINIMAL,
        )  # fmt: skip
    engine.dispose()
    return CliRunner()


def run(argus: CliRunner, *arguments: str) -> Result:
    result = argus.invoke(diagnosis.app, list(arguments))
    if result.exception and not isinstance(result.exception, SystemExit):
        raise result.exception
    return result


def test_a_person_confirms_and_corrects_and_everyone_can_read_it(argus: CliRunner) -> None:
    confirmed = run(argus, "confirm", BATCH, "--by", "mei", "--note", "cable replaced")
    assert confirmed.stdout == f"{BATCH}: confirmed by mei: likely cause: wheel speed\n"
    corrected = run(argus, "correct", BATCH, "--by", "jo", "--code", "u0100", "--cause", "water")
    assert corrected.stdout == f"{BATCH}: corrected by jo: U0100, water\n"
    words = json.loads(run(argus, "list", "--json").stdout)
    assert [(word["author"], word["note"]) for word in words] == [
        ("jo", None), ("mei", "cable replaced"),
    ]  # fmt: skip
    shown = run(argus, "show", BATCH).stdout
    assert shown.startswith("verdict: unknown (evidence_only)\ncorrected by jo on 20")
    assert "confirmed by mei" in shown
    assert shown.endswith("nothing like it was seen before\n")


def test_a_correction_without_a_cause_and_a_batch_without_a_diagnosis_are_errors(
    argus: CliRunner,
) -> None:
    with pytest.raises(ArgusError, match="nothing says what it was"):
        run(argus, "correct", BATCH)
    with pytest.raises(ArgusError, match="has no diagnosis"):
        run(argus, "confirm", "another")
