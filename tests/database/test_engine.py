from __future__ import annotations

from contextlib import suppress

import pytest
from sqlalchemy import select, text

from argus_pipeline.database.engine import create_engine, session
from argus_pipeline.database.migrate import migrate
from argus_pipeline.database.models import Batch
from argus_pipeline.errors import ArgusError, Unavailable

NOBODY = "postgresql://argus:hunter2@127.0.0.1:1/argus"


def test_a_database_that_does_not_answer_is_unavailable_and_keeps_its_password_secret() -> None:
    with pytest.raises(Unavailable) as error, session(create_engine(NOBODY)) as opened:
        opened.execute(text("SELECT 1"))
    assert "argus doctor" in str(error.value)
    assert "hunter2" not in str(error.value)


@pytest.mark.parametrize("url", ["mysql://x/y", "not a url", "postgresql://h:port/x"])
def test_a_url_that_is_not_one_of_postgres_is_refused(url: str) -> None:
    with pytest.raises(ArgusError, match="ARGUS_DATABASE_URL"):
        create_engine(url)


def test_a_missing_schema_says_how_to_make_it(database_url: str) -> None:
    with (
        pytest.raises(ArgusError, match="not that of this version") as error,
        session(create_engine(database_url)) as opened,
    ):
        opened.scalars(select(Batch)).all()
    assert not isinstance(error.value, Unavailable)


def test_connections_carry_the_name_of_the_application(database_url: str) -> None:
    with session(create_engine(database_url, application_name="argus-x")) as opened:
        assert opened.scalar(text("SHOW application_name")) == "argus-x"


def test_a_connection_that_the_server_ended_is_replaced_unnoticed(database_url: str) -> None:
    engine = create_engine(database_url)
    with session(engine) as opened:
        mine = opened.scalar(text("SELECT pg_backend_pid()"))
    with session(create_engine(database_url)) as other:
        other.execute(text("SELECT pg_terminate_backend(:pid)"), {"pid": mine})
    with session(engine) as opened:
        assert opened.scalar(text("SELECT pg_backend_pid()")) != mine


def test_a_connection_that_breaks_off_in_the_middle_is_unavailable(database_url: str) -> None:
    with pytest.raises(Unavailable), session(create_engine(database_url)) as opened:
        opened.execute(text("SELECT pg_terminate_backend(pg_backend_pid())"))


def test_an_error_inside_a_session_leaves_nothing_behind(database_url: str) -> None:
    migrate(database_url)
    engine = create_engine(database_url)
    with suppress(RuntimeError), session(engine) as opened:
        opened.execute(text("CREATE TABLE argus.half (x int)"))
        raise RuntimeError
    with session(engine) as opened:
        assert opened.scalar(text("SELECT to_regclass('argus.half')")) is None
