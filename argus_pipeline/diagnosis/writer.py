"""The one writer of the slow path: by a language model where there is one, else by fixed rules."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass, replace
from typing import TYPE_CHECKING, Final

from argus_pipeline.diagnosis import prompt
from argus_pipeline.diagnosis.model import Diagnosis
from argus_pipeline.diagnosis.written import DoesNotHold, check_form, merge
from argus_pipeline.errors import ArgusError, Unavailable
from argus_pipeline.language_model.errors import Away, Unusable
from argus_pipeline.language_model.model import Answered, LanguageModel, Request

if TYPE_CHECKING:
    from argus_pipeline.batches.manifest import Manifest

PURPOSE: Final = "diagnosis"
# 500 words, as JSON with citations.
MAX_OUTPUT_TOKENS: Final = 1200
NO_MODEL: Final = "no language model is configured"
AWAY: Final = "the language model did not answer"
UNUSABLE: Final = "the language model's answer could not be used"
REFUSED: Final = "the language model's endpoint refused"


@dataclass(frozen=True, slots=True)
class Written:
    """A diagnosis, the call that it took, and what went wrong with the model, in full."""

    diagnosis: Diagnosis
    call: Answered | None = None
    trouble: str | None = None


def write(
    ground: Diagnosis,
    manifest: Manifest,
    model: LanguageModel | None,
    embedder: str,
    on_text: Callable[[str], None] | None = None,
) -> Written:
    """Let the model write over the ground; whatever goes wrong with it, the ground remains.

    Args:
        ground: the diagnosis by fixed rules, with all findings.
        manifest: whose priority chooses the model.
        model: the language model, None where there is none.
        embedder: the name of the embedder behind the retrieval.
        on_text: gets the model's text as it comes.

    Raises:
        Unavailable: the database does not answer.
    """
    if model is None:
        return Written(_without(ground, NO_MODEL))
    name = model.options.model_for(manifest.priority)
    request = Request(
        purpose=PURPOSE,
        model=name,
        turns=prompt.turns(ground),
        max_tokens=MAX_OUTPUT_TOKENS,
        schema=prompt.ANSWER_SCHEMA,
        check=check_form,
        key={"prompt": prompt.VERSION, "embedder": embedder},
        batch=manifest.batch,
    )
    try:
        answered = model.answer(request, on_text=on_text)
    except Away as error:
        return Written(_without(ground, AWAY), trouble=str(error))
    except Unavailable:
        raise
    except Unusable as error:
        return Written(_without(ground, UNUSABLE), trouble=str(error))
    except ArgusError as error:
        return Written(_without(ground, REFUSED), trouble=str(error))
    try:
        return Written(merge(ground, answered.content, name), answered)
    except DoesNotHold as error:
        held = replace(ground, dropped=ground.dropped + 1)
        return Written(_without(held, UNUSABLE), answered, str(error))


def _without(ground: Diagnosis, missing: str) -> Diagnosis:
    return replace(ground, route=replace(ground.route, missing=missing))
