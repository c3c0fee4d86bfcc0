"""A real store, a real database and an ephemeral Dagster instance, put together as a pipeline."""

from __future__ import annotations

import hashlib
import json
from collections.abc import Iterator, Mapping, Sequence
from pathlib import Path
from typing import Any

import dagster as dg
import pytest
from adopt.made import ARCHIVE
from dagster_aws.s3 import S3PickleIOManager, S3Resource

from argus_pipeline.database.migrate import migrate
from argus_pipeline.settings import Settings
from argus_pipeline.storage.object_store import ObjectStore
from resources.database import DatabaseResource
from resources.embedder import EmbedderResource
from resources.language_model import LanguageModelResource
from resources.object_store import ObjectStoreResource

DAY = "2026/11/23"


class Pipeline:
    """Uploads batches as any S3 client would, and runs the job `batch` over them in process."""

    def __init__(self, store: ObjectStore, database_url: str, resources: dict[str, Any]) -> None:
        from argus_pipeline.definitions import defs

        self.store = store
        self.database_url = database_url
        self.resources = resources
        self.instance = dg.DagsterInstance.ephemeral()
        self.definitions = dg.Definitions(
            assets=defs.assets,
            jobs=defs.jobs,
            sensors=defs.sensors,
            resources=resources,
            executor=dg.in_process_executor,
        )

    def put(self, batch: str, content: Mapping[str, bytes], **changes: Any) -> str:
        """Put files and their manifest, with some fields changed, and return the manifest's key."""
        prefix = f"incoming/{DAY}/{batch}/"
        for name, data in content.items():
            self.store.put(prefix + name, data)
        manifest = {
            "schema": 1,
            "batch": batch,
            "vehicle": "LFV3A23C0K3000001",
            "platform": "J7",
            "firmware": "v2.3.1",
            "firmware_from": "v2.2.9",
            "created": "2026-11-23T10:15:00Z",
            "files": [
                {"name": n, "size": len(d), "sha256": hashlib.sha256(d).hexdigest()}
                for n, d in content.items()
            ],
            **changes,
        }
        self.store.put(f"{prefix}manifest.json", json.dumps(manifest).encode())
        return f"{prefix}manifest.json"

    def run(
        self, batch: str, *, tags: Mapping[str, str] | None = None
    ) -> dg.ExecuteInProcessResult:
        """Run everything that is made of a batch."""
        self.instance.add_dynamic_partitions("batch", [batch])
        job = self.definitions.resolve_job_def("batch")
        return job.execute_in_process(
            instance=self.instance, partition_key=batch, raise_on_error=False, tags=tags
        )

    def run_only(self, batch: str, *assets: str) -> dg.ExecuteInProcessResult:
        """Materialize some assets of a batch, as by hand in the UI."""
        self.instance.add_dynamic_partitions("batch", [batch])
        chosen = {dg.AssetKey(asset) for asset in assets}
        return dg.materialize(
            [one for one in self.definitions.assets if one.key in chosen],
            instance=self.instance,
            resources=self.resources,
            partition_key=batch,
        )

    def materialized(self, asset: str) -> Sequence[str]:
        """Partitions of an asset that count as materialized."""
        return sorted(self.instance.get_materialized_partitions(dg.AssetKey(asset)))

    def check_results(self, result: dg.ExecuteInProcessResult) -> Mapping[str, bool]:
        """By name, whether each check of a run passed."""
        return {e.check_name: e.passed for e in result.get_asset_check_evaluations()}


@pytest.fixture
def pipeline_type() -> type[Pipeline]:
    """For tests that put one together from other resources."""
    return Pipeline


@pytest.fixture
def pipeline(
    object_store: ObjectStore, store_settings: Settings, database_url: str
) -> Iterator[Pipeline]:
    migrate(database_url)
    s3 = S3Resource(
        endpoint_url=store_settings.s3_endpoint,
        region_name=store_settings.s3_region,
        aws_access_key_id=store_settings.s3_access_key,
        aws_secret_access_key=store_settings.s3_secret_key,
    )
    resources = {
        "object_store": ObjectStoreResource(
            s3=s3,
            bucket=store_settings.s3_bucket,
            prefix=store_settings.s3_prefix,
            archives=ARCHIVE,
        ),
        "database": DatabaseResource(url=database_url),
        "embedder": EmbedderResource(),
        "language_model": LanguageModelResource(),
        "io_manager": S3PickleIOManager(
            s3_resource=s3,
            s3_bucket=store_settings.s3_bucket,
            s3_prefix=f"{store_settings.s3_prefix}/dagster",
        ),
    }
    made = Pipeline(object_store, database_url, resources)
    yield made
    for resource in (resources["database"],):
        resource.engine().dispose()
    made.instance.dispose()


@pytest.fixture
def samples(data: Path) -> dict[str, bytes]:
    """A batch of each format, its specification, and a damaged recording."""
    names = ["dlt/golden.dlt", "dlt/c_garbage5k.dlt", "rec/J7_v2.3.1_0001.rec", "rec/vehicle.odvd"]
    return {Path(name).name: (data / name).read_bytes() for name in names}
