"""The public layout of the bucket, spelled out once more: a change here breaks readers."""

from __future__ import annotations

from datetime import date

from argus_pipeline.storage import keys

DAY = date(2026, 1, 2)


def test_a_batch_lies_under_its_day() -> None:
    assert keys.incoming_day(DAY) == "incoming/2026/01/02/"
    assert keys.incoming(DAY, "b1") == "incoming/2026/01/02/b1/"
    assert keys.MANIFEST_NAME == "manifest.json"


def test_the_tables_of_a_recording_lie_under_its_name() -> None:
    assert keys.parsed("b1") == "parsed/b1/"
    assert keys.parsed_recording("b1", "ecu1.dlt") == "parsed/b1/ecu1.dlt/"
    assert keys.table("b1", "ecu1.dlt", "messages", "csv") == "parsed/b1/ecu1.dlt/messages.csv"
    assert keys.recording_result("b1", "ecu1.dlt") == "parsed/b1/ecu1.dlt/recording.json"
    assert keys.quarantine("b1", "ecu1.dlt") == "quarantine/b1/ecu1.dlt.json"


def test_what_people_read_lies_under_the_batch() -> None:
    assert keys.statistics("b1", "codes") == "statistics/b1/codes.parquet"
    assert keys.chart("b1", "top_codes", "svg") == "charts/b1/top_codes.svg"
    assert keys.report("b1", "html") == "reports/b1/report.html"
    assert keys.report("b1", "html").startswith(keys.REPORTS)


def test_what_all_batches_share_lies_beside_them() -> None:
    assert (keys.SCHEMAS, keys.FLEET) == ("schemas/", "fleet/")
