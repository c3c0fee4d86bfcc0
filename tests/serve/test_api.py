"""The API over a real fleet, and from its own document."""

from __future__ import annotations

import json
import os

import httpx
import pytest
import schemathesis
from hypothesis import HealthCheck, given, settings
from schemathesis.specs.openapi.checks import positive_data_acceptance
from serve.conftest import FREE
from serve.world import DAY, FAILED, HOSTILE, HOSTILE_VEHICLE, UPLOADING, VIN, batch_id

from argus_pipeline.batches.arrivals import rejection_key
from argus_pipeline.batches.given_up import GivenUp, give_up
from argus_pipeline.database.engine import create_engine
from argus_pipeline.serve.tokens import add_token, revoke_token
from argus_pipeline.storage import keys


def names(answer: httpx.Response) -> list[str]:
    answer.raise_for_status()
    return [one["batch"] for one in answer.json()["batches"]]


def test_batches_come_in_pages_the_newest_first_and_each_once(served, world) -> None:
    with served.client() as client:
        whole = names(client.get("/api/v1/batches"))
        found, cursor = [], None
        for _ in range(20):
            given = {"limit": 2} | ({"cursor": cursor} if cursor else {})
            page = client.get("/api/v1/batches", params=given).json()
            found += [one["batch"] for one in page["batches"]]
            cursor = page["next"]
            if cursor is None:
                break

    assert found == whole
    assert set(world.reports) <= set(found)


@pytest.mark.parametrize(
    ("given", "wanted"),
    [
        ({"vehicle": HOSTILE_VEHICLE}, {HOSTILE}),
        ({"stage": "given up"}, {FAILED}),
        ({"stage": "uploading"}, {UPLOADING}),
        ({"platform": "none"}, set()),
        ({"until": "2020-01-01T00:00:00Z"}, set()),
        ({"vehicle": HOSTILE_VEHICLE, "code": "C0035", "stage": "done"}, {HOSTILE}),
        ({"vehicle": HOSTILE_VEHICLE, "code": "P9999"}, set()),
    ],
)
def test_filters_find_what_they_say(served, world, given, wanted) -> None:
    if "given up" in given.values():
        # As the recovery sensor leaves it.
        give_up(world.store, GivenUp(FAILED, "bad", "r", None, 2, None, "2026-11-20T00:00:00Z"))
        served.context.shared._kept.pop("bucket", None)
    with served.client() as client:
        assert set(names(client.get("/api/v1/batches", params=given))) == wanted


def test_a_report_is_to_the_byte_what_lies_in_the_bucket(served, world) -> None:
    batch = world.reports[0]
    with served.client() as client:
        page = client.get(f"/api/v1/batches/{batch}/report", headers={"Accept": "text/html"})
        data = client.get(f"/api/v1/batches/{batch}/report")
        again = client.get(
            f"/api/v1/batches/{batch}/report", headers={"If-None-Match": data.headers["etag"]}
        )

    assert data.content == world.store.get(keys.report(batch, "json"))
    assert page.content == world.store.get(keys.report(batch, "html"))
    assert (again.status_code, again.content) == (304, b"")


def test_every_place_in_the_evidence_opens_the_messages_around_it(served, world) -> None:
    with served.client() as client:
        report = client.get(f"/api/v1/batches/{world.reports[0]}/report").json()
        places = [
            reference
            for piece in report["evidence"]
            for reference in piece["references"]
            if reference["table"] and reference["offset"] is not None
        ]
        assert places
        for place in places:
            found = client.get(f"/api/v1/batches/{world.reports[0]}/messages", params=place).json()
            assert found["messages"][found["at"]]["offset"] == place["offset"]


def test_progress_tells_every_stage_and_ends_by_itself(served, world) -> None:
    with served.client() as client:
        address = f"/api/v1/batches/{world.reports[0]}/progress"
        first = client.get(address).text
        whole = client.get(address, headers={"Last-Event-ID": "1"}).text
        places = [line for line in whole.splitlines() if line.startswith("id: ")]
        rest = client.get(address, headers={"Last-Event-ID": places[3].removeprefix("id: ")}).text

    assert first.count("event: progress") == 1
    assert first.rstrip().splitlines()[-2] == "event: end"
    assert '"stage":"verifying"' in whole
    assert '"stage":"reporting"' in whole
    # None lost, none twice.
    assert [line for line in rest.splitlines() if line.startswith("id: ")] == places[4:]


def test_a_reader_without_the_scope_sees_no_vehicle_anywhere(served, world, serve) -> None:
    engine = create_engine(world.url)
    plain = add_token(engine, "plain")
    engine.dispose()
    with served.client(plain) as client:
        document = client.get("/api/v1/batches").json()
        shown = next(b["batch"] for b in document["batches"] if b["batch"].endswith("-bad0"))
        for path in (
            *("/", "/batches", "/search?q=C0035", "/api/v1/batches", "/api/v1/fleet"),
            *(f"/batches/{shown}", f"/api/v1/batches/{shown}", f"/api/v1/batches/{shown}/report"),
            f"/api/v1/batches/{shown}/report?format=md",
            f"/api/v1/batches/{shown}/report?format=html",
            f"/api/v1/batches/{shown}/messages?recording=ecu1.dlt&offset=0",
            f"/api/v1/batches/{shown}/statistics/critical_templates",
            f"/batches/{shown}/charts/severity_over_time.svg",
        ):
            answer = client.get(path)
            assert answer.status_code == 200, path
            assert HOSTILE_VEHICLE not in answer.text, path
            assert VIN not in answer.text, path
        for path in (
            "/api/v1/batches?vehicle=" + VIN,
            f"/api/v1/batches/{shown}/statistics/codes?format=parquet",
            f"/api/v1/batches/{shown}/links?recording=ecu1.dlt",
        ):
            assert client.get(path).status_code == 403, path


