"""Decisions without a server: masking, rates, stages out of events, who is let in."""

from __future__ import annotations

import pytest
from hypothesis import given
from hypothesis import strategies as st

from argus_pipeline.batches.stages import Stage
from argus_pipeline.errors import ArgusError
from argus_pipeline.report.language import Language
from argus_pipeline.run_tables import Event
from argus_pipeline.serve.answers import as_told
from argus_pipeline.serve.fold import Fold
from argus_pipeline.serve.forms import own_address
from argus_pipeline.serve.guard import Rate
from argus_pipeline.serve.masking import hidden, mask, masked
from argus_pipeline.serve.options import Options, require_guard
from argus_pipeline.serve.words import PageWords, catalogue

VIN = "LFV3A23C0K3000001"


def test_a_hidden_batch_id_says_time_and_ending_but_no_vehicle() -> None:
    assert hidden(f"20261123T101500Z-{VIN}-7f3a") == "20261123T101500Z-LFV~001-7f3a"
    assert hidden("20261123T101500Z-bench-07-7f3a") == "20261123T101500Z-ben~-07-7f3a"


@given(st.text(), st.text())
def test_no_vin_is_left_in_a_text_whatever_stands_around_it(before: str, after: str) -> None:
    assert VIN not in masked(f"{before} {VIN} {after}")
    assert VIN not in masked(f"{before}{VIN}{after}", VIN)


def test_an_id_of_a_batch_is_hidden_in_whatever_text_it_stands() -> None:
    batch = "20261123T101500Z-bench-07-7f3a"
    text = f"'{batch}' is not {batch}/a.dlt, nor s3://b/reports/{batch}.json"
    assert masked(text) == text.replace(batch, hidden(batch))
    assert masked(masked(text)) == masked(text)


def test_a_name_is_hidden_in_texts_and_no_field_loses_its_own() -> None:
    told = as_told(
        {"batch": "batch 7", "all": {"batch"}, "n": 1e400}, lambda text: masked(text, "batch")
    )
    assert told == {"batch": "b~ 7", "all": ["b~"], "n": None}


def test_numbers_of_seventeen_digits_are_no_vehicles() -> None:
    assert masked("at 12345678901234567") == "at 12345678901234567"
    assert mask("bus7") == "b~"


def test_a_rate_lets_a_burst_through_and_then_what_it_says() -> None:
    now = [0.0]
    rate = Rate(2.0, 3.0, lambda: now[0])

    assert [rate.take("a") for _ in range(4)] == [0, 0, 0, 0.5]
    assert rate.take("b") == 0
    now[0] = 0.5
    assert rate.take("a") == 0
    assert rate.take("a") > 0


@pytest.mark.parametrize(
    "options", [Options(), Options(host="::1"), Options("0.0.0.0", tokens=True)]
)
def test_this_machine_and_tokens_are_let_in(options: Options) -> None:
    require_guard(options)


@pytest.mark.parametrize("host", ["0.0.0.0", "192.0.2.7", "::", "argus.example"])
def test_other_machines_are_not_let_in_without_anybody_at_the_door(host: str) -> None:
    with pytest.raises(ArgusError, match="could read every report"):
        require_guard(Options(host))


def test_only_the_proxy_is_believed_when_it_says_who_comes() -> None:
    said = {"x-forwarded-user": "ana"}

    assert Options(proxy=True).user_of("127.0.0.1", said) == "ana"
    assert Options(proxy=True).user_of("192.0.2.7", said) is None
    assert Options(proxy=True, proxies=("192.0.2.7",)).user_of("192.0.2.7", said) == "ana"
    assert Options(proxy=True).user_of("127.0.0.1", {}) is None
    assert Options().user_of("127.0.0.1", said) is None


def event(place: int, kind: str, step: str | None = None) -> Event:
    return Event(place, "run", kind, step, None)


def test_events_of_a_run_become_the_changes_of_its_stage() -> None:
    changes = Fold().feed(
        [
            event(1, "PIPELINE_START"),
            event(2, "STEP_START", "raw_batch"),
            event(3, "STEP_SUCCESS", "raw_batch"),
            event(4, "STEP_OUTPUT", "parsed_csv.plan"),
            event(5, "STEP_OUTPUT", "parsed_csv.plan"),
            event(6, "STEP_START", "parsed_csv.parse[0]"),
            event(7, "STEP_SUCCESS", "parsed_csv.parse[0]"),
            event(8, "STEP_START", "report"),
            event(9, "PIPELINE_SUCCESS"),
        ]
    )

    assert [(c.id, c.stage, c.detail) for c in changes] == [
        (1, Stage.VERIFYING, ""),
        (6, Stage.PARSING, "0/2"),
        (7, Stage.PARSING, "1/2"),
        (8, Stage.REPORTING, ""),
        (9, Stage.DONE, ""),
    ]


@given(st.integers(0, 7))
def test_where_a_log_is_cut_changes_nothing_of_what_follows(cut: int) -> None:
    events = [
        event(1, "PIPELINE_ENQUEUED"),
        event(2, "PIPELINE_START"),
        event(3, "STEP_START", "raw_batch"),
        event(4, "STEP_START", "charts"),
        event(5, "STEP_FAILURE", "charts"),
        event(6, "PIPELINE_FAILURE"),
    ]
    fold = Fold()

    assert fold.feed(events[:cut]) + fold.feed(events[cut:]) == Fold().feed(events)


@pytest.mark.parametrize(
    ("given", "where"),
    [
        ("/batches?stage=done", "/batches?stage=done"),
        ("//evil.example", "/"),
        ("/\\evil.example", "/"),
        ("https://evil.example", "/"),
        ("/a\r\nSet-Cookie: x=y", "/"),
        ("", "/"),
    ],
)
def test_after_signing_in_a_reader_stays_on_this_server(given: str, where: str) -> None:
    assert own_address(given) == where


def test_one_is_not_spoken_of_as_many() -> None:
    assert PageWords().count("fleet.worse", 1) == "1 fault new or worse with an update"
    assert PageWords().count("fleet.worse", 2) == "2 faults new or worse with an update"
    assert PageWords().count("fleet.overdue", 1).startswith("1 late")


@pytest.mark.parametrize("key", sorted(catalogue()))
def test_every_text_is_there_in_every_language(key: str) -> None:
    assert set(catalogue()[key]) == {language.value for language in Language}
