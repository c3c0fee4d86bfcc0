from __future__ import annotations

import json
from dataclasses import replace
from pathlib import Path

import pytest
import typer
from diagnosis.made import Message, statistics
from report.hostile import diagnosis
from typer.testing import CliRunner

from argus_pipeline.cli.report import report
from argus_pipeline.diagnosis.model import Diagnosis
from argus_pipeline.errors import ArgusError, BadInput
from argus_pipeline.report.language import Language
from argus_pipeline.report.markdown import render_markdown
from argus_pipeline.report.reading import latest_reports, nearest, read_report
from argus_pipeline.report.writing import write_report
from argus_pipeline.settings import Settings
from argus_pipeline.statistics.storage import write_statistics
from argus_pipeline.storage import keys
from argus_pipeline.storage.object_store import ObjectStore

SVG = b'<svg xmlns="http://www.w3.org/2000/svg"/>'
BATCH = diagnosis().batch
app = typer.Typer()
app.callback()(lambda: None)
app.command()(report)


@pytest.fixture
def command(store_settings: Settings, monkeypatch: pytest.MonkeyPatch) -> CliRunner:
    for name, value in {
        "ARGUS_S3_ENDPOINT": store_settings.s3_endpoint,
        "ARGUS_S3_BUCKET": store_settings.s3_bucket,
        "ARGUS_S3_PREFIX": store_settings.s3_prefix,
        "ARGUS_S3_ACCESS_KEY": store_settings.s3_access_key,
        "ARGUS_S3_SECRET_KEY": store_settings.s3_secret_key,
    }.items():
        monkeypatch.setenv(name, value or "")
    return CliRunner()


def test_a_report_is_written_in_three_forms_and_read_back(object_store: ObjectStore) -> None:
    keys = write_report(object_store, diagnosis(), {"top_codes": SVG})

    assert keys == [f"reports/{BATCH}/report.{suffix}" for suffix in ("md", "html", "json")]
    assert read_report(object_store, BATCH, "md").startswith(b"# Likely cause: plain")
    assert b"data:image/svg+xml" in read_report(object_store, BATCH, "html")
    assert Diagnosis.from_json(read_report(object_store, BATCH, "json")) == diagnosis()


def test_a_repeat_writes_the_same_bytes(object_store: ObjectStore) -> None:
    def etags() -> list[str]:
        return [info.etag for info in object_store.list("reports/")]

    write_report(object_store, diagnosis(), {"top_codes": SVG})
    first = etags()
    write_report(object_store, diagnosis(), {"top_codes": SVG})
    assert etags() == first


def test_an_unknown_batch_is_told_the_nearest_names(object_store: ObjectStore) -> None:
    write_report(object_store, diagnosis())
    mistyped = BATCH.replace("7f3a", "7f3b")

    with pytest.raises(BadInput, match=f"Did you mean {BATCH}?"):
        read_report(object_store, mistyped, "md")


def test_an_unsafe_name_never_becomes_a_key(object_store: ObjectStore) -> None:
    with pytest.raises(BadInput, match="not a safe name"):
        read_report(object_store, "../../etc", "md")


def test_a_part_of_a_name_finds_it() -> None:
    known = ["20261123T101500Z-AAA-7f3a", "20261124T101500Z-BBB-1111"]

    assert nearest("bbb", known) == ["20261124T101500Z-BBB-1111"]
    assert nearest("zzz", known) == []


def test_the_newest_reports_come_first_and_a_broken_one_stops_nothing(
    object_store: ObjectStore,
) -> None:
    for name in ("20261101T000000Z-a", "20261103T000000Z-c", "20261102T000000Z-b"):
        write_report(object_store, replace(diagnosis(), batch=name))
    object_store.put("reports/20261103T000000Z-c/report.json", b"{")

    lines = list(latest_reports(object_store, 2))
    assert [line.batch for line in lines] == ["20261103T000000Z-c", "20261102T000000Z-b"]
    assert [line.verdict for line in lines] == ["", "likely cause: plain"]


def test_the_command_prints_the_markdown(object_store: ObjectStore, command: CliRunner) -> None:
    write_report(object_store, diagnosis())
    found = command.invoke(app, ["report", BATCH])

    assert found.exit_code == 0
    assert found.stdout == render_markdown(diagnosis())


def test_the_command_writes_a_file(
    object_store: ObjectStore, command: CliRunner, tmp_path: Path
) -> None:
    write_report(object_store, diagnosis())
    out = tmp_path / "report.html"
    found = command.invoke(app, ["report", BATCH, "--format", "html", "--out", str(out)])

    assert (found.exit_code, found.stdout) == (0, "")
    assert out.read_bytes() == read_report(object_store, BATCH, "html")


def test_the_command_lists_reports_for_people_and_for_programs(
    object_store: ObjectStore, command: CliRunner
) -> None:
    assert "no reports yet" in command.invoke(app, ["report"]).stderr
    write_report(object_store, replace(diagnosis(), firmware="v2 [red]"))

    table = command.invoke(app, ["report"]).stdout
    assert BATCH in table
    assert "v2 [red]" in table
    (line,) = json.loads(command.invoke(app, ["report", "--format", "json"]).stdout)
    assert line["batch"] == BATCH
    assert line["confidence"] == "medium"


def test_a_file_for_no_batch_is_a_wrong_call(command: CliRunner, tmp_path: Path) -> None:
    assert command.invoke(app, ["report", "--out", str(tmp_path / "x")]).exit_code == 2


def test_the_command_fails_with_a_message_for_an_unknown_batch(
    object_store: ObjectStore, command: CliRunner
) -> None:
    write_report(object_store, diagnosis())
    found = command.invoke(app, ["report", "nothing-like-it"])

    assert isinstance(found.exception, BadInput)
    assert str(found.exception).startswith("nothing-like-it: there is no report of this batch")


def test_another_language_is_made_anew_of_the_stored_diagnosis(
    object_store: ObjectStore, command: CliRunner, tmp_path: Path
) -> None:
    write_report(object_store, diagnosis())
    write_statistics(object_store, BATCH, statistics(tmp_path, [Message(0, "info", "well")]))
    object_store.put(keys.chart(BATCH, "severity_over_time", "svg"), SVG)

    page = command.invoke(app, ["report", BATCH, "--lang", "zh", "--format", "html"]).stdout
    markdown = command.invoke(app, ["report", BATCH, "--lang", "zh"]).stdout
    stored = command.invoke(app, ["report", BATCH]).stdout

    assert '<html lang="zh-Hans">' in page
    assert "data:image/svg+xml" in page
    assert "## 证据" in markdown
    assert stored == render_markdown(diagnosis())


def test_a_language_that_there_is_not_is_refused(command: CliRunner) -> None:
    found = command.invoke(app, ["report", BATCH, "--lang", "fr"])

    assert found.exit_code != 0
    assert isinstance(found.exception, ArgusError)
    assert "en or zh" in str(found.exception)


def test_a_report_is_written_in_the_language_that_is_asked_for(object_store: ObjectStore) -> None:
    write_report(object_store, diagnosis(), language=Language.CHINESE)

    assert "可能原因：plain" in read_report(object_store, BATCH, "md").decode()
    assert Diagnosis.from_json(read_report(object_store, BATCH, "json")) == diagnosis()
