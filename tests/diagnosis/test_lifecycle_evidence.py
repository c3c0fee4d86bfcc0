from __future__ import annotations

from dataclasses import replace
from datetime import timedelta
from pathlib import Path
from typing import Any

import pytest
from diagnosis.made import START, WHEEL_SPEED, Message, manifest, match, result, statistics

from argus_pipeline.diagnosis.composer import Case, compose
from argus_pipeline.diagnosis.evidence import FeatureSummary, Kind, Reference
from argus_pipeline.diagnosis.model import Outcome
from argus_pipeline.diagnosis.pipeline import make_case
from argus_pipeline.diagnosis.summary import MAX_TOKENS, summarise
from argus_pipeline.diagnosis.validator import check_citations
from argus_pipeline.knowledge.retrieval import Step
from argus_pipeline.statistics.lifecycles import MAX_LIFECYCLES

WHEEL = match(WHEEL_SPEED, Step.CODE_PLATFORM_FIRMWARE)
QUIET = [Message(n, "info", "all well") for n in range(0, 3600, 60)]


def summary_of(
    folder: Path, boots: list[dict[str, Any]], senders: list[dict[str, Any]] | None = None
) -> FeatureSummary:
    named = {"ecu1.dlt": boots} if boots else None
    counted = statistics(folder, QUIET, boots=named, senders=senders or [])
    return summarise(manifest(), [result(rows=len(QUIET))], counted)


def boot(minute: float, ecu: str = "ABS", version: str | None = None) -> dict[str, Any]:
    return {"ecu": ecu, "start": START + timedelta(minutes=minute), "software_version": version}


def updated(ecu: str, minute: float) -> list[dict[str, Any]]:
    return [boot(0, ecu, "v2.2.9"), boot(minute, ecu, "v2.3.1")]


def case_of(folder: Path, second: float, boots: list[dict[str, Any]], **fields: Any) -> Case:
    """A brake fault that comes from some second on, in a log with these boots."""
    faults = [Message(second + n, "error", f"C0035 lost, n={n}", "ABS") for n in range(10)]
    messages = sorted([*QUIET, *faults], key=lambda message: message.second)
    counted = statistics(folder, messages, boots={"ecu1.dlt": boots} if boots else None)
    return make_case(manifest(**fields), [result(rows=len(messages))], counted)


def test_an_ecu_that_started_once_is_no_evidence(tmp_path: Path) -> None:
    assert summary_of(tmp_path, [boot(0, version="v1")]).of_kind(Kind.LIFECYCLE) == ()


def test_restarts_are_evidence_with_the_place_of_the_last_one(tmp_path: Path) -> None:
    (piece,) = summary_of(tmp_path, [boot(0), boot(5), boot(9)]).of_kind(Kind.LIFECYCLE)

    assert piece.statement == "ECU ABS booted 3 times."
    assert piece.references == (Reference("ecu1.dlt", 3000, "messages"),)
    assert piece.time == START + timedelta(minutes=9)


def test_ecus_that_fared_alike_share_one_piece(tmp_path: Path) -> None:
    rows = [row for ecu in ("ABS", "GW", "TCU") for row in updated(ecu, 10)]
    rows += [boot(n, "IVI") for n in range(8)]
    pieces = summary_of(tmp_path, rows).of_kind(Kind.LIFECYCLE)

    assert [piece.statement for piece in pieces] == [
        "ECUs ABS, GW, TCU each booted 2 times; they ran software v2.2.9, then v2.3.1.",
        "ECU IVI booted 8 times.",
    ]


def test_resumes_and_changes_of_the_clock_are_no_boots(tmp_path: Path) -> None:
    rows = [boot(0), {**boot(5), "kind": "resume"}, {**boot(9), "kind": "clock_change"}]
    (piece,) = summary_of(tmp_path, rows).of_kind(Kind.LIFECYCLE)

    assert piece.statement == (
        "ECU ABS booted 1 time, resumed 1 time after a suspend, had the recorder's clock set"
        " 1 time meanwhile."
    )


def test_lost_messages_are_evidence_by_sender(tmp_path: Path) -> None:
    senders = [
        {"ecu": "ABS", "app": "BRK", "context": "REQ", "lost": 12, "gaps": 2},
        {"ecu": "ABS", "app": "BRK", "context": "REQ", "lifecycle": 2, "lost": 3, "gaps": 1},
        {"ecu": "GW", "app": None, "context": None, "lost": 1, "gaps": 1},
    ]
    summary = summary_of(tmp_path, [boot(0), boot(9)], senders)

    assert [piece.statement for piece in summary.of_kind(Kind.LOSS)] == [
        "15 messages lost from ABS/BRK/REQ: 3 gaps in the message counter.",
        "1 message lost from GW: 1 gap in the message counter.",
    ]
    assert "16 messages missing by the counters" in summary.of_kind(Kind.SCOPE)[0].statement
    (restarts,) = summary.of_kind(Kind.LIFECYCLE)
    assert restarts.statement == (
        "ECU ABS booted 2 times; 15 messages are missing by its counters."
    )


