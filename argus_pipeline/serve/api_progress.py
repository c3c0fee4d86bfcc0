"""Progress as server-sent events: of a batch, and of the fleet."""

from __future__ import annotations

import asyncio
from collections.abc import AsyncIterator
from typing import Annotated, Any, Final

from fastapi import APIRouter, Header, Response

from argus_pipeline.batches.stages import Stage
from argus_pipeline.serve.access import ContextNow, Reader, ReaderNow
from argus_pipeline.serve.batch_lists import Line
from argus_pipeline.serve.context import Context
from argus_pipeline.serve.parameters import BatchId
from argus_pipeline.serve.problems import NotThere, documented
from argus_pipeline.serve.progress import BEAT, Progress, event_stream, place_of, sse

# So long a stream waits for a batch of which there is no run yet, from look to look.
_UNKNOWN_S: Final = 3.0

router = APIRouter(
    prefix="/api/v1", tags=["progress"], responses=documented(400, 401, 403, 404, 422, 429, 503)
)


@router.get(
    "/fleet/progress",
    responses={200: {"content": {"text/event-stream": {}}}},
    response_class=Response,
)
async def fleet_progress(
    context: ContextNow,
    reader: ReaderNow,
    last_event_id: Annotated[str | None, Header(max_length=32)] = None,
) -> Response:
    """The progress of all batches as server-sent events; ends after an hour, to be begun again."""
    if context.watch is None:
        raise NotThere("this server knows no runs")
    context.watch.require_room()
    return event_stream(_fleet_events(context, reader, place_of(last_event_id)))


async def _fleet_events(context: Context, reader: Reader, last: int | None) -> AsyncIterator[bytes]:
    assert context.watch is not None
    until = asyncio.get_running_loop().time() + context.options.stream_seconds
    yield b"retry: 2000\n\n"
    async for one in context.watch.listen(None, last):
        if one is None:
            yield BEAT
        else:
            yield sse("progress", _told(reader, one, None), one.change.id)
        if asyncio.get_running_loop().time() > until:
            return


@router.get(
    "/batches/{batch}/progress",
    responses={200: {"content": {"text/event-stream": {}}}},
    response_class=Response,
)
async def progress(
    context: ContextNow,
    reader: ReaderNow,
    batch: BatchId,
    last_event_id: Annotated[str | None, Header(max_length=32)] = None,
) -> Response:
    """The batch's progress as server-sent events; ends by itself when the batch has ended.

    `progress` events carry stage and detail; the id is the place in Dagster's event log. Coming
    back with Last-Event-ID brings all that was missed. `end` says that nothing more comes.
    """
    found = await context.resolve(batch)
    line = await context.line(found)
    if context.watch is not None:
        context.watch.require_room()
    return event_stream(_batch_events(context, reader, found, line, place_of(last_event_id)))


async def _batch_events(
    context: Context, reader: Reader, batch: str, line: Line, last: int | None
) -> AsyncIterator[bytes]:
    shown_id = reader.batch(batch)
    until = asyncio.get_running_loop().time() + context.options.stream_seconds

    def state(one: Line) -> dict[str, Any]:
        detail = reader.about(batch, one.vehicle, one.detail)
        content = {"batch": shown_id, "stage": one.stage.value, "detail": detail}
        return {**content, "run": one.run_id, "ended": one.stage.is_final}

    yield b"retry: 2000\n\n"
    before: tuple[Stage, str] | None = None
    while line.run_id is None or context.watch is None:
        if (line.stage, line.detail) != before:
            yield sse("progress", state(line))
            before = (line.stage, line.detail)
        if line.stage.is_final:
            yield sse("end", state(line))
            return
        if asyncio.get_running_loop().time() > until:
            return
        await asyncio.sleep(_UNKNOWN_S)
        yield BEAT
        line = await context.line(batch)
    async for one in context.watch.listen(batch, last):
        if one is None:
            yield BEAT
        else:
            data = _told(reader, one, line.vehicle)
            if one.change.stage.is_final:
                # What follows a failed run is not for its events to say.
                line = await _settled(context, batch, one.change.stage)
                data = {**data, **state(line), "run": one.change.run_id}
            yield sse("progress", data, one.change.id)
        if one is None or one.change.stage.is_final:
            line = await context.line(batch)
            if line.stage.is_final:
                yield sse("end", state(line))
                return
        if asyncio.get_running_loop().time() > until:
            return


def _told(reader: Reader, one: Progress, vehicle: str | None) -> dict[str, Any]:
    """A change of a batch's stage as a reader may see it."""
    detail = reader.about(one.batch, vehicle, one.change.detail)
    return {**one.data(), "batch": reader.batch(one.batch), "detail": detail}


async def _settled(context: Context, batch: str, stage: Stage) -> Line:
    """The batch once its lists know what the event said."""
    line = await context.line(batch)
    for _ in range(10):
        if stage is not Stage.DONE or line.stage is Stage.DONE:
            break
        await asyncio.sleep(0.3)
        line = await context.line(batch)
    return line
