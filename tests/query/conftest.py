"""Two small batches as the pipeline leaves them: Parquet in a real store, rows in Postgres."""

from __future__ import annotations

import hashlib
import json
import uuid
from collections.abc import Iterator
from datetime import date
from pathlib import Path

import pytest
from sqlalchemy import Engine

from argus_pipeline.batches.manifest import parse_manifest
from argus_pipeline.database.engine import create_engine, session
from argus_pipeline.database.migrate import migrate
from argus_pipeline.database.records import upsert_batch, upsert_recordings
from argus_pipeline.query import QuerySession
from argus_pipeline.recordings.parsing import load_specifications, parse_to_bucket
from argus_pipeline.stack.stores import LocalStore
from argus_pipeline.statistics.batch import compute_statistics
from argus_pipeline.statistics.sources import recording_tables
from argus_pipeline.statistics.storage import write_statistics
from argus_pipeline.storage import keys
from argus_pipeline.storage.object_store import ObjectStore

BUCKET = "argus-tests"
BATCHES = {
    "20261123T101500Z-V1": ("v2.2.9", ["dlt/golden.dlt", "dlt/c_garbage5k.dlt"]),
    "20261124T101500Z-V2": ("v2.3.1", ["rec/J7_v2.3.1_0001.rec", "rec/vehicle.odvd"]),
}


def put_batch(store: ObjectStore, engine: Engine, batch: str, data: Path) -> None:
    """What the assets up to the statistics leave of a batch."""
    firmware, names = BATCHES[batch]
    prefix = keys.incoming(date(2026, 11, 24), batch)
    content = {Path(name).name: (data / name).read_bytes() for name in names}
    for name, recorded in content.items():
        store.put(prefix + name, recorded)
    files = [
        {"name": n, "size": len(d), "sha256": hashlib.sha256(d).hexdigest()}
        for n, d in content.items()
    ]
    manifest = parse_manifest(
        json.dumps(
            {
                "schema": 1,
                "batch": batch,
                "vehicle": batch[-2:],
                "platform": "J7",
                "firmware": firmware,
                "campaign": "2026-q4-brakes",
                "created": "2026-11-23T10:15:00Z",
                "files": files,
            }
        ).encode(),
        key=prefix + "manifest.json",
        batch=batch,
    )
    specifications = load_specifications(store, manifest, prefix)
    results = [
        parse_to_bucket(store, batch, file, prefix + file.name, specifications)
        for file in manifest.recordings
    ]
    tables = recording_tables(results, lambda table: store.uri(table.parquet_key))
    statistics = compute_statistics(tables, results, storage_options=store.storage_options())
    write_statistics(store, batch, statistics)
    with session(engine) as opened:
        upsert_batch(opened, manifest, "etag")
        upsert_recordings(opened, batch, results)


@pytest.fixture(scope="module")
def engine(module_database_url: str) -> Iterator[Engine]:
    migrate(module_database_url)
    made = create_engine(module_database_url)
    yield made
    made.dispose()


@pytest.fixture(scope="module")
def filled(store_server: LocalStore, engine: Engine, data: Path) -> ObjectStore:
    """A place in a real S3 store with both batches, for tests that leave it as it is."""
    store = ObjectStore(store_server.settings(BUCKET, prefix=f"query-{uuid.uuid4().hex[:12]}"))
    for batch in BATCHES:
        put_batch(store, engine, batch, data)
    return store


@pytest.fixture
def asked(filled: ObjectStore, engine: Engine) -> Iterator[QuerySession]:
    with QuerySession(filled, engine) as opened:
        yield opened
