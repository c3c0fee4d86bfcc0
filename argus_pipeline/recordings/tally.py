"""Counts over the batches of a recording, taken from dictionary codes and never row by row."""

from __future__ import annotations

from collections import Counter
from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from typing import Any, Final

import numpy as np
import pyarrow as pa
import pyarrow.compute as pc
from numpy.typing import NDArray

from argus_pipeline.recordings.tables import LIFECYCLES, MESSAGES, SOURCES, TableBatch

MOST_SENDERS: Final = 65_536
"""So many senders are told apart, since damaged recordings make up ids. What is beyond them counts
as a sender without ids, as in the table `sources`."""

SEVERITIES: Final = ("fatal", "error", "warn", "info", "debug", "verbose")
_ERRORS: Final = {"fatal", "error"}
_CONTROL: Final = "control"
_NO_IDS: Final = (None, None, None)
_EVENT_TIMES: Final = ("time", "sample_time", "sent", "received")

Ids = tuple[str | None, str | None, str | None]
"""ECU, application and context."""


@dataclass(frozen=True, slots=True)
class Sender:
    """What one application and context of an ECU sent; fatal messages are `errors`, too."""

    ecu: str | None
    app: str | None
    context: str | None
    messages: int
    errors: int


@dataclass(frozen=True, slots=True)
class Losses:
    """What the counters of one sender say, as in the table `sources`, over all lifecycles.

    `messages` are those that were counted. Ids are those of the messages themselves: a catalogue
    may know others.
    """

    ecu: str | None
    app: str | None
    context: str | None
    messages: int
    lost: int
    gaps: int
    repeated: int
    reordered: int


@dataclass(frozen=True, slots=True)
class Lifecycle:
    """A row of the table `lifecycles`; times are nanoseconds since 1970 in UTC.

    `lost` counts what was lost in a whole boot, and is None for what resumes one.
    """

    ecu: str
    lifecycle: int
    kind: str
    boot: int
    start: int | None
    end: int | None
    uptime_s: float | None
    software_version: str | None
    messages: int
    control_requests: int
    lost: int | None


