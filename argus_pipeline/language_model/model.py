"""The language model as the rest of Argus asks it: within the limits, once, in a checked form."""

from __future__ import annotations

import time
from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass, field
from typing import TYPE_CHECKING, Any, Final

from argus_pipeline.errors import ArgusError
from argus_pipeline.language_model.endpoint import Endpoint, Reply, Turn
from argus_pipeline.language_model.errors import Away, Busy, FormRefused, TimedOut, Unusable
from argus_pipeline.language_model.forms import Rung, form, read_object
from argus_pipeline.language_model.limits import LEASE_MARGIN_S, Limits, Place
from argus_pipeline.language_model.once import Once, question_key
from argus_pipeline.language_model.options import ModelOptions, options_from
from argus_pipeline.language_model.tokens import token_estimate

if TYPE_CHECKING:
    from sqlalchemy import Engine

    from argus_pipeline.settings import Settings

# What a conversation's frame takes beside its words.
_TOKENS_A_TURN: Final = 8
_MAX_ERROR: Final = 300
_MAX_REPEATED: Final = 2000
# A pause after a refusal that names none, in seconds, doubled at each attempt.
_PAUSE_S: Final = 1.0

Check = Callable[[dict[str, Any]], None]
"""Raises ValueError, with words that the model can act on, where an answer is not of the form."""


@dataclass(frozen=True, slots=True)
class Request:
    """A question to the model.

    Args:
        purpose: what it is for, as the ledger keeps it.
        model: which model.
        turns: the instructions and the material.
        max_tokens: of the answer.
        schema: the JSON schema of the answer; None asks for words.
        check: what a schema cannot say.
        key: all that the answer depends on beside the turns.
        batch: for the ledger.
    """

    purpose: str
    model: str
    turns: tuple[Turn, ...]
    max_tokens: int
    schema: dict[str, Any] | None = None
    check: Check | None = None
    key: Mapping[str, Any] = field(default_factory=dict)
    batch: str | None = None

    @property
    def input_tokens(self) -> int:
        """About how many tokens the model reads, on the high side."""
        return sum(token_estimate(turn.text) + _TOKENS_A_TURN for turn in self.turns)


@dataclass(frozen=True, slots=True)
class Answered:
    """An answer and what it took. `cached`: it was there already, and no call was made."""

    content: dict[str, Any]
    """The JSON object, or `{"text": …}` where words were asked for."""
    model: str
    rung: str
    calls: int
    input_tokens: int
    output_tokens: int
    cost: float
    cached: bool


@dataclass(slots=True)
class _Tally:
    calls: int = 0
    input_tokens: int = 0
    output_tokens: int = 0


