"""When a task counts as lost. A clock and workers of the test's own; no Celery."""

from __future__ import annotations

from argus_pipeline.engine.roll_call import SILENT_S, RollCall


class Scene:
    """Workers with what they have in hand, a broker that can be away, and a clock."""

    def __init__(self) -> None:
        self.now = 1000.0
        self.workers: dict[str, frozenset[str]] = {}
        self.away = False
        self.asked = 0
        self.roll_call = RollCall(self._ask, clock=lambda: self.now)

    def _ask(self) -> dict[str, frozenset[str]]:
        self.asked += 1
        if self.away:
            raise ConnectionError("no route to the broker")
        return dict(self.workers)

    def why_lost(self, after_s: float = 10.0, worker: str | None = "w1") -> str | None:
        self.now += after_s
        return self.roll_call.why_lost("task", worker)


def test_a_task_that_its_worker_has_in_hand_is_well() -> None:
    scene = Scene()
    scene.workers = {"w1": frozenset({"task"})}
    assert scene.why_lost() is None


def test_a_task_that_its_worker_no_longer_has_is_lost_at_once() -> None:
    scene = Scene()
    scene.workers = {"w1": frozenset()}
    assert scene.why_lost() == "worker w1 answers, and no longer has it in hand"


def test_a_worker_may_be_silent_for_a_while() -> None:
    scene = Scene()
    scene.workers = {"w1": frozenset({"task"}), "w2": frozenset()}
    assert scene.why_lost() is None
    scene.workers.pop("w1")
    assert scene.why_lost(SILENT_S - 1) is None
    assert scene.why_lost(10) == f"worker w1 has not answered for {SILENT_S + 9:.0f} s"


def test_a_worker_that_answers_again_starts_anew() -> None:
    scene = Scene()
    scene.workers = {"w1": frozenset({"task"})}
    scene.why_lost()
    answers = scene.workers.pop("w1")
    scene.why_lost(SILENT_S - 1)
    scene.workers["w1"] = answers
    assert scene.why_lost() is None
    scene.workers.pop("w1")
    assert scene.why_lost(SILENT_S - 1) is None


def test_a_worker_that_was_never_heard_is_given_its_time_too() -> None:
    scene = Scene()
    assert scene.why_lost() is None
    assert scene.why_lost(SILENT_S) is not None


def test_a_task_of_an_unknown_worker_is_given_its_time() -> None:
    scene = Scene()
    scene.workers = {"w2": frozenset()}
    assert scene.why_lost(worker=None) is None
    assert "has not answered" in (scene.why_lost(SILENT_S, worker=None) or "")


def test_nothing_is_lost_while_the_broker_is_away_nor_just_after_it() -> None:
    scene = Scene()
    scene.workers = {"w1": frozenset({"task"})}
    scene.why_lost()
    scene.away = True
    assert [scene.why_lost(60) for _ in range(5)] == [None] * 5
    scene.away = False
    scene.workers = {}
    assert scene.why_lost(60) is None
    assert scene.why_lost(SILENT_S) is not None


def test_many_tasks_are_one_question() -> None:
    scene = Scene()
    scene.workers = {"w1": frozenset({"task"})}
    for _ in range(50):
        scene.why_lost(0.01)
    assert scene.asked == 1


def test_an_answer_from_before_the_task_began_says_nothing_about_it() -> None:
    scene = Scene()
    scene.workers = {"w1": frozenset()}
    scene.roll_call.why_lost("another", "w1")
    scene.workers = {"w1": frozenset({"task"})}
    scene.now += 3
    assert scene.roll_call.why_lost("task", "w1", begun_before_s=1) is None
