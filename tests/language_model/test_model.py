from __future__ import annotations

import json
import threading
import time
from collections.abc import Iterator
from typing import Any

import pytest
from language_model.scripted import Call, Say, ScriptedModel
from sqlalchemy import Engine, func, select, text

from argus_pipeline.database.engine import create_engine, session
from argus_pipeline.database.migrate import migrate
from argus_pipeline.database.models import ModelAnswer, ModelCall, ModelPause
from argus_pipeline.errors import ArgusError
from argus_pipeline.language_model.endpoint import Turn
from argus_pipeline.language_model.errors import Away, Unusable
from argus_pipeline.language_model.model import LanguageModel, Request
from argus_pipeline.language_model.options import ModelOptions
from argus_pipeline.language_model.tokens import token_estimate

SCHEMA = {
    "type": "object",
    "properties": {"verdict": {"type": "string"}},
    "required": ["verdict"],
    "additionalProperties": False,
}
GOOD = Say(json.dumps({"verdict": "the plug"}))


def check(content: dict[str, Any]) -> None:
    if not isinstance(content.get("verdict"), str):
        raise ValueError("verdict has to be a text")


def request(question: str = "Why?", **fields: Any) -> Request:
    turns = (Turn("system", "Be brief."), Turn("user", question))
    given: dict[str, Any] = {"max_tokens": 100, "schema": SCHEMA, "check": check}
    return Request("test", "small", turns, **{**given, **fields})


@pytest.fixture(scope="module")
def migrated(module_database_url: str) -> Iterator[Engine]:
    migrate(module_database_url)
    made = create_engine(module_database_url)
    yield made
    made.dispose()


@pytest.fixture
def engine(migrated: Engine) -> Engine:
    with session(migrated) as opened:
        opened.execute(text("TRUNCATE argus.llm_calls, argus.llm_pauses, argus.llm_answers"))
    return migrated


@pytest.fixture
def server() -> Iterator[ScriptedModel]:
    with ScriptedModel([GOOD]) as made:
        yield made


def options(server: ScriptedModel, **fields: Any) -> ModelOptions:
    return ModelOptions(server.url, "small", **{"answer_s": 5.0, "wait_s": 20.0, **fields})


def ledger(engine: Engine) -> list[ModelCall]:
    with session(engine) as opened:
        return list(opened.scalars(select(ModelCall).order_by(ModelCall.id)))


def test_an_answer_comes_with_its_tokens_and_its_cost(
    engine: Engine, server: ScriptedModel
) -> None:
    priced = options(server, input_price=2.0, output_price=8.0, api_key="secret")
    found = LanguageModel(engine, priced).answer(request(batch="b1"))

    assert found.content == {"verdict": "the plug"}
    assert (found.rung, found.calls, found.cached) == ("json_schema", 1, False)
    assert found.cost == pytest.approx((2 * found.input_tokens + 8 * found.output_tokens) / 1e6)
    [row] = ledger(engine)
    assert (row.outcome, row.batch, row.model) == ("answered", "b1", "small")
    assert row.tokens == found.input_tokens + found.output_tokens
    assert row.cost == pytest.approx(found.cost)
    assert server.calls[0].key == "Bearer secret"


def test_the_same_question_is_asked_once_whoever_asks(
    engine: Engine, server: ScriptedModel
) -> None:
    server.script = lambda _: Say(GOOD.text, after_s=0.3)
    found = []

    def ask() -> None:
        found.append(LanguageModel(engine, options(server)).answer(request()))

    threads = [threading.Thread(target=ask) for _ in range(6)]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join()

    assert len(server.calls) == 1
    assert [one.content for one in found] == [{"verdict": "the plug"}] * 6
    assert sorted(one.cached for one in found) == [False] + [True] * 5
    assert sum(one.calls for one in found) == 1


@pytest.mark.parametrize(
    "change",
    [
        {"turns": (Turn("user", "another"),)},
        {"model": "large"},
        {"key": {"prompt": 2}},
        {"schema": None},
    ],
)
def test_whatever_the_answer_depends_on_makes_another_question(
    engine: Engine, server: ScriptedModel, change: dict[str, Any]
) -> None:
    from dataclasses import replace

    model = LanguageModel(engine, options(server))
    model.answer(request())
    model.answer(replace(request(), **change))
    assert len(server.calls) == 2


def test_an_answer_is_forgotten_when_its_time_is_over(
    engine: Engine, server: ScriptedModel
) -> None:
    model = LanguageModel(engine, options(server))
    model.answer(request(), keep_s=0)
    assert model.answer(request()).cached is False


def test_an_endpoint_that_knows_no_schema_is_asked_more_plainly_and_remembered(
    engine: Engine, server: ScriptedModel
) -> None:
    def script(call: Call) -> Say:
        return Say("no such form", 400) if call.form != "text" else Say(f"Sure! {GOOD.text} Bye.")

    server.script = script
    model = LanguageModel(engine, options(server))
    first = model.answer(request())
    model.answer(request("And now?"))

    assert (first.content, first.rung) == ({"verdict": "the plug"}, "text")
    assert [call.form for call in server.calls] == ["json_schema", "json_object", "text", "text"]
    assert [row.outcome for row in ledger(engine)] == ["refused", "refused", "answered", "answered"]
    assert ledger(engine)[0].tokens == 0


