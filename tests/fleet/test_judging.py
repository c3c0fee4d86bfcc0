"""Classes, pairs, rules, lists of vehicles, outcomes and verdicts."""

from __future__ import annotations

from dataclasses import replace
from math import inf

import pytest
from fleet.made import counts, exposures, put_batch

from argus_pipeline.batches.arrivals import locate_manifest
from argus_pipeline.batches.manifest import parse_manifest
from argus_pipeline.diagnosis.baseline import COLUMNS
from argus_pipeline.errors import BadInput
from argus_pipeline.fleet.baseline import read_baseline
from argus_pipeline.fleet.classes import Finding, classify
from argus_pipeline.fleet.expected import parse_expected
from argus_pipeline.fleet.outcomes import target_version, update_votes, vehicle_outcomes
from argus_pipeline.fleet.pairs import firmware_pairs
from argus_pipeline.fleet.rollup import read_campaign, read_sums, update
from argus_pipeline.fleet.rules import default_rules, overridden, read_campaign_rules, read_rules
from argus_pipeline.fleet.verdict import CampaignNumbers, Verdict, judge
from argus_pipeline.storage import keys
from argus_pipeline.storage.object_store import ObjectStore

COMPARISON = default_rules().comparison
CAMPAIGN = default_rules().campaign
FOUND = Finding(50, 60, 10, 10, 1.2, 0.9, 1.5, 0.4)


@pytest.mark.parametrize(
    ("changes", "expected"),
    [
        ({}, "unchanged"),
        ({"p_adjusted": 0.01, "ratio": 2.0, "low": 1.5, "high": 2.6}, "worse"),
        ({"p_adjusted": 0.01, "ratio": inf, "messages_before": 0, "high": inf}, "new"),
        ({"p_adjusted": 0.01, "ratio": 0.4, "low": 0.3, "high": 0.6}, "better"),
        ({"p_adjusted": 0.01, "ratio": 0.0, "low": 0.0, "messages_after": 0}, "gone"),
        # Certain, but too small to matter.
        ({"p_adjusted": 0.01, "ratio": 1.1, "low": 1.05, "high": 1.2}, "unchanged"),
        # Not certain, and a doubling is not ruled out.
        ({"high": 2.5}, "too little data"),
        ({"low": 0.4}, "too little data"),
        # Never seen before, and it may be chance.
        ({"messages_before": 0, "ratio": inf, "high": inf}, "too little data"),
        ({"p_adjusted": None, "high": 9.0}, "too little data"),
        ({"vehicles_after": 2, "p_adjusted": 0.001, "ratio": 9.0}, "too little data"),
    ],
)
def test_the_class_follows_from_the_rules(changes: dict[str, float], expected: str) -> None:
    assert classify(replace(FOUND, **changes), COMPARISON) == expected


def test_a_rule_that_is_changed_changes_the_class() -> None:
    found = replace(FOUND, p_adjusted=0.08, ratio=1.6, low=1.1, high=2.4)
    assert classify(found, COMPARISON) == "too little data"
    assert classify(found, replace(COMPARISON, false_discovery_rate=0.1)) == "worse"
    assert classify(found, replace(COMPARISON, relevant_change=3.0)) == "unchanged"


def test_rules_come_from_the_bucket_and_a_campaigns_own_win(object_store: ObjectStore) -> None:
    assert read_rules(object_store) == default_rules()
    object_store.put(
        keys.fleet_rules(), b"comparison: {least_change: 1.5}\ncampaign: {least_hours: 7}"
    )
    rules = read_rules(object_store)
    assert (rules.comparison.least_change, rules.campaign.least_hours) == (1.5, 7)
    object_store.put(keys.campaign_rules("c1"), b"hold_severities: [fatal]")
    own = read_campaign_rules(object_store, "c1", rules.campaign)
    assert (own.hold_severities, own.least_hours) == (("fatal",), 7)


