"""The statistics once more, in SQL by DuckDB: another engine and another way of saying it.

Only the fault codes' patterns are taken over, spelled for RE2, since they are what is asked for.
"""

from __future__ import annotations

from collections.abc import Mapping
from pathlib import Path
from typing import Any

import duckdb

from argus_pipeline.statistics.codes import code_regex


def _text(value: str | Path) -> str:
    return "'" + str(value).replace("'", "''") + "'"


def _regex(regex: str) -> str:
    # In RE2 a word boundary is one of ASCII anyway.
    return _text(regex.replace(r"(?-u:\b)", r"\b"))


class Recomputed:
    """Queries over the Parquet tables of a batch."""

    def __init__(self, tables: Mapping[str, Mapping[str, Path]]) -> None:
        """`tables`: path of each table by its name, by recording."""
        self._duck = duckdb.connect()
        self._duck.execute("SET TimeZone = 'UTC'")
        parts = [
            part
            for recording, paths in tables.items()
            for table, path in paths.items()
            if (part := self._messages(recording, table, path)) is not None
        ]
        self._duck.execute(f"CREATE TABLE messages AS {' UNION ALL BY NAME '.join(parts)}")
        lifecycles = [
            f"SELECT {_text(recording)} AS recording, * FROM read_parquet({_text(p['lifecycles'])})"
            for recording, p in tables.items()
            if "lifecycles" in p
        ]
        self._lifecycles = " UNION ALL ".join(lifecycles)

    def rows(self, sql: str) -> list[tuple[Any, ...]]:
        """The rows of a query."""
        return self._duck.execute(sql).fetchall()

    def _messages(self, recording: str, table: str, path: Path) -> str | None:
        if table in {"lifecycles", "sources"}:
            return None
        source = f"read_parquet({_text(path)})"
        head = f'SELECT {_text(recording)} AS recording, {_text(table)} AS "table", "offset"'
        if table == "messages":
            return f"""{head}, epoch_ns(time) AS ns, ecu::VARCHAR AS ecu, app::VARCHAR AS app,
                context::VARCHAR AS context, coalesce(severity::VARCHAR, 'none') AS severity,
                NULL::VARCHAR AS code, CASE WHEN severity IS NOT NULL THEN text END AS text
                FROM {source}"""
        columns = {
            row[0] for row in self._duck.execute(f"DESCRIBE SELECT * FROM {source}").fetchall()
        }
        if {"code", "severity", "message", "ecu"} <= columns:
            event = """nullif(trim(ecu), '') AS ecu,
                coalesce(['fatal', 'error', 'warn', 'info', 'debug', 'verbose'][severity], 'none')
                AS severity, nullif(trim(code), '') AS code, message AS text"""
        else:
            ecu = "nullif(trim(ecu), '')" if "ecu" in columns else "NULL::VARCHAR"
            event = (
                f"{ecu} AS ecu, 'none' AS severity, NULL::VARCHAR AS code, NULL::VARCHAR AS text"
            )
        return f"""{head}, epoch_ns(coalesce(sample_time, sent, received)) AS ns,
            NULL::VARCHAR AS app, {_text(table)} AS context, {event} FROM {source}"""

    def sources(self) -> list[tuple[Any, ...]]:
        """Messages by ecu, app, context and severity."""
        return self.rows(
            "SELECT ecu, app, context, severity, count(*) FROM messages GROUP BY ALL ORDER BY ALL"
        )

    def minutes(self) -> list[tuple[Any, ...]]:
        """Messages by minute (ns since 1970) and severity."""
        return self.rows(
            """SELECT ns // 60000000000 * 60000000000, severity, count(*) FROM messages
            WHERE ns IS NOT NULL GROUP BY ALL ORDER BY ALL"""
        )

    def codes(self) -> list[tuple[Any, ...]]:
        """Codes with their messages, ecus, first and last time and the place of the first."""
        return self.rows(
            f"""WITH named AS (
                SELECT *, unnest(CASE WHEN code IS NOT NULL THEN [code] ELSE list_distinct(
                    list_transform(regexp_extract_all(text, {_regex(code_regex())}),
                    lambda found: upper(regexp_extract(found, '[A-Za-z0-9]+$')))) END) AS name
                FROM messages)
            SELECT regexp_replace(name, '^0X', '0x'), count(*), count(DISTINCT ecu),
                min(ns), max(ns),
                arg_min(struct_pack(a := recording, b := "table", c := "offset"),
                    struct_pack(a := ns, b := "offset", c := recording))
            FROM named GROUP BY name ORDER BY ALL"""
        )

    def bad_without_code(self) -> int:
        """Fatal, error and warn messages that name no code."""
        return int(
            self.rows(
                f"""SELECT count(*) FROM messages WHERE severity IN ('fatal', 'error', 'warn')
                AND code IS NULL AND NOT coalesce(
                    regexp_matches(text, {_regex(code_regex())}), false)"""
            )[0][0]
        )

    def hours(self) -> float:
        """Length of the union of all lifecycles."""
        return self._union(self._spans_of_lifecycles())

    def all_hours(self) -> float:
        """The same, with the spans of the messages that have no lifecycles, cut at silences."""
        spans = f"""{self._spans_of_lifecycles()} UNION ALL
            SELECT min(ns), max(ns) FROM (
                SELECT recording, ns, sum(silent) OVER (
                    PARTITION BY recording ORDER BY ns) AS span
                FROM (SELECT recording, ns, coalesce(ns - lag(ns) OVER (
                    PARTITION BY recording ORDER BY ns) > 60000000000, false)::INT AS silent
                    FROM messages WHERE ns IS NOT NULL AND "table" <> 'messages'))
            GROUP BY recording, span"""
        return self._union(spans)

    def _spans_of_lifecycles(self) -> str:
        return f"""SELECT epoch_ns(start) + (first_uptime_s * 1e9)::BIGINT AS a,
            epoch_ns("end") AS b FROM ({self._lifecycles}) WHERE start IS NOT NULL"""

    def _union(self, spans: str) -> float:
        """Hours covered by spans of `a` to `b`, by merging islands."""
        return float(
            self.rows(
                f"""WITH spans AS ({spans}),
                marked AS (SELECT *, a > coalesce(max(b) OVER (
                    ORDER BY a, b ROWS BETWEEN UNBOUNDED PRECEDING AND 1 PRECEDING), a - 1)
                    AS begins FROM spans),
                islands AS (SELECT *, sum(begins::INT) OVER (
                    ORDER BY a, b ROWS UNBOUNDED PRECEDING) AS island FROM marked)
                SELECT sum(length) / 3.6e12 FROM (
                    SELECT max(b) - min(a) AS length FROM islands GROUP BY island)"""
            )[0][0]
        )

    def signal(self, path: Path, column: str) -> tuple[Any, ...]:
        """Count, minimum, maximum, mean and three quantiles of a signal."""
        return self.rows(
            f"""SELECT count(*), min(x), max(x), avg(x), quantile_cont(x, 0.01),
            quantile_cont(x, 0.5), quantile_cont(x, 0.99) FROM (
                SELECT CAST("{column}" AS DOUBLE) AS x FROM read_parquet({_text(path)}))"""
        )[0]