@pytest.mark.parametrize(
    ("bad", "told"),
    [
        (Say('{"verdict": '), "cannot be used"),
        (Say("I am sorry, I cannot help with that."), "no JSON object"),
        (Say('{"verdict": 7}'), "verdict has to be a text"),
        (Say('{"verdict": "and so on and on', finish="length"), "shorter"),
        (Say(""), "no JSON object"),
        (Say("[" * 100_000), "no JSON object"),
    ],
)
def test_an_answer_of_the_wrong_form_is_mended_once(
    engine: Engine, server: ScriptedModel, bad: Say, told: str
) -> None:
    server.script = [bad, GOOD]
    found = LanguageModel(engine, options(server)).answer(request())

    assert (found.content, found.rung) == ({"verdict": "the plug"}, "json_schema, repaired")
    assert found.calls == 2
    assert told in server.calls[1].prompt
    assert server.calls[1].prompt.startswith("Be brief.\nWhy?")
    assert len(server.calls[1].prompt) < 3000


def test_an_answer_that_stays_wrong_is_given_up_and_not_asked_for_again_at_once(
    engine: Engine, server: ScriptedModel
) -> None:
    server.script = [Say("I cannot help with that.")]
    model = LanguageModel(engine, options(server))
    with pytest.raises(Unusable, match="cannot be used"):
        model.answer(request())
    with pytest.raises(Away, match="cannot be used"):
        model.answer(request())
    assert len(server.calls) == 2


def test_what_is_no_chat_completion_is_given_up(engine: Engine, server: ScriptedModel) -> None:
    server.script = [Say(raw=b'{"hello": "world"}')]
    with pytest.raises(Unusable, match="not a chat completion"):
        LanguageModel(engine, options(server)).answer(request())


def test_a_pause_that_the_endpoint_asks_for_is_kept_by_all(
    engine: Engine, server: ScriptedModel
) -> None:
    server.script = [Say("slow down", 429, {"Retry-After": "1"}), GOOD]
    model = LanguageModel(engine, options(server))
    model.answer(request())

    assert server.calls[1].began - server.calls[0].began >= 1
    assert [row.outcome for row in ledger(engine)] == ["busy", "answered"]


def test_a_pause_that_is_too_long_is_not_waited_for(engine: Engine, server: ScriptedModel) -> None:
    server.script = [Say("come back tomorrow", 429, {"Retry-After": "86400"})]
    model = LanguageModel(engine, options(server, wait_s=0.3))
    with pytest.raises(Away, match="a pause of 86400 s"):
        model.answer(request())
    with pytest.raises(Away, match="asked for a pause"):
        model.answer(request("Another?"))
    assert len(server.calls) == 1


def test_a_wrong_key_is_not_tried_again(engine: Engine, server: ScriptedModel) -> None:
    server.script = [Say("bad key", 401)]
    with pytest.raises(ArgusError, match=r"401: .*bad key.*ARGUS_LLM_API_KEY"):
        LanguageModel(engine, options(server)).answer(request())
    assert len(server.calls) == 1


def test_a_call_that_hangs_is_broken_off_and_tried_again(
    engine: Engine, server: ScriptedModel
) -> None:
    server.script = [Say(hang=True), GOOD]
    found = LanguageModel(engine, options(server, answer_s=0.4)).answer(request())

    assert found.content == {"verdict": "the plug"}
    assert [row.outcome for row in ledger(engine)] == ["timed out", "answered"]


@pytest.mark.parametrize("streamed", [False, True])
def test_an_endpoint_that_drips_is_broken_off(
    engine: Engine, server: ScriptedModel, streamed: bool
) -> None:
    server.script = [Say(GOOD.text * 20, pieces=40, pause_s=0.1)]
    model = LanguageModel(engine, options(server, answer_s=0.5, attempts=1))
    begun = time.monotonic()
    with pytest.raises(Away, match="does not answer"):
        model.answer(request(), on_text=(lambda _: None) if streamed else None)
    assert time.monotonic() - begun < 3


def test_after_an_outage_nobody_waits_for_an_endpoint_that_is_down(engine: Engine) -> None:
    gone = ModelOptions("http://127.0.0.1:9/v1", "small", answer_s=1, attempts=2)
    model = LanguageModel(engine, gone)
    with pytest.raises(Away, match="does not answer"):
        model.answer(request())
    assert len(ledger(engine)) == 2
    with pytest.raises(Away, match="did not answer a moment ago"):
        model.answer(request("Another?"))
    assert len(ledger(engine)) == 2


