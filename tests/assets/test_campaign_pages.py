"""The asset `campaign_pages`, by a real Dagster instance over a real store and database."""

from __future__ import annotations

import dagster as dg
from fleet.made import counts, exposures, put_batch

from argus_pipeline.storage import keys

FLEET = dg.AssetSelection.groups("fleet")


def materialize(pipeline) -> dg.ExecuteInProcessResult:
    return dg.materialize(
        [*pipeline.definitions.assets],
        selection=FLEET,
        instance=pipeline.instance,
        resources=pipeline.resources,
    )


def shown(result: dg.ExecuteInProcessResult) -> dict[str, object]:
    [event] = [
        m
        for m in result.get_asset_materialization_events()
        if m.asset_key.path == ["campaign_pages"]
    ]
    return {name: value.value for name, value in event.materialization.metadata.items()}


def test_every_campaign_has_its_page_and_it_says_what_got_worse(pipeline) -> None:
    for n in range(12):
        put_batch(
            pipeline.store,
            n,
            exposures(v1=10.0, v2=10.0),
            counts(("E001", "v1", 8 + n % 3), ("E001", "v2", 40 + n % 5), lifecycles=10),
            vehicle=f"VIN{n:02d}",
            campaign="2026-q4-brakes",
        )
    first = shown(materialize(pipeline))
    assert (first["campaigns"], first["written"]) == (1, 1)
    assert "2026\\-q4\\-brakes" in str(first["pages"]) or "2026-q4-brakes" in str(first["pages"])
    page = pipeline.store.get(keys.campaign_page("2026-q4-brakes")).decode()
    assert "E001 on J7 is worse" in page
    assert shown(materialize(pipeline))["written"] == 0


def test_without_any_batch_there_is_no_page_and_no_error(pipeline) -> None:
    result = materialize(pipeline)
    assert result.success
    assert shown(result)["pages"] == "no campaign has a batch yet"
