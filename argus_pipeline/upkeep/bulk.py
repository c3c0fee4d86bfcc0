"""Many batches at once, as a backfill of Dagster's: which, how far it is, and how long it takes.

Dagster divides them over runs of many batches each; its UI shows the backfill as well.
"""

from __future__ import annotations

import json
from collections.abc import Iterable, Iterator, Mapping, Sequence
from dataclasses import dataclass
from datetime import date
from itertools import islice
from typing import TYPE_CHECKING, Any, Final

from argus_pipeline import run_records
from argus_pipeline.batches import arrivals, given_up
from argus_pipeline.errors import ArgusError, Unavailable
from argus_pipeline.stack.dagster_queries import graphql
from argus_pipeline.upkeep import records
from argus_pipeline.upkeep.backfill import is_outdated

if TYPE_CHECKING:
    from argus_pipeline.run_records import DagsterInstance
    from argus_pipeline.storage.object_store import ObjectStore

ASSETS: Final = ("raw_batch", "parsed_csv", "batch_statistics", "charts", "diagnosis", "report")
REPORT: Final = ASSETS[-1]
_EVENTS_AT_ONCE: Final = 1000
_LAUNCH_S: Final = 120.0
_LAUNCH: Final = """
mutation ($of: LaunchBackfillParams!) {
  launchPartitionBackfill(backfillParams: $of) {
    __typename
    ... on LaunchBackfillSuccess { backfillId }
    ... on PythonError { message }
    ... on UnauthorizedError { message }
    ... on PartitionKeysNotFoundError { message }
    ... on InvalidSubsetError { message }
  }
}"""
_PROGRESS: Final = """
query ($id: String!) {
  partitionBackfillOrError(backfillId: $id) {
    __typename
    ... on PythonError { message }
    ... on BackfillNotFoundError { message }
    ... on PartitionBackfill {
      status
      error { message }
      assetBackfillData { assetBackfillStatuses {
        ... on AssetPartitionsStatusCounts {
          assetKey { path }
          numPartitionsTargeted numPartitionsMaterialized numPartitionsFailed
        }
      } }
    }
  }
}"""


@dataclass(frozen=True, slots=True)
class Choice:
    """What is to be made again, in the order in which Dagster lists the batches, and why.

    Attributes:
        batches: the chosen ones.
        left_alone: how many others were named and are left alone, by the reason for that.
    """

    batches: Sequence[str]
    left_alone: Mapping[str, int]


@dataclass(frozen=True, slots=True)
class Progress:
    """How far a backfill is: batches in all, with a report, and failed or left out."""

    status: str
    batches: int
    done: int
    failed: int
    error: str | None = None

    @property
    def over(self) -> bool:
        """Whether it has ended, well or not."""
        return self.status not in {"REQUESTED", "CANCELING", "FAILING"}


def choose(
    instance: DagsterInstance,
    store: ObjectStore,
    *,
    missing: bool = False,
    outdated: Mapping[str, str] | None = None,
    days: tuple[date, date] | None = None,
    named: Sequence[str] = (),
) -> Choice:
    """The batches to make again. What is said narrows the choice; nothing said is all of them.

    Args:
        instance: Dagster's records.
        store: the bucket.
        missing: those without a report.
        outdated: those that other code has made than this; code version by asset.
        days: those that were uploaded from the first to the second day (UTC).
        named: these.

    Raises:
        ArgusError: one of the named batches is no partition.
    """
    in_order = instance.get_dynamic_partitions(run_records.PARTITIONS_NAME)
    chosen = set(in_order)
    if named:
        unknown = [batch for batch in named if batch not in chosen]
        if unknown:
            raise ArgusError(
                f"the batch {unknown[0]!r} is not known to Dagster",
                expected="the name of a partition, as `argus status` shows it",
            )
        chosen &= set(named)
    if days is not None:
        chosen &= set(_uploaded(store, *days))
    if missing:
        chosen -= run_records.newest_materializations(instance, REPORT).keys()
    if outdated is not None:
        chosen &= _outdated(instance, outdated, chosen)
    running, expired = run_records.going_on(instance), records.expired(store)
    gave_up = set() if named else set(given_up.list_given_up(store))
    left_alone: dict[str, int] = {}
    for reason, others in (
        ("a run of it goes on", running),
        ("some of its data was deleted for its age", expired),
        ("it was given up: `argus retry` tries it again", gave_up),
    ):
        if both := chosen & others:
            left_alone[reason] = len(both)
            chosen -= both
    return Choice([batch for batch in in_order if batch in chosen], left_alone)


def launch(url: str, batches: Sequence[str], title: str) -> str:
    """Start a backfill of all that is made of these batches; returns its id.

    Raises:
        Unavailable: Dagster's webserver does not answer.
        ArgusError: it refuses.
    """
    wanted = {
        "assetSelection": [{"path": [asset]} for asset in ASSETS],
        "partitionNames": list(batches),
        "title": title,
        "tags": [{"key": "argus/bulk", "value": title}],
    }
    answer = _ask(url, _LAUNCH, {"of": wanted}, _LAUNCH_S)["launchPartitionBackfill"]
    if answer["__typename"] != "LaunchBackfillSuccess":
        raise ArgusError(f"Dagster refuses: {answer.get('message') or answer['__typename']}")
    return str(answer["backfillId"])


def progress(url: str, backfill: str) -> Progress:
    """How far a backfill is.

    Raises:
        Unavailable: Dagster's webserver does not answer.
        ArgusError: it knows no such backfill.
    """
    answer = _ask(url, _PROGRESS, {"id": backfill})["partitionBackfillOrError"]
    if answer["__typename"] != "PartitionBackfill":
        raise ArgusError(f"Dagster says: {answer.get('message')}", where=f"backfill {backfill}")
    statuses = (answer.get("assetBackfillData") or {}).get("assetBackfillStatuses") or ()
    report: Mapping[str, Any] = next(
        (s for s in statuses if s.get("assetKey") == {"path": [REPORT]}), {}
    )
    error = answer.get("error")
    return Progress(
        str(answer["status"]),
        int(report.get("numPartitionsTargeted", 0)),
        int(report.get("numPartitionsMaterialized", 0)),
        int(report.get("numPartitionsFailed", 0)),
        str(error["message"]) if error else None,
    )


def _uploaded(store: ObjectStore, first: date, last: date) -> Iterator[str]:
    days = [date.fromordinal(day) for day in range(first.toordinal(), last.toordinal() + 1)]
    return (folder.name for folder in arrivals.list_folders(store, days))


def _outdated(
    instance: DagsterInstance, current: Mapping[str, str], among: Iterable[str]
) -> set[str]:
    wanted, found = set(among), set[str]()
    for asset, version in current.items():
        made = run_records.newest_materializations(instance, asset)
        places = iter(place for batch, place in made.items() if batch in wanted - found)
        while some := list(islice(places, _EVENTS_AT_ONCE)):
            by = run_records.made_by(instance, asset, some)
            found |= {b for b, v in by.items() if is_outdated({asset: v}, {asset: version})}
    return found


def _ask(
    url: str, query: str, variables: Mapping[str, Any], patience_s: float = 30.0
) -> dict[str, Any]:
    try:
        return graphql(url, query, variables, patience_s=patience_s)
    except (OSError, ValueError, json.JSONDecodeError) as error:
        raise Unavailable(
            f"Dagster's webserver does not answer: {error}",
            where=url,
            hint="`argus doctor` checks it; `argus up` starts the local one",
        ) from error
