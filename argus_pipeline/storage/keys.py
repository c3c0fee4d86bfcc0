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
RECORDING_RESULT = "recording.json"
FLEET_CHANGES = f"{FLEET}changes/"
FLEET_COMMIT = f"{FLEET}commit.zip"
FLEET_REBUILD = f"{FLEET}rebuild"
FLEET_OUTCOMES = f"{FLEET}outcomes/"
FLEET_HISTORY = f"{FLEET}history/"
FLEET_PARTIALS = f"{FLEET_HISTORY}partials/"
FLEET_BY_DAY = f"{FLEET_HISTORY}by_day/"
FLEET_BY_MONTH = f"{FLEET_HISTORY}by_month/"
REPORTS = "reports/"
CAMPAIGNS = "campaigns/"
GIVEN_UP = "given-up/"
RETRIES = "retries/"
ARCHIVED = "archived/"
EXPIRED = "expired/"
FORGETTING = "forgetting/"
BETWEEN_STEPS = "dagster/storage/"
ALERTS = "alerts/"


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


def given_up(batch: str) -> str:
    """Why a batch was given up, while it is."""
    return f"{GIVEN_UP}{batch}.json"


def retry(batch: str) -> str:
    """A person's request to try a batch again, until there is a run for it."""
    return f"{RETRIES}{batch}.json"


def archived(batch: str) -> str:
    """That Dagster no longer lists a batch as a partition."""
    return f"{ARCHIVED}{batch}.json"


def expired(batch: str) -> str:
    """Which data of a batch was deleted for its age."""
    return f"{EXPIRED}{batch}.json"


def campaign_page(campaign: str) -> str:
    """The page of a campaign: self-contained HTML."""
    return f"{CAMPAIGNS}{campaign}/page.html"


def campaign_chart(campaign: str, name: str) -> str:
    """A chart of a campaign, which its page holds, too."""
    return f"{CAMPAIGNS}{campaign}/charts/{name}.svg"


def fleet(name: str) -> str:
    """One table over all batches."""
    return f"{FLEET}{name}.parquet"


def fleet_vehicle(platform: str, vehicle: str) -> str:
    """What the roll-ups know of one vehicle."""
    return f"{FLEET}vehicles/{platform}/{vehicle}.parquet"


def fleet_campaigns(campaign: str = "") -> str:
    """Prefix of what the roll-ups know of the batches of campaigns, or of one."""
    return f"{FLEET}campaigns/{campaign}{'/' if campaign else ''}"


def fleet_campaign(campaign: str, part: int) -> str:
    """One part of what the roll-ups know of the batches of a campaign."""
    return f"{fleet_campaigns(campaign)}{part:02d}.parquet"


def fleet_outcomes(campaign: str) -> str:
    """What the vehicles of a campaign reported, by part of its cells."""
    return f"{FLEET_OUTCOMES}{campaign}.parquet"


def fleet_batch(batch: str) -> str:
    """Where the roll-ups hold one batch."""
    return f"{FLEET}batches/{batch}.json"


def fleet_change(batch: str, token: str) -> str:
    """A note that the statistics of a batch changed and the roll-ups have not seen it yet."""
    return f"{FLEET_CHANGES}{batch}/{token}"


def fleet_partial_day(day: date) -> str:
    """Prefix of what changed on a day and was not taken into its object yet."""
    return f"{FLEET_PARTIALS}{day.isoformat()}/"


def fleet_partial(day: date, batch: str) -> str:
    """What a batch is now on a day, until it is taken in."""
    return f"{fleet_partial_day(day)}{batch}.parquet"


def fleet_day(day: date) -> str:
    """The cells of all batches of a day, under a folder that names the month as Hive does."""
    return f"{FLEET_BY_DAY}month={day.isoformat()[:7]}/{day.isoformat()}.parquet"


def fleet_month(day: date) -> str:
    """The sums of all days of the month that a day is in."""
    return f"{FLEET_BY_MONTH}month={day.isoformat()[:7]}/sums.parquet"


def fleet_rules() -> str:
    """The rules by which versions and campaigns are judged, where they are not the usual ones."""
    return f"{FLEET}rules.yaml"


def campaign_rules(campaign: str) -> str:
    """The rules of one campaign, where it has its own."""
    return f"{CAMPAIGNS}{campaign}/rules.yaml"


def campaign_vehicles(campaign: str) -> str:
    """The list of the vehicles that a campaign is for."""
    return f"{CAMPAIGNS}{campaign}/vehicles.csv"
