"""The statistics of real recordings, against counts that were made in another way."""

from __future__ import annotations

import base64
import csv
import re
from collections import Counter
from pathlib import Path

import polars as pl
import pytest

from argus_pipeline.recordings.decoding import parse_recording
from argus_pipeline.recordings.parsing import make_result
from argus_pipeline.recordings.result import TableOutput
from argus_pipeline.recordings.source import open_source
from argus_pipeline.recordings.specifications import specification_files
from argus_pipeline.statistics.accounting import check_totals
from argus_pipeline.statistics.batch import BatchStatistics, compute_statistics
from argus_pipeline.statistics.severity import LEVELS
from argus_pipeline.statistics.sources import RecordingTables


def statistics_of(
    recordings: list[Path], out: Path, specification: Path | None = None
) -> BatchStatistics:
    specifications = specification_files([specification] if specification else [])
    sources, results = [], []
    for path in recordings:
        folder = out / path.name
        folder.mkdir(parents=True)
        with open_source(path, folder) as source:
            parsed = parse_recording(
                source, folder, name=path.name, specifications=specifications, formats=["parquet"]
            )
        tables = {table.name: str(table.files["parquet"]) for table in parsed.tables}
        if parsed.format:
            sources.append(RecordingTables(path.name, parsed.format, tables))
        outputs = (TableOutput(t.name, t.rows, "", "", "", "", t.columns) for t in parsed.tables)
        results.append(make_result(path.name, "", parsed, tuple(outputs)))
    statistics = compute_statistics(sources, results)
    assert check_totals(statistics, results) == ()
    return statistics


def test_every_dlt_sample_adds_up(data: Path, tmp_path: Path) -> None:
    samples = sorted((data / "dlt").glob("*.dlt"))
    statistics = statistics_of(samples, tmp_path)
    messages = dict(statistics.recordings.select("recording", "messages").iter_rows())
    assert messages["golden.dlt"] == 11
    assert messages["c_clean.dlt"] == 2000
    assert statistics.total("recordings") == len(samples)


def test_every_rec_sample_adds_up(data: Path, tmp_path: Path) -> None:
    samples = sorted((data / "rec").glob("J7*.rec")) + sorted((data / "rec").glob("dam*.rec"))
    statistics = statistics_of(samples, tmp_path, data / "rec" / "vehicle.odvd")
    messages = dict(statistics.recordings.select("recording", "messages").iter_rows())
    assert messages["J7_v2.3.1_0001.rec"] == 6001
    assert statistics.total("critical_events") > 0


def test_an_update_log_has_the_codes_that_its_texts_name(data: Path, tmp_path: Path) -> None:
    statistics = statistics_of([data / "dlt" / "typ_4MB.dlt"], tmp_path)
    table = pl.read_parquet(tmp_path / "typ_4MB.dlt" / "messages.parquet")
    named: Counter[str] = Counter()
    for text in table["text"].drop_nulls():
        named.update(set(re.findall(r"\bDTC ([PBCU][0-3][0-9A-F]{3})\b", text)))
    assert named
    assert dict(statistics.codes.select("code", "messages").iter_rows()) == named
    for row in statistics.codes.head(20).iter_rows(named=True):
        first = table.row(by_predicate=pl.col("offset") == row["offset"], named=True)
        assert row["code"] in first["text"]
        assert first["time"] == row["first_time"]
    assert dict(statistics.severities.cast({"severity": pl.String}).iter_rows()) == Counter(
        word or "none" for word in table["severity"].cast(pl.String)
    )


def test_fault_events_are_those_that_the_reference_tool_prints(data: Path, tmp_path: Path) -> None:
    statistics = statistics_of(
        [data / "rec" / "J7_v2.3.1_0001.rec"], tmp_path, data / "rec" / "vehicle.odvd"
    )
    expected: Counter[tuple[str, str, str]] = Counter()
    folder = data / "rec" / "expected" / "J7_v2.3.1_0001"
    with (folder / "vehicle.FaultEvent-0.csv").open(newline="") as lines:
        for row in csv.DictReader(lines, delimiter=";"):
            code, ecu = (base64.b64decode(row[name]).decode() for name in ("code", "ecu"))
            expected[code, ecu, LEVELS[int(row["severity"])]] += 1
    by_ecu = statistics.codes_by_ecu.cast({"severity": pl.String})
    found = {(code, ecu, severity): n for code, ecu, severity, n in by_ecu.iter_rows()}
    assert found == expected
    assert statistics.total("events") == expected.total() == 367


def test_signals_are_those_that_the_reference_tool_prints(data: Path, tmp_path: Path) -> None:
    statistics = statistics_of(
        [data / "rec" / "J7_v2.3.1_0001.rec"], tmp_path, data / "rec" / "vehicle.odvd"
    )
    folder = data / "rec" / "expected" / "J7_v2.3.1_0001"
    with (folder / "vehicle.PowerState-1.csv").open(newline="") as lines:
        voltages = [float(row["voltage"]) for row in csv.DictReader(lines, delimiter=";")]
    (found,) = statistics.signals.filter(table="vehicle.PowerState-1", signal="voltage").iter_rows(
        named=True
    )
    assert found["messages"] == len(voltages)
    # The tool prints seven significant digits of a float.
    assert found["min"] == pytest.approx(min(voltages), rel=1e-6)
    assert found["max"] == pytest.approx(max(voltages), rel=1e-6)
    assert found["mean"] == pytest.approx(sum(voltages) / len(voltages), rel=1e-6)


def test_samples_of_other_projects_add_up(shared_data: Path, tmp_path: Path) -> None:
    samples = sorted((shared_data / "dlt" / "third_party").glob("*.dlt"))
    statistics = statistics_of(samples, tmp_path)
    messages = dict(statistics.recordings.select("recording", "messages").iter_rows())
    assert messages["COVESA_dlt-daemon__testfile.dlt"] == 105
    assert messages["COVESA_dlt-daemon__testfile_extended.dlt"] == 111
    assert messages["esrlabs_chipmunk__attachments.dlt"] == 9
    assert messages["esrlabs_chipmunk__someip.dlt"] == 6
