"""Past diagnoses from the database, as diagnoses and answers cite them: D1, D2, …"""

from __future__ import annotations

from collections.abc import Callable, Sequence
from typing import TYPE_CHECKING, Final

from argus_pipeline.diagnosis.composer import Case
from argus_pipeline.diagnosis.model import PastDiagnosis
from argus_pipeline.diagnosis.text import clean
from argus_pipeline.knowledge.matches import Question
from argus_pipeline.knowledge.past_diagnoses import PastDiagnosis as Found
from argus_pipeline.knowledge.past_diagnoses import Standing, seen_before

if TYPE_CHECKING:
    from sqlalchemy import Engine

    from argus_pipeline.knowledge.embedding import Embedder

TOP_K: Final = 3
_CHARACTERS: Final = 200


def recall_for_case(engine: Engine, embedder: Embedder) -> Callable[[Case], list[PastDiagnosis]]:
    """What finds the past diagnoses that are like a batch, which is never one of them."""

    def recall(case: Case) -> list[PastDiagnosis]:
        manifest = case.manifest
        question = Question(
            tuple(case.codes), manifest.platform, manifest.firmware, case.question, TOP_K
        )
        found = seen_before(engine, embedder, question, batch=manifest.batch)
        return _cited(found.diagnoses)

    return recall


def recall_for_question(
    engine: Engine, embedder: Embedder
) -> Callable[[str, tuple[str, ...], str | None], list[PastDiagnosis]]:
    """What finds the past diagnoses for the words and codes of a question, and a platform."""

    def recall(words: str, codes: tuple[str, ...], platform: str | None) -> list[PastDiagnosis]:
        question = Question(codes, platform, None, words, TOP_K)
        return _cited(seen_before(engine, embedder, question).diagnoses)

    return recall


def _cited(found: Sequence[Found]) -> list[PastDiagnosis]:
    return [_past(one, f"D{number}") for number, one in enumerate(found, 1)]


def _past(found: Found, name: str) -> PastDiagnosis:
    corrected = found.standing is Standing.CORRECTED
    # Who corrects a diagnosis by another code confirms that one, and no other of the batch.
    named = corrected and found.code is not None
    # What a person said of another platform's vehicle is shown, and weighs nothing here.
    judged = found.standing is not Standing.MACHINE and found.caveat is None
    notes = (found.caveat, found.note)
    return PastDiagnosis(
        id=name,
        batch=found.batch,
        verdict=clean(found.cause, _CHARACTERS),
        platform=found.platform,
        firmware=found.firmware,
        codes=(str(found.code),) if named else found.codes,
        confirmed=(named or not corrected) if judged else None,
        distance=None if found.distance is None else round(found.distance, 3),
        note=clean("; ".join(part for part in notes if part), _CHARACTERS),
    )
