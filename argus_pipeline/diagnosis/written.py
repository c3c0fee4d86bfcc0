"""From what a language model wrote to a diagnosis in which every claim holds.

The diagnosis by fixed rules is the ground: evidence, articles, scores and confidence are its own,
never the model's. Of what the model wrote, each claim that holds takes a place; what does not hold
is dropped and counted. A verdict that does not hold leaves the ground as it was.
"""

from __future__ import annotations

import re
from collections.abc import Mapping, Sequence
from dataclasses import replace
from typing import Any, Final

from argus_pipeline.diagnosis.causes import MAX_CAUSES
from argus_pipeline.diagnosis.evidence import Evidence
from argus_pipeline.diagnosis.grounding import is_grounded, repeats_a_log
from argus_pipeline.diagnosis.model import (
    Cause,
    Claim,
    Confidence,
    Diagnosis,
    Label,
    Outcome,
    Word,
)
from argus_pipeline.diagnosis.prompt import INSTRUCTIONS
from argus_pipeline.diagnosis.ranking import is_fault
from argus_pipeline.diagnosis.text import clean
from argus_pipeline.diagnosis.validator import entries_of, faults_of

# More than the 120 words that a claim may have: what is longer is dropped and not cut.
_CLAIM_CHARACTERS: Final = 1500
_MAX_CLAIMS: Final = 6
_ADDRESS: Final = re.compile(r"\w+://|\bwww\.", re.IGNORECASE)
_WORD: Final = re.compile(r"\w+")
# So many words in a row that are the instructions' own are a leak and no coincidence.
_RUN: Final = 8
_POINTS: Final = 5


class DoesNotHold(ValueError):
    """What the model concludes does not hold; the message says why."""


def check_form(content: Mapping[str, Any]) -> None:
    """Whether an answer has the form that was asked for.

    Raises:
        ValueError: it has not; the message tells the model what to mend.
    """
    if content.get("outcome") not in set(Outcome):
        raise ValueError(f"outcome has to be one of {', '.join(map(repr, map(str, Outcome)))}")
    for name in ("verdict", "first_step"):
        _check_claim(content.get(name), name)
    for name in ("causes", "next_steps", "unknowns"):
        _check_claims(content.get(name), name)
    for number, cause in enumerate(content["causes"]):
        for name in ("checks", "remedies"):
            _check_claims(cause.get(name), f"causes[{number}].{name}")


def holding(diagnosis: Diagnosis, claim: Claim) -> list[str]:
    """Why a claim of the model does not hold against the material; empty when it does."""
    problems = faults_of(claim, entries_of(diagnosis))
    if repeats_a_log(diagnosis, claim):
        problems.append("repeats a text of the log")
    return problems + addresses_or_leaks(claim.text, INSTRUCTIONS)


def answering(diagnosis: Diagnosis, claim: Claim) -> list[str]:
    """Why a verdict, or the statement of a cause, does not hold; empty when it does."""
    problems = holding(diagnosis, claim)
    if not problems and not is_grounded(diagnosis, claim):
        problems.append(f"is not about {', '.join(claim.citations)}")
    return problems


def addresses_or_leaks(text: str, instructions: str) -> list[str]:
    """What no text of a model may hold: addresses to follow, and the instructions it was given."""
    problems = ["holds an address"] if _ADDRESS.search(text) else []
    words = [word.lower() for word in _WORD.findall(text)]
    own = " ".join(word.lower() for word in _WORD.findall(instructions))
    runs = (" ".join(words[n : n + _RUN]) for n in range(len(words) - _RUN + 1))
    if any(f" {run} " in f" {own} " for run in runs):
        problems.append("repeats the instructions")
    return problems


