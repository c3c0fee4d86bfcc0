"""SQL over everything that Argus keeps: the bucket's Parquet and the tables in Postgres."""

from argus_pipeline.query.answers import Answer
from argus_pipeline.query.session import QuerySession
from argus_pipeline.query.tables import Table

__all__ = ["Answer", "QuerySession", "Table"]
