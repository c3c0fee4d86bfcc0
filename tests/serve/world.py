"""A small fleet, made by the real pipeline, over a real database, store and Dagster storage."""

from __future__ import annotations

import hashlib
import json
import os
from collections.abc import Mapping, Sequence
from datetime import UTC, datetime
from pathlib import Path
from typing import Any

import dagster as dg
from dagster_aws.s3 import S3PickleIOManager, S3Resource
from report.hostile import HOSTILE as ALL_HOSTILE

from argus_pipeline.database.engine import create_engine
from argus_pipeline.database.migrate import migrate
from argus_pipeline.database.roles import ensure_roles
from argus_pipeline.knowledge.embedding import embedder_from
from argus_pipeline.knowledge.files import read_articles, starter_articles
from argus_pipeline.knowledge.store import import_articles
from argus_pipeline.run_records import MANIFEST_ETAG_TAG
from argus_pipeline.settings import Settings, with_driver
from argus_pipeline.simulate.dlt_encoder import Text, log, message
from argus_pipeline.simulate.fleet import write_fleet
from argus_pipeline.storage.object_store import ObjectStore

VIN = "LFV3A23C0K3000001"
TIME = datetime.now(UTC).strftime("%Y%m%dT%H%M%SZ")
DAY = datetime.now(UTC).strftime("%Y/%m/%d")
# What can stand in a recording: messages of DLT are at most 64 KB, and lone surrogates no text.
HOSTILE_TEXTS = [text for text in ALL_HOSTILE if len(text) < 1000 and "\ud800" not in text]


class World:
    """Puts batches into the store and runs the job over them in this process."""

    def __init__(self, settings: Settings, url: str, home: Path) -> None:
        self.settings, self.url = settings, url
        self.store = ObjectStore(settings)
        self.store.ensure_bucket()
        migrate(url)
        home.mkdir(parents=True, exist_ok=True)
        storage = {"postgres": {"postgres_url": {"env": "ARGUS_DAGSTER_DATABASE_URL"}}}
        (home / "dagster.yaml").write_text(
            json.dumps({"storage": storage, "telemetry": {"enabled": False}})
        )
        self.environment = {
            "ARGUS_DAGSTER_DATABASE_URL": with_driver(url, "psycopg2"),
            "DAGSTER_HOME": str(home),
        }
        os.environ.update(self.environment)
        self.instance = dg.DagsterInstance.from_config(str(home))
        self.instance.get_run_records(limit=1)
        engine = create_engine(url)
        ensure_roles(engine)  # Dagster's tables are there now
        engine.dispose()
        self._definitions()

    def _definitions(self) -> None:
        from argus_pipeline.definitions import defs
        from resources.database import DatabaseResource
        from resources.embedder import EmbedderResource
        from resources.language_model import LanguageModelResource
        from resources.object_store import ObjectStoreResource

        s3 = S3Resource(
            endpoint_url=self.settings.s3_endpoint,
            region_name=self.settings.s3_region,
            aws_access_key_id=self.settings.s3_access_key,
            aws_secret_access_key=self.settings.s3_secret_key,
        )
        self.resources = {
            "object_store": ObjectStoreResource(
                s3=s3, bucket=self.settings.s3_bucket, prefix=self.settings.s3_prefix
            ),
            "database": DatabaseResource(url=self.url),
            "embedder": EmbedderResource(),
            "language_model": LanguageModelResource(),
            "io_manager": S3PickleIOManager(
                s3_resource=s3,
                s3_bucket=self.settings.s3_bucket,
                s3_prefix=f"{self.settings.s3_prefix}/dagster",
            ),
        }
        self.definitions = dg.Definitions(
            assets=defs.assets,
            jobs=defs.jobs,
            resources=self.resources,
            executor=dg.in_process_executor,
        )
        self.fleet_assets = [
            one
            for one in defs.assets
            if one.key.path[-1]
            in {"fleet_statistics", "firmware_comparison", "campaign_health", "campaign_pages"}
        ]

    def put(self, batch: str, content: Mapping[str, bytes], **changes: Any) -> str:
        """Put files and their manifest, and return the manifest's ETag."""
        prefix = f"incoming/{DAY}/{batch}/"
        for name, data in content.items():
            self.store.put(prefix + name, data)
        manifest = {
            "schema": 1,
            "batch": batch,
            "vehicle": VIN,
            "platform": "J7",
            "firmware": "v2.3.1",
            "firmware_from": "v2.2.9",
            "campaign": "2026-q4-brakes",
            "created": datetime.now(UTC).isoformat(),
            "files": [
                {"name": n, "size": len(d), "sha256": hashlib.sha256(d).hexdigest()}
                for n, d in content.items()
            ],
            **changes,
        }
        return self.store.put(f"{prefix}manifest.json", json.dumps(manifest).encode())

    def run(self, batch: str, etag: str) -> bool:
        """Run everything that is made of a batch."""
        self.instance.add_dynamic_partitions("batch", [batch])
        job = self.definitions.resolve_job_def("batch")
        done = job.execute_in_process(
            instance=self.instance,
            partition_key=batch,
            raise_on_error=False,
            tags={MANIFEST_ETAG_TAG: etag},
        )
        return done.success

    def roll_up(self) -> None:
        """Make what is known over all batches."""
        dg.materialize(self.fleet_assets, instance=self.instance, resources=self.resources)

    def close(self) -> None:
        """Let everything go."""
        self.resources["database"].engine().dispose()
        self.instance.dispose()


