"""Stages that take asking, without making a list wait for all of them."""

from __future__ import annotations

import threading
import time
from collections.abc import Callable

from argus_pipeline.batches.stages import Stage
from argus_pipeline.serve.exact_stages import ARRIVING_S, AT_ONCE, FAILED_S, ExactStages

NEWEST: dict[str, str | None] = {f"b{n}": f"run {n}" for n in range(AT_ONCE + 4)}


def eventually(what: Callable[[], bool]) -> bool:
    until = time.monotonic() + 10
    while not what() and time.monotonic() < until:
        time.sleep(0.01)
    return what()


def test_a_few_are_asked_for_at_once_and_the_others_behind_the_readers_back() -> None:
    others = threading.Event()
    here = threading.get_ident()

    def ask(batch: str) -> tuple[Stage, str]:
        if threading.get_ident() != here:
            others.wait(10)
        return Stage.FAILED, batch

    stages = ExactStages(ask)

    assert set(stages(NEWEST)) == set(list(NEWEST)[:AT_ONCE])
    others.set()
    assert eventually(lambda: stages(NEWEST) == {b: (Stage.FAILED, b) for b in NEWEST})
    stages.close()


def test_what_follows_a_failed_run_is_asked_again_with_the_next_run_or_after_minutes() -> None:
    asked: list[str] = []
    now = [0.0]

    def ask(batch: str) -> tuple[Stage, str]:
        asked.append(batch)
        return Stage.FAILED, str(len(asked))

    stages = ExactStages(ask, lambda: now[0])

    assert stages({"b": "run 1"}) == stages({"b": "run 1"}) == {"b": (Stage.FAILED, "1")}
    assert stages({"b": "run 2"}) == {"b": (Stage.FAILED, "2")}
    now[0] = FAILED_S + 1
    assert stages({"b": "run 2"}) == {"b": (Stage.FAILED, "3")}
    assert stages({"b": None}) == stages({"b": None}) == {"b": (Stage.FAILED, "4")}
    now[0] += ARRIVING_S + 1
    assert stages({"b": None}) == {"b": (Stage.FAILED, "5")}
    stages.close()


def test_a_batch_that_nobody_knows_has_no_stage() -> None:
    stages = ExactStages(lambda batch: None)

    assert stages({"b": None}) == {}
    stages.close()
