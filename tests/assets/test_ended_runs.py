"""A worker that was cut off comes back to a run that is over."""

import dagster as dg

from assets.common import refuse_ended_run


def carry_out(ends_meanwhile: bool) -> dg.ExecuteInProcessResult:
    @dg.asset
    def step(context: dg.AssetExecutionContext) -> None:
        if ends_meanwhile:
            context.instance.report_run_failed(context.run, "its worker has not answered for 30 s")
        refuse_ended_run(context)

    with dg.DagsterInstance.ephemeral() as instance:
        return dg.materialize([step], instance=instance, raise_on_error=False)


def test_a_step_of_a_run_that_was_given_to_another_worker_makes_nothing() -> None:
    result = carry_out(ends_meanwhile=True)
    assert not result.success
    [failure] = [e for e in result.all_events if e.event_type_value == "STEP_FAILURE"]
    assert "given to another" in failure.step_failure_data.user_failure_data.description


def test_a_step_of_a_run_that_goes_on_is_left_alone() -> None:
    assert carry_out(ends_meanwhile=False).success
