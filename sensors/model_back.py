"""Diagnoses batches again that an outage of the language model left without it.

Only where ARGUS_LLM_DIAGNOSE_AGAIN says so: reports that people have read change by it, and a long
outage makes a long bill. It looks at the newest batches without a model first, asks the endpoint
for its list of models (which costs nothing), and requests a few runs a tick.
"""

import time
from typing import Final

from dagster import (
    AssetSelection,
    DefaultSensorStatus,
    RunRequest,
    SensorEvaluationContext,
    SensorResult,
    SkipReason,
    define_asset_job,
    sensor,
)

from argus_pipeline import settings
from argus_pipeline.diagnosis.again import left_without_model
from argus_pipeline.language_model.options import options_from
from argus_pipeline.language_model.probe import probe
from argus_pipeline.run_records import PARTITIONS_NAME
from resources.database import DatabaseResource

SECONDS_BETWEEN_TICKS: Final = 60
SECONDS_BETWEEN_TRIES: Final = 600
BATCHES_PER_TICK: Final = 20

diagnose_again_job = define_asset_job(
    "diagnose_again",
    selection=AssetSelection.assets("diagnosis", "report"),
    description="The diagnosis and the report of a batch, anew.",
)


@sensor(
    job=diagnose_again_job,
    minimum_interval_seconds=SECONDS_BETWEEN_TICKS,
    default_status=DefaultSensorStatus.RUNNING,
)
def model_is_back(
    context: SensorEvaluationContext, database: DatabaseResource
) -> SensorResult | SkipReason:
    """Requests `diagnose_again` for what the model should have written, once it answers."""
    options = options_from(settings.load())
    if options is None:
        return SkipReason("No language model is configured.")
    if not options.diagnose_again:
        return SkipReason("ARGUS_LLM_DIAGNOSE_AGAIN is not set: diagnoses stay as they are.")
    waiting = left_without_model(database.engine(), BATCHES_PER_TICK)
    if not waiting:
        return SkipReason("No diagnosis waits for the language model.")
    if trouble := probe(options):
        return SkipReason(f"The language model is still away: {trouble}")
    known = set(context.instance.get_dynamic_partitions(PARTITIONS_NAME))
    # A run that finds the model away again leaves the diagnosis as it was: later it has a new key.
    turn = int(time.time() // SECONDS_BETWEEN_TRIES)
    return SensorResult(
        run_requests=[
            RunRequest(run_key=f"{one.batch}:{one.written_at}:{turn}", partition_key=one.batch)
            for one in waiting
            if one.batch in known
        ]
    )