def test_what_was_lost_is_among_what_is_not_known(tmp_path: Path) -> None:
    counted = statistics(tmp_path, QUIET, senders=[{"lost": 12, "gaps": 2}])
    found = compose(make_case(manifest(), [result(rows=len(QUIET))], counted), [])

    assert "What 12 messages said that are missing by their counters." in [
        claim.text for claim in found.unknowns
    ]
    assert found.outcome is Outcome.NO_FAULT
    assert check_citations(found) == []


def test_many_restarting_ecus_and_senders_are_bounded_and_counted(tmp_path: Path) -> None:
    rows = [boot(m, f"E{n:03}") for n in range(40) for m in range(n + 1)]
    senders = [{"ecu": f"E{n:03}", "lost": n + 1, "gaps": 1} for n in range(40)]
    summary = summary_of(tmp_path, rows, senders)
    (remainder,) = summary.of_kind(Kind.REMAINDER)

    assert summary.tokens <= MAX_TOKENS
    assert len(summary.of_kind(Kind.LIFECYCLE)) == 4
    assert "how often 35 more ECUs started anew" in remainder.statement
    assert f"{sum(range(38)):,} lost messages of more senders" in remainder.statement


def test_boots_that_the_statistics_only_count_make_the_number_a_least_one(tmp_path: Path) -> None:
    summary = summary_of(tmp_path, [boot(n) for n in range(MAX_LIFECYCLES + 5)])
    (piece,) = summary.of_kind(Kind.LIFECYCLE)
    (remainder,) = summary.of_kind(Kind.REMAINDER)

    assert piece.statement.startswith("ECU ABS booted at least 1,000 times")
    assert "5 older lifecycles, of which only the count is kept" in remainder.statement


def test_the_evidence_of_the_update_says_what_the_ecus_answered(tmp_path: Path) -> None:
    rows = [*updated("ABS", 10), *updated("GW", 9), *updated("IVI", 11)]
    (piece,) = summary_of(tmp_path, rows).of_kind(Kind.UPDATE)

    assert piece.statement.endswith(
        "By their own answers (GetSoftwareVersion) 3 ECUs booted with other software than before:"
        " GW went from v2.2.9 to v2.3.1 at 2026-11-23 10:09:00 UTC, the last, IVI, at"
        " 2026-11-23 10:11:00 UTC."
    )
    assert piece.time == START + timedelta(minutes=9)


def test_a_code_that_came_after_a_known_update_weighs_more_and_says_so(tmp_path: Path) -> None:
    # 30 s after the update, and so near the start that nothing else would tell.
    found = compose(case_of(tmp_path, 45, updated("ABS", 0.25)), [WHEEL])
    unknown = compose(case_of(tmp_path / "b", 45, []), [WHEEL])
    (cause,) = found.likely_causes

    assert (
        "it first came 30 s after the update, by the software versions that the ECUs answered"
        in cause.claim.text
    )
    assert cause.score == pytest.approx(unknown.likely_causes[0].score + 1)
    assert check_citations(found) == []


def test_a_code_that_came_before_a_known_update_is_not_put_down_to_it(tmp_path: Path) -> None:
    # 20 minutes into the batch: without the ECU's answers it would look like the update's work.
    found = compose(case_of(tmp_path, 1200, updated("ABS", 30)), [WHEEL])
    guessed = compose(case_of(tmp_path / "b", 1200, []), [WHEEL])
    (cause,) = found.likely_causes

    assert "it came before the update already" in cause.claim.text
    assert cause.score == pytest.approx(guessed.likely_causes[0].score - 1)
    assert check_citations(found) == []


def test_a_known_update_counts_where_the_manifest_names_none(tmp_path: Path) -> None:
    found = compose(case_of(tmp_path, 1200, updated("ABS", 10), firmware_from=None), [WHEEL])

    assert "it first came 10 min after the update" in found.likely_causes[0].claim.text
    assert "names no update" in found.evidence[0].statement
    assert check_citations(found) == []


def test_versions_of_a_stranger_are_cleaned_and_shortened(tmp_path: Path) -> None:
    nasty = "\x1b[31mv2\u202e " + "x" * 500
    summary = summary_of(tmp_path, [boot(0, version="v1"), boot(9, version=nasty)])

    assert not {"\x1b", "\u202e"} & set(summary.render())
    assert "x" * 40 not in summary.render()
    assert summary.tokens <= MAX_TOKENS


def test_a_torn_compressed_recording_is_not_whole(tmp_path: Path) -> None:
    messages = [Message(n, "error", "C0035 lost") for n in range(10)]
    whole = [result(rows=10)]
    torn = [replace(whole[0], unread_bytes=300, compression="gzip")]

    def reasons(results: list[Any], name: str) -> tuple[str, ...]:
        counted = statistics(tmp_path / name, messages, results)
        return compose(make_case(manifest(), results, counted), [WHEEL]).confidence.reasons

    assert "every byte of the batch was decoded (1 point)" in reasons(whole, "whole")
    assert "every byte of the batch was decoded (1 point)" not in reasons(torn, "torn")
