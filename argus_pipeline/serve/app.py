"""The application, put together."""

from __future__ import annotations

from collections.abc import AsyncIterator
from contextlib import asynccontextmanager

from fastapi import FastAPI

from argus_pipeline import __version__
from argus_pipeline.serve import (
    api_batches,
    api_data,
    api_feedback,
    api_fleet,
    api_progress,
    pages_batches,
    pages_fleet,
    pages_sign_in,
    static_files,
)
from argus_pipeline.serve.context import Context
from argus_pipeline.serve.guard import Guard, Meter
from argus_pipeline.serve.problems import handle_problems
from argus_pipeline.serve.rendering import error_page


def make_app(context: Context) -> FastAPI:
    """The server's application over what `context` holds, which it closes when it ends."""

    @asynccontextmanager
    async def lifespan(_: FastAPI) -> AsyncIterator[None]:
        yield
        context.close()

    app = FastAPI(
        title="Argus",
        version=__version__,
        summary="Reports, progress and comparison for everyone who reads.",
        openapi_url="/api/v1/openapi.json",
        # Their pages load scripts from elsewhere.
        docs_url=None,
        redoc_url=None,
        lifespan=lifespan,
    )
    app.state.context = context
    app.state.meter = Meter()
    for room in (
        *(api_batches, api_data, api_feedback, api_progress, api_fleet),
        *(pages_batches, pages_fleet, pages_sign_in, static_files),
    ):
        app.include_router(room.router)
    app.include_router(api_fleet.outside)
    handle_problems(app, error_page)
    app.add_middleware(Guard, options=context.options, meter=app.state.meter)
    return app
