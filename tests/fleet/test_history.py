"""All batches by day and month: grown, changed, removed, torn, made anew, and read by others."""

from __future__ import annotations

from datetime import date, timedelta

import duckdb
import polars as pl
import pytest
from fleet.made import (
    START,
    counts,
    exposures,
    put_batch,
    put_some,
    remove_batch,
    state,
    unlocked,
)
from hypothesis import given
from hypothesis import strategies as st

from argus_pipeline.errors import Unavailable
from argus_pipeline.fleet.cells import CELLS, HOURS, no_cells, ordered
from argus_pipeline.fleet.history import (
    DAY_SUMS,
    compact,
    merge_day,
    merge_month,
    partials,
    sum_day,
)
from argus_pipeline.fleet.rollup import read_sums, rebuild, update
from argus_pipeline.query import QuerySession
from argus_pipeline.storage import keys
from argus_pipeline.storage.object_store import ObjectStore

DAYS = [date(2026, 11, 30) + timedelta(days=n) for n in range(3)]


def cells_of(batch: str, day: date, messages: int, firmware: str | None, vehicle: str):
    common = {"batch": batch, "day": day, "platform": "J7", "vehicle": vehicle}
    common |= {"firmware": firmware, "updated_to": "v2"}
    rows = [
        {**common, "kind": HOURS, "seconds": 60 * messages, "lifecycles": 1, "boots": 1},
        {**common, "kind": "code", "fault": "E1", "severity": "error", "messages": messages},
    ]
    frame = pl.DataFrame(rows, schema=CELLS).with_columns(
        pl.col("messages", "lifecycles", "seconds", "boots").fill_null(0)
    )
    return ordered(frame)


CHANGES = st.lists(
    st.tuples(
        st.sampled_from(["b1", "b2", "b3"]),
        st.none()
        | st.tuples(
            st.sampled_from(DAYS),
            st.integers(1, 9),
            st.sampled_from(["v1", "v2", None]),
            st.sampled_from(["VIN1", "VIN2"]),
        ),
        st.booleans(),
    ),
    max_size=12,
)


@given(CHANGES)
def test_whatever_comes_goes_or_moves_partials_merge_to_the_whole(changes) -> None:
    """Compacted now and then or all at the end: the same as the sums over what is there."""
    batches: dict[str, pl.DataFrame] = {}
    waiting: dict[str, pl.DataFrame] = {}
    by_day: dict[date, pl.DataFrame] = {}
    months: dict[str, pl.DataFrame] = {}

    def take_in() -> None:
        for day in sorted({date.fromisoformat(key.split("/")[3]) for key in waiting}):
            own = {
                key.rpartition("/")[2].removesuffix(".parquet"): frame
                for key, frame in waiting.items()
                if key.startswith(keys.fleet_partial_day(day))
            }
            for _ in range(2):  # twice changes nothing
                by_day[day] = merge_day(by_day.get(day, no_cells()), own)
                month = months.get(day.isoformat()[:7], pl.DataFrame(schema=DAY_SUMS))
                months[day.isoformat()[:7]] = merge_month(month, day, sum_day(by_day[day]))
        waiting.clear()

    for batch, now, compacts in changes:
        old = batches.get(batch, no_cells())
        new = {} if now is None else {batch: cells_of(batch, *now)}
        waiting |= partials(old, new, [batch])
        batches = {name: frame for name, frame in batches.items() if name != batch} | new
        if compacts:
            take_in()
    take_in()
    whole = ordered(pl.concat([no_cells(), *batches.values()]))
    assert ordered(pl.concat([no_cells(), *by_day.values()])).equals(whole)
    summed = pl.concat([pl.DataFrame(schema=DAY_SUMS), *months.values()]).sort("day", "platform")
    expected = sum_day(whole)
    assert summed.sort(expected.columns[:7]).equals(expected.sort(expected.columns[:7]))


def history(store: ObjectStore) -> dict[str, bytes]:
    return {one.key: store.get(one.key) for one in store.list(keys.FLEET_HISTORY)}


def test_days_and_months_have_what_the_sums_have(object_store: ObjectStore) -> None:
    put_some(object_store, range(5))
    update(object_store)
    done = compact(object_store, unlocked)
    assert (done.days, done.months, done.batches, done.more) == (1, 1, 5, False)
    assert sorted(history(object_store)) == [
        f"{keys.FLEET_BY_DAY}month=2026-11/2026-11-20.parquet",
        f"{keys.FLEET_BY_MONTH}month=2026-11/sums.parquet",
    ]
    month = pl.read_parquet(
        object_store.get(keys.fleet_month(START.date())), hive_partitioning=False
    )
    days = read_sums(object_store, "days")["days"]
    assert month["seconds"].sum() == days["seconds"].sum()
    assert month["messages"].sum() == days["messages"].sum()
    hours = month.filter(pl.col("kind") == HOURS).sort("platform", "firmware")
    assert hours["vehicles"].to_list() == days.sort("platform", "firmware")["vehicles"].to_list()
    assert compact(object_store, unlocked).batches == 0


