from __future__ import annotations

from datetime import timedelta

from diagnosis.made import START

from argus_pipeline.diagnosis.evidence import Evidence, FeatureSummary, Kind
from argus_pipeline.diagnosis.log_expert import MAX_FINDINGS, log_findings


def code(id_: str, name: str, second: float, ecu: str = "ABS1", **numbers: float) -> Evidence:
    return Evidence(
        id_,
        Kind.CODE,
        f"{name}, worst severity error: 4 messages, ECU {ecu}, first at 20 min.",
        {"messages": 4, **numbers},
        time=START + timedelta(seconds=second),
        code=name,
        severity="error",
    )


def summary(*pieces: Evidence) -> FeatureSummary:
    frame = (
        Evidence("E1", Kind.UPDATE, "Platform J7; an update."),
        Evidence("E2", Kind.SCOPE, "Much.", {"seconds": 3600}),
    )
    return FeatureSummary((*frame, *pieces))


def texts(*pieces: Evidence) -> dict[str, tuple[str, ...]]:
    return {claim.text: claim.citations for claim in log_findings(summary(*pieces))}


def test_what_came_with_the_update_is_told_from_what_was_there_before() -> None:
    found = texts(
        code("E3", "C0035", 900, after_update_s=12), code("E4", "U0100", 5, after_update_s=-60)
    )
    assert found["C0035 first came after the update and not before."] == ("E3", "E1")
    before = "U0100 was there before the update: the update cannot have brought it."
    assert found[before] == ("E4", "E1")


def test_faults_within_a_minute_on_two_ecus_and_the_order_of_all_are_found() -> None:
    found = texts(
        code("E3", "C0035", 900),
        code("E4", "U0100", 870, "GW01"),
        code("E5", "P0A80", 3000),
    )
    together = "C0035 and U0100 first came within a minute of each other on different ECUs."
    assert found[together] == ("E3", "E4")
    order = "The faults first came in this order: U0100, C0035, P0A80."
    assert found[order] == ("E4", "E3", "E5")


def test_a_signal_a_restart_and_a_change_are_tied_to_the_fault_that_they_belong_to() -> None:
    found = texts(
        code("E3", "C0035", 900, "ABS1"),
        code("E4", "U0100", 2000, "GW01"),
        Evidence("E5", Kind.RESTART, "ECU ABS1: of 7 boots 3 ended in a reset."),
        Evidence("E6", Kind.SIGNAL, "Near C0035 the signal wheel.speed of t was below."),
        Evidence("E7", Kind.CHANGE, "New: C0035, 4 messages here, none in 20 h of the vehicle."),
    )
    assert found["C0035 is new against what was usual before."] == ("E3", "E7")
    assert found["When C0035 came, the signal wheel.speed left its usual range."] == ("E6", "E3")
    restarts = "ECU ABS1, whose boots ended badly, is also the one that reports C0035."
    assert found[restarts] == ("E5", "E3")


def test_what_lasts_is_told_from_what_came_once() -> None:
    found = texts(code("E3", "C0035", 60, lasted_s=3000), code("E4", "U0100", 600, lasted_s=2))
    lasting = "C0035 kept coming over more than half of the batch's time."
    assert found[lasting] == ("E3", "E2")


def test_findings_are_few_however_many_faults_there_are() -> None:
    pieces = [code(f"E{n + 3}", f"P{n:04}", n, after_update_s=n) for n in range(40)]
    assert len(log_findings(summary(*pieces))) == MAX_FINDINGS
    assert log_findings(summary()) == ()
