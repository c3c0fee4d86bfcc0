"""Argus's own tables in Postgres."""

from dagster import ConfigurableResource
from pydantic import Field, PrivateAttr
from sqlalchemy import Engine

from argus_pipeline.database.engine import create_engine


class DatabaseResource(ConfigurableResource):
    """A Postgres database with pgvector that holds the schema `argus`."""

    url: str = Field(description="postgresql://user:password@host:port/database")

    _engine: Engine | None = PrivateAttr(default=None)

    def engine(self) -> Engine:
        """The connection pool, made once for each process."""
        if self._engine is None:
            self._engine = create_engine(self.url)
        return self._engine
