"""The statistics of a batch in SQL: what one writes today over the same Parquet, with DuckDB.

counts   messages by source, by second and by code: three groupings
same     what `compute_statistics` keeps of messages and signals, as far as SQL says it: also
         templates of bad messages, the newest critical events, quantiles and rates of change,
         reasons of boots, and the minutes in which signals came
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence

import duckdb

from argus_pipeline.statistics.codes import code_regex
from argus_pipeline.statistics.restarts import REASON
from argus_pipeline.statistics.sources import ENVELOPE
from argus_pipeline.statistics.templates import masks

Tables = Mapping[str, Sequence[str]]
"""Paths of the Parquet files by table."""

_REC_TIME = "coalesce(sample_time, sent, received)"


def counts(tables: Tables, threads: int) -> int:
    """Three groupings of the DLT messages; the number of messages."""
    duck = _connect(threads)
    messages = _scan(tables["messages"])
    found = duck.execute(_sources(messages)).fetchall()
    duck.execute(_seconds(messages)).fetchall()
    duck.execute(_codes(messages)).fetchall()
    return sum(int(row[-3]) for row in found)


def same(tables: Tables, threads: int) -> int:
    """As much of the statistics as SQL says; the number of messages."""
    duck = _connect(threads)
    messages = _scan(tables["messages"])
    total = 0
    for table, paths in tables.items():
        if table in {"lifecycles", "sources"}:
            duck.execute(f"SELECT * FROM {_scan(paths)}").fetchall()
        elif table != "messages":
            total += _signals(duck, _scan(paths))
    total += sum(int(row[-3]) for row in duck.execute(_sources(messages)).fetchall())
    duck.execute(_seconds(messages)).fetchall()
    duck.execute(_codes(messages)).fetchall()
    duck.execute(_templates(messages)).fetchall()
    duck.execute(_reasons(messages)).fetchall()
    duck.execute(
        f"""SELECT time, filename, "offset", ecu, app, context, severity, text FROM {messages}
        WHERE severity IN ('fatal', 'error') ORDER BY time DESC, filename DESC, "offset" DESC
        LIMIT 1000"""
    ).fetchall()
    return total


def _connect(threads: int) -> duckdb.DuckDBPyConnection:
    duck = duckdb.connect()
    duck.execute(f"SET threads = {threads}")
    return duck


def _scan(paths: Sequence[str]) -> str:
    return f"read_parquet({list(paths)}, filename = true, union_by_name = true)"


def _sources(messages: str) -> str:
    return f"""SELECT filename, ecu, app, context, severity, count(*), min(time), max(time)
        FROM {messages} GROUP BY ALL"""


def _seconds(messages: str) -> str:
    return f"""SELECT date_trunc('second', time) AS second, severity, count(*)
        FROM {messages} GROUP BY ALL"""


def _codes(messages: str) -> str:
    regex = _text(code_regex().replace(r"(?-u:\b)", r"\b"))
    return f"""SELECT code, ecu, severity, filename, lifecycle, count(*), min(time), max(time),
        arg_min("offset", time) FROM (
            SELECT unnest(list_distinct(regexp_extract_all(text, {regex}))) AS code, *
            FROM {messages} WHERE severity IS NOT NULL)
        GROUP BY ALL"""


def _templates(messages: str) -> str:
    masked = "text[:1600]"
    for regex, replacement in masks():
        regex = regex.replace(r"(?-u:\b)", r"\b")
        replacement = replacement.replace("${1}", r"\1")
        masked = f"regexp_replace({masked}, {_text(regex)}, {_text(replacement)}, 'g')"
    return f"""SELECT {masked} AS template, ecu, severity, filename, lifecycle, count(*),
        min(time), max(time) FROM {messages}
        WHERE severity IN ('fatal', 'error', 'warn') GROUP BY ALL"""


def _reasons(messages: str) -> str:
    return f"""SELECT filename, ecu, lifecycle, min(reason) FROM (
            SELECT *, regexp_extract(text, {_text(REASON)}, 1) AS reason FROM {messages}
            WHERE uptime_s BETWEEN 0 AND 10)
        WHERE reason <> '' GROUP BY ALL"""


def _signals(duck: duckdb.DuckDBPyConnection, scan: str) -> int:
    """Measures of all signals of a table; its messages."""
    kinds = duck.execute(f"DESCRIBE SELECT * FROM {scan}").fetchall()
    signals = [
        f'"{name}"::DOUBLE'
        for name, kind, *_ in kinds
        if name not in ENVELOPE and kind in _NUMBERS and name not in {"severity", "code"}
    ]
    measures = ", ".join(
        f"count({x}), min({x}), max({x}), avg({x}), quantile_cont({x}, [0.01, 0.5, 0.99])"
        for x in signals
    )
    found = duck.execute(
        f"SELECT filename, count(*){', ' if measures else ''}{measures} FROM {scan} GROUP BY 1"
    ).fetchall()
    if signals:
        means = ", ".join(f"avg({x}) AS m{n}" for n, x in enumerate(signals))
        extremes = ", ".join(f"min({x}), max({x})" for x in signals)
        rates = ", ".join(
            f"(m{n} - lag(m{n}) OVER w) / (second - lag(second) OVER w)"
            for n in range(len(signals))
        )
        duck.sql(
            f"""SELECT filename, second, {rates} FROM (
                SELECT filename, epoch_ns({_REC_TIME}) // 1000000000 AS second, {means}, {extremes}
                FROM {scan} GROUP BY ALL)
            WINDOW w AS (PARTITION BY filename ORDER BY second)"""
        ).to_arrow_table()
    duck.execute(
        f"""SELECT filename, epoch_ns({_REC_TIME}) // 60000000000, min({_REC_TIME}),
        max({_REC_TIME}) FROM {scan} GROUP BY ALL"""
    ).fetchall()
    return sum(int(row[1]) for row in found)


_NUMBERS = {
    *("BOOLEAN", "TINYINT", "SMALLINT", "INTEGER", "BIGINT", "FLOAT", "DOUBLE"),
    *("UTINYINT", "USMALLINT", "UINTEGER", "UBIGINT"),
}


def _text(value: str) -> str:
    return "'" + value.replace("'", "''") + "'"
