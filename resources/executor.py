"""Where the steps of a run are carried out."""

from dagster import Field, multi_or_in_process_executor

# A process for each step costs seconds to start, which a small batch and the roll-ups do not take
# altogether. Where it pays, the sensor asks for processes in the run's configuration.
in_process_unless_asked = multi_or_in_process_executor.copy_for_configured(
    name="in_process_unless_asked",
    description="In the run's own process, unless its configuration asks for several.",
    config_schema=Field(
        multi_or_in_process_executor.config_schema.config_type, default_value={"in_process": {}}
    ),
)
