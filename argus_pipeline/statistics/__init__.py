"""Statistics of a batch: what happened, where and when, in frames that are the same size always."""

from argus_pipeline.statistics.accounting import Difference, check_totals
from argus_pipeline.statistics.batch import BatchStatistics, compute_statistics
from argus_pipeline.statistics.sources import RecordingTables, recording_tables
from argus_pipeline.statistics.storage import read_statistics, write_statistics

__all__ = [
    "BatchStatistics",
    "Difference",
    "RecordingTables",
    "check_totals",
    "compute_statistics",
    "read_statistics",
    "recording_tables",
    "write_statistics",
]