def test_the_reason_of_a_rejection_names_no_vehicle_to_such_a_reader(world, serve) -> None:
    vehicle = "TESTCAR-77"
    batch = batch_id(0x4E14, vehicle)
    key = rejection_key(batch)
    world.store.put(key, json.dumps({"error": f"{batch}: {vehicle} is no vehicle"}).encode())
    world.store.put(f"incoming/{DAY}/{batch}/manifest.json", b"{}")
    engine = create_engine(world.url)
    plain = add_token(engine, "rejected")
    engine.dispose()
    try:
        with serve(FREE) as served, served.client(plain) as client:
            hidden = batch.replace(vehicle, "TES~-77")
            for path in ("", "batches", "batches?stage=rejected", f"batches/{hidden}"):
                answer = client.get(f"/{path}")
                assert answer.status_code == 200
                assert vehicle not in answer.text, path
            for path in ("api/v1/batches?stage=rejected", "api/v1/fleet"):
                answer = client.get(f"/{path}")
                assert vehicle not in answer.text, path
                assert hidden in answer.text, path
            missing = client.get(f"/api/v1/batches/{hidden}/report")
            assert missing.status_code == 404
            assert missing.json()["where"] == hidden
            for path in (f"api/v1/batches/{hidden}", f"api/v1/batches/{hidden}/progress"):
                answer = client.get(f"/{path}")
                assert f"{hidden}: TES~-77 is no vehicle" in answer.text, path
    finally:
        world.store.delete(key)
        world.store.delete(f"incoming/{DAY}/{batch}/manifest.json")


def test_only_a_token_with_the_scope_judges_and_its_name_is_kept(served, world) -> None:
    engine = create_engine(world.url)
    judge, plain = add_token(engine, "ana", ["judge", "vin"]), add_token(engine, "bob", ["vin"])
    address = f"/api/v1/batches/{world.reports[0]}/feedback"
    word = {"judgement": "confirmed", "note": "cable replaced"}
    with served.client() as nobody, served.client(plain) as bob, served.client(judge) as ana:
        assert nobody.post(address, json=word).status_code == 401
        assert bob.post(address, json=word).status_code == 403
        assert ana.post(address, json={"judgement": "corrected"}).status_code == 422
        assert ana.post(address, json=word, headers={"Origin": "http://x"}).status_code == 403
        assert ana.post(address, json=word).json()["author"] == "ana"
        assert nobody.get(address).json()["feedback"][0]["note"] == "cable replaced"
        revoke_token(engine, "ana")
        served.context.shared._kept.clear()
        assert ana.get(address).status_code == 401
    engine.dispose()


def test_with_tokens_nobody_reads_without_one(serve) -> None:
    from dataclasses import replace

    with serve(replace(FREE, tokens=True)) as guarded, guarded.client() as client:
        assert client.get("/api/v1/batches").status_code == 401
        assert client.get("/metrics").status_code == 401
        assert client.get("/").headers["location"] == "/sign-in"
        assert client.get("/sign-in").status_code == 200


def test_servers_side_by_side_give_the_same_answers(served, world, serve) -> None:
    batch = world.reports[0]
    with serve(FREE) as other, served.client() as one, other.client() as two:
        for path in (
            *("/api/v1/batches", "/api/v1/campaigns", "/api/v1/firmware_comparison"),
            *(f"/api/v1/batches/{batch}/report", f"/api/v1/batches/{batch}/statistics/codes"),
            *(f"/batches/{batch}", "/batches", "/compare", "/search?q=C0035"),
        ):
            here, there = one.get(path), two.get(path)
            assert here.status_code == 200, path
            assert here.content == there.content, path
            assert here.headers["etag"] == there.headers["etag"], path


def test_the_server_can_write_nothing(served) -> None:
    from sqlalchemy import text
    from sqlalchemy.exc import DBAPIError

    for engine in (served.context.engine, served.context.runs, served.context.writer):
        for statement in ("DELETE FROM argus.batches", "DELETE FROM public.runs"):
            with engine.connect() as connection, pytest.raises(DBAPIError):
                connection.execute(text(statement))


def test_the_api_is_what_its_document_says(served) -> None:
    """Cases made from the document: no server error, no undocumented status or body."""
    schema = schemathesis.openapi.from_url(f"{served.url}/api/v1/openapi.json")
    streams = {"/api/v1/fleet/progress"}
    seen = 0
    for result in schema.get_all_operations():
        operation = result.ok()
        if operation.path in streams:
            continue

        @settings(
            max_examples=int(os.environ.get("ARGUS_CASES", "8")),
            suppress_health_check=list(HealthCheck),
            derandomize=True,
        )
        @given(case=operation.as_strategy())
        def check(case) -> None:
            # No schema can say which cursors there are, or what makes a correction whole.
            case.call_and_validate(excluded_checks=[positive_data_acceptance])

        check()
        seen += 1

    assert seen > 15
