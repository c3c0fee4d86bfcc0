"""What an upload has to do: pure decisions, from what is here and what is there."""

from __future__ import annotations

import base64
import hashlib
import re
from collections.abc import Mapping, Sequence
from dataclasses import dataclass, replace
from datetime import UTC, datetime
from enum import Enum
from pathlib import Path
from typing import Final

from argus_pipeline.batches.manifest import BatchFile, Manifest
from argus_pipeline.upload.options import BatchOptions

MEBIBYTE: Final = 1024 * 1024
PART_BYTES: Final = 16 * MEBIBYTE
# S3: a multipart upload has at most 10,000 parts.
MAX_PARTS: Final = 10_000
_TIME_IN_ID: Final = re.compile(r"(\d{8}T\d{6})Z-")
_ID_TIME_FORMAT: Final = "%Y%m%dT%H%M%S"
_LONGEST_VEHICLE_IN_ID: Final = 128 - len("20261123T101500Z--7f3a")


@dataclass(frozen=True, slots=True)
class LocalFile:
    """A file and its fingerprint.

    Attributes:
        path: where it lies.
        size: bytes.
        modified_ns: time of its last change as the file system tells it, in nanoseconds.
        sha256: of all its bytes, in hex.
        part_size: bytes of each part but the last.
        parts: SHA-256 of each part, as bytes; a small file is one part.
    """

    path: Path
    size: int
    modified_ns: int
    sha256: str
    part_size: int
    parts: tuple[bytes, ...]

    @property
    def name(self) -> str:
        """Its name in the batch."""
        return self.path.name

    @property
    def is_multipart(self) -> bool:
        """Whether it goes in several parts."""
        return len(self.parts) > 1

    def size_of_part(self, index: int) -> int:
        """Bytes of one part, counted from 0."""
        return min(self.part_size, self.size - index * self.part_size)

    @property
    def stored_checksum(self) -> str:
        """What S3 answers as the SHA-256 of this file when it was sent in these parts.

        Base64; for a multipart upload the SHA-256 of the parts' SHA-256 and the number of parts
        (Amazon S3 User Guide, "Checking object integrity", composite checksums).
        """
        if not self.is_multipart:
            return base64.b64encode(self.parts[0]).decode()
        composite = hashlib.sha256(b"".join(self.parts)).digest()
        return f"{base64.b64encode(composite).decode()}-{len(self.parts)}"


@dataclass(frozen=True, slots=True)
class StoredFile:
    """An object in the folder of the batch: bytes, and the store's SHA-256 of it if it has one."""

    size: int
    checksum: str | None = None


class Action(Enum):
    """What to do about a file."""

    SEND = "send"
    READ = "read"  # the same size is there, and only reading it tells whether it is the same
    NOTHING = "nothing"  # it is there


def part_size_for(size: int) -> int:
    """Bytes of a part for a file of `size` bytes: 16 MiB, more only where S3's limit asks."""
    smallest = -(-size // MAX_PARTS)
    return max(PART_BYTES, -(-smallest // MEBIBYTE) * MEBIBYTE)


def decide(file: LocalFile, stored: StoredFile | None) -> Action:
    """Decide about one file by what is under its key."""
    if stored is None or stored.size != file.size:
        return Action.SEND
    if stored.checksum is None:
        return Action.READ
    if stored.checksum == file.stored_checksum:
        return Action.NOTHING
    # Composite checksums of other part sizes cannot be compared; all others can.
    whole = base64.b64encode(bytes.fromhex(file.sha256)).decode()
    if stored.checksum == whole:
        return Action.NOTHING
    return Action.READ if "-" in stored.checksum else Action.SEND


def decide_all(files: Sequence[LocalFile], stored: Mapping[str, StoredFile]) -> dict[str, Action]:
    """Decide about every file, by name, from what is in the folder of the batch."""
    return {file.name: decide(file, stored.get(file.name)) for file in files}


def new_batch_id(vehicle: str, now: datetime, token: str) -> str:
    """A batch id that sorts by time: `20261123T101500Z-<vehicle>-<token>`."""
    return f"{now.astimezone(UTC):{_ID_TIME_FORMAT}}Z-{vehicle[:_LONGEST_VEHICLE_IN_ID]}-{token}"


def time_in_id(batch: str) -> datetime | None:
    """The time that a batch id begins with, if it begins with one."""
    found = _TIME_IN_ID.match(batch)
    if not found:
        return None
    try:
        return datetime.strptime(found[1], _ID_TIME_FORMAT).replace(tzinfo=UTC)
    except ValueError:
        return None


def make_manifest(
    batch: str, created: datetime, options: BatchOptions, files: Sequence[LocalFile]
) -> Manifest:
    """The manifest of these files.

    Raises:
        BadInput: an option is missing or wrong.
    """
    checked = options.checked()
    return Manifest(
        batch=batch,
        vehicle=str(checked.vehicle),
        platform=str(checked.platform),
        firmware=str(checked.firmware),
        firmware_from=checked.firmware_from,
        campaign=checked.campaign,
        priority=str(checked.priority),
        created=created,
        files=tuple(BatchFile(file.name, file.size, file.sha256) for file in files),
        tags=dict(checked.tags),
    )


def is_same_batch(one: Manifest, other: Manifest) -> bool:
    """Whether two manifests say the same, but for the time and the order of the files."""

    def comparable(manifest: Manifest) -> Manifest:
        files = tuple(sorted(manifest.files, key=lambda file: file.name))
        return replace(manifest, created=one.created, files=files)

    return comparable(one) == comparable(other)
