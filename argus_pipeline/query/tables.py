"""What can be asked: the names of the tables, where each lies, and what a row of it is.

The schema of a name is the place: `statistics`, `parsed` and `fleet` are folders of the bucket,
`argus` is the schema in Postgres. Without one, a name is looked for in the order of `SEARCH_PATH`.
Tables of `statistics` and `parsed` get a column `batch` in front, those of `parsed` a column
`recording` as well.
"""

from __future__ import annotations

from dataclasses import dataclass
from typing import Final

from argus_pipeline.database.models import Base
from argus_pipeline.query.sql import quoted
from argus_pipeline.statistics.batch import BatchStatistics
from argus_pipeline.storage import keys

ARGUS: Final = "argus"
FLEET: Final = "fleet"
STATISTICS: Final = "statistics"
PARSED: Final = "parsed"

SEARCH_PATH: Final = (ARGUS, STATISTICS, FLEET, PARSED)
"""Schemas in the order in which a bare name is looked for."""

_POSTGRES: Final = {
    "batches": "an upload, as its manifest describes it",
    "recordings": "a recording and what became of it",
    "event_counts": "messages of a batch by ECU, application, code and severity",
    "diagnoses": "the verdict over a batch; `content` is all of it as JSON",
    "firmware_comparison": "as fleet.firmware_comparison",
    "campaign_health": "as fleet.campaign_health",
    "knowledge_articles": "an article of the knowledge base",
    "diagnosis_feedback": "what a person said of a diagnosis",
    "llm_calls": "a call of the language model: what for, tokens, cost, how it ended",
    "llm_pauses": "an endpoint that nobody calls for a while",
    "llm_answers": "an answer of the language model that is kept, by the hash of its question",
    "reader_tokens": "a token of `argus serve`: whose, its SHA-256, what it opens, until when",
}
_STATISTICS: Final = {
    "recordings": "a recording of a batch, with what was counted in it",
    "totals": "a batch: messages, events, losses, first and last time",
    "severities": "messages of a batch by severity",
    "sources": "messages of a batch by ECU, application, context and severity",
    "codes": "a fault code of a batch, with its worst severity and its first message",
    "codes_by_ecu": "messages of a batch by fault code, ECU and severity",
    "minutes": "messages of a batch by minute and severity",
    "timeline": "messages of a batch by time bin and severity, as the chart shows them",
    "critical_events": "a fatal or error event, the newest 1,000 of a batch",
    "critical_templates": "a template of fatal and error events, the top 1,000 of a batch",
    "signals": "a signal of a recording: missing, minimum, maximum, mean",
    "lifecycles": "a boot or a resume of an ECU, the newest 1,000 of a batch",
    "exposures": "hours of operation of a batch under a firmware",
    "fault_counts": "a fault of a batch by firmware and ECU: messages, lifecycles",
    "update": "the update that a batch shows: from, to, when, and what tells it",
    "event_signals": "a signal that left its usual range near the events of a fault",
    "event_curves": "a second of a signal around the newest event of a fault",
    "boots": "a boot of an ECU: when, which software, why it started, how it ended",
    "rates": "messages per hour of operation and per boot, by severity, ECU, source and code",
    "bursts": "a stretch of time with many more bad messages than usual",
    "gaps": "a silence of all recordings longer than a minute",
    "losses": "a sender whose messages are missing, the top 1,000 of a batch",
}
_FLEET: Final = {
    "firmware_comparison": "a fault of a platform under two firmwares: rates, ratio, class",
    "campaign_health": "a campaign: vehicles, verdict and the rule behind it",
    "days": "a day of a platform under a firmware: vehicles, seconds, messages with a fault",
    "exposures": "a platform under a firmware: vehicles, batches, seconds of operation",
    "faults": "a fault of a platform under a firmware: vehicles, messages, lifecycles",
    "names": "a fault of a platform: titles, severities, ECUs",
    "updates": "an update of a platform, with the batches that name it",
}
_HISTORY: Final = {
    "history_by_day": "hours of a batch under a firmware, or a fault of it; `month` is a partition",
    "history_by_month": "the same by platform and day, summed over batches",
}
HISTORY: Final = {"history_by_day": keys.FLEET_BY_DAY, "history_by_month": keys.FLEET_BY_MONTH}
"""Where the tables lie that are partitioned by month, as Hive names folders."""
_PARSED: Final = {
    "messages": "a DLT message",
    "lifecycles": "a lifecycle of an ECU in one DLT recording",
    "sources": "a DLT sender in one boot, with what was lost",
}


@dataclass(frozen=True, slots=True, order=True)
class Table:
    """A table that SQL can name as `schema.name`; `what` says what a row of it is."""

    schema: str
    name: str
    what: str = ""

    def __str__(self) -> str:
        # A name such as `vehicle.BrakeState-1` needs quotes in SQL.
        is_bare = self.name.isidentifier() and self.name.isascii()
        return f"{self.schema}.{self.name if is_bare else quoted(self.name)}"


def postgres_tables() -> list[Table]:
    """The tables of the schema `argus`."""
    names = sorted(table.name for table in Base.metadata.tables.values())
    return [Table(ARGUS, name, _POSTGRES.get(name, "")) for name in names]


def statistics_tables() -> list[Table]:
    """The frames of the batches' statistics."""
    return [Table(STATISTICS, name, _STATISTICS.get(name, "")) for name in BatchStatistics.names()]


def fleet_tables() -> list[Table]:
    """The roll-ups over all batches; those that were not made yet are not there."""
    return [Table(FLEET, name, what) for name, what in _FLEET.items()]


def history_tables() -> list[Table]:
    """All batches by day and month; not there before the first compaction."""
    return [Table(FLEET, name, what) for name, what in _HISTORY.items()]


def parsed_table(name: str) -> Table:
    """A table of recordings by its name."""
    return Table(PARSED, name, _PARSED.get(name, "a message of this type from this sender"))