def test_one_question_that_times_out_does_not_stop_others(
    engine: Engine, server: ScriptedModel
) -> None:
    server.script = lambda call: Say(hang=True) if "hard" in call.prompt else GOOD
    model = LanguageModel(engine, options(server, answer_s=0.3, attempts=1))
    model.answer(request())
    with pytest.raises(Away):
        model.answer(request("A hard one?"))
    assert model.answer(request("An easy one?")).content == {"verdict": "the plug"}


def test_never_more_calls_at_once_than_allowed(engine: Engine, server: ScriptedModel) -> None:
    server.script = lambda _: Say(GOOD.text, after_s=0.1)
    model = LanguageModel(engine, options(server, calls_at_once=2))
    threads = [
        threading.Thread(target=model.answer, args=[request(f"Question {n}?")]) for n in range(8)
    ]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join()
    assert len(server.calls) == 8
    assert server.most_at_once == 2


def test_who_waits_for_a_place_holds_no_connection(
    engine: Engine, server: ScriptedModel, module_database_url: str
) -> None:
    held = []
    # With connections of its own: the first one writes to the ledger meanwhile.
    waiting = create_engine(module_database_url)

    def sleep(seconds: float) -> None:
        held.append(waiting.pool.checkedout())  # type: ignore[attr-defined]
        time.sleep(seconds)

    server.script = lambda _: Say(GOOD.text, after_s=0.5)
    narrow = options(server, calls_at_once=1)
    first = threading.Thread(target=LanguageModel(engine, narrow).answer, args=[request("One?")])
    first.start()
    while not server.calls:
        time.sleep(0.01)
    LanguageModel(waiting, narrow, sleep=sleep).answer(request("Two?"))
    first.join()
    waiting.dispose()
    assert held
    assert set(held) == {0}


def test_the_budget_of_a_minute_counts_what_was_set_aside_and_then_what_was_used(
    engine: Engine, server: ScriptedModel
) -> None:
    asked = request()
    needed = asked.input_tokens + token_estimate(str(SCHEMA)) + asked.max_tokens + 10
    tight = options(server, tokens_per_minute=needed, wait_s=0.2)
    LanguageModel(engine, tight).answer(asked)
    used = ledger(engine)[0].tokens

    assert 0 < used < needed
    with pytest.raises(Away, match=f"{used:,} tokens were used within a minute"):
        LanguageModel(engine, tight).answer(request("Another?"))
    with session(engine) as opened:
        opened.execute(text("UPDATE argus.llm_calls SET busy_until = now() - interval '61 s'"))
        opened.execute(text("TRUNCATE argus.llm_answers"))
    assert LanguageModel(engine, tight).answer(request("Another?")).calls == 1


def test_a_call_that_no_minute_can_hold_is_refused_with_the_setting(
    engine: Engine, server: ScriptedModel
) -> None:
    with pytest.raises(ArgusError, match="ARGUS_LLM_TOKENS_PER_MINUTE"):
        LanguageModel(engine, options(server, tokens_per_minute=10)).answer(request())


def test_the_place_and_the_claim_of_a_killed_process_come_free(
    engine: Engine, server: ScriptedModel
) -> None:
    """What a kill -9 leaves behind: a running call and a claim, both with an end."""
    model = LanguageModel(engine, options(server, calls_at_once=1))
    model.answer(request())
    with session(engine) as opened:
        opened.execute(
            text("UPDATE argus.llm_calls SET busy_until = clock_timestamp() + interval '0.7 s'")
        )
        opened.execute(
            text(
                "UPDATE argus.llm_answers SET answer = NULL, expires_at = NULL,"
                " owner = 'dead', claimed_until = clock_timestamp() + interval '0.7 s'"
            )
        )
    begun = time.monotonic()
    assert model.answer(request()).cached is False
    assert time.monotonic() - begun >= 0.5


def test_text_is_given_on_as_it_comes(engine: Engine, server: ScriptedModel) -> None:
    server.script = [Say(GOOD.text, pieces=5)]
    pieces: list[str] = []
    found = LanguageModel(engine, options(server)).answer(request(), on_text=pieces.append)

    assert len(pieces) == 5
    assert "".join(pieces) == GOOD.text
    assert found.output_tokens > 0


def test_an_endpoint_that_tells_no_tokens_is_counted_by_estimate(
    engine: Engine, server: ScriptedModel
) -> None:
    server.script = [Say(GOOD.text, usage=False)]
    found = LanguageModel(engine, options(server)).answer(request())
    assert found.input_tokens > 0
    assert found.output_tokens == -(-len(GOOD.text) // 4)


def test_old_answers_are_cleared_away(engine: Engine, server: ScriptedModel) -> None:
    model = LanguageModel(engine, options(server))
    model.answer(request("old"))
    with session(engine) as opened:
        opened.execute(text("UPDATE argus.llm_answers SET expires_at = now() - interval '2 days'"))
    model.answer(request("new"))
    with session(engine) as opened:
        assert opened.scalar(select(func.count()).select_from(ModelAnswer)) == 1
        assert opened.scalar(select(func.count()).select_from(ModelPause)) == 0
