"""Carries out what assets say of themselves: their automation conditions."""

from typing import Final

from dagster import AssetSelection, AutomationConditionSensorDefinition, DefaultSensorStatus

SECONDS_BETWEEN_TICKS: Final = 15

asset_upkeep = AutomationConditionSensorDefinition(
    name="asset_upkeep",
    target=AssetSelection.groups("knowledge", "fleet"),
    default_status=DefaultSensorStatus.RUNNING,
    minimum_interval_seconds=SECONDS_BETWEEN_TICKS,
    run_tags={
        # After batches of the usual priority, before those that can wait.
        "dagster/priority": "-5"
    },
    description="Materializes what is made of all batches after any of them changed, and the "
    "knowledge base where it is missing or of an older version.",
)
