"""Do the limits of the language model hold over processes, failures and a kill -9?

    python benchmarks/model_limits.py [--seconds 45]

Eight processes ask a scripted endpoint on 127.0.0.1 as fast as they may; some questions they all
ask. The endpoint answers 429 with Retry-After now and then, lets calls hang until their time-out,
and answers slowly. One process is killed (kill -9) in the middle of its calls, and another begins
in its place. The endpoint itself counts. It exits with 1 where

- more than N calls were ever open at once,
- more tokens than the budget went by within any 60 s, whether counted at a call's begin or end,
- a question that all ask was answered more than once by the endpoint,
- or the places of the killed process did not come free.

Beside it, in the same run, the same load by openai's client alone, which has retries and no limits.
Uses a database of its own, which is gone afterwards.
"""

from __future__ import annotations

import argparse
import hashlib
import json
import multiprocessing
import os
import random
import signal
import sys
import tempfile
import threading
import time
from pathlib import Path
from queue import Empty

from measuring.ending import clean_up_on_kill

sys.path.insert(0, str(Path(__file__).resolve().parents[1] / "tests"))

from language_model.scripted import Call, Say, ScriptedModel
from sqlalchemy import text

from argus_pipeline.database.engine import create_engine, session
from argus_pipeline.database.migrate import migrate
from argus_pipeline.language_model.endpoint import Turn
from argus_pipeline.language_model.errors import Away, Unusable
from argus_pipeline.language_model.limits import LEASE_MARGIN_S
from argus_pipeline.language_model.model import LanguageModel, Request
from argus_pipeline.language_model.options import ModelOptions
from argus_pipeline.stack.postgres import PostgresServer

PROCESSES = 8
THREADS = 4
CALLS_AT_ONCE = 5
TOKENS_PER_MINUTE = 45_000
ANSWER_S = 2.0
SHARED = 40
# No other process's own questions begin so.
FIRST = "own question of 0:"
MAX_OUTPUT_TOKENS = 150


def options(url: str) -> ModelOptions:
    return ModelOptions(
        url,
        "scripted",
        calls_at_once=CALLS_AT_ONCE,
        tokens_per_minute=TOKENS_PER_MINUTE,
        answer_s=ANSWER_S,
        wait_s=60.0,
        attempts=6,
    )


def question(asker: int | None, number: int) -> str:
    """One that all ask, or one of an asker's own."""
    kind = "shared question" if asker is None else f"own question of {asker}:"
    return f"{kind} {number}: " + "what happened to the brake? " * 12


def behave(call: Call) -> Say:
    """Mostly an answer after 50 to 250 ms; by the bytes of the question, sometimes none."""
    mood = random.random()
    if mood < 0.06:
        return Say("slow down", 429, {"Retry-After": "1"})
    if mood < 0.10:
        return Say(hang=True)
    if mood < 0.12:
        return Say("oops", 500)
    words = hashlib.sha256(call.prompt.encode()).hexdigest()
    return Say(f"The brake is worn, says {words}. " * 3, after_s=random.uniform(0.05, 0.25))


def request(asked: str) -> Request:
    turns = (Turn("system", "Answer."), Turn("user", asked))
    return Request("benchmark", "scripted", turns, MAX_OUTPUT_TOKENS)


def ours(
    url: str, database: str, number: int, seconds: float, results: object, start: object
) -> None:
    import openai  # noqa: F401 - takes seconds, which are not to be measured

    engine = create_engine(database)
    model = LanguageModel(engine, options(url))
    start.wait()  # type: ignore[attr-defined]
    until = time.time() + seconds

    def work(thread: int) -> None:
        dice = random.Random(1000 * number + thread)
        own = 0
        while time.time() < until:
            shared = dice.random() < 0.3
            own += 1
            name = dice.randrange(SHARED) if shared else 10_000 * thread + own
            try:
                found = model.answer(request(question(None if shared else number, name)))
                results.put("cached" if found.cached else "answered")  # type: ignore[attr-defined]
            except (Away, Unusable) as error:
                results.put(f"given up: {str(error)[:60]}")  # type: ignore[attr-defined]

    threads = [threading.Thread(target=work, args=[n], daemon=True) for n in range(THREADS)]
    for one in threads:
        one.start()
    for one in threads:
        one.join()
    engine.dispose()


def plain(url: str, number: int, seconds: float, start: object) -> None:
    import openai

    client = openai.OpenAI(base_url=url, api_key="none", timeout=ANSWER_S, max_retries=6)
    start.wait()  # type: ignore[attr-defined]
    until = time.time() + seconds

    def work(thread: int) -> None:
        dice = random.Random(1000 * number + thread)
        while time.time() < until:
            shared = dice.random() < 0.3
            name = dice.randrange(SHARED) if shared else dice.randrange(10**9)
            try:
                client.chat.completions.create(
                    model="scripted",
                    messages=[
                        {"role": "user", "content": question(None if shared else number, name)}
                    ],
                    max_tokens=MAX_OUTPUT_TOKENS,
                )
            except openai.OpenAIError:
                continue

    threads = [threading.Thread(target=work, args=[n], daemon=True) for n in range(THREADS)]
    for one in threads:
        one.start()
    for one in threads:
        one.join()


