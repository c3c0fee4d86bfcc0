"""Everything that Dagster loads, put together. `workspace.yaml` names this module."""

from __future__ import annotations

import multiprocessing
import os
import warnings
from typing import Final

import dagster as dg
from dagster_aws.s3 import S3PickleIOManager

# Partitions on checks: a batch's verdict must not hide another's. The API is marked as a preview,
# and dagster is pinned to the minor version that this was tested with.
warnings.filterwarnings("ignore", category=dg.PreviewWarning)

from argus_pipeline.settings import ARCHIVES_VARIABLE  # noqa: E402
from assets import (  # noqa: E402
    batch_statistics,
    campaign_health,
    campaign_pages,
    charts,
    diagnosis,
    firmware_comparison,
    fleet_history,
    fleet_statistics,
    knowledge_base,
    overdue,
    parsed_csv,
    raw_batch,
    report,
)
from resources.database import DatabaseResource  # noqa: E402
from resources.embedder import EmbedderResource  # noqa: E402
from resources.executor import in_process_unless_asked  # noqa: E402
from resources.language_model import LanguageModelResource  # noqa: E402
from resources.object_store import ObjectStoreResource  # noqa: E402
from resources.s3 import S3  # noqa: E402
from sensors import (  # noqa: E402
    alerts,
    backfill,
    compaction,
    housekeeping,
    model_back,
    recovery,
    upkeep,
    uploads,
)

RUN_NICENESS: Final = 10


def give_way() -> None:
    """In the process of a run on this machine: sensors, the UI and the stores go first.

    Dagster's default launcher begins each as a child of the code server, whose sensors would
    otherwise wait for as many runs as there are.
    """
    if multiprocessing.parent_process() is not None:
        os.setpriority(os.PRIO_PROCESS, 0, max(os.getpriority(os.PRIO_PROCESS, 0), RUN_NICENESS))


def optional(name: str) -> dg.EnvVar | None:
    """An environment variable that may be absent; what it stands for then takes its default."""
    return dg.EnvVar(name) if os.environ.get(name) else None


give_way()
s3 = S3(
    endpoint_url=optional("ARGUS_S3_ENDPOINT"),
    region_name=os.environ.get("ARGUS_S3_REGION") or "us-east-1",
    aws_access_key_id=optional("ARGUS_S3_ACCESS_KEY"),
    aws_secret_access_key=optional("ARGUS_S3_SECRET_KEY"),
)
bucket = os.environ.get("ARGUS_S3_BUCKET") or "argus"
prefix = (os.environ.get("ARGUS_S3_PREFIX") or "").strip("/")
archives = os.environ.get(ARCHIVES_VARIABLE) or ""

defs = dg.Definitions(
    assets=dg.load_assets_from_modules(
        [
            *(raw_batch, parsed_csv, batch_statistics, charts, diagnosis, report),
            *(fleet_statistics, firmware_comparison, campaign_health, campaign_pages),
            fleet_history,
            knowledge_base,
        ]
    ),
    asset_checks=[overdue.no_batch_past_limit],
    jobs=[
        uploads.batch_job,
        knowledge_base.knowledge_job,
        model_back.diagnose_again_job,
        overdue.overdue_job,
        housekeeping.housekeeping,
        fleet_history.compaction_job,
        campaign_pages.campaigns_job,
    ],
    schedules=[
        overdue.every_few_minutes,
        backfill.backfill,
        compaction.hourly_compaction,
        housekeeping.nightly_housekeeping,
        housekeeping.nightly_knowledge,
    ],
    sensors=[
        uploads.completed_uploads,
        recovery.recovery,
        alerts.alerts,
        upkeep.asset_upkeep,
        model_back.model_is_back,
    ],
    resources={
        "object_store": ObjectStoreResource(s3=s3, bucket=bucket, prefix=prefix, archives=archives),
        "database": DatabaseResource(url=dg.EnvVar("ARGUS_DATABASE_URL")),
        "embedder": EmbedderResource(),
        "language_model": LanguageModelResource(),
        # Only the small values between the steps of a fan-out travel this way.
        "io_manager": S3PickleIOManager(
            s3_resource=s3, s3_bucket=bucket, s3_prefix=f"{prefix}/dagster".lstrip("/")
        ),
    },
    executor=in_process_unless_asked,
)