def batch_id(number: int, vehicle: str = VIN) -> str:
    """A batch id as `argus upload` makes them."""
    return f"{TIME}-{vehicle}-{number:04x}"


HOSTILE_VEHICLE = "LFVXSS00000000099"
HOSTILE = batch_id(0xBAD0, HOSTILE_VEHICLE)
FAILED = batch_id(0xFA11)
UPLOADING = batch_id(0x0BAD)


def hostile_recording(texts: Sequence[str]) -> bytes:
    """A DLT recording whose messages say these things, each as an error with a known code."""
    start = int(datetime.now(UTC).timestamp() * 1e9)
    return b"".join(
        message(
            log("error", "APP", "CTX", [Text(f"DTC C0035 {text} of {HOSTILE_VEHICLE}")]),
            time_ns=start + n * 1_000_000_000,
            ecu="BRK1",
            counter=n,
            session_id=7,
            ticks=10_000 * (n + 1),
        )
        for n, text in enumerate(texts)
    )


def fill(world: World, folder: Path, *, batches: int = 3) -> list[str]:
    """Simulated batches with reports, one that failed, one that is being uploaded.

    Returns:
        The batches with a report.
    """
    engine = create_engine(world.url)
    articles = read_articles([starter_articles()]).articles
    known = [one for one in articles if one.code in {"C0035", "U0100", "P0A80", "E001"}]
    import_articles(engine, known or articles[:40], embedder_from(world.settings))
    engine.dispose()
    write_fleet(folder, batches=batches, megabytes=0.3)
    done = []
    for number, path in enumerate(sorted(p for p in folder.iterdir() if p.is_dir())):
        facts = json.loads((path / "batch.json").read_text())
        files = {p.name: p.read_bytes() for p in path.iterdir() if p.name != "batch.json"}
        facts["campaign"] = "2026-q4-brakes"
        batch = batch_id(number, facts["vehicle"])
        assert world.run(batch, world.put(batch, files, **facts)), batch
        done.append(batch)
    files = {"ecu1.dlt": hostile_recording(HOSTILE_TEXTS)}
    etag = world.put(HOSTILE, files, vehicle=HOSTILE_VEHICLE)
    assert world.run(HOSTILE, etag)
    done.append(HOSTILE)
    # What the manifest says is not what lies there: the run fails for good.
    etag = world.put(
        FAILED, {"ecu1.dlt": b"DLT"}, files=[{"name": "a", "size": 1, "sha256": "0" * 64}]
    )
    assert not world.run(FAILED, etag)
    world.store.put(f"incoming/{DAY}/{UPLOADING}/ecu1.dlt", b"DLT\x01")
    world.roll_up()
    return done
