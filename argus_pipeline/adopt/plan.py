"""What becomes of the keys that say the same: pure decisions."""

from __future__ import annotations

import hashlib
import re
from collections import Counter
from collections.abc import Sequence
from dataclasses import dataclass, fields, replace
from datetime import UTC, datetime
from typing import Any, Final

from argus_pipeline.adopt.pattern import FIELDS, KeyFacts
from argus_pipeline.batches.manifest import BadManifest, BatchFile, Manifest, parse_manifest
from argus_pipeline.batches.names import SAFE_NAME_RULE, is_safe_name
from argus_pipeline.errors import BadInput
from argus_pipeline.storage.archives import ADDRESS_RULE, Address, read_address
from argus_pipeline.storage.keys import MANIFEST_NAME
from argus_pipeline.storage.object_store import ObjectInfo
from argus_pipeline.upload.options import BatchOptions

_DIGEST: Final = 12
_LONGEST_VEHICLE: Final = 128 - len("20261123T101500Z--") - _DIGEST
_TIME_LENGTH: Final = len("20261123T101500Z-")
_UNSAFE: Final = re.compile(r"[^A-Za-z0-9._-]")
_ADOPTED_ID: Final = re.compile(rf"\d{{8}}T\d{{6}}Z-.+-[0-9a-f]{{{_DIGEST}}}")


@dataclass(frozen=True, slots=True)
class FoundFile:
    """One object of an archive that fits the pattern.

    Attributes:
        group: what the files of its batch share, as `group_of` makes it.
        key: its whole key.
        name: what it is called in its batch.
        size: bytes.
        etag: of the object, without quotes.
        time: that its key says, in UTC.
        said: the fields of its batch by `FIELDS`; None where nothing says one.
    """

    group: str
    key: str
    name: str
    size: int
    etag: str
    time: datetime
    said: tuple[str | None, ...]


def missing_fields(told: Sequence[str], options: BatchOptions) -> Sequence[str]:
    """The required fields that neither the pattern nor the options say.

    Args:
        told: the fields that the pattern has.
        options: what holds for all batches.

    Raises:
        BadInput: both say one, or an option is no safe name.
    """
    for field in told:
        if getattr(options, field) is not None:
            raise BadInput(
                f"--{field.replace('_', '-')} says what the pattern's {{{field}}} says",
                expected="one of the two",
            )
    stand_in: dict[str, Any] = dict.fromkeys(told, "x")
    every = options.over(BatchOptions(**stand_in))
    missing = every.missing()
    if not missing:
        every.checked()
    return missing


def found_file(
    info: ObjectInfo, facts: KeyFacts, options: BatchOptions, folder: Address
) -> FoundFile:
    """Put together what a listing and a key say of an object.

    Args:
        info: of the object; its key is the whole one.
        facts: what its key says.
        options: what holds for all batches.
        folder: of the archive.

    Raises:
        BadInput: a manifest cannot name this object, or its name cannot become one of a batch.
    """
    address = Address(folder.bucket, info.key)
    if read_address(str(address)) is None:
        raise BadInput("a manifest cannot name this key", expected=ADDRESS_RULE)
    if not info.etag:
        raise BadInput("the store lists it without an ETag")
    said = tuple(facts.fields.get(field) or getattr(options, field) for field in FIELDS)
    return FoundFile(
        group=group_of(str(said[FIELDS.index("vehicle")]), f"{folder}{facts.place}"),
        key=info.key,
        name=file_name(facts.name),
        size=info.size,
        etag=info.etag,
        time=facts.time,
        said=said,
    )


def file_name(name: str) -> str:
    """What a file is called in its batch: underscores stand for characters that are not safe.

    Raises:
        BadInput: that makes no safe name either.
    """
    safe = _UNSAFE.sub("_", name)
    if safe == MANIFEST_NAME:
        raise BadInput(f"{MANIFEST_NAME} is what the manifest itself is called")
    if not is_safe_name(safe):
        raise BadInput(f"the file's name {name!r} is not safe", expected=SAFE_NAME_RULE)
    return safe


