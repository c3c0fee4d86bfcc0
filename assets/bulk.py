"""Many batches in one run: what the assets of a batch do when a run has a range of partitions.

Dagster would record every partition of the range as made by a step that ends well, and none where
it does not. So such runs carry a tag by which Dagster records nothing (the run coordinator gives it
to them), and each batch gets its own events here. A batch that cannot be made is left out of the
steps that follow and gets a run of its own, which says why and is tried again or given up as usual.
"""

import time
from collections.abc import Callable, Iterator, Sequence
from contextlib import contextmanager
from typing import Final

from dagster import (
    AssetCheckEvaluation,
    AssetCheckResult,
    AssetExecutionContext,
    AssetKey,
    AssetMaterialization,
    AssetSpec,
    BackfillPolicy,
    DagsterEventType,
    Failure,
    MaterializeResult,
    MetadataValue,
    OpExecutionContext,
)
from dagster._core.storage.tags import EXTERNALLY_MANAGED_ASSETS_TAG

from argus_pipeline.batches import given_up
from argus_pipeline.engine.options import whole
from argus_pipeline.errors import Unavailable
from argus_pipeline.run_records import CODE_VERSION_TAG, LEFT_OUT_TAG
from argus_pipeline.storage.object_store import ObjectStore
from assets.common import RunIsOver

IN_BULK: Final = BackfillPolicy.multi_run(whole("ARGUS_BULK_BATCHES", 50))
"""So many batches a run when several are asked for at once: with `argus backfill`, or in the UI."""

Context = AssetExecutionContext | OpExecutionContext
Event = AssetCheckResult | MaterializeResult
EACH: Final = "Each batch of this run has a result of its own."
_SHOWN: Final = 10
_PROGRESS_S: Final = 5.0


def batches_of(context: Context) -> Sequence[str]:
    """The batches that this step is to make: one, or those of a range that were not left out."""
    if context.has_partition_key:
        return [context.partition_key]
    if context.run.tags.get(EXTERNALLY_MANAGED_ASSETS_TAG) != "true":
        raise Failure(
            "This run has several batches, and Dagster would record all of them as made whatever "
            "becomes of each. Let `run_coordinator` in dagster.yaml be the one of Argus.",
            allow_retries=False,
        )
    left = left_out(context)
    return [batch for batch in context.partition_keys if batch not in left]


def left_out(context: Context) -> Sequence[str]:
    """The batches of a range that an earlier step, or this one, could not make."""
    run = context.instance.get_run_by_id(context.run.run_id)
    return (run.tags.get(LEFT_OUT_TAG, "") if run else "").split()


def leave_out(context: Context, store: ObjectStore, batch: str, error: Exception) -> None:
    """Take a batch out of a bulk run, and ask for a run of its own."""
    reason = error.description if isinstance(error, Failure) else str(error)
    context.log.error(f"{batch} is left out and gets a run of its own: {reason}")
    tags = {LEFT_OUT_TAG: " ".join([*left_out(context), batch])}
    context.instance.add_run_tags(context.run.run_id, tags)
    given_up.request_retry(store, batch)


@contextmanager
def one_batch(context: Context, store: ObjectStore, batch: str) -> Iterator[None]:
    """What fails in here fails the run of one batch, and leaves the batch out of a range.

    A store or a database that is away fails both: the step is tried again. So does a run that is
    over: what it has not made was given to another.
    """
    try:
        yield
    except (Unavailable, RunIsOver):
        raise
    except Exception as error:
        if context.has_partition_key:
            raise
        leave_out(context, store, batch, error)


def of_each_batch(
    context: AssetExecutionContext,
    store: ObjectStore,
    make: Callable[[str], Iterator[Event]],
    *,
    last: bool = False,
) -> Iterator[Event]:
    """Make an asset of the run's batch, or of each batch of its range.

    Args:
        context: of the asset.
        store: where a request for a run of its own is left.
        make: makes the asset of one batch, and yields its checks and its result.
        last: no step follows: a range of which batches were left out fails here, and names them.
    """
    if context.has_partition_key:
        yield from make(context.partition_key)
        return
    wanted = batches_of(context)
    made = _made_before(context, context.asset_key)
    spec = context.assets_def.specs_by_key[context.asset_key]
    said = time.monotonic()
    for number, batch in enumerate(wanted, 1):
        if batch in made:
            continue
        with one_batch(context, store, batch):
            for event in make(batch):
                record(context, spec, batch, event)
        # Each line is a row in Dagster's database.
        if number == len(wanted) or time.monotonic() - said >= _PROGRESS_S:
            said = time.monotonic()
            context.log.info(f"{number} of {len(wanted)} batches")
    if last and (left := left_out(context)):
        names = ", ".join(left[:_SHOWN]) + (" …" if len(left) > _SHOWN else "")
        raise Failure(
            f"{len(left)} of {len(context.partition_keys)} batches were left out, and each gets a "
            f"run of its own: {names}. All others are done.",
            metadata={"left out": MetadataValue.json(list(left))},
            allow_retries=False,
        )
    for check in context.assets_def.check_specs:
        yield AssetCheckResult(passed=True, check_name=check.name, description=EACH)
    yield MaterializeResult()


def record(context: Context, spec: AssetSpec, batch: str, event: Event) -> None:
    """Record a check or a materialization of one batch of a range."""
    if isinstance(event, MaterializeResult):
        tags = {CODE_VERSION_TAG: spec.code_version} if spec.code_version else {}
        context.log_event(
            AssetMaterialization(spec.key, partition=batch, metadata=event.metadata, tags=tags)
        )
        return
    assert event.check_name is not None
    # Its annotation forgets this kind of event.
    context.log_event(
        AssetCheckEvaluation(  # type: ignore[arg-type]
            asset_key=spec.key,
            check_name=event.check_name,
            passed=event.passed,
            metadata=event.metadata,
            severity=event.severity,
            description=event.description,
            partition=batch,
        )
    )


def _made_before(context: AssetExecutionContext, asset: AssetKey) -> set[str]:
    """What this run made of an asset before the step was tried again."""
    if not context.retry_number:
        return set()
    events = context.instance.get_records_for_run(
        context.run.run_id, of_type=DagsterEventType.ASSET_MATERIALIZATION
    ).records
    return {
        event.partition_key
        for event in events
        if event.asset_key == asset and event.partition_key is not None
    }
