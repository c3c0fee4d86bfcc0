from __future__ import annotations

import re
from html.parser import HTMLParser
from typing import Any

import polars as pl
import pytest

from argus_pipeline.errors import ArgusError
from argus_pipeline.fleet.campaign import campaign_health, health_frame
from argus_pipeline.fleet.comparison import compare_firmware
from argus_pipeline.fleet.reported import reported
from argus_pipeline.fleet.rules import default_rules
from argus_pipeline.fleet.sums import sum_cells
from argus_pipeline.report.campaign import campaign_charts, campaign_view, compared, render_campaign
from argus_pipeline.report.campaign_writing import write_campaign_pages
from argus_pipeline.simulate.counts import FaultModel, FleetModel, simulate_cells
from argus_pipeline.statistics.storage import to_parquet
from argus_pipeline.storage import keys
from argus_pipeline.storage.object_store import ObjectStore

CAMPAIGN = "2026-q4-simulated"
HOSTILE = '</section><script>alert(1)</script><img src="https://example.org/x">'
MODEL = FleetModel(
    vehicles=40,
    hours=10.0,
    faults=[FaultModel("E214", 0.3, 4.0), FaultModel("P0A80", 2.4, 0.3), FaultModel("E001", 1.2)],
)


class Page(HTMLParser):
    def __init__(self, text: str) -> None:
        super().__init__()
        self.elements: list[tuple[str, dict[str, str | None]]] = []
        self.feed(text)

    def handle_starttag(self, tag: str, attrs: list[tuple[str, str | None]]) -> None:
        self.elements.append((tag, dict(attrs)))


@pytest.fixture(scope="module")
def cells() -> pl.DataFrame:
    return simulate_cells(MODEL, 3)


def tables(cells: pl.DataFrame, **expected: Any) -> tuple[pl.DataFrame, pl.DataFrame]:
    """`campaign_health` and `firmware_comparison`."""
    sums, rules = sum_cells(cells), default_rules()
    comparison = compare_firmware(sums, rules.comparison)
    said = reported(cells, rules.campaign.update_failures)
    health = campaign_health(CAMPAIGN, said, sums, comparison, rules.campaign, **expected)
    return health_frame([health]), comparison


def page_of(cells: pl.DataFrame) -> str:
    health, comparison = tables(cells)
    row = health.row(0, named=True)
    own = compared(row, comparison)
    return render_campaign(row, own, campaign_charts(row, own, cells))


def plain(page: str) -> str:
    return " ".join(re.sub(r"<[^>]*>", " ", page).split())


def test_a_regression_is_what_the_page_says_first(cells: pl.DataFrame) -> None:
    text = plain(page_of(cells))
    assert "Hold campaign 2026-q4-simulated E214 on J7 is worse (error) Firmware v2.3.1" in text
    assert "By rule hold_classes, hold_severities" in text


def test_every_rule_is_there_with_its_threshold_and_what_was_found(cells: pl.DataFrame) -> None:
    health, comparison = tables(cells)
    row = health.row(0, named=True)
    text = plain(page_of(cells))
    rules = campaign_view(row, comparison).health["rules"]
    assert len(rules) >= 5
    for rule in rules:
        assert rule["rule"] in text
        assert rule["found"] in text


def test_faults_stand_with_their_rates_ratio_and_class(cells: pl.DataFrame) -> None:
    _, comparison = tables(cells)
    row = comparison.filter(pl.col("fault") == "E214").row(0, named=True)
    text = plain(page_of(cells))
    assert "E214 error, ECU ECU1 , platform J7 worse" in text
    assert f"{row['ratio']:.3g} ({row['low']:.3g} to {row['high']:.3g})" in text
    # What did not change is in the chart only.
    assert "E001 error" not in text


def test_the_page_needs_nothing_but_itself(cells: pl.DataFrame) -> None:
    page = Page(page_of(cells))
    images = [attributes["src"] for tag, attributes in page.elements if tag == "img"]
    assert len(images) == 2
    assert all(str(source).startswith("data:image/svg+xml;base64,") for source in images)
    assert not {tag for tag, _ in page.elements} & {"script", "link", "iframe"}


def test_names_of_strangers_stay_text(cells: pl.DataFrame) -> None:
    named = cells.with_columns(title=pl.when(pl.col("fault").is_not_null()).then(pl.lit(HOSTILE)))
    page = Page(page_of(named))
    assert "script" not in {tag for tag, _ in page.elements}
    assert not [a for tag, a in page.elements if tag == "img" and "example" in str(a["src"])]


def test_a_campaign_without_a_batch_has_a_page_too(cells: pl.DataFrame) -> None:
    text = plain(page_of(cells.head(0)))
    assert "Not enough data" in text
    assert "No vehicle has reported yet" in text
    assert "No fault is certain to have become" in text


def test_a_page_is_written_again_only_when_its_content_changed(
    object_store: ObjectStore, cells: pl.DataFrame
) -> None:
    def put(frame: pl.DataFrame) -> None:
        health, comparison = tables(frame)
        object_store.put(keys.fleet("campaign_health"), to_parquet(health))
        object_store.put(keys.fleet("firmware_comparison"), to_parquet(comparison))
        object_store.put(keys.fleet_campaign(CAMPAIGN, 0), to_parquet(frame))

    put(cells)
    [first] = write_campaign_pages(object_store)
    etag = object_store.head(keys.campaign_page(CAMPAIGN))
    assert (first.campaign, first.verdict, first.is_new) == (CAMPAIGN, "hold", True)
    for name in ("rate_ratios", "adoption"):
        assert b"<svg" in object_store.get(keys.campaign_chart(CAMPAIGN, name))
    [again] = write_campaign_pages(object_store)
    assert not again.is_new
    assert object_store.head(keys.campaign_page(CAMPAIGN)) == etag
    put(cells.filter(pl.col("vehicle") > "SIM000002"))
    [changed] = write_campaign_pages(object_store)
    assert changed.is_new


def test_before_the_first_roll_up_there_is_nothing_to_write(object_store: ObjectStore) -> None:
    with pytest.raises(ArgusError, match="there is no object"):
        write_campaign_pages(object_store)
