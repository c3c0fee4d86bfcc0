"""Carries out what assets say of themselves: their automation conditions."""

from dagster import AssetSelection, AutomationConditionSensorDefinition, DefaultSensorStatus

asset_upkeep = AutomationConditionSensorDefinition(
    name="asset_upkeep",
    target=AssetSelection.groups("knowledge"),
    default_status=DefaultSensorStatus.RUNNING,
    minimum_interval_seconds=30,
    description="Materializes the knowledge base where it is missing or of an older version.",
)
