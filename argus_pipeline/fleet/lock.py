"""One roll-up at a time, whichever processes and hosts they run on."""

from __future__ import annotations

from collections.abc import Iterator
from contextlib import contextmanager
from typing import Final

from sqlalchemy import Engine, text
from sqlalchemy.exc import OperationalError

from argus_pipeline.database.engine import translated
from argus_pipeline.errors import Unavailable
from argus_pipeline.fleet.commit import Held

# Any number that no other program is likely to lock: "fleet" in ASCII.
LOCK_KEY: Final = 0x666C656574
WAIT_SECONDS: Final = 600


@contextmanager
def fleet_lock(engine: Engine, *, wait_seconds: float = WAIT_SECONDS) -> Iterator[Held]:
    """Hold the roll-ups under `fleet/` of the bucket.

    The lock belongs to a connection: it is free again when its process has died, and also when the
    database was started anew, while its process goes on. So whoever writes calls what this yields
    first; it raises `Unavailable` where the lock is lost.

    Raises:
        Unavailable: another process has held it for `wait_seconds`, or the database is away.
    """
    with translated(engine), engine.connect() as connection, connection.begin():
        connection.execute(text(f"SET LOCAL lock_timeout = '{round(wait_seconds * 1000)}ms'"))
        try:
            connection.execute(text("SELECT pg_advisory_xact_lock(:key)"), {"key": LOCK_KEY})
        except OperationalError as error:
            if getattr(error.orig, "sqlstate", None) != "55P03":  # lock_not_available
                raise
            raise Unavailable(
                f"another roll-up has been running for {wait_seconds:.0f} s",
                hint="Try again when it is done",
            ) from error

        def held() -> None:
            with translated(engine):
                connection.execute(text("SELECT 1"))

        yield held
