"""Every hour, batches are taken into the Parquet of their days and months."""

from dagster import DefaultScheduleStatus, ScheduleDefinition

from assets.fleet_history import compaction_job

# Not with each batch, as the other roll-ups: the object of a day is written anew each time.
hourly_compaction = ScheduleDefinition(
    name="hourly_compaction",
    job=compaction_job,
    cron_schedule="20 * * * *",
    execution_timezone="UTC",
    default_status=DefaultScheduleStatus.RUNNING,
    description="Takes batches into the Parquet of their days and months.",
)
