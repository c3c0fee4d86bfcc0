"""Files by the batch that they belong to, however many there are and in whatever order they come.

Keys are listed in their own order, in which those of a batch need not lie together. So they go into
a database of SQLite's that has no name: SQLite keeps it in a temporary file, as little of it in
memory as its cache holds, and removes it with the connection.
"""

from __future__ import annotations

import json
import sqlite3
from collections.abc import Iterable, Iterator, Sequence
from contextlib import closing, contextmanager
from dataclasses import dataclass
from datetime import UTC, date, datetime
from typing import Any, Final

from argus_pipeline.adopt.plan import FoundFile, batch_id, group_in_id, without_digest
from argus_pipeline.batches.arrivals import Folder

_TABLES: Final = """
PRAGMA journal_mode = OFF;
PRAGMA synchronous = OFF;
PRAGMA cache_size = -32768;
CREATE TABLE files (
    batch TEXT, key TEXT, name TEXT, size INTEGER, etag TEXT, time REAL, said TEXT,
    PRIMARY KEY (batch, key)
) WITHOUT ROWID;
CREATE TABLE starts (start TEXT PRIMARY KEY) WITHOUT ROWID;
CREATE TABLE known (batch TEXT PRIMARY KEY, folder TEXT, day TEXT, etag TEXT) WITHOUT ROWID;
"""


@dataclass(frozen=True, slots=True)
class KnownBatch:
    """A batch that has a manifest: its folder, and the manifest's ETag."""

    folder: Folder
    etag: str


class Groups:
    """Files by batch. For one thread. `opened_groups` makes one."""

    def __init__(self, connection: sqlite3.Connection) -> None:
        self._connection = connection
        connection.executescript(_TABLES)

    def add(self, files: Iterable[FoundFile]) -> None:
        """Take files in; they are read as they come."""
        rows = (
            (f.group, f.key, f.name, f.size, f.etag, f.time.timestamp(), json.dumps(f.said))
            for f in files
        )
        self._connection.executemany("INSERT INTO files VALUES (?, ?, ?, ?, ?, ?, ?)", rows)

    def finish(self) -> int:
        """No file comes after this; how many batches there are."""
        for group, time in self._groups():
            start = without_digest(batch_id(_time(time), group))
            self._connection.execute("INSERT OR IGNORE INTO starts VALUES (?)", (start,))
        [(count,)] = self._connection.execute("SELECT count(DISTINCT batch) FROM files")
        return int(count)

    def has(self, batch: str) -> bool:
        """Whether this id is one of a batch that is here, whatever time it begins with."""
        return self._is_there("SELECT 1 FROM files WHERE batch = ? LIMIT 1", group_in_id(batch))

    def has_alike(self, batch: str) -> bool:
        """Whether a batch is here that has the time and the vehicle of this adopted one."""
        group = group_in_id(batch)
        return group is not None and self._is_there(
            "SELECT 1 FROM starts WHERE start = ?", without_digest(batch)
        )

    def is_known(self, known: KnownBatch) -> None:
        """Note that a batch has a manifest. Of two, the one under the older day counts."""
        group, folder = group_in_id(known.folder.name), known.folder
        self._connection.execute(
            "INSERT INTO known VALUES (?, ?, ?, ?) ON CONFLICT (batch) DO UPDATE SET "
            "folder = excluded.folder, day = excluded.day, etag = excluded.etag "
            "WHERE excluded.day < known.day",
            (group, folder.name, folder.day.isoformat(), known.etag),
        )

    def batches(self) -> Iterator[tuple[Sequence[FoundFile], KnownBatch | None]]:
        """The files of each batch, the oldest batch first, and what is known of it."""
        for group, _ in self._groups():
            files = self._connection.execute("SELECT * FROM files WHERE batch = ?", (group,))
            known = self._connection.execute(
                "SELECT folder, day, etag FROM known WHERE batch = ?", (group,)
            ).fetchone()
            yield (
                [_file(row) for row in files],
                known and KnownBatch(Folder(date.fromisoformat(known[1]), known[0]), known[2]),
            )

    def _groups(self) -> sqlite3.Cursor:
        return self._connection.execute(
            "SELECT batch, min(time) FROM files GROUP BY batch ORDER BY 2, 1"
        )

    def _is_there(self, query: str, value: str | None) -> bool:
        return self._connection.execute(query, (value,)).fetchone() is not None


@contextmanager
def opened_groups() -> Iterator[Groups]:
    """An empty place for files, which is gone at the end."""
    with closing(sqlite3.connect("")) as connection:
        yield Groups(connection)


def _time(seconds: float) -> datetime:
    return datetime.fromtimestamp(seconds, UTC)


def _file(row: tuple[Any, ...]) -> FoundFile:
    group, key, name, size, etag, time, said = row
    return FoundFile(group, key, name, size, etag, _time(time), tuple(json.loads(said)))
