"""What lies where in the bucket. This is the only place that spells a key.

All keys are relative to the configured prefix; `ObjectStore` puts that in front.
The layout is public: any S3 client may write `incoming/`, anybody may read the rest.
"""

from __future__ import annotations

from datetime import date

MANIFEST_NAME = "manifest.json"
SCHEMAS = "schemas/"
PARSED = "parsed/"
STATISTICS = "statistics/"
FLEET = "fleet/"
CAMPAIGNS = "campaigns/"
REPORTS = "reports/"
RECORDING_RESULT = "recording.json"


def incoming_day(day: date) -> str:
    """Prefix of all batches that were uploaded on `day` (UTC)."""
    return f"incoming/{day:%Y/%m/%d}/"


def incoming(day: date, batch: str) -> str:
    """Prefix of one batch as it was uploaded."""
    return f"{incoming_day(day)}{batch}/"


def parsed(batch: str) -> str:
    """Prefix of all tables of a batch."""
    return f"{PARSED}{batch}/"


def parsed_recording(batch: str, recording: str) -> str:
    """Prefix of the tables of one recording."""
    return f"{parsed(batch)}{recording}/"


def table(batch: str, recording: str, name: str, suffix: str) -> str:
    """One table of a recording; `suffix` is `csv` or `parquet`."""
    return f"{parsed_recording(batch, recording)}{name}.{suffix}"


def recording_result(batch: str, recording: str) -> str:
    """The record that is written last and makes the tables of a recording count."""
    return f"{parsed_recording(batch, recording)}{RECORDING_RESULT}"


def quarantine(batch: str, recording: str) -> str:
    """What was wrong with a recording, at which byte offset, and how much was saved."""
    return f"quarantine/{batch}/{recording}.json"


def statistics(batch: str, name: str) -> str:
    """One statistics table of a batch."""
    return f"{STATISTICS}{batch}/{name}.parquet"


def chart(batch: str, name: str, suffix: str) -> str:
    """One chart of a batch; `suffix` is `html`, `svg` or `png`."""
    return f"charts/{batch}/{name}.{suffix}"


def report(batch: str, suffix: str) -> str:
    """The report of a batch; `suffix` is `md`, `html` or `json`."""
    return f"{REPORTS}{batch}/report.{suffix}"


def campaign_page(campaign: str) -> str:
    """The page of a campaign: self-contained HTML."""
    return f"{CAMPAIGNS}{campaign}/page.html"
