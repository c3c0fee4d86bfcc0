from __future__ import annotations

from datetime import timedelta
from pathlib import Path

import polars as pl
import pytest
from diagnosis.made import START, Message, faulty_messages, manifest, result, statistics
from hypothesis import given, settings
from hypothesis import strategies as st

from argus_pipeline.diagnosis.evidence import FeatureSummary, Kind, Reference
from argus_pipeline.diagnosis.summary import MAX_TOKENS, summarise
from argus_pipeline.diagnosis.validator import evidence_tokens, number_tokens
from argus_pipeline.recordings.result import Fault, Status
from argus_pipeline.statistics.batch import BatchStatistics
from argus_pipeline.statistics.schemas import SCHEMAS, fit
from argus_pipeline.statistics.severity import SEVERITIES


def summary_of(folder: Path, messages: list[Message]) -> FeatureSummary:
    return summarise(manifest(), [result(rows=len(messages))], statistics(folder, messages))


def test_evidence_is_numbered_in_the_order_of_its_kinds(tmp_path: Path) -> None:
    summary = summary_of(tmp_path, faulty_messages())

    assert [piece.id for piece in summary.evidence] == [
        f"E{n}" for n in range(1, len(summary.evidence) + 1)
    ]
    kinds = [list(Kind).index(piece.kind) for piece in summary.evidence]
    assert kinds == sorted(kinds)


def test_a_code_says_how_often_where_and_when_it_came(tmp_path: Path) -> None:
    messages = faulty_messages()
    (code,) = (p for p in summary_of(tmp_path, messages).of_kind(Kind.CODE) if p.code == "C0035")

    place = 64 * next(n for n, message in enumerate(messages) if "C0035" in message.text)
    assert code.numbers["messages"] == 40
    assert code.numbers["onset_s"] == 1200
    assert code.severity == "error"
    assert code.references == (Reference("ecu1.dlt", place, "messages"),)
    assert code.time == START + timedelta(seconds=1200)
    assert "40 messages, ECU ABS1, first 20 min into the batch" in code.statement


def test_the_worst_code_comes_first(tmp_path: Path) -> None:
    codes = summary_of(tmp_path, faulty_messages()).of_kind(Kind.CODE)

    assert [(piece.code, piece.severity) for piece in codes] == [
        ("P0A80", "fatal"),
        ("C0035", "error"),
        ("U0100", "warn"),
    ]


def test_only_masked_texts_travel_on(tmp_path: Path) -> None:
    text = "DTC C0035 call 555-0199 now, key 4f9a77c2d1e8"
    rendered = summary_of(tmp_path, [Message(0, "fatal", text)]).render()

    assert "555" not in rendered
    assert "4f9a77c2d1e8" not in rendered
    assert '"DTC <code> call <n>' in rendered


def test_a_fatal_text_without_a_code_is_evidence_of_its_own(tmp_path: Path) -> None:
    messages = [Message(n, "fatal", f"watchdog bit after {n} ms") for n in range(3)]
    (event,) = summary_of(tmp_path, messages).of_kind(Kind.EVENT)

    assert event.quote == "watchdog bit after <n> ms"
    assert event.numbers["messages"] == 3
    assert event.references[0].offset == 0


def test_a_text_that_names_a_code_is_not_counted_twice(tmp_path: Path) -> None:
    assert not summary_of(tmp_path, [Message(0, "error", "E123 pump stuck")]).of_kind(Kind.EVENT)


def test_damage_is_told_with_what_was_saved(tmp_path: Path) -> None:
    damaged = result(rows=1, faults=[Fault(512, 40, "bad length"), Fault(900, 2, "bad")])
    lost = result(
        "ecu2.dlt",
        status=Status.QUARANTINED,
        faults=[Fault(0, 100_000, "no known format")],
        error="the format is not known",
    )
    found = summarise(
        manifest(recordings=("ecu1.dlt", "ecu2.dlt")),
        [damaged, lost],
        statistics(tmp_path, [Message(0, "info", "hello")], [damaged, lost]),
    )

    first, second = found.of_kind(Kind.DAMAGE)
    assert first.statement == (
        "ecu2.dlt could not be read, none of its 100,000 bytes (the format is not known)."
    )
    assert second.statement == (
        "ecu1.dlt is damaged: 42 of 100,000 bytes in 2 stretches could not be decoded, the first"
        " at byte 512 (bad length); 1 message was saved."
    )
    assert second.references == (Reference("ecu1.dlt", 512),)


def test_the_update_of_the_manifest_is_the_first_evidence(tmp_path: Path) -> None:
    counted = statistics(tmp_path, [Message(0, "info", "hello")])
    with_update = summarise(manifest(), [result(rows=1)], counted)
    without = summarise(manifest(firmware_from=None), [result(rows=1)], counted)

    assert "from firmware v2.2.9 to v2.3.1" in with_update.evidence[0].statement
    assert "names no update" in without.evidence[0].statement


def test_a_batch_without_a_message_has_a_summary(tmp_path: Path) -> None:
    summary = summary_of(tmp_path, [])

    assert summary.of_kind(Kind.SCOPE)[0].numbers["messages"] == 0


NAMES = st.text(
    st.one_of(st.characters(exclude_categories=["Cs"]), st.sampled_from("制\u202e|<`")),
    min_size=1,
    max_size=90,
)
COUNTS = st.integers(1, 10**12)


