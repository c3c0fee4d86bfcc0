"""Where the store, the database and the model are.

The environment decides. What it does not say comes from the local stack, which writes its own
addresses and generated keys to `ARGUS_HOME/environment.json` (readable by its owner only).
"""

from __future__ import annotations

import json
import os
from collections.abc import Mapping
from dataclasses import dataclass, field
from pathlib import Path
from typing import Final

from argus_pipeline.errors import ArgusError

ENVIRONMENT_FILE: Final = "environment.json"
ARCHIVES_VARIABLE: Final = "ARGUS_ARCHIVE_BUCKETS"


def root() -> Path:
    """The project's root: `ARGUS_ROOT`, or the working folder."""
    return Path(os.environ.get("ARGUS_ROOT") or ".").resolve()


def home() -> Path:
    """The one folder that holds all local state: `ARGUS_HOME`, or `.argus` in the root."""
    configured = os.environ.get("ARGUS_HOME")
    return Path(configured).resolve() if configured else root() / ".argus"


def look_back_days(default: int) -> int:
    """How many days of uploads are looked at: `ARGUS_LOOK_BACK_DAYS`, or the default.

    Raises:
        ArgusError: it is no number of days.
    """
    given = os.environ.get("ARGUS_LOOK_BACK_DAYS") or str(default)
    if not given.isdecimal():
        raise ArgusError(
            f"is {given!r}", where="ARGUS_LOOK_BACK_DAYS", expected="a number of days, such as 7"
        )
    return int(given)


def listed(text: str) -> tuple[str, ...]:
    """The entries of a list with commas between; empty ones are left out."""
    return tuple(entry for part in text.split(",") if (entry := part.strip()))


@dataclass(frozen=True, slots=True)
class Settings:
    """Addresses and keys. Secrets are left out of `repr`, so that none gets into a log."""

    s3_bucket: str
    s3_prefix: str
    s3_endpoint: str | None
    s3_region: str
    s3_access_key: str | None = field(repr=False)
    s3_secret_key: str | None = field(repr=False)
    database_url: str | None = field(repr=False)
    embeddings_url: str | None = None
    embeddings_model: str | None = None
    embeddings_key: str | None = field(default=None, repr=False)
    llm_base_url: str | None = None
    llm_model: str | None = None
    llm_urgent_model: str | None = None
    llm_api_key: str | None = field(default=None, repr=False)
    report_language: str = "en"
    archive_buckets: tuple[str, ...] = ()
    """Buckets, or folders in them, whose objects a manifest may name as its files."""

    def require_database_url(self) -> str:
        """The database URL with SQLAlchemy's driver in it.

        Raises:
            ArgusError: none is configured and no local stack runs.
        """
        if not self.database_url:
            raise ArgusError(
                "no database is configured",
                hint="Start the local stack with `argus up`, or set ARGUS_DATABASE_URL",
            )
        return with_driver(self.database_url, "psycopg")


def with_driver(url: str, driver: str) -> str:
    """Name `driver` in a Postgres URL: what a bare `postgresql://` means differs by library."""
    scheme, separator, rest = url.partition("://")
    if not separator or scheme.partition("+")[0] not in {"postgresql", "postgres"}:
        raise ArgusError(
            "the database URL is not one of Postgres",
            where="ARGUS_DATABASE_URL",
            expected="postgresql://user:password@host:port/database",
        )
    return f"postgresql+{driver}://{rest}"


def local_environment() -> dict[str, str]:
    """What the local stack says of itself, or nothing where none was ever started."""
    path = home() / ENVIRONMENT_FILE
    try:
        content = json.loads(path.read_text())
    except FileNotFoundError:
        return {}
    except ValueError as error:
        raise ArgusError(
            f"cannot be read: {error}", where=str(path), hint="Delete it and run `argus up` again"
        ) from error
    return {str(k): str(v) for k, v in content.items()}


def complete_environment() -> None:
    """Let the process's environment name the local stack, where it names nothing itself.

    `DAGSTER_HOME` goes with the database that Dagster's records are in: where only the former is
    set, it is that of another project, or of an image.
    """
    local = _local_beside(os.environ)
    if "DAGSTER_HOME" in local and "ARGUS_DAGSTER_DATABASE_URL" not in os.environ:
        os.environ["DAGSTER_HOME"] = local["DAGSTER_HOME"]
    for name, value in local.items():
        os.environ.setdefault(name, value)


def ui_url() -> str | None:
    """Where people see Dagster's UI, where that is known."""
    return os.environ.get("ARGUS_UI_URL") or local_environment().get("ARGUS_UI_URL")


def webserver_url() -> str | None:
    """Where programs reach the webserver: another address than people do, behind a log-in."""
    return os.environ.get("ARGUS_WEBSERVER") or ui_url()


def load(environment: Mapping[str, str] | None = None) -> Settings:
    """Read the settings from `environment` (the process's own by default) over the local stack."""
    given = os.environ if environment is None else environment
    values = {**_local_beside(given), **{k: v for k, v in given.items() if v}}
    return Settings(
        s3_bucket=values.get("ARGUS_S3_BUCKET", "argus"),
        s3_prefix=values.get("ARGUS_S3_PREFIX", "").strip("/"),
        s3_endpoint=values.get("ARGUS_S3_ENDPOINT"),
        s3_region=values.get("ARGUS_S3_REGION", "us-east-1"),
        # boto3 finds the usual AWS_* variables and profiles by itself when these are absent.
        s3_access_key=values.get("ARGUS_S3_ACCESS_KEY"),
        s3_secret_key=values.get("ARGUS_S3_SECRET_KEY"),
        database_url=values.get("ARGUS_DATABASE_URL"),
        embeddings_url=values.get("ARGUS_EMBEDDINGS_URL"),
        embeddings_model=values.get("ARGUS_EMBEDDINGS_MODEL"),
        embeddings_key=values.get("ARGUS_EMBEDDINGS_KEY"),
        llm_base_url=values.get("ARGUS_LLM_BASE_URL"),
        llm_model=values.get("ARGUS_LLM_MODEL"),
        llm_urgent_model=values.get("ARGUS_LLM_URGENT_MODEL"),
        llm_api_key=values.get("ARGUS_LLM_API_KEY"),
        report_language=values.get("ARGUS_REPORT_LANGUAGE", "en"),
        archive_buckets=listed(values.get(ARCHIVES_VARIABLE, "")),
    )


def _local_beside(given: Mapping[str, str]) -> dict[str, str]:
    """What the local stack says that may stand beside `given`."""
    local = local_environment()
    if (given.get("ARGUS_S3_ENDPOINT") or None) in (None, local.get("ARGUS_S3_ENDPOINT")):
        return local
    # Keys and bucket of the local store mean nothing to somebody else's.
    return {k: v for k, v in local.items() if not k.startswith("ARGUS_S3_")}
