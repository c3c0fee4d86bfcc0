from __future__ import annotations

import json
import uuid
from dataclasses import replace
from pathlib import Path

import pytest

from argus_pipeline.database.migrate import migrate
from argus_pipeline.settings import Settings
from argus_pipeline.stack import doctor
from argus_pipeline.stack.findings import Finding, Level
from argus_pipeline.stack.layout import Stack
from argus_pipeline.stack.store_checks import check_archives, check_store
from argus_pipeline.storage.object_store import ObjectStore


def by_name(findings: list[Finding]) -> dict[str, Finding]:
    return {finding.name: finding for finding in findings}


def test_a_good_store_passes_and_nothing_of_the_probes_stays(object_store: ObjectStore) -> None:
    findings = list(check_store(object_store.settings))
    assert [f.name for f in findings] == [
        *("store", "clock", "conditional put", "ranged read", "checksum", "multipart"),
        "stale uploads",
    ]
    # A bucket that nobody gave a rule to keeps unfinished uploads; a MinIO ends them by itself.
    *good, stale = findings
    assert {f.level for f in good} == {Level.OK}, findings
    assert stale.level in {Level.OK, Level.WARN}
    assert list(object_store.list("")) == []


def test_wrong_keys_are_told_from_a_store_that_does_not_answer(store_settings: Settings) -> None:
    (refused,) = check_store(replace(store_settings, s3_secret_key="wrong"))
    assert refused.level is Level.FAIL
    assert "keys are refused" in refused.what
    assert "ARGUS_S3_SECRET_KEY" in refused.fix
    (gone,) = check_store(replace(store_settings, s3_endpoint="http://127.0.0.1:9"))
    assert gone.level is Level.FAIL
    assert "does not answer" in gone.what


def test_each_archive_is_looked_at(store_settings: Settings) -> None:
    assert list(check_archives(store_settings)) == []
    own = f"{store_settings.s3_bucket}/archive"
    named = replace(store_settings, archive_buckets=(own, "absent-bucket"))
    there, absent = check_archives(named)
    assert (there.level, there.what) == (Level.OK, f"s3://{own}/")
    assert absent.level is Level.WARN
    assert "absent-bucket" in absent.what
    (bad,) = check_archives(replace(store_settings, archive_buckets=("no bucket",)))
    assert bad.level is Level.FAIL
    assert "ARGUS_ARCHIVE_BUCKETS" in bad.what


def test_a_missing_bucket_is_named(store_settings: Settings) -> None:
    name = f"absent-{uuid.uuid4().hex[:8]}"
    (finding,) = check_store(replace(store_settings, s3_bucket=name))
    assert finding.level is Level.FAIL
    assert name in finding.what


def test_a_database_needs_to_be_migrated(database_url: str, store_settings: Settings) -> None:
    settings = replace(store_settings, database_url=database_url)
    before = by_name(list(doctor.check_database(settings)))
    assert before["database"].level is Level.OK
    assert before["pgvector"].level is Level.OK
    assert before["schema"].level is Level.FAIL
    migrate(database_url)
    assert {f.level for f in doctor.check_database(settings)} == {Level.OK}


def test_a_database_that_does_not_answer_is_one_finding(store_settings: Settings) -> None:
    settings = replace(store_settings, database_url="postgresql://u:p@127.0.0.1:9/x")
    (finding,) = doctor.check_database(settings)
    assert finding.level is Level.FAIL
    assert "argus up" in finding.fix
    assert "p@" not in finding.what


def test_with_nothing_running_every_line_says_what_to_do(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setenv("ARGUS_HOME", str(tmp_path))
    found = by_name(doctor.examine(Stack(tmp_path, tmp_path)))
    assert found["database"].level is Level.FAIL
    assert found["store"].level is Level.FAIL
    assert found["dagster"].level is Level.WARN
    for finding in found.values():
        assert finding.fix or finding.level is Level.OK


def test_keys_that_others_can_read_are_a_warning(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    stack = Stack(tmp_path, tmp_path)
    stack.environment_file.write_text(json.dumps({}))
    stack.environment_file.chmod(0o644)
    found = by_name(list(doctor.check_home(stack)))
    assert found["keys"].level is Level.WARN
    assert "chmod 600" in found["keys"].fix


def test_little_space_is_said(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    stack = Stack(tmp_path / "not" / "there" / "yet", tmp_path)
    for free, level in ((2**20, Level.FAIL), (2**30, Level.WARN), (2**40, Level.OK)):
        monkeypatch.setattr(doctor.plan, "free_bytes", lambda folder, free=free: free)
        assert by_name(list(doctor.check_home(stack)))["disk"].level is level


def test_a_damaged_environment_file_is_a_finding(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setenv("ARGUS_HOME", str(tmp_path))
    (tmp_path / "environment.json").write_text("{")
    (finding,) = doctor.examine(Stack(tmp_path, tmp_path))
    assert finding.level is Level.FAIL
    assert "environment.json" in finding.what


def test_a_ui_that_should_be_there_and_is_not_is_a_failure(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setenv("ARGUS_HOME", str(tmp_path))
    monkeypatch.setenv("ARGUS_UI_URL", "http://127.0.0.1:9")
    (finding,) = doctor.check_dagster()
    assert finding.level is Level.FAIL
    assert "http://127.0.0.1:9" in finding.what


def test_where_the_parts_run_elsewhere_the_webserver_is_asked_where_programs_reach_it(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setenv("ARGUS_HOME", str(tmp_path))
    monkeypatch.setenv("ARGUS_UI_URL", "https://argus.example.com")
    monkeypatch.setenv("ARGUS_WEBSERVER", "http://127.0.0.1:9")
    (finding,) = doctor.check_dagster()
    assert "http://127.0.0.1:9" in finding.what
    assert list(doctor.check_processes(Stack(tmp_path, tmp_path))) == []


def test_a_stack_that_was_never_started_is_a_warning_that_says_how(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setenv("ARGUS_HOME", str(tmp_path))
    (finding,) = doctor.check_processes(Stack(tmp_path, tmp_path))
    assert finding.level is Level.WARN
    assert "argus up" in finding.fix
