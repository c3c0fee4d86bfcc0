"""`argus compare` and `argus campaign`, over a real store."""

from __future__ import annotations

import json
from pathlib import Path

import pytest
import typer
from fleet.made import counts, exposures, put_batch, state
from typer.testing import CliRunner, Result

from argus_pipeline.cli.campaign import campaign
from argus_pipeline.cli.compare import compare
from argus_pipeline.database.migrate import migrate
from argus_pipeline.errors import BadInput
from argus_pipeline.fleet.campaign import all_campaigns, health_frame
from argus_pipeline.fleet.comparison import compare_firmware
from argus_pipeline.fleet.rollup import read_sums, update
from argus_pipeline.fleet.rules import default_rules
from argus_pipeline.settings import Settings
from argus_pipeline.statistics.storage import to_parquet
from argus_pipeline.storage import keys
from argus_pipeline.storage.object_store import ObjectStore

app = typer.Typer()
app.command()(compare)
app.command()(campaign)


@pytest.fixture
def argus(store_settings: Settings, monkeypatch: pytest.MonkeyPatch, tmp_path: Path) -> CliRunner:
    for name, value in {
        "ARGUS_HOME": str(tmp_path),
        "ARGUS_S3_ENDPOINT": store_settings.s3_endpoint,
        "ARGUS_S3_BUCKET": store_settings.s3_bucket,
        "ARGUS_S3_PREFIX": store_settings.s3_prefix,
        "ARGUS_S3_ACCESS_KEY": store_settings.s3_access_key,
        "ARGUS_S3_SECRET_KEY": store_settings.s3_secret_key,
    }.items():
        monkeypatch.setenv(name, value or "")
    return CliRunner()


def run(argus: CliRunner, *arguments: str) -> Result:
    result = argus.invoke(app, arguments)
    if result.exception and not isinstance(result.exception, SystemExit):
        raise result.exception
    return result


@pytest.fixture
def fleet(object_store: ObjectStore) -> ObjectStore:
    for n in range(8):
        put_batch(
            object_store,
            n,
            exposures(v1=10.0, v2=10.0, unplaced=0.5),
            counts(
                *(("E001", "v1", 8 + n % 3), ("E001", "v2", 40 + n % 5)),
                *(("E002", "v1", 20 + n % 4), ("E002", "v2", 20 + n % 3)),
                title="[bold]a title[/]",
                lifecycles=10,
            ),
            vehicle=f"VIN{n}",
            campaign="brakes",
        )
    update(object_store)
    sums = read_sums(object_store)
    found = compare_firmware(sums, default_rules().comparison)
    object_store.put(keys.fleet("firmware_comparison"), to_parquet(found))
    health = all_campaigns(object_store, sums, found, default_rules().campaign)
    object_store.put(keys.fleet("campaign_health"), to_parquet(health_frame(health)))
    return object_store


def test_what_got_worse_is_told_and_the_rest_is_counted(argus: CliRunner, fleet: object) -> None:
    said = run(argus, "compare").stdout
    assert "J7  v1 → v2   80.0 h of 8 vehicles before, 80.0 h of 8 after, 8 in both" in said
    [line] = [one for one in said.splitlines() if "E001" in one]
    assert line.startswith("worse")
    assert "[bold]a title[/]" in line
    assert "E002" not in said
    assert "1 unchanged (--all shows them)" in said
    assert "4.0 of 164.0 h count under no version" in said
    assert "E002" in run(argus, "compare", "--all").stdout
    assert "E002" in run(argus, "compare", "E002").stdout


def test_the_comparison_as_json_is_json(argus: CliRunner, fleet: object) -> None:
    rows = json.loads(run(argus, "compare", "--platform", "J7", "--to", "v2", "--json").stdout)
    assert {row["fault"]: row["class"] for row in rows} == {"E001": "worse", "E002": "unchanged"}
    assert json.loads(run(argus, "compare", "--platform", "K5", "--json").stdout) == []


def test_an_empty_fleet_is_told_what_it_lacks(argus: CliRunner, object_store: ObjectStore) -> None:
    assert "hours under two versions" in run(argus, "compare").stderr
    assert "no batch names a campaign" in run(argus, "campaign").stderr


def test_a_campaign_on_hold_is_an_exit_status_and_names_its_rules(
    argus: CliRunner, fleet: object
) -> None:
    listed = run(argus, "campaign")
    assert listed.exit_code == 1
    assert "hold" in listed.stdout
    one = run(argus, "campaign", "brakes")
    assert one.exit_code == 1
    for rule in ("most_failed_share", "least_vehicles", "least_hours", "hold_classes"):
        assert rule in one.stdout
    assert "worse: E001 on J7 (error), [bold]a title[/]" in one.stdout
    [found] = json.loads(run(argus, "campaign", "--json").stdout)
    assert (found["verdict"], found["succeeded"], found["sources"][0]["firmware"]) == (
        "hold",
        8,
        "v1",
    )


def test_an_unknown_campaign_is_told_the_known_ones(argus: CliRunner, fleet: object) -> None:
    with pytest.raises(BadInput, match="brakes"):
        run(argus, "campaign", "breaks")


def test_a_rebuild_from_the_command_line_changes_nothing(
    argus: CliRunner, fleet: ObjectStore, database_url: str, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setenv("ARGUS_DATABASE_URL", database_url)
    migrate(database_url)
    before = state(fleet)
    assert run(argus, "compare", "--rebuild").exit_code == 0
    assert state(fleet) == before