def group_of(vehicle: str, place: str) -> str:
    """The end of a batch's id: its vehicle, and a digest of where its recordings lie."""
    digest = hashlib.sha256(place.encode()).hexdigest()[:_DIGEST]
    return f"{vehicle[:_LONGEST_VEHICLE]}-{digest}"


def batch_id(time: datetime, group: str) -> str:
    """The id of a batch, which sorts by time."""
    # `strftime` leaves the zeros of early years out.
    text = time.astimezone(UTC).replace(tzinfo=None).isoformat(timespec="seconds")
    return f"{text.replace('-', '').replace(':', '')}Z-{group}"


def group_in_id(batch: str) -> str | None:
    """The group that an id of an adopted batch ends with; None for any other id."""
    return batch[_TIME_LENGTH:] if _ADOPTED_ID.fullmatch(batch) else None


def without_digest(batch: str) -> str:
    """What an adopted batch's id says of time and vehicle."""
    return batch[: -_DIGEST - 1]


def make_manifest(
    files: Sequence[FoundFile], options: BatchOptions, bucket: str, batch: str | None = None
) -> Manifest:
    """The manifest of the files of one group.

    Args:
        files: all of them.
        options: what holds for all batches.
        bucket: where they lie.
        batch: the id that the batch has already; by default one of its earliest time.

    Raises:
        BadInput: two keys claim one name, the keys contradict each other, there is no recording,
            or the manifest would be too large.
    """
    first = min(files, key=lambda file: (file.time, file.key))
    _check_names(files)
    for file in files:
        for field, one, other in zip(FIELDS, first.said, file.said, strict=True):
            if one != other:
                raise BadInput(
                    f"{first.key!r} says that the {field} is {one!r}, and {file.key!r} {other!r}",
                    expected="the same in all keys of a batch",
                )
    said: dict[str, Any] = dict(zip(FIELDS, first.said, strict=True))
    own = options.over(BatchOptions(**said)).checked()
    manifest = Manifest(
        batch=batch or batch_id(first.time, first.group),
        vehicle=str(own.vehicle),
        platform=str(own.platform),
        firmware=str(own.firmware),
        firmware_from=own.firmware_from,
        campaign=own.campaign,
        priority=str(own.priority),
        created=first.time,
        files=tuple(
            BatchFile(file.name, file.size, None, str(Address(bucket, file.key)), file.etag)
            for file in sorted(files, key=lambda file: file.name)
        ),
        tags=dict(own.tags),
    )
    try:
        return parse_manifest(manifest.to_json(), key=MANIFEST_NAME, batch=manifest.batch)
    except BadManifest as error:
        # Its hint is to mend a manifest, and there is none yet.
        raise BadInput(f"its {error.what}", expected=error.expected) from error


def as_it_is_there(planned: Manifest, known: Manifest) -> Manifest:
    """The planned manifest with what only the known one can say."""
    return replace(planned, created=known.created, unknown=known.unknown)


def differences(known: Manifest, planned: Manifest) -> str:
    """What a new manifest would change, for people; empty where that is nothing."""
    before = {file.name: file for file in known.files}
    after = {file.name: file for file in planned.files}
    changed = sum(before[name] != after[name] for name in before.keys() & after.keys())
    counts = {
        "more": len(after.keys() - before.keys()),
        "fewer": len(before.keys() - after.keys()),
        "changed": changed,
    }
    texts = [f"{count} {_files(count)} {what}" for what, count in counts.items() if count]
    for field in fields(Manifest):
        if field.name not in {"files", "created", "unknown"}:
            old, new = getattr(known, field.name), getattr(planned, field.name)
            if old != new:
                texts.append(f"{field.name} {old or 'none'} is now {new or 'none'}")
    return ", ".join(texts)


def _check_names(files: Sequence[FoundFile]) -> None:
    times = Counter(file.name for file in files)
    for name, count in times.items():
        if count > 1:
            both = [repr(file.key) for file in files if file.name == name][:2]
            raise BadInput(
                f"{' and '.join(both)} would both be called {name!r}",
                expected="every name once in a batch",
                hint="Let the pattern tell them apart: {path} takes folders into the name, and "
                "{batch} makes batches of its own",
            )


def _files(count: int) -> str:
    return "file" if count == 1 else "files"
