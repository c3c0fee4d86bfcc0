"""What people say of a diagnosis: the one thing that this server lets anybody write."""

from __future__ import annotations

from typing import Any

from fastapi import APIRouter, Request, Response

from argus_pipeline.serve import shapes
from argus_pipeline.serve.access import ContextNow, Reader, ReaderNow, require
from argus_pipeline.serve.answers import as_json, json_bytes
from argus_pipeline.serve.context import Context
from argus_pipeline.serve.masking import names_in
from argus_pipeline.serve.parameters import NOT_MODIFIED, BatchId
from argus_pipeline.serve.problems import Refused, documented
from argus_pipeline.serve.tokens import JUDGE

router = APIRouter(
    prefix="/api/v1", tags=["batches"], responses=documented(400, 401, 403, 404, 422, 429, 503)
)


@router.get("/batches/{batch}/feedback", response_model=shapes.FeedbacksShape,
            responses=NOT_MODIFIED)  # fmt: skip
async def feedback(
    request: Request, context: ContextNow, reader: ReaderNow, batch: BatchId
) -> Response:
    """What people said of the diagnosis, the newest first."""
    from argus_pipeline.diagnosis.feedback import feedback_on

    found = await context.resolve(batch)
    words = await context.shared.run(lambda: feedback_on(context.engine, found))
    line = await context.line(found)
    content = {"batch": reader.batch(found), "feedback": [_said(word) for word in words]}
    return as_json(request, reader, content, *names_in(found, line.vehicle))


@router.post("/batches/{batch}/feedback", response_model=shapes.FeedbackShape, status_code=201,
             responses=documented(413))  # fmt: skip
async def judge(
    context: ContextNow, reader: ReaderNow, batch: BatchId, word: shapes.JudgementIn
) -> Response:
    """Confirm or correct a diagnosis. Takes a token with the scope `judge`; its name is kept."""
    found = await context.resolve(batch)
    kept = await keep_judgement(context, reader, found, word)
    line = await context.line(found)
    told = json_bytes(reader, _said(kept), *names_in(found, line.vehicle))
    return Response(told, 201, media_type="application/json")


async def keep_judgement(
    context: Context, reader: Reader, batch: str, word: shapes.JudgementIn
) -> Any:
    """Keep a person's word on a diagnosis.

    Raises:
        Refused: the reader may not judge, or the server may not write.
        NotThere: the batch has no diagnosis.
        BadInput: the word is not whole.
    """
    from argus_pipeline.diagnosis import feedback as room

    if not reader.signed_in:
        raise Refused("this takes a token with the scope judge", status=401)
    require(reader, JUDGE)
    writer = context.writer
    if writer is None:
        raise Refused("this server only reads", hint="docs/serve.md says which role it needs")
    await context.told(batch)

    def keep() -> Any:
        if word.judgement == "confirmed":
            return room.confirm(writer, batch, author=reader.name, note=word.note)
        given = word.model_dump(exclude={"judgement"})
        return room.correct(writer, batch, author=reader.name, **given)

    kept = await context.shared.run(keep)
    context.shared.forget(("told", batch))
    return kept


def _said(word: Any) -> dict[str, Any]:
    return {name: getattr(word, name) for name in shapes.FeedbackShape.model_fields}