@st.composite
def any_statistics(draw: st.DrawFn) -> BatchStatistics:
    codes = draw(st.lists(NAMES, max_size=60, unique=True))
    texts = draw(st.lists(st.one_of(st.none(), NAMES), max_size=30, unique=True))
    severities = st.sampled_from(SEVERITIES)
    frames = {name: pl.DataFrame(schema=schema) for name, schema in SCHEMAS.items()}

    def place(number: int) -> dict[str, object]:
        return {
            "messages": draw(COUNTS),
            "first_time": START + timedelta(seconds=number),
            "last_time": START + timedelta(days=number),
            "recording": draw(NAMES),
            "table": draw(NAMES),
            "offset": draw(st.integers(0, 2**63)),
        }

    if codes:
        rows = [
            {"code": code, "severity": draw(severities), "ecu": draw(NAMES), "ecus": n + 1}
            | {"position": None}
            | place(n)
            for n, code in enumerate(codes)
        ]
        frames["codes"] = fit("codes", pl.DataFrame(rows, infer_schema_length=None))
    if texts:
        critical = st.sampled_from(["fatal", "error"])
        rows = [
            {"template": text, "severity": draw(critical), "ecu": draw(NAMES)} | place(n)
            for n, text in enumerate(texts)
        ]
        frames["critical_templates"] = fit(
            "critical_templates", pl.DataFrame(rows, infer_schema_length=None)
        )
    boots = [
        {
            "recording": draw(NAMES),
            "ecu": ecu,
            "lifecycle": number,
            "kind": draw(st.sampled_from(["boot", "resume", "clock_change"])),
            "boot": number,
            "start": draw(st.none() | st.just(START + timedelta(hours=number))),
            "software_version": draw(st.none() | NAMES),
            "first_offset": draw(st.integers(0, 2**63)),
            "messages": draw(COUNTS),
            "lost": draw(COUNTS),
        }
        for ecu in draw(st.lists(NAMES, max_size=12, unique=True))
        for number in range(draw(st.integers(1, 3)))
    ]
    frames["lifecycles"] = fit(
        "lifecycles", pl.DataFrame(boots, schema={**SCHEMAS["lifecycles"]}, strict=False)
    )
    senders = [
        {"recording": draw(NAMES), "ecu": draw(NAMES), "app": draw(NAMES), "lost": draw(COUNTS)}
        for _ in range(draw(st.integers(0, 8)))
    ]
    frames["losses"] = fit("losses", pl.DataFrame(senders, schema={**SCHEMAS["losses"]}))
    totals = {name: draw(COUNTS) for name in SCHEMAS["totals"]} | {
        "lifecycles": len(boots) + draw(COUNTS),
        "lost_messages": int(frames["losses"]["lost"].sum()) + draw(COUNTS),
        "first_time": START,
        "last_time": START + timedelta(days=9),
        "critical_events": int(frames["critical_templates"]["messages"].sum()) + draw(COUNTS),
    }
    frames["totals"] = fit("totals", pl.DataFrame([totals]))
    return BatchStatistics(**frames)


@settings(max_examples=60)
@given(any_statistics(), st.integers(0, 30), NAMES)
def test_a_summary_is_bounded_and_accounts_for_everything(
    counted: BatchStatistics, damaged: int, reason: str
) -> None:
    results = [
        result(f"ecu{n}.dlt", rows=n, faults=[Fault(n, n + 1, reason)]) for n in range(damaged)
    ]
    summary = summarise(manifest(), results, counted)

    assert summary.tokens <= MAX_TOKENS
    remainder = summary.of_kind(Kind.REMAINDER)
    left_out = remainder[0].numbers if remainder else {}
    for kind, total in (
        (Kind.CODE, counted.codes.height),
        (Kind.EVENT, counted.critical_templates.height),
        (Kind.DAMAGE, damaged),
    ):
        shown = summary.of_kind(kind)
        assert len(shown) + left_out.get(f"{kind}_left_out", 0) == total, kind
    for kind, whole in (
        (Kind.CODE, counted.codes["messages"].sum()),
        (Kind.EVENT, counted.critical_templates["messages"].sum()),
    ):
        told = sum(piece.numbers["messages"] for piece in summary.of_kind(kind))
        assert told + left_out.get(f"{kind}_messages_left_out", 0) == whole, kind
    lost = sum(piece.numbers["lost"] for piece in summary.of_kind(Kind.LOSS))
    assert lost + left_out.get("loss_lost_left_out", 0) == counted.total("lost_messages")
    restarted = (counted.lifecycles.group_by("ecu").agg(pl.len()).filter(pl.col("len") > 1)).height
    ecus = sum(piece.numbers["ecus"] for piece in summary.of_kind(Kind.LIFECYCLE))
    assert ecus + left_out.get("lifecycle_ecus_left_out", 0) <= restarted
    for piece in summary.evidence:
        assert set(number_tokens(piece.statement)) <= evidence_tokens(piece)


@pytest.mark.parametrize("codes", [40, 4000])
def test_what_is_left_out_is_counted_and_said(tmp_path: Path, codes: int) -> None:
    messages = [Message(n, "warn", f"DTC 0x{n % codes:04X} came up") for n in range(2 * codes)]
    summary = summary_of(tmp_path, messages)
    (remainder,) = summary.of_kind(Kind.REMAINDER)
    shown = len(summary.of_kind(Kind.CODE))

    assert 5 <= shown <= 12
    assert f"and {codes - shown:,} more codes with {2 * (codes - shown):,} messages" in (
        remainder.statement
    )
    assert summary.tokens <= MAX_TOKENS
