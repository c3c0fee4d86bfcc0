"""The application, put together."""

from __future__ import annotations

from collections.abc import AsyncIterator
from contextlib import asynccontextmanager

from fastapi import FastAPI

from argus_pipeline import __version__
from argus_pipeline.serve import api_batches, api_fleet, pages
from argus_pipeline.serve.context import Context
from argus_pipeline.serve.guard import Guard, Meter
from argus_pipeline.serve.problems import handle_problems


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
    for room in (api_batches.router, api_fleet.router, api_fleet.outside, pages.router):
        app.include_router(room)
    handle_problems(app, pages.error_page)
    app.add_middleware(Guard, options=context.options, meter=app.state.meter)
    return app
