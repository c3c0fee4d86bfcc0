"""What every request needs: engines, bucket, the shared results, and who may see what."""

from __future__ import annotations

import math
import os
from collections.abc import Sequence
from dataclasses import dataclass, field
from datetime import UTC, datetime
from functools import cached_property
from typing import TYPE_CHECKING, Any, Final

from sqlalchemy import Engine, select

from argus_pipeline import settings as argus_settings
from argus_pipeline.batches.arrivals import days_to_look_at, list_folders
from argus_pipeline.batches.given_up import list_given_up, list_retries
from argus_pipeline.batches.names import is_safe_name
from argus_pipeline.batches.stages import Stage
from argus_pipeline.database.engine import translated
from argus_pipeline.database.models import Batch
from argus_pipeline.errors import ArgusError, BadInput
from argus_pipeline.serve import masking
from argus_pipeline.serve.batch_lists import Bucket, Line, find_line, unknown_of
from argus_pipeline.serve.engines import read_only_url, reading_engine, runs_engine, writing_engine
from argus_pipeline.serve.exact_stages import ExactStages
from argus_pipeline.serve.options import Options
from argus_pipeline.serve.problems import NotThere
from argus_pipeline.serve.progress import Watch
from argus_pipeline.serve.shared import Shared

if TYPE_CHECKING:
    from argus_pipeline.knowledge.embedding import Embedder
    from argus_pipeline.run_records import DagsterInstance
    from argus_pipeline.serve.reports import Told
    from argus_pipeline.settings import Settings
    from argus_pipeline.storage.object_store import ObjectStore

_ARRIVING: Final = 50
_BUCKET_FRESH_S: Final = 3.0
_BUCKET_STALE_S: Final = 4.0


@dataclass
class Context:
    """One process's share of everything. Made once, when the server starts."""

    options: Options
    settings: Settings
    store: ObjectStore
    engine: Engine
    runs: Engine | None = None
    writer: Engine | None = None
    instance: DagsterInstance | None = None
    shared: Shared = field(default_factory=Shared)

    @cached_property
    def watch(self) -> Watch | None:
        """Progress, where Dagster's tables are known."""
        if self.runs is None:
            return None
        return Watch(self.runs, self.shared, self.options.listeners)

    @cached_property
    def embedder(self) -> Embedder:
        """Loaded with the first search, as it takes a second and 100 MB."""
        from argus_pipeline.knowledge.embedding import embedder_from

        return embedder_from(self.settings)

    def close(self) -> None:
        """Let everything go."""
        if self.watch is not None:
            self.watch.close()
        self.exact.close()
        self.shared.close()
        for engine in (self.engine, self.runs, self.writer):
            if engine is not None:
                engine.dispose()

    async def bucket(self) -> Bucket:
        """The two short lists in the bucket and what is new in it, at most seconds old."""
        kept = await self.shared.get(
            "bucket",
            lambda: (self._read_bucket(), ""),
            fresh_s=_BUCKET_FRESH_S,
            stale_s=_BUCKET_STALE_S,
        )
        return kept.value

    async def line(self, batch: str) -> Line:
        """One batch with its stage, at most a second or two old.

        Raises:
            NotThere: nobody knows it.
        """
        bucket = await self.bucket()

        def find() -> tuple[Line, str]:
            try:
                return find_line(self.engine, self.runs, bucket, self.exact, batch), ""
            except BadInput as error:
                raise NotThere("there is no such batch", where=batch) from error

        kept = await self.shared.get(("line", batch), find, fresh_s=1.0)
        return kept.value

    async def told(self, batch: str) -> tuple[Told, str]:
        """The diagnosis of a batch with its ETag.

        Raises:
            NotThere: it has none.
        """
        # Polars comes with it: a process that only lists and tells progress does without.
        from argus_pipeline.serve.reports import read_told, tag_of

        kept = await self.shared.get(
            ("told", batch),
            lambda: read_told(self.engine, batch),
            etag=lambda: tag_of(self.engine, batch),
        )
        return kept.value, kept.etag

    async def resolve(self, shown: str) -> str:
        """The batch behind an id as a reader sees it.

        Raises:
            NotThere: there is none, or more than one could be meant.
        """
        if masking.MARK not in shown:
            if not is_safe_name(shown):
                raise NotThere("there is no such batch", where=shown)
            return shown
        bucket = await self.bucket()
        kept = await self.shared.get(
            ("id", shown), lambda: (self._behind(shown, bucket.arriving), ""), fresh_s=math.inf
        )
        return kept.value

    @cached_property
    def exact(self) -> ExactStages:
        """The stages that SQL cannot decide."""
        return ExactStages(self._exact)

    def _exact(self, batch: str) -> tuple[Stage, str] | None:
        if self.instance is None:
            return None
        from argus_pipeline.batch_status import batch_statuses

        try:
            [status] = batch_statuses(self.instance, self.store, [batch])
        except BadInput:
            return None
        return status.stage, status.detail

    def _behind(self, shown: str, arriving: Sequence[str]) -> str:
        ends = masking.around(shown)
        assert ends is not None
        pattern = "%".join(_escaped(part) for part in ends)
        with translated(self.engine), self.engine.connect() as connection:
            rows = connection.scalars(
                select(Batch.batch).where(
                    Batch.batch.like(pattern, escape="!")
                ).limit(100)
            )  # fmt: skip
            names = [name for name in [*rows, *arriving] if masking.hidden(name) == shown]
        if len(set(names)) != 1:
            raise NotThere("there is no such batch", where=shown)
        found: str = names[0]
        return found

    def _read_bucket(self) -> Bucket:
        given_up = frozenset(list_given_up(self.store))
        retries = frozenset(one.batch for one in list_retries(self.store))
        days = days_to_look_at(datetime.now(UTC), 1)
        names = sorted({folder.name for folder in list_folders(self.store, days)}, reverse=True)
        new = unknown_of(self.engine, self.runs, names)
        return Bucket(given_up, retries, [name for name in new if is_safe_name(name)][:_ARRIVING])


def _escaped(text: str) -> str:
    """A text inside a LIKE pattern, where `!` is the escape."""
    return text.replace("!", "!!").replace("%", "!%").replace("_", "!_")


def make_context(options: Options, settings: Settings, store: ObjectStore) -> Context:
    """Connect as a reader to everything that the settings name.

    Raises:
        ArgusError: no database is configured, or only with more rights than reading takes.
        Unavailable: the database does not answer.
    """
    url = settings.require_database_url()
    engine = reading_engine(url)
    runs, instance = _dagster(url)
    return Context(options, settings, store, engine, runs, writing_engine(url), instance)


def _dagster(url: str) -> tuple[Engine | None, Any]:
    """Dagster's records, read-only: its tables for lists, and its own reader for single batches."""
    argus_settings.complete_environment()
    found = os.environ.get("ARGUS_DAGSTER_DATABASE_URL")
    try:
        runs = runs_engine(found or url)
    except ArgusError as error:
        if "runs" not in str(error):
            raise
        return None, None
    os.environ["ARGUS_DAGSTER_DATABASE_URL"] = read_only_url(found or url)
    return runs, _Lazy()


class _Lazy:
    """Dagster's instance, made when it is first asked: importing Dagster takes 100 MB."""

    _made: Any = None

    def __getattr__(self, name: str) -> Any:
        if self._made is None:
            from argus_pipeline.run_records import connect

            self._made = connect()
        return getattr(self._made, name)