def answered_twice(server: ScriptedModel) -> int:
    """Shared questions that the endpoint answered more than once."""
    counts: dict[str, int] = {}
    for call in server.calls:
        asked = call.body["messages"][-1]["content"]
        if call.answered and asked.startswith("shared"):
            counts[asked] = counts.get(asked, 0) + 1
    return sum(count > 1 for count in counts.values())


def in_the_middle(server: ScriptedModel) -> bool:
    """Whether the first process has a call open, and has had some before."""
    own = [c for c in list(server.calls) if c.body["messages"][-1]["content"].startswith(FIRST)]
    return len(own) > 5 and own[-1].ended is None


def run_ours(context: object, seconds: float, database: str) -> list[str]:
    problems: list[str] = []
    with ScriptedModel(behave) as server:
        results = context.Queue()  # type: ignore[attr-defined]
        ready = context.Barrier(PROCESSES)  # type: ignore[attr-defined]
        alone = context.Barrier(1)  # type: ignore[attr-defined]

        def start(number: int) -> multiprocessing.Process:
            barrier = alone if number == PROCESSES else ready
            arguments = (server.url, database, number, seconds, results, barrier)
            made = context.Process(target=ours, args=arguments)  # type: ignore[attr-defined]
            made.start()
            return made  # type: ignore[no-any-return]

        processes = [start(number) for number in range(PROCESSES)]
        victim = processes[0]
        assert victim.pid is not None
        while not in_the_middle(server):
            time.sleep(0.001)
        os.kill(victim.pid, signal.SIGKILL)
        victim.join()
        processes[0] = start(PROCESSES)
        outcomes: dict[str, int] = {}
        while any(one.is_alive() for one in processes) or not results.empty():
            try:
                outcome = results.get(timeout=0.5)
            except Empty:
                continue
            outcomes[outcome] = outcomes.get(outcome, 0) + 1
        for one in processes:
            one.join()
        engine = create_engine(database)
        lost_query = "SELECT count(*) FROM argus.llm_calls WHERE outcome IS NULL"
        with session(engine) as opened:
            lost = opened.scalar(text(lost_query)) or 0
        time.sleep(ANSWER_S + LEASE_MARGIN_S)
        with session(engine) as opened:
            stuck = opened.scalar(
                text("SELECT count(*) FROM argus.llm_calls WHERE busy_until > clock_timestamp()")
            )
        engine.dispose()
        tokens, twice = server.most_tokens_within(60.0), answered_twice(server)
        print(f"ours     {PROCESSES} processes of {THREADS} threads, {seconds:.0f} s, one killed")
        print(f"         calls {len(server.calls):,}, outcomes {json.dumps(outcomes)}")
        print(f"         at once, at most          {server.most_at_once} of {CALLS_AT_ONCE}")
        print(f"         tokens within 60 s, most  {tokens:,} of {TOKENS_PER_MINUTE:,}")
        print(f"         shared questions answered more than once  {twice}")
        print(f"         places of the killed process  {lost}, still taken afterwards  {stuck}")
        if server.most_at_once > CALLS_AT_ONCE:
            problems.append("more calls at once than allowed")
        if tokens > TOKENS_PER_MINUTE:
            problems.append("more tokens than the budget")
        if twice:
            problems.append("a shared question was answered more than once")
        if stuck:
            problems.append("places were lost")
        if not outcomes.get("answered") or not outcomes.get("cached"):
            problems.append("nothing was answered: this run shows nothing")
    return problems


def run_plain(context: object, seconds: float) -> None:
    with ScriptedModel(behave) as server:
        ready = context.Barrier(PROCESSES)  # type: ignore[attr-defined]
        processes = [
            context.Process(  # type: ignore[attr-defined]
                target=plain, args=(server.url, n, seconds, ready)
            )
            for n in range(PROCESSES)
        ]
        for one in processes:
            one.start()
        for one in processes:
            one.join()
        print(f"openai   the client alone, same load, {seconds:.0f} s")
        print(f"         at once, at most          {server.most_at_once}")
        print(f"         tokens within 60 s, most  {server.most_tokens_within(60.0):,}")
        print(f"         shared questions answered more than once  {answered_twice(server)}")


def main() -> int:
    clean_up_on_kill()
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0])
    parser.add_argument("--seconds", type=float, default=75.0)
    seconds = parser.parse_args().seconds
    context = multiprocessing.get_context("spawn")
    with tempfile.TemporaryDirectory(prefix="argus-bench-", dir="/tmp") as folder:
        server = PostgresServer(Path(folder) / "postgres", durable=False)
        server.start()
        try:
            server.ensure_database("bench")
            migrate(server.url("bench"))
            problems = run_ours(context, seconds, server.url("bench"))
        finally:
            server.stop()
    run_plain(context, min(seconds, 10.0))
    for problem in problems:
        print(f"VIOLATED {problem}")
    return 1 if problems else 0


if __name__ == "__main__":
    sys.exit(main())
