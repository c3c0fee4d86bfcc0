"""Objects outside of what Argus keeps itself: their addresses, and which of them may be read.

A manifest may name such an object, and manifests are written by strangers' clients. So only what
`ARGUS_ARCHIVE_BUCKETS` lists is ever read, and never what Argus keeps for itself.
"""

from __future__ import annotations

import re
from dataclasses import dataclass
from typing import Final

from argus_pipeline.errors import ArgusError, BadInput
from argus_pipeline.settings import ARCHIVES_VARIABLE, Settings
from argus_pipeline.storage import keys
from argus_pipeline.storage.policies import INCOMING, RECORDS, RESULTS

ADDRESS_RULE: Final = (
    "s3://bucket/key, a key of at most 1,024 bytes without control characters and without a part "
    "that is empty, '.' or '..'"
)
OURS: Final = (INCOMING, *RESULTS, *RECORDS, keys.SCHEMAS, keys.FORGETTING)
"""The folders in which Argus keeps its own things."""

_SCHEME: Final = "s3://"
# Old buckets of AWS have capitals, underscores and up to 255 characters.
_BUCKET: Final = re.compile(r"[A-Za-z0-9][A-Za-z0-9._-]{1,253}[A-Za-z0-9]")
_MAX_KEY_BYTES: Final = 1024
_CONTROL: Final = re.compile(r"[\x00-\x1f\x7f]")


@dataclass(frozen=True, slots=True)
class Address:
    """Where an object lies: its bucket and its whole key."""

    bucket: str
    key: str

    def __str__(self) -> str:
        return f"{_SCHEME}{self.bucket}/{self.key}"


def read_address(text: object) -> Address | None:
    """The address that a text is, or None where it is none by `ADDRESS_RULE`.

    Parts such as `..` are refused since some clients and proxies resolve them, and then another
    object is read than the one that was checked.
    """
    if not isinstance(text, str) or not text.startswith(_SCHEME):
        return None
    bucket, _, key = text.removeprefix(_SCHEME).partition("/")
    try:
        length = len(key.encode())
    except UnicodeEncodeError:
        return None
    if not _BUCKET.fullmatch(bucket) or length > _MAX_KEY_BYTES or _CONTROL.search(key):
        return None
    if any(part in {"", ".", ".."} for part in key.split("/")):
        return None
    return Address(bucket, key)


def read_folder(text: str) -> Address:
    """A bucket, or a folder in one, as a person types it; the key ends in a slash or is empty.

    Raises:
        BadInput: it is none.
    """
    bucket, _, key = text.removeprefix(_SCHEME).partition("/")
    folder = f"{key.rstrip('/')}/" if key.rstrip("/") else ""
    if not text.startswith(_SCHEME) or read_address(f"{_SCHEME}{bucket}/{folder}x") is None:
        raise BadInput(f"{text!r} is no folder of a bucket", expected="s3://bucket/folder")
    return Address(bucket, folder)


def allowed_folders(settings: Settings) -> tuple[Address, ...]:
    """What `ARGUS_ARCHIVE_BUCKETS` lists.

    Raises:
        ArgusError: an entry is no bucket, or Argus's own bucket as a whole.
    """
    found = []
    for entry in settings.archive_buckets:
        try:
            folder = read_folder(_SCHEME + entry.removeprefix(_SCHEME))
        except BadInput as error:
            raise ArgusError(
                f"{entry!r} is no bucket",
                where=ARCHIVES_VARIABLE,
                expected="buckets, or folders in them, with commas between: archive,bench/2025",
            ) from error
        if folder == Address(settings.s3_bucket, ""):
            raise ArgusError(
                f"{entry!r} is Argus's own bucket",
                where=ARCHIVES_VARIABLE,
                expected=f"only a folder of it, such as {settings.s3_bucket}/archive",
            )
        found.append(folder)
    return tuple(found)


def check_allowed(address: Address, settings: Settings) -> None:
    """Make sure that an object, or all of a folder, may be read in place.

    Raises:
        ArgusError: the list itself cannot be used.
        BadInput: no entry of it covers the object, or Argus itself keeps the object.
    """
    if _is_ours(address, settings):
        raise BadInput(
            "lies where Argus keeps its own things, and is never read in place",
            where=str(address),
            expected="what lies in an archive",
        )
    listed = allowed_folders(settings)
    if not any(address.bucket == f.bucket and address.key.startswith(f.key) for f in listed):
        names = ", ".join(f"{f.bucket}/{f.key}".rstrip("/") for f in listed) or "nothing"
        entry = address.bucket
        if entry == settings.s3_bucket:
            entry += f"/{address.key.partition('/')[0] or 'archive'}"
        raise BadInput(
            f"may not be read in place: {ARCHIVES_VARIABLE} lists {names}",
            where=str(address),
            hint=f"Add {entry} to {ARCHIVES_VARIABLE} (commas between) where Argus runs, and start "
            "it again",
        )


def _is_ours(address: Address, settings: Settings) -> bool:
    if address.bucket != settings.s3_bucket:
        return False
    if settings.s3_prefix:
        return address.key.startswith(f"{settings.s3_prefix}/")
    return address.key.startswith(OURS)
