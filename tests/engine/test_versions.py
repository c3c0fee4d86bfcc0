"""A worker beside a control plane of the same and of another version."""

from __future__ import annotations

import dagster as dg

from argus_pipeline.engine import versions
from argus_pipeline.engine.queues import Queue
from argus_pipeline.engine.worker import WorkerOptions


def test_the_same_versions_work_together_and_so_does_a_control_plane_that_said_nothing() -> None:
    own = versions.own_versions()
    assert versions.difference(own, own) is None
    assert versions.difference(own, {}) is None


def test_another_parser_is_refused_with_both_versions_and_what_to_do() -> None:
    own = {"argus": "1.0", "parser": "1.0"}
    said = versions.difference(own, {"argus": "1.0", "parser": "2.0"})
    assert said is not None
    assert "parser 2.0" in said
    assert "this worker parser 1.0" in said
    assert "they need the same" in said


def test_a_worker_that_would_write_other_reports_is_refused_by_the_name_of_the_setting(
    monkeypatch,
) -> None:
    monkeypatch.setenv("ARGUS_REPORT_LANGUAGE", "de")
    monkeypatch.setenv("ARGUS_LLM_MODEL", "small")
    control_plane = versions.own_versions()
    monkeypatch.delenv("ARGUS_REPORT_LANGUAGE")
    monkeypatch.delenv("ARGUS_LLM_MODEL")
    monkeypatch.setenv("ARGUS_S3_ENDPOINT", "http://another-way-to-the-same-store:9000")
    said = versions.difference(versions.own_versions(), control_plane)
    assert said is not None
    assert "the control plane has ARGUS_LLM_MODEL small, ARGUS_REPORT_LANGUAGE de" in said
    assert "this worker ARGUS_LLM_MODEL unset, ARGUS_REPORT_LANGUAGE en:" in said
    assert "ENDPOINT" not in said


def test_what_the_control_plane_says_of_itself_reaches_the_workers() -> None:
    with dg.DagsterInstance.ephemeral() as instance:
        assert versions.published(instance) == {}
        versions.publish(instance)
        assert versions.published(instance) == versions.own_versions()


def test_slots_and_leads_are_two_parts_with_queues_of_their_own() -> None:
    commands = WorkerOptions("w", slots=4, leads=2).commands()
    assert commands["work"][commands["work"].index("--queues") + 1].startswith(Queue.URGENT)
    assert (
        commands["leads"][commands["leads"].index("--queues") + 1]
        == "argus.leads.urgent,argus.leads"
    )
    assert "w.work@%h" in commands["work"]


def test_a_part_without_processes_is_not_started() -> None:
    assert list(WorkerOptions("w", slots=0, leads=1).commands()) == ["leads"]
    assert list(WorkerOptions("w", slots=1, leads=0).commands()) == ["work"]
