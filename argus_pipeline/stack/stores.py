"""What the S3 stores of the local stack have in common: where they are, and a probe that signs."""

from __future__ import annotations

import secrets
from abc import ABC, abstractmethod
from collections.abc import Mapping
from pathlib import Path
from typing import Any, ClassVar, Final

from argus_pipeline.errors import ArgusError
from argus_pipeline.settings import Settings
from argus_pipeline.stack import processes
from argus_pipeline.stack.files import read_json
from argus_pipeline.stack.ports import HOST
from argus_pipeline.stack.processes import ProcessRecord

REGION: Final = "us-east-1"
READY_S: Final = 60.0


class LocalStore(ABC):
    """An S3 store that the local stack starts and stops, with its state in one folder."""

    name: ClassVar[str]

    def __init__(self, folder: Path, *, log: Path | None = None) -> None:
        self.folder = folder.resolve()
        self.log = log or self.folder / f"{self.name}.log"
        self._state = self.folder / "state.json"
        self._process = self.folder / "process.json"

    @abstractmethod
    def start(self) -> ProcessRecord:
        """Start it, or leave it alone where it answers already.

        Raises:
            Unavailable: it does not come up; the error says why.
        """

    @abstractmethod
    def stop(self) -> bool:
        """Stop it; whether there was anything to stop."""

    def settings(self, bucket: str, prefix: str = "") -> Settings:
        """Address and keys, as `ObjectStore` takes them.

        Raises:
            ArgusError: it has never been started.
        """
        state = known(self._state, "ports", "access_key", "secret_key")
        return settings_for(state["ports"][0], state, bucket, prefix)

    def running(self) -> ProcessRecord | None:
        """Its process, when it runs and answers to its keys."""
        record = processes.load(self._process)
        if not processes.is_running(record):
            return None
        try:
            return record if answers(self.settings("any")) else None
        except ArgusError:
            return None


def new_keys() -> dict[str, str]:
    """A fresh access key and secret key."""
    return {"access_key": f"argus{secrets.token_hex(8)}", "secret_key": secrets.token_hex(20)}


def known(path: Path, *fields: str) -> Mapping[str, Any]:
    """The content of a store's own state file.

    Raises:
        ArgusError: it is not there, or lacks one of the fields.
    """
    content = read_json(path)
    if any(field not in content for field in fields):
        raise ArgusError(
            "the local store was never started",
            where=str(path),
            hint="Start it with `argus up`",
        )
    return content


def settings_for(port: int, keys: Mapping[str, str], bucket: str, prefix: str) -> Settings:
    """Settings of a store on a port of this machine."""
    return Settings(
        s3_bucket=bucket,
        s3_prefix=prefix,
        s3_endpoint=f"http://{HOST}:{port}",
        s3_region=REGION,
        s3_access_key=keys["access_key"],
        s3_secret_key=keys["secret_key"],
        database_url=None,
    )


def client(settings: Settings) -> Any:
    """A boto3 client that gives up soon, for asking whether a store is there at all."""
    import boto3
    from botocore.config import Config

    return boto3.client(
        "s3",
        endpoint_url=settings.s3_endpoint,
        region_name=settings.s3_region,
        aws_access_key_id=settings.s3_access_key,
        aws_secret_access_key=settings.s3_secret_key,
        config=Config(
            s3={"addressing_style": "path" if settings.s3_endpoint else "auto"},
            retries={"total_max_attempts": 1},
            connect_timeout=2,
            read_timeout=10,
        ),
    )


def ask(settings: Settings) -> None:
    """A signed request that only the right store with the right keys answers.

    Raises:
        botocore.exceptions.BotoCoreError, botocore.exceptions.ClientError: it does not.
    """
    client(settings).list_buckets()


def answers(settings: Settings) -> bool:
    """Whether the store answers to these keys now."""
    from botocore.exceptions import BotoCoreError, ClientError

    try:
        ask(settings)
    except (BotoCoreError, ClientError):
        return False
    return True