class Tally:
    """Takes a recording's batches one by one; holds counts only."""

    def __init__(self) -> None:
        self.tables: Counter[str] = Counter()
        """Rows by table."""
        self.severities: Counter[str | None] = Counter()
        self.types: Counter[str | None] = Counter()
        self.verbose = 0
        self.non_verbose = 0
        self.control = 0
        self.first_time: int | None = None
        self.last_time: int | None = None
        self._messages: Counter[Ids] = Counter()
        self._errors: Counter[Ids] = Counter()
        self._sources: list[pa.RecordBatch] = []
        self._lifecycles: list[pa.RecordBatch] = []

    def add(self, batch: TableBatch, *, is_dlt: bool) -> None:
        """Count a batch."""
        self.tables[batch.table] += batch.rows
        rows = pa.record_batch(batch)
        if is_dlt and batch.table == LIFECYCLES:
            self._lifecycles.append(rows)
        elif is_dlt and batch.table == SOURCES:
            self._sources.append(rows)
        else:
            self._add_times(rows)
            if is_dlt and batch.table == MESSAGES:
                self._add_messages(rows)

    def senders(self) -> list[Sender]:
        """All senders, the one with the most messages first."""
        senders = [Sender(*ids, count, self._errors[ids]) for ids, count in self._messages.items()]
        return sorted(senders, key=lambda s: (-s.messages, _ids_order(s)))

    def losses(self) -> list[Losses]:
        """All senders whose messages were lost, the one with the most losses first."""
        counted = ("messages", "lost", "gaps", "repeated", "reordered")
        losses = [
            Losses(row["ecu"], row["app"], row["context"], *(row[f"{n}_sum"] for n in counted))
            for row in _summed(self._sources, ["ecu", "app", "context"], counted)
            if row["lost_sum"]
        ]
        return sorted(losses, key=lambda s: (-s.lost, _ids_order(s)))

    def lifecycle_kinds(self) -> dict[str, int]:
        """How many lifecycles there are of each kind."""
        kinds: Counter[str] = Counter()
        for rows in self._lifecycles:
            for found in pc.value_counts(rows.column("kind").cast(pa.string())).to_pylist():
                kinds[found["values"]] += found["counts"]
        return dict(kinds)

    def lifecycles_by_ecu(self) -> Counter[str]:
        """How many lifecycles each ECU has."""
        ecus: Counter[str] = Counter()
        for rows in self._lifecycles:
            for found in pc.value_counts(rows.column("ecu").cast(pa.string())).to_pylist():
                ecus[found["values"]] += found["counts"]
        return ecus

    def lifecycles(self, most: int | None) -> Iterator[Lifecycle]:
        """The first lifecycles, by ECU and number."""
        lost: Counter[tuple[str, int]] = Counter()
        for row in _summed(self._sources, ["ecu", "lifecycle"], ["lost"]):
            lost[row["ecu"], row["lifecycle"]] = row["lost_sum"]
        left = most
        for rows in self._lifecycles:
            if left is not None:
                rows = rows.slice(0, left)
                left -= rows.num_rows
            for row in _plain(pa.Table.from_batches([rows])).to_pylist():
                yield Lifecycle(
                    ecu=row["ecu"],
                    lifecycle=row["lifecycle"],
                    kind=row["kind"],
                    boot=row["boot"],
                    start=row["start"],
                    end=row["end"],
                    uptime_s=row["last_uptime_s"],
                    software_version=row["software_version"],
                    messages=row["messages"],
                    control_requests=row["control_requests"],
                    lost=lost[row["ecu"], row["boot"]] if row["boot"] == row["lifecycle"] else None,
                )

    def _add_times(self, rows: pa.RecordBatch) -> None:
        names = [n for n in _EVENT_TIMES if n in rows.schema.names]
        times = [rows.column(n) for n in names if pa.types.is_timestamp(rows.schema.field(n).type)]
        if not times:
            return
        time = times[0] if len(times) == 1 else pc.coalesce(*times)
        ends = pc.min_max(time)
        first, last = ends["min"].value, ends["max"].value
        if first is not None:
            self.first_time = first if self.first_time is None else min(self.first_time, first)
            self.last_time = last if self.last_time is None else max(self.last_time, last)

    def _add_messages(self, rows: pa.RecordBatch) -> None:
        names = ("ecu", "app", "context", "severity", "type")
        columns = [_codes(rows.column(name)) for name in names]
        columns.append((rows.column("verbose").cast(pa.uint8()).to_numpy(), [False, True]))
        for (ecu, app, context, severity, kind, verbose), count in _combinations(columns):
            ids = (ecu, app, context)
            if ids not in self._messages and len(self._messages) >= MOST_SENDERS:
                ids = _NO_IDS
            self._messages[ids] += count
            if severity in _ERRORS:
                self._errors[ids] += count
            self.severities[severity] += count
            self.types[kind] += count
            if kind == _CONTROL:
                self.control += count
            elif verbose:
                self.verbose += count
            else:
                self.non_verbose += count


def _codes(column: pa.Array) -> tuple[NDArray[Any], list[Any]]:
    """A dictionary column's codes and what each stands for; the last one is null."""
    words = column.dictionary.to_pylist()
    codes = column.indices
    if codes.null_count:
        codes = pc.fill_null(codes, pa.scalar(len(words), codes.type))
    return codes.to_numpy(), [*words, None]


def _combinations(
    columns: Sequence[tuple[NDArray[Any], list[Any]]],
) -> Iterator[tuple[list[Any], int]]:
    """What occurs together in a row, and how often."""
    together: NDArray[np.int64] = np.zeros(len(columns[0][0]), np.int64)
    for codes, words in columns:
        together *= len(words)
        together += codes
    for found in pc.value_counts(pa.array(together)).to_pylist():
        code, values = found["values"], []
        for _, words in reversed(columns):
            code, place = divmod(code, len(words))
            values.append(words[place])
        yield values[::-1], found["counts"]


def _summed(
    batches: list[pa.RecordBatch], keys: Sequence[str], counted: Sequence[str]
) -> list[Any]:
    if not batches:
        return []
    table = _plain(pa.Table.from_batches(batches).select([*keys, *counted]))
    rows: list[Any] = (
        table.group_by(list(keys)).aggregate([(n, "sum") for n in counted]).to_pylist()
    )
    return rows


def _plain(table: pa.Table) -> pa.Table:
    """Words as texts, times as nanoseconds: what becomes Python objects without loss."""
    fields = []
    for field in table.schema:
        kind = field.type
        if pa.types.is_dictionary(kind):
            kind = kind.value_type
        elif pa.types.is_timestamp(kind):
            kind = pa.int64()
        fields.append(pa.field(field.name, kind))
    return table.cast(pa.schema(fields))


def _ids_order(sender: Sender | Losses) -> tuple[str, str, str]:
    return (sender.ecu or "", sender.app or "", sender.context or "")
