"""Where the store and the database are."""

from __future__ import annotations

import json
import os
from pathlib import Path

import pytest

from argus_pipeline import settings
from argus_pipeline.errors import ArgusError

LOCAL = {
    "ARGUS_S3_ENDPOINT": "http://127.0.0.1:9000",
    "ARGUS_S3_BUCKET": "local",
    "ARGUS_S3_ACCESS_KEY": "local-key",
    "ARGUS_S3_SECRET_KEY": "local-secret",
    "ARGUS_DATABASE_URL": "postgresql://local/argus",
}


@pytest.fixture(autouse=True)
def local_stack(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("ARGUS_HOME", str(tmp_path))
    (tmp_path / "environment.json").write_text(json.dumps(LOCAL))


def test_the_local_stack_is_found_without_any_variable() -> None:
    found = settings.load({})
    assert (found.s3_endpoint, found.s3_bucket) == ("http://127.0.0.1:9000", "local")
    assert found.database_url == "postgresql://local/argus"


def test_the_local_keys_are_not_sent_to_another_store() -> None:
    found = settings.load({"ARGUS_S3_ENDPOINT": "https://s3.example.org"})
    assert found.s3_access_key is None
    assert found.s3_secret_key is None
    assert found.s3_bucket == "argus"
    assert found.database_url == "postgresql://local/argus"


@pytest.fixture
def with_dagster(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    for name in (*LOCAL, "DAGSTER_HOME", "ARGUS_DAGSTER_DATABASE_URL"):
        monkeypatch.setenv(name, "")  # so that it is as before afterwards
        monkeypatch.delenv(name)
    dagster = {"DAGSTER_HOME": "/local", "ARGUS_DAGSTER_DATABASE_URL": "postgresql://local/argus"}
    (tmp_path / "environment.json").write_text(json.dumps(LOCAL | dagster))


@pytest.mark.usefixtures("with_dagster")
def test_the_dagster_home_of_another_project_is_not_taken_for_that_of_the_local_stack(
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    monkeypatch.setenv("DAGSTER_HOME", "/another/project")
    settings.complete_environment()
    assert os.environ["DAGSTER_HOME"] == "/local"
    settings.complete_environment()
    assert os.environ["DAGSTER_HOME"] == "/local"


@pytest.mark.usefixtures("with_dagster")
def test_who_names_the_database_of_dagster_names_its_home_as_well(
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    monkeypatch.setenv("DAGSTER_HOME", "/of/the/cluster")
    monkeypatch.setenv("ARGUS_DAGSTER_DATABASE_URL", "postgresql://cluster/argus")
    settings.complete_environment()
    assert os.environ["DAGSTER_HOME"] == "/of/the/cluster"


@pytest.mark.usefixtures("with_dagster")
def test_the_local_keys_do_not_get_into_an_environment_that_names_another_store(
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    monkeypatch.setenv("ARGUS_S3_ENDPOINT", "https://s3.example.org")
    settings.complete_environment()
    assert "ARGUS_S3_SECRET_KEY" not in os.environ
    assert os.environ["ARGUS_DATABASE_URL"] == LOCAL["ARGUS_DATABASE_URL"]


def test_no_secret_is_in_the_repr() -> None:
    text = repr(settings.load({}))
    assert "local-secret" not in text
    assert "postgresql://" not in text


def test_a_database_that_is_not_postgres_is_named() -> None:
    with pytest.raises(ArgusError, match="ARGUS_DATABASE_URL"):
        settings.with_driver("mysql://x/y", "psycopg")


def test_a_look_back_that_is_no_number_is_named(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("ARGUS_LOOK_BACK_DAYS", "7d")
    with pytest.raises(ArgusError, match="ARGUS_LOOK_BACK_DAYS"):
        settings.look_back_days(7)


def test_archives_are_a_list_with_commas_between() -> None:
    assert settings.load({}).archive_buckets == ()
    found = settings.load({"ARGUS_ARCHIVE_BUCKETS": " archive, bench/2025,,"})
    assert found.archive_buckets == ("archive", "bench/2025")
