"""Addresses with a time limit, for a vehicle that holds no keys: one a file, and the manifest's.

Each is for one key and one PUT under the batch's prefix; a second PUT is refused. What the vehicle
writes into the manifest is checked by Argus as any manifest is.
"""

from __future__ import annotations

import json
import secrets
from collections.abc import Sequence
from dataclasses import dataclass
from datetime import UTC, datetime, timedelta
from typing import Any, Final

import boto3
from botocore.config import Config

from argus_pipeline.batches.manifest import NO_RECORDINGS, is_recording_name
from argus_pipeline.batches.names import safe_name
from argus_pipeline.errors import BadInput
from argus_pipeline.settings import Settings
from argus_pipeline.storage import keys
from argus_pipeline.upload import plan
from argus_pipeline.upload.options import BatchOptions

LONGEST: Final = timedelta(days=7)
"""What a signature of version 4 can be valid at the most (Amazon S3 API Reference)."""

ONCE: Final = {"If-None-Match": "*"}
"""The header that every PUT has to carry, since it is signed: the key must be new."""


@dataclass(frozen=True, slots=True)
class Address:
    """Where one file goes: by PUT, with these headers."""

    name: str
    url: str
    headers: dict[str, str]


@dataclass(frozen=True, slots=True)
class Presigned:
    """Everything that a vehicle needs to upload one batch.

    `manifest` is its address, and `template` what it has to hold; the vehicle adds `size` and
    `sha256` to each of its files.
    """

    batch: str
    prefix: str
    expires: datetime
    files: tuple[Address, ...]
    manifest: Address
    template: dict[str, Any]


def presign(
    settings: Settings,
    options: BatchOptions,
    names: Sequence[str],
    *,
    valid: timedelta,
    now: datetime | None = None,
) -> Presigned:
    """Make the addresses of one new batch. Nothing is sent.

    Args:
        settings: of the store; its keys sign.
        options: what the batch is.
        names: of its files.
        valid: how long the addresses may be used.
        now: the time, for tests.

    Raises:
        BadInput: a name is not safe or there twice, no file is a recording, an option is missing,
            or the time is too long.
    """
    if not timedelta(0) < valid <= LONGEST:
        raise BadInput(f"--valid is {valid}", expected=f"more than nothing, at most {LONGEST}")
    checked = options.checked()
    for name in names:
        safe_name(name, "the file's name")
        if name == keys.MANIFEST_NAME or list(names).count(name) > 1:
            raise BadInput(
                f"the name {name!r} is there twice, or is the manifest's",
                expected="every file once; the manifest has an address anyway",
            )
    if not any(is_recording_name(name) for name in names):
        raise BadInput(
            "there is no recording among the files",
            expected=f"at least one file that is not {NO_RECORDINGS}",
        )
    now = (now or datetime.now(UTC)).replace(microsecond=0)
    batch = plan.new_batch_id(str(checked.vehicle), now, secrets.token_hex(2))
    prefix = keys.incoming(now.astimezone(UTC).date(), batch)
    client = _signing_client(settings)
    before = f"{settings.s3_prefix}/" if settings.s3_prefix else ""

    def address(name: str) -> Address:
        url = client.generate_presigned_url(
            "put_object",
            Params={
                "Bucket": settings.s3_bucket,
                "Key": f"{before}{prefix}{name}",
                "IfNoneMatch": "*",
            },
            ExpiresIn=round(valid.total_seconds()),
        )
        return Address(name, url, dict(ONCE))

    manifest = plan.make_manifest(batch, now, checked, ())
    template = {**_content(manifest.to_json()), "files": [{"name": name} for name in names]}
    return Presigned(
        batch,
        prefix,
        now + valid,
        tuple(address(name) for name in names),
        address(keys.MANIFEST_NAME),
        template,
    )


def parse_duration(text: str) -> timedelta:
    """A time such as `90s`, `15m`, `2h` or `1d`.

    Raises:
        BadInput: it is none.
    """
    units = {"s": "seconds", "m": "minutes", "h": "hours", "d": "days"}
    number, unit = text[:-1], text[-1:]
    if not number.isdecimal() or unit not in units or len(number) > 6:
        raise BadInput(f"--valid is {text!r}", expected="such as 90s, 15m, 2h or 1d")
    return timedelta(**{units[unit]: int(number)})


def _content(data: bytes) -> dict[str, Any]:
    return dict(json.loads(data))


def _signing_client(settings: Settings) -> Any:
    return boto3.client(
        "s3",
        endpoint_url=settings.s3_endpoint,
        region_name=settings.s3_region,
        aws_access_key_id=settings.s3_access_key,
        aws_secret_access_key=settings.s3_secret_key,
        config=Config(
            signature_version="s3v4",
            s3={"addressing_style": "path" if settings.s3_endpoint else "auto"},
            # Else the address would ask for a checksum of bytes that nobody knows yet.
            request_checksum_calculation="when_required",
        ),
    )