@pytest.mark.parametrize(
    ("changes", "said"),
    [
        ({"least_hour": 1}, "has no rule 'least_hour'"),
        ({"least_hours": "many"}, "a number"),
        ({"most_failed_share": 5}, "a share from 0 to 1"),
        ({"least_vehicles": 1.5}, "a whole number"),
        ({"hold_classes": ["bad"]}, "new, worse"),
        ({"update_failures": ["("]}, "regular expressions"),
        ([1], "rules by name"),
    ],
)
def test_a_rule_that_is_wrong_is_named(changes: object, said: str) -> None:
    with pytest.raises(BadInput, match=r"rules\.yaml") as error:
        overridden(CAMPAIGN, changes, "rules.yaml")
    assert said in str(error.value)


def test_a_list_of_vehicles_is_read() -> None:
    data = "\ufeffvehicle, firmware_from ,firmware\nV1,v1,v2\r\n\nV2,,v2\n".encode()
    found = parse_expected(data, where="vehicles.csv")
    assert (dict(found.vehicles), found.target) == ({"V1": "v1", "V2": None}, "v2")


@pytest.mark.parametrize(
    ("data", "said"),
    [
        (b"", "a header with the column 'vehicle'"),
        (b"vin\nV1\n", "line 1 is 'vin'"),
        (b"vehicle\nV1\nV1\n", "line 3 names the vehicle 'V1' again"),
        (b"vehicle\nV/1\n", "line 2: vehicle is 'V/1'"),
        (b"vehicle,firmware\nV1,v1\nV2,v2\n", "one version in the column"),
        (b"vehicle,firmware\n,v1\n", "line 2: vehicle is None"),
        (b"vehicle\n\xff\n", "is not UTF-8 at byte 8"),
    ],
)
def test_a_list_of_vehicles_that_is_wrong_is_refused_with_its_line(data: bytes, said: str) -> None:
    with pytest.raises(BadInput) as error:
        parse_expected(data, where="vehicles.csv")
    assert said in str(error.value)


NUMBERS = CampaignNumbers(
    expected=None, reported_expected=20, succeeded=20, failed=0, batches=20, given_up=0, hours=30.0
)


@pytest.mark.parametrize(
    ("changes", "verdict", "rule"),
    [
        ({}, Verdict.CONTINUE, None),
        ({"succeeded": 3}, Verdict.NOT_ENOUGH_DATA, "least_vehicles"),
        ({"hours": 0.5}, Verdict.NOT_ENOUGH_DATA, "least_hours"),
        ({"failed": 2}, Verdict.HOLD, "most_failed_share"),
        # One failure may be anything.
        ({"failed": 1, "succeeded": 9}, Verdict.CONTINUE, None),
        ({"given_up": 5}, Verdict.HOLD, "most_given_up_share"),
        ({"changes": [("worse", "error", "E001 on J7")]}, Verdict.HOLD, "hold_classes"),
        ({"changes": [("better", "error", "E001 on J7")]}, Verdict.CONTINUE, None),
        ({"changes": [("worse", "info", "E001 on J7")]}, Verdict.CONTINUE, None),
        # What is bad is bad already.
        ({"succeeded": 1, "failed": 2}, Verdict.HOLD, "most_failed_share"),
    ],
)
def test_the_verdict_names_the_rule_that_made_it(
    changes: dict[str, object], verdict: Verdict, rule: str | None
) -> None:
    found, applied = judge(replace(NUMBERS, **changes), CAMPAIGN)
    assert found is verdict
    made = [one.rule for one in applied if not one.holds and one.otherwise is verdict]
    assert len(applied) == 5
    assert made[0].startswith(rule) if rule else not made, made


def test_the_share_that_reported_counts_where_a_list_is_given() -> None:
    rules = replace(CAMPAIGN, least_reported_share=0.5)
    assert judge(replace(NUMBERS, expected=30), rules)[0] is Verdict.CONTINUE
    assert judge(replace(NUMBERS, expected=50), rules)[0] is Verdict.NOT_ENOUGH_DATA
    assert judge(NUMBERS, rules)[0] is Verdict.CONTINUE


def put(store: ObjectStore, number: int, vehicle: str, firmware: str, **changes: object) -> None:
    given = {"hours": exposures(**{firmware: 1.0}), "faults": counts(), **changes}
    put_batch(
        store, number, given.pop("hours"), given.pop("faults"), vehicle=vehicle, firmware=firmware,
        campaign="c1", **given,
    )  # fmt: skip