def merge(ground: Diagnosis, content: Mapping[str, Any], model: str) -> Diagnosis:
    """The ground with what the model wrote in the place of what it says better.

    Args:
        ground: the diagnosis by fixed rules.
        content: an answer of the right form.
        model: who wrote it.

    Raises:
        DoesNotHold: the verdict does not hold; nothing of the answer may be used.
    """
    reader = _Reader(ground)
    outcome = Outcome(content["outcome"])
    causes = tuple(
        cause for given in content["causes"] if (cause := _cause(reader, given)) is not None
    )[:MAX_CAUSES]
    verdict = _claim(content["verdict"])
    # A doubt about a likely cause becomes one of the unknowns, and answers nothing.
    doubts = outcome is Outcome.UNKNOWN and ground.outcome is Outcome.LIKELY
    if problems := (holding if doubts else answering)(ground, verdict):
        if outcome is not Outcome.UNKNOWN or ground.outcome is not Outcome.UNKNOWN:
            raise DoesNotHold(f"the verdict {problems[0]}")
        verdict, reader.dropped = ground.verdict, reader.dropped + 1
    if outcome is Outcome.NO_FAULT and any(is_fault(piece) for piece in ground.evidence):
        raise DoesNotHold("the verdict sees no fault where the evidence has some")
    if outcome is Outcome.LIKELY and not causes:
        raise DoesNotHold("the verdict names a cause, and none of the causes holds")
    if outcome is Outcome.LIKELY and not set(verdict.citations) & set(causes[0].claim.citations):
        raise DoesNotHold("the verdict rests on other entries than its first cause")
    unknowns = reader.keep(content["unknowns"])
    if doubts:
        # An article of this code is there: a doubt is told, and does not take it away.
        unknowns = (verdict, *unknowns)
        verdict, outcome, causes = ground.verdict, ground.outcome, ground.likely_causes
    else:
        text = verdict.text.removeprefix(f"{outcome}:").strip()
        verdict = replace(verdict, text=f"{outcome}: {text}")
    if outcome is not Outcome.LIKELY:
        causes = ()
    first = reader.keep([content["first_step"]])
    steps = reader.keep(content["next_steps"])
    return replace(
        ground,
        outcome=outcome,
        verdict=verdict,
        label=Label.LLM,
        model=model,
        confidence=causes[0].confidence if causes else ground.confidence,
        first_step=first[0] if first else ground.first_step,
        likely_causes=causes,
        next_steps=steps or ground.next_steps,
        unknowns=unknowns or ground.unknowns,
        dropped=ground.dropped + reader.dropped,
    )


class _Reader:
    """Takes claims that hold and counts the others."""

    def __init__(self, ground: Diagnosis) -> None:
        self.ground = ground
        self.dropped = 0

    def keep(self, given: Sequence[Mapping[str, Any]]) -> tuple[Claim, ...]:
        claims = [_claim(one) for one in given]
        kept = [claim for claim in claims if not holding(self.ground, claim)][:_MAX_CLAIMS]
        self.dropped += len(claims) - len(kept)
        return tuple(kept)


def _cause(reader: _Reader, given: Mapping[str, Any]) -> Cause | None:
    """A cause, which has to rest on evidence of a fault; None where it does not hold."""
    ground = reader.ground
    claim = _claim(given)
    if answering(ground, claim):
        reader.dropped += 1
        return None
    by_id: dict[str, Evidence] = {piece.id: piece for piece in ground.evidence}
    pieces = [by_id[cited] for cited in claim.citations if cited in by_id]
    piece = next((one for one in pieces if is_fault(one)), pieces[0] if pieces else None)
    used = {article.id: article for article in ground.articles}
    articles = [used[cited] for cited in claim.citations if cited in used]
    if piece is None or (articles and all(one.other_platform for one in articles)):
        reader.dropped += 1
        return None
    same = next((c for c in ground.likely_causes if piece.code and c.code == piece.code), None)
    checks, remedies = reader.keep(given["checks"]), reader.keep(given["remedies"])
    if same is not None:
        return replace(
            same,
            claim=claim,
            checks=checks or same.checks,
            remedies=remedies or same.remedies,
        )
    fitting = [one for one in articles if not one.other_platform]
    return Cause(
        claim=claim,
        code=piece.code or "no code",
        severity=str(piece.severity or "none"),
        score=0.0,
        confidence=Confidence(
            Word.LOW, 0, _POINTS, ("a language model's conclusion; no article has this code",)
        ),
        articles=tuple(one.id for one in fitting),
        step=fitting[0].step if fitting else "no article",
        causes=(),
        checks=checks,
        remedies=remedies,
    )


def _claim(given: Mapping[str, Any]) -> Claim:
    text = clean(given["text"], _CLAIM_CHARACTERS)
    return Claim(text, tuple(dict.fromkeys(one.strip(" []()") for one in given["citations"])))


def _check_claims(given: Any, where: str) -> None:
    if not isinstance(given, list):
        raise ValueError(f"{where} has to be a list")
    for number, one in enumerate(given):
        _check_claim(one, f"{where}[{number}]")


def _check_claim(given: Any, where: str) -> None:
    if not isinstance(given, dict) or not isinstance(given.get("text"), str):
        raise ValueError(f'{where} has to be {{"text": "…", "citations": ["E1"]}}')
    cited = given.get("citations")
    if not isinstance(cited, list) or not all(isinstance(one, str) for one in cited):
        raise ValueError(f"{where}.citations has to be a list of ids such as E1")
