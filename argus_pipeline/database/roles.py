"""The roles of the database: the owner, who migrates, the pipeline, and readers."""

from __future__ import annotations

from importlib import resources
from typing import Final

from sqlalchemy import Engine

from argus_pipeline.database.engine import translated

PIPELINE: Final = "argus_pipeline"
"""Reads and writes rows; makes, changes and drops no table."""

READER: Final = "argus_reader"
"""Reads."""

WINDOW: Final = "argus_window"
"""Reads, adds what people say of diagnoses, and keeps the ledger of questions: `argus serve`."""


def ensure_roles(engine: Engine) -> None:
    """Make the roles where they are not there, and give them their rights.

    Neither can log in: a person or a program becomes a member of one (docs/operations.md).

    Args:
        engine: of the migrated database, as a user who owns its tables and may make roles.

    Raises:
        Unavailable: the database does not answer.
    """
    statements = resources.files("argus_pipeline.database").joinpath("roles.sql").read_text()
    with translated(engine), engine.begin() as connection:
        connection.exec_driver_sql(statements)