class LanguageModel:
    """A language model behind its limits.

    Args:
        engine: of the migrated database, which holds the limits and the answers.
        options: which model and how it may be called.
        sleep: how to wait.
    """

    def __init__(
        self,
        engine: Engine,
        options: ModelOptions,
        *,
        sleep: Callable[[float], None] = time.sleep,
    ) -> None:
        self.options = options
        self._limits = Limits(engine, options, sleep=sleep)
        call_s = options.answer_s + LEASE_MARGIN_S
        self._once = Once(
            engine,
            claim_s=call_s,
            # As long as the one who works may wait and call.
            wait_s=(options.wait_s + call_s) * options.attempts,
            sleep=sleep,
        )
        self._endpoints: dict[str, Endpoint] = {}
        self._rungs: dict[str, Rung] = {}

    def answer(
        self,
        request: Request,
        *,
        on_text: Callable[[str], None] | None = None,
        keep_s: float | None = None,
    ) -> Answered:
        """Ask, unless the same was asked before; then that answer is given.

        Args:
            request: what to ask.
            on_text: gets the text of a call as it comes; an answer that was kept has none.
            keep_s: how long the answer is kept for others; by default as the options say.

        Raises:
            Away: the model does not answer now.
            Unusable: it answered, but not in a form that can be used.
            ArgusError: the endpoint refuses for good, or the limits forbid the call.
            Unavailable: the database does not answer.
        """

        def compute(alive: Callable[[], None]) -> dict[str, Any]:
            return self._ask(request, alive, on_text)

        name = question_key(
            {
                **request.key,
                "purpose": request.purpose,
                "model": request.model,
                "endpoint": self.options.base_url,
                "schema": request.schema,
                "turns": [[turn.role, turn.text] for turn in request.turns],
            }
        )
        keep = self.options.keep_s if keep_s is None else keep_s
        kept = self._once.answer(name, compute, keep_s=keep)
        found = kept.answer
        return Answered(
            content=found["content"],
            model=request.model,
            rung=found["rung"],
            calls=0 if kept.cached else found["calls"],
            input_tokens=0 if kept.cached else found["input_tokens"],
            output_tokens=0 if kept.cached else found["output_tokens"],
            cost=0.0
            if kept.cached
            else self.options.cost(found["input_tokens"], found["output_tokens"]),
            cached=kept.cached,
        )

    def _ask(
        self,
        request: Request,
        alive: Callable[[], None],
        on_text: Callable[[str], None] | None,
    ) -> dict[str, Any]:
        """Down the ladder to a form that the endpoint takes; then one repair, if it needs one."""
        tally = _Tally()
        turns = request.turns
        repaired = False
        rung = self._rungs.get(request.model, Rung.SCHEMA)
        while True:
            try:
                reply = self._call(request, turns, rung, alive, on_text, tally)
            except FormRefused as error:
                if rung is Rung.TEXT:
                    raise Unusable(
                        f"the endpoint takes no form of the question: {error}",
                        where=self.options.base_url,
                    ) from error
                rung = list(Rung)[list(Rung).index(rung) + 1]
                continue
            self._rungs[request.model] = rung
            try:
                content = _read(request, reply)
            except ValueError as error:
                if repaired:
                    raise Unusable(
                        f"the language model's answer cannot be used: {error}",
                        where=request.model,
                    ) from error
                repaired = True
                turns = (*request.turns, *_repair(reply, str(error)))
                continue
            return {
                "content": content,
                "rung": f"{rung.value}, repaired" if repaired else rung.value,
                "calls": tally.calls,
                "input_tokens": tally.input_tokens,
                "output_tokens": tally.output_tokens,
            }

    def _call(
        self,
        request: Request,
        turns: Sequence[Turn],
        rung: Rung,
        alive: Callable[[], None],
        on_text: Callable[[str], None] | None,
        tally: _Tally,
    ) -> Reply:
        """One answer, in as many attempts as it may take, each within the limits."""
        endpoint = self._endpoints.setdefault(request.model, Endpoint(self.options, request.model))
        parameters = form(
            rung,
            request.schema,
            max_tokens=request.max_tokens,
            temperature=self.options.temperature,
            streamed=on_text is not None,
        )
        reading = sum(token_estimate(turn.text) + _TOKENS_A_TURN for turn in turns)
        if rung is Rung.SCHEMA and request.schema is not None:
            reading += token_estimate(str(request.schema))
        place = Place(request.purpose, request.batch, request.model, reading + request.max_tokens)
        reason = ""
        for attempt in range(self.options.attempts):
            alive()
            with self._limits.place(place, alive=alive) as lease:
                # The lease starts before this, so the claim outlives the call.
                alive()
                try:
                    reply = endpoint.ask(turns, parameters, on_text)
                except Busy as busy:
                    lease.not_taken("busy")
                    pause = busy.pause_s or _PAUSE_S * 2.0**attempt
                    reason = str(busy)
                    # Before the place is given back: nobody shall take it and call at once.
                    self._limits.pause(pause)
                except TimedOut as late:
                    lease.given_up()
                    pause, reason = 0.0, str(late)
                except Unusable:
                    # It answered something, and that has cost what it has cost.
                    raise
                except (FormRefused, ArgusError):
                    lease.not_taken("refused")
                    raise
                else:
                    read = reading if reply.input_tokens is None else reply.input_tokens
                    written = (
                        token_estimate(reply.text)
                        if reply.output_tokens is None
                        else reply.output_tokens
                    )
                    lease.used(read, written)
                    tally.calls += 1
                    tally.input_tokens += read
                    tally.output_tokens += written
                    return reply
            if pause > self.options.wait_s:
                raise Away(
                    f"the language model asks for a pause of {pause:.0f} s: {reason}",
                    where=self.options.base_url,
                )
        if not pause:
            self._limits.is_down()
        raise Away(f"the language model does not answer: {reason}", where=self.options.base_url)


def _read(request: Request, reply: Reply) -> dict[str, Any]:
    if not reply.complete:
        raise ValueError("it was cut off: it has to be much shorter")
    if request.schema is None:
        if not reply.text.strip():
            raise ValueError("it is empty")
        return {"text": reply.text}
    content = read_object(reply.text)
    if request.check is not None:
        request.check(content)
    return content


def _repair(reply: Reply, error: str) -> tuple[Turn, ...]:
    """The one chance to mend an answer: it is told what was wrong, not asked anything new."""
    said = reply.text[:_MAX_REPEATED].strip()
    wish = (
        f"That answer cannot be used: {error[:_MAX_ERROR]}. Answer the same question again, in the"
        " form that was asked for and with nothing around it."
    )
    return (*((Turn("assistant", said),) if said else ()), Turn("user", wish))


def model_from(settings: Settings, engine: Engine) -> LanguageModel | None:
    """The configured language model, or None where there is none.

    Raises:
        ArgusError: its options are wrong.
    """
    options = options_from(settings)
    return None if options is None else LanguageModel(engine, options)