def test_what_changed_is_replaced_and_what_was_removed_is_gone(object_store: ObjectStore) -> None:
    put_some(object_store, range(3))
    update(object_store)
    compact(object_store, unlocked)
    before = history(object_store)
    put_batch(object_store, 1, exposures(v2=9.0), counts(("E002", "v2", 50)), vehicle="NEW")
    [extra] = put_some(object_store, range(3, 4))
    update(object_store)
    compact(object_store, unlocked)
    assert history(object_store) != before
    put_some(object_store, range(1, 2))
    remove_batch(object_store, extra)
    update(object_store)
    compact(object_store, unlocked)
    assert history(object_store) == before
    for number in range(3):
        remove_batch(object_store, put_some(object_store, range(number, number + 1))[0])
    update(object_store)
    compact(object_store, unlocked)
    assert history(object_store) == {}, "a day without batches has no object"


def test_a_batch_that_says_the_same_again_leaves_nothing_to_compact(
    object_store: ObjectStore,
) -> None:
    put_some(object_store, range(2))
    update(object_store)
    compact(object_store, unlocked)
    put_some(object_store, range(2))
    update(object_store)
    assert list(object_store.list(keys.FLEET_PARTIALS)) == []


def test_a_rebuild_gives_the_same_bytes(object_store: ObjectStore) -> None:
    put_some(object_store, range(5))
    update(object_store)
    compact(object_store, unlocked)
    before = state(object_store)
    rebuild(object_store)
    compact(object_store, unlocked)
    assert state(object_store) == before


@pytest.mark.parametrize("writes", range(4))
def test_a_compaction_that_was_torn_is_finished_by_the_next(
    object_store: ObjectStore, monkeypatch: pytest.MonkeyPatch, writes: int
) -> None:
    put_some(object_store, range(3))
    update(object_store)
    left, put = writes, ObjectStore.put

    def failing(self: ObjectStore, key: str, data: bytes) -> str:
        nonlocal left
        if left == 0:
            raise Unavailable("the store is away")
        left -= 1
        return put(self, key, data)

    with monkeypatch.context() as patch:
        patch.setattr(ObjectStore, "put", failing)
        try:
            compact(object_store, unlocked)
        except Unavailable:
            assert writes < 3
    compact(object_store, unlocked)
    found = history(object_store)
    rebuild(object_store)
    compact(object_store, unlocked)
    assert history(object_store) == found


def test_a_bound_is_kept_and_the_next_goes_on(object_store: ObjectStore) -> None:
    put_some(object_store, range(1))
    day = timedelta(days=1)
    later = exposures(v2=1.0).with_columns(pl.col("first_time", "last_time").dt.offset_by("1d"))
    found = counts(("E001", "v2", 1), first_time=START + day, last_time=START + day)
    for number in range(1, 4):
        put_batch(object_store, number, later, found)
    update(object_store)
    first = compact(object_store, unlocked, most=1)
    assert (first.days, first.batches, first.more) == (1, 1, True)
    assert compact(object_store, unlocked, most=1).batches == 3


def test_others_read_it_as_it_is(object_store: ObjectStore) -> None:
    put_some(object_store, range(4))
    update(object_store)
    compact(object_store, unlocked)
    by_polars = pl.scan_parquet(
        object_store.uri(keys.FLEET_BY_MONTH),
        storage_options=object_store.storage_options(),
        hive_partitioning=True,
    ).filter(pl.col("month") == "2026-11")
    assert by_polars.select(pl.col("messages").sum()).collect().item() == 10 + 12 + 4
    connection = duckdb.connect()
    connection.register_filesystem(object_store.filesystem)
    pattern = object_store.uri(f"{keys.FLEET_BY_DAY}**/*.parquet")
    [row] = connection.sql(
        "SELECT count(DISTINCT batch), sum(messages), min(month) FROM read_parquet("
        f"'{pattern}', hive_partitioning = true) WHERE month = '2026-11'"
    ).fetchall()
    assert row == (4, 26, "2026-11")


def test_sql_has_views_of_it(object_store: ObjectStore) -> None:
    [first, *_] = put_some(object_store, range(4))
    with QuerySession(object_store, None) as session:
        assert "history_by_day" not in {table.name for table in session.tables()}
    update(object_store)
    compact(object_store, unlocked)
    with QuerySession(object_store, None) as session:
        assert {"history_by_day", "history_by_month"} <= {t.name for t in session.tables()}
        sql = "SELECT month, sum(messages) AS n FROM fleet.history_by_month GROUP BY month"
        assert session.ask(sql).frame().rows() == [("2026-11", 26)]
    with QuerySession(object_store, None, batch=first) as session:
        assert session.ask("SELECT DISTINCT batch FROM history_by_day").frame().rows() == [(first,)]