def test_outcomes_follow_from_the_newest_batch_of_each_vehicle(object_store: ObjectStore) -> None:
    failure = counts(
        ("fp-1", "v1", 1), kind="fingerprint", title="activation of <*> failed, rc=<n>"
    )
    put(object_store, 0, "updated", "v1", firmware_from=None)
    put(object_store, 1, "updated", "v2", firmware_from="v1")
    put(object_store, 2, "second-try", "v1", firmware_from=None, faults=failure)
    put(object_store, 3, "second-try", "v2", firmware_from="v1")
    put(object_store, 4, "came-back", "v1", firmware_from="v2")
    put(object_store, 5, "broke", "v1", firmware_from=None, faults=failure)
    put(object_store, 6, "waits", "v0", firmware_from=None)
    put(object_store, 7, "claims", "v2", firmware_from="v1", hours=exposures(v1=1.0))
    put(object_store, 8, "no-log", "v2", firmware_from="v1", hours=exposures())
    update(object_store)
    cells = read_campaign(object_store, "c1")
    assert target_version(update_votes(cells)) == "v2"
    found = vehicle_outcomes(cells, "v2", CAMPAIGN.update_failures)
    assert {v: (o, s) for v, o, s in found.select("vehicle", "outcome", "source").iter_rows()} == {
        "updated": ("succeeded", "v1"),
        "second-try": ("succeeded", "v1"),
        "came-back": ("failed", "v1"),
        "broke": ("failed", "v1"),
        "waits": ("pending", "v0"),
        "claims": ("failed", "v1"),
        "no-log": ("succeeded", "v1"),
    }
    assert found.filter(vehicle="second-try")["failed_attempts"].item() == 1


def test_versions_are_compared_where_a_manifest_says_so_or_one_follows_the_other(
    object_store: ObjectStore,
) -> None:
    put_batch(
        object_store, 0, exposures(**{"v2.9": 1.0, "v2.10": 1.0}), counts(), firmware_from=None
    )
    put_batch(
        object_store,
        1,
        exposures(**{"v2.1": 1.0}),
        counts(),
        firmware="v2.10",
        firmware_from="v2.1",
    )
    # A version without hours has nothing to compare.
    put_batch(object_store, 2, exposures(), counts(), firmware="v3", firmware_from="v2.10")
    update(object_store)
    pairs = firmware_pairs(read_sums(object_store))
    assert set(
        pairs.select("firmware_before", "firmware_after", "pair", "batches").iter_rows()
    ) == {
        ("v2.1", "v2.9", "consecutive", 0),
        ("v2.9", "v2.10", "consecutive", 0),
        ("v2.1", "v2.10", "update", 1),
    }


def test_a_batch_is_set_against_what_was_usual_before_it(object_store: ObjectStore) -> None:
    def put(number: int, vehicle: str, hours: float, *rows: tuple[str, str, int]) -> str:
        faults, ran = counts(*rows), exposures(v1=hours)
        return put_batch(object_store, number, ran, faults, vehicle=vehicle)

    put(0, "V1", 2.0, ("E001", "v1", 4))
    put(1, "V2", 8.0, ("E001", "v1", 1), ("E002", "v1", 5))
    batch = put(2, "V1", 5.0, ("E009", "v1", 9))
    put(3, "V1", 7.0, ("E003", "v1", 9))
    update(object_store)
    key = locate_manifest(object_store, batch)
    found = read_baseline(object_store, parse_manifest(object_store.get(key), key=key))
    assert found.rows() == [
        ("vehicle", "E001", "DTC <*>", 4, 2.0),
        ("platform", "E001", "DTC <*>", 1, 8.0),
        ("platform", "E002", "DTC <*>", 5, 8.0),
    ]
    assert found.columns == list(COLUMNS)


def test_without_a_past_the_baseline_says_that_there_are_no_hours(
    object_store: ObjectStore,
) -> None:
    batch = put_batch(object_store, 0, exposures(v1=5.0), counts(("E009", "v1", 9)))
    update(object_store)
    key = locate_manifest(object_store, batch)
    found = read_baseline(object_store, parse_manifest(object_store.get(key), key=key))
    assert found.rows() == [("vehicle", None, None, 0, 0.0), ("platform", None, None, 0, 0.0)]
