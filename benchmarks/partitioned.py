"""Would a partition a month serve `event_counts` better than one table does?

    python benchmarks/partitioned.py [--batches N] [--rounds N]

The same rows, as many a batch as an ordinary one has, over twelve months, once in one table with
the indexes of `argus_pipeline.database.models` and once in a table partitioned by the month of the
batch; each then does what Argus does with it, in turns with the other. All of that goes by the
batch, whose month the caller knows and says or does not. What only partitions are good at stands in
the last line: a month is taken out. Nothing in Argus does, since rows go with their batch.
"""

from __future__ import annotations

import argparse
import sys
import tempfile
import time
from collections.abc import Callable
from pathlib import Path
from statistics import median
from typing import Final

from measuring.ending import clean_up_on_kill
from measuring.saying import say_now
from measuring.table import Section, show
from sqlalchemy import Connection, Engine, text

from argus_pipeline.database.engine import create_engine
from argus_pipeline.stack.postgres import PostgresServer

ROWS_A_BATCH: Final = 40
MONTHS: Final = 12
_COLUMNS: Final = (
    "id bigint GENERATED ALWAYS AS IDENTITY, month date NOT NULL, batch text NOT NULL, ecu text,"
    " app text, code text, severity text NOT NULL, messages bigint NOT NULL CHECK (messages > 0)"
)
_FILL: Final = """
INSERT INTO {table} (month, batch, ecu, app, code, severity, messages)
SELECT date '2026-01-01' + make_interval(months => b * :months / :batches), 'batch-' || b,
    'ECU' || r % 5, 'APP' || r % 8, CASE WHEN r % 4 = 0 THEN 'F' || (b * 7 + r) % 400 END,
    (ARRAY['fatal', 'error', 'warn', 'info'])[1 + r / 10], 1 + (b + r) % 1000
FROM generate_series(0, :batches - 1) AS b, generate_series(0, :rows - 1) AS r
"""


def main() -> int:
    clean_up_on_kill()
    options = _options()
    with tempfile.TemporaryDirectory(prefix="argus-partitioned-", dir="/tmp") as folder:
        server = PostgresServer(Path(folder) / "postgres", durable=False)
        server.start()
        try:
            server.ensure_database("bench")
            engine = create_engine(server.url("bench"))
            _make(engine, options.batches)
            section = _compare(engine, options.batches, options.rounds)
            engine.dispose()
        finally:
            server.stop()
    return show([section], as_json=False)


def _make(engine: Engine, batches: int) -> None:
    """Both tables, filled alike."""
    unique = "NULLS NOT DISTINCT (batch, ecu, app, code, severity{month})"
    with engine.begin() as connection:
        connection.execute(
            text(
                f"CREATE TABLE whole ({_COLUMNS}, PRIMARY KEY (id),"
                f" UNIQUE {unique.format(month='')})"
            )
        )
        connection.execute(
            text(
                f"CREATE TABLE monthly ({_COLUMNS}, PRIMARY KEY (id, month),"
                f" UNIQUE {unique.format(month=', month')}) PARTITION BY RANGE (month)"
            )
        )
        for month in range(MONTHS):
            first = f"date '2026-01-01' + interval '{month} months'"
            bounds = connection.execute(
                text(f"SELECT ({first})::date, ({first} + interval '1 month')::date")
            ).one()
            connection.execute(
                text(
                    f"CREATE TABLE monthly_{month} PARTITION OF monthly"
                    f" FOR VALUES FROM ('{bounds[0]}') TO ('{bounds[1]}')"
                )
            )
        for table in ("whole", "monthly"):
            connection.execute(text(f"CREATE INDEX ON {table} (code)"))
            connection.execute(
                text(_FILL.format(table=table)),
                {"months": MONTHS, "batches": batches, "rows": ROWS_A_BATCH},
            )
            say_now(f"{table} has {batches * ROWS_A_BATCH:,} rows")
    with engine.connect().execution_options(isolation_level="AUTOCOMMIT") as connection:
        connection.execute(text("VACUUM ANALYZE"))


def _compare(engine: Engine, batches: int, rounds: int) -> Section:
    section = Section(
        "partitions",
        f"one table or a partition a month, {batches:,} batches of {ROWS_A_BATCH} rows",
        ("ms, median", "one table", "by month", "ratio"),
    )

    def add(name: str, did: Callable[[Connection, str, int], None], rounds: int = rounds) -> None:
        took: dict[str, list[float]] = {"whole": [], "monthly": []}
        for number in range(rounds):
            # Whoever comes first finds the caches cold, so that alternates.
            tables = ("whole", "monthly") if number % 2 else ("monthly", "whole")
            for table in tables:
                batch = (number * 7919 + 13) % batches
                with engine.begin() as connection:
                    began = time.perf_counter()
                    did(connection, table, batch)
                    took[table].append(time.perf_counter() - began)
        one, many = (1000 * median(took[table]) for table in ("whole", "monthly"))
        section.rows.append((name, f"{one:,.2f}", f"{many:,.2f}", f"{many / one:.2f}"))
        section.figures.append({"name": name, "whole_ms": one, "monthly_ms": many})

    month = f"AND month = date '2026-01-01' + make_interval(months => :b * {MONTHS} / {batches})"

    def read(known: bool) -> Callable[[Connection, str, int], None]:
        def did(connection: Connection, table: str, batch: int) -> None:
            rows = connection.execute(
                text(
                    f"SELECT * FROM {table} WHERE batch = 'batch-' || CAST(:b AS int)"
                    f" {month if known else ''}"
                ),
                {"b": batch},
            ).all()
            assert len(rows) == ROWS_A_BATCH, (table, batch, len(rows))

        return did

    def replace(connection: Connection, table: str, batch: int) -> None:
        gone = connection.execute(
            text(
                f"DELETE FROM {table} WHERE batch = 'batch-' || CAST(:b AS int)"
                " RETURNING month, batch, ecu, app, code, severity, messages"
            ),
            {"b": batch},
        ).all()
        assert len(gone) == ROWS_A_BATCH, (table, batch, len(gone))
        connection.execute(
            text(
                f"INSERT INTO {table} (month, batch, ecu, app, code, severity, messages)"
                " VALUES (:month, :batch, :ecu, :app, :code, :severity, :messages)"
            ),
            [dict(row._mapping) for row in gone],
        )

    def count(connection: Connection, table: str, batch: int) -> None:
        connection.execute(
            text(f"SELECT count(*), sum(messages) FROM {table} WHERE code = 'F' || :f"),
            {"f": str(batch % 400)},
        ).one()

    def take_out(connection: Connection, table: str, batch: int) -> None:
        if table == "whole":
            connection.execute(text("DELETE FROM whole WHERE month = date '2026-01-01'"))
        else:
            connection.execute(text("DROP TABLE monthly_0"))

    add("read the rows of a batch", read(known=False))
    add("the same, its month is said", read(known=True))
    add("replace the rows of a batch", replace)
    add("count a code over all batches", count, min(rounds, 40))
    add("take out a month", take_out, 1)
    return section


def _options() -> argparse.Namespace:
    reader = argparse.ArgumentParser(
        description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter
    )
    reader.add_argument("--batches", type=int, default=100_000)
    reader.add_argument("--rounds", type=int, default=400)
    options = reader.parse_args()
    if options.batches < MONTHS:
        sys.exit(f"--batches: expected {MONTHS} or more, so that each month has one")
    return options


if __name__ == "__main__":
    raise SystemExit(main())
