"""Everything that was made of a batch, as digests that can be compared over rounds.

Equal means equal bytes, once the ids of batch and platform are written alike. Only three kinds need
more: Parquet of the statistics names the batch inside compressed pages, so its rows are compared;
a picture may show its name, so it only has to be whole (the SVG of the same chart is compared);
rows of Postgres are compared without the times and numbers that the database gives.
"""

from __future__ import annotations

import base64
import hashlib
import io
import re
from collections.abc import Mapping
from concurrent.futures import ThreadPoolExecutor
from typing import Any, Final

import polars as pl
import sqlalchemy as sa
from sqlalchemy import Engine

from argus_pipeline.database.models import Base, Batch, Diagnosis, EventCount, Recording
from argus_pipeline.storage.object_store import ObjectStore
from benchmarks.chaos.fleet import Named

PREFIXES: Final = ("parsed", "quarantine", "statistics", "charts", "reports")
# The manifest names the batch and says when it was made, so its hash is another one in each round.
_OTHER_EACH_TIME: Final = {
    "id",
    "created",
    "registered_at",
    "created_at",
    "updated_at",
    "manifest_etag",
}
_PNG_END: Final = b"IEND\xaeB`\x82"
# A report carries the charts that matter inside it.
_PICTURE: Final = re.compile(rb"data:image/svg\+xml;base64,([A-Za-z0-9+/=]+)")
_THREADS: Final = 16


def read_outputs(store: ObjectStore, engine: Engine, named: Named) -> Mapping[str, str]:
    """By name, the digest of each object and of each table's rows of a batch."""
    prefixes = [f"{kind}/{named.batch}/" for kind in PREFIXES]
    found = [info.key for prefix in prefixes for info in store.list(prefix)]
    with ThreadPoolExecutor(_THREADS) as threads:
        digests = threads.map(lambda key: _of_object(key, store.get(key), named), found)
        objects = {
            _alike(key.encode(), named).decode(): digest
            for key, digest in zip(found, digests, strict=True)
        }
    rows = {
        f"table {model.__tablename__}": _of_rows(engine, model, named)
        for model in (Batch, Recording, EventCount, Diagnosis)
    }
    return {**objects, **rows}


def differences(wanted: Mapping[str, str], found: Mapping[str, str]) -> list[str]:
    """What is missing, what is there besides, and what is other; empty where both are equal."""
    return [
        *(f"missing: {name}" for name in sorted(wanted.keys() - found.keys())),
        *(f"besides: {name}" for name in sorted(found.keys() - wanted.keys())),
        *(
            f"other: {name}"
            for name in sorted(wanted.keys() & found.keys())
            if wanted[name] != found[name]
        ),
    ]


def _of_object(key: str, data: bytes, named: Named) -> str:
    if key.endswith(".png"):
        return "whole" if data.endswith(_PNG_END) else "torn"
    if key.startswith("statistics/") and key.endswith(".parquet"):
        frame = pl.read_parquet(io.BytesIO(data))
        data = f"{frame.schema}\n{frame.rows()}".encode()
    return _digest(_alike(data, named))


def _of_rows(engine: Engine, model: type[Base], named: Named) -> str:
    table: Any = model.__table__
    columns = [column for column in table.c if column.name not in _OTHER_EACH_TIME]
    with engine.connect() as connection:
        query = sa.select(*columns).where(table.c.batch == named.batch)
        rows = sorted(repr(tuple(row)) for row in connection.execute(query))
    return f"{len(rows)} rows {_digest(_alike(chr(10).join(rows).encode(), named))}"


def _alike(data: bytes, named: Named) -> bytes:
    data = _PICTURE.sub(lambda found: base64.b64decode(found[1]), data)
    return data.replace(named.batch.encode(), b"<batch>").replace(
        named.platform.encode(), b"<platform>"
    )


def _digest(data: bytes) -> str:
    return hashlib.sha256(data).hexdigest()[:16]
