from __future__ import annotations

import webbrowser
from collections.abc import Callable
from pathlib import Path

import pytest
from click.testing import Result
from typer.testing import CliRunner

from argus_pipeline.cli.main import app
from argus_pipeline.errors import BadInput
from argus_pipeline.settings import Settings
from argus_pipeline.storage import keys
from argus_pipeline.storage.object_store import ObjectStore

Open = Callable[..., Result]
BATCH = "20261123T101500Z-V1"
CAMPAIGN = "2026-q4-brakes"


@pytest.fixture
def open_(
    object_store: ObjectStore,
    store_settings: Settings,
    monkeypatch: pytest.MonkeyPatch,
    tmp_path: Path,
) -> Open:
    for name in ("DISPLAY", "WAYLAND_DISPLAY", "BROWSER"):
        monkeypatch.delenv(name, raising=False)
    environment = {
        "ARGUS_HOME": str(tmp_path / "home"),
        "ARGUS_S3_ENDPOINT": store_settings.s3_endpoint,
        "ARGUS_S3_BUCKET": store_settings.s3_bucket,
        "ARGUS_S3_PREFIX": store_settings.s3_prefix,
        "ARGUS_S3_ACCESS_KEY": store_settings.s3_access_key,
        "ARGUS_S3_SECRET_KEY": store_settings.s3_secret_key,
    }
    for name, value in environment.items():
        monkeypatch.setenv(name, str(value))
    return lambda *arguments: CliRunner().invoke(app, ["open", *arguments])


def put_pages(store: ObjectStore) -> None:
    store.put(keys.report(BATCH, "html"), b"the report")
    store.put(keys.campaign_page(CAMPAIGN), b"the campaign")


@pytest.mark.parametrize(
    ("name", "content"),
    [(BATCH, b"the report"), (CAMPAIGN, b"the campaign"), (None, b"the report")],
)
def test_the_page_is_copied_and_its_path_printed(
    open_: Open, object_store: ObjectStore, tmp_path: Path, name: str | None, content: bytes
) -> None:
    put_pages(object_store)
    found = open_(*([name] if name else []), "--print")
    assert found.exit_code == 0
    path = Path(found.stdout.strip())
    assert path == tmp_path / "home" / "opened" / f"{name or BATCH}.html"
    assert path.read_bytes() == content
    assert found.stderr == ""


def test_without_a_display_the_path_is_what_one_gets(
    open_: Open, object_store: ObjectStore, monkeypatch: pytest.MonkeyPatch
) -> None:
    put_pages(object_store)
    monkeypatch.setattr("sys.platform", "linux")
    found = open_(BATCH)
    assert found.exit_code == 0
    assert "open the file by hand" in found.stderr


def test_with_a_display_the_browser_gets_the_file(
    open_: Open, object_store: ObjectStore, monkeypatch: pytest.MonkeyPatch, tmp_path: Path
) -> None:
    put_pages(object_store)
    opened: list[str] = []
    monkeypatch.setenv("DISPLAY", ":0")
    monkeypatch.setattr(webbrowser, "open", lambda address: bool(opened.append(address)) or True)
    assert open_(CAMPAIGN, "--to", str(tmp_path)).exit_code == 0
    assert opened == [(tmp_path / f"{CAMPAIGN}.html").as_uri()]


def test_a_misspelt_name_is_answered_with_the_nearest(
    open_: Open, object_store: ObjectStore
) -> None:
    put_pages(object_store)
    found = open_("2026-q4-brake")
    assert isinstance(found.exception, BadInput)
    assert f"Did you mean {CAMPAIGN}" in str(found.exception)


@pytest.mark.parametrize("name", ["nothing-like-it", None, "../../etc"])
def test_what_is_not_there_is_said(open_: Open, name: str | None) -> None:
    assert isinstance(open_(*([name] if name else [])).exception, BadInput)
