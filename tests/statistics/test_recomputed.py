"""Statistics of real and of simulated recordings equal those that DuckDB computes in SQL."""

from __future__ import annotations

from dataclasses import dataclass
from pathlib import Path
from typing import Any

import polars as pl
import pytest
from diagnosis.recorded import recorded
from oracle.statistics_sql import Recomputed

from argus_pipeline.simulate.fleet import write_fleet
from argus_pipeline.statistics.batch import BatchStatistics
from argus_pipeline.statistics.faults import CODE, FINGERPRINT
from argus_pipeline.statistics.signals import QUANTILES


@dataclass(frozen=True)
class Both:
    """The statistics of a batch, and the way to compute them once more."""

    statistics: BatchStatistics
    again: Recomputed
    tables: dict[str, dict[str, Path]]


def both(folder: Path, files: list[Path], specification: Path) -> Both:
    batch = recorded(folder, files, specification)
    tables = {
        file.name: {path.stem: path for path in sorted((folder / file.name).glob("*.parquet"))}
        for file in files
    }
    return Both(batch.statistics, Recomputed(tables), tables)


@pytest.fixture(scope="module", params=["samples", "simulated"])
def batch(
    request: pytest.FixtureRequest, data: Path, tmp_path_factory: pytest.TempPathFactory
) -> Both:
    folder = tmp_path_factory.mktemp("recomputed")
    if request.param == "samples":
        names = ("dlt/typ_4MB.dlt", "dlt/c_garbage5k.dlt", "rec/J7_v2.3.1_0001.rec")
        return both(folder, [data / name for name in names], data / "rec" / "vehicle.odvd")
    write_fleet(folder / "fleet", batches=4, megabytes=0.3)
    story = next((folder / "fleet").glob("04-*"))
    files = sorted(path for path in story.iterdir() if path.suffix in {".dlt", ".rec"})
    return both(folder / "tables", files, story / "vehicle.odvd")


def plain(frame: pl.DataFrame) -> list[tuple[Any, ...]]:
    """Rows with words as text and times as ns since 1970, in the order of SQL."""
    columns = frame.with_columns(
        pl.col(pl.Enum).cast(pl.String), pl.col(pl.Datetime("ns", "UTC")).cast(pl.Int64)
    )
    return columns.sort(pl.all(), nulls_last=True).rows()


def test_messages_by_source(batch: Both) -> None:
    assert plain(batch.statistics.sources) == batch.again.sources()


def test_messages_by_minute(batch: Both) -> None:
    assert plain(batch.statistics.minutes) == batch.again.minutes()


def test_codes_with_their_first_place(batch: Both) -> None:
    codes = batch.statistics.codes.select(
        "code", "messages", "ecus", "first_time", "last_time", "recording", "table", "offset"
    )
    expected = [(*row[:5], *row[5].values()) for row in batch.again.codes()]
    assert plain(codes) == expected
    assert expected


def test_faults_are_all_codes_and_all_bad_messages_without_one(batch: Both) -> None:
    counts = batch.statistics.fault_counts
    assert counts.filter(kind=CODE)["messages"].sum() == sum(row[1] for row in batch.again.codes())
    assert counts.filter(kind=FINGERPRINT)["messages"].sum() == batch.again.bad_without_code()


def test_hours_of_operation(batch: Both) -> None:
    clocked = batch.statistics.lifecycles["start"].is_not_null().all()
    assert clocked
    # The tables of `.rec` add the spans of their messages, so lifecycles give at least this.
    assert batch.statistics.total("hours") >= batch.again.hours() - 1e-9
    assert batch.statistics.total("hours") == pytest.approx(batch.again.all_hours(), abs=1e-9)


def test_signals(batch: Both) -> None:
    signals = batch.statistics.signals
    assert signals.height > 10
    for row in signals.iter_rows(named=True):
        path = batch.tables[row["recording"]][row["table"]]
        count, least, most, mean, *quantiles = batch.again.signal(path, row["signal"])
        assert (row["messages"], row["min"], row["max"]) == (count, least, most)
        assert row["mean"] == pytest.approx(mean, rel=1e-9, abs=1e-12)
        found = [row[name] for name in QUANTILES]
        assert found == pytest.approx(quantiles, rel=1e-9)
