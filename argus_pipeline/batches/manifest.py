"""The manifest: the JSON that completes a batch. A public interface: any S3 client may write it."""

from __future__ import annotations

import json
import re
from collections.abc import Mapping
from dataclasses import asdict, dataclass, field, fields
from datetime import UTC, datetime
from typing import Any, Final

from argus_pipeline.batches.names import SAFE_NAME_RULE, is_safe_name
from argus_pipeline.errors import BadInput
from argus_pipeline.storage.archives import ADDRESS_RULE, read_address
from argus_pipeline.storage.keys import MANIFEST_NAME

SCHEMA: Final = 1
PRIORITIES: Final = ("P0", "P1", "P2")
DEFAULT_PRIORITY: Final = "P1"
SPECIFICATION_SUFFIX: Final = ".odvd"
CATALOGUE_SUFFIXES: Final = (".fibex", ".xml")
NO_RECORDINGS: Final = f"{SPECIFICATION_SUFFIX}, {' or '.join(CATALOGUE_SUFFIXES)}"
"""What files end in that are read beside recordings, for messages."""
# A manifest of 100,000 files is about 16 MB; more is somebody else's file.
MAX_MANIFEST_BYTES: Final = 64 * 1024 * 1024
# What a signed 64-bit column holds; no store takes objects of that size.
MAX_FILE_BYTES: Final = 2**63 - 1
_SHA256 = re.compile(r"[0-9a-f]{64}")
# RFC 9110, 8.8.3, without the quotes and with visible ASCII only.
_ETAG = re.compile(r"[\x21\x23-\x7e]{1,256}")
_HINT = "Mend the manifest and put it again: a manifest with other bytes is looked at anew"


def is_specification_name(name: str) -> bool:
    """Whether a file of this name is an `.odvd` message specification."""
    return name.endswith(SPECIFICATION_SUFFIX)


def is_catalogue_name(name: str) -> bool:
    """Whether a file of this name is a FIBEX catalogue."""
    return name.lower().endswith(CATALOGUE_SUFFIXES)


def is_recording_name(name: str) -> bool:
    """Whether a file of this name is a recording, whose format its bytes tell."""
    return not (is_specification_name(name) or is_catalogue_name(name))


class BadManifest(BadInput):
    """The manifest cannot be used; the message names the field."""


@dataclass(frozen=True, slots=True)
class BatchFile:
    """One file of a batch.

    Attributes:
        name: its name in the batch.
        size: bytes.
        sha256: of its bytes, in hex; None only where `etag` tells them.
        source: the `s3://` address of the object that holds its bytes; None where they were
            uploaded into the batch's own folder.
        etag: of the object at `source`, without quotes.
    """

    name: str
    size: int
    sha256: str | None
    source: str | None = None
    etag: str | None = None

    @property
    def identity(self) -> str:
        """What its bytes are known by: another identity means other bytes.

        An ETag says that of one object only (RFC 9110, 8.8.3), so the source belongs to it.
        """
        return self.sha256 or f"etag:{self.etag} {self.source}"

    def to_dict(self) -> dict[str, Any]:
        """The entry of a manifest; what is None is left out."""
        return {k: v for k, v in asdict(self).items() if v is not None}

    @property
    def is_specification(self) -> bool:
        """Whether this is an `.odvd` message specification and not a recording."""
        return is_specification_name(self.name)

    @property
    def is_catalogue(self) -> bool:
        """Whether this is a FIBEX catalogue and not a recording."""
        return is_catalogue_name(self.name)

    @property
    def is_recording(self) -> bool:
        """Whether this is neither of them."""
        return is_recording_name(self.name)


@dataclass(frozen=True, slots=True)
class Manifest:
    """What a batch is. `unknown` keeps the fields that this version does not know."""

    batch: str
    vehicle: str
    platform: str
    firmware: str
    created: datetime
    files: tuple[BatchFile, ...]
    firmware_from: str | None = None
    campaign: str | None = None
    priority: str = DEFAULT_PRIORITY
    tags: Mapping[str, str] = field(default_factory=dict)
    unknown: Mapping[str, Any] = field(default_factory=dict)

    @property
    def recordings(self) -> tuple[BatchFile, ...]:
        """The files that are recordings, in the manifest's order."""
        return tuple(f for f in self.files if f.is_recording)

    @property
    def specifications(self) -> tuple[BatchFile, ...]:
        """The `.odvd` files that this batch brings along."""
        return tuple(f for f in self.files if f.is_specification)

    @property
    def catalogues(self) -> tuple[BatchFile, ...]:
        """The FIBEX catalogues that this batch brings along."""
        return tuple(f for f in self.files if f.is_catalogue)

    def to_json(self) -> bytes:
        """The manifest as UTF-8 JSON, the same bytes for the same manifest."""
        content: dict[str, Any] = {
            "schema": SCHEMA,
            "batch": self.batch,
            "vehicle": self.vehicle,
            "platform": self.platform,
            "firmware": self.firmware,
            "firmware_from": self.firmware_from,
            "campaign": self.campaign,
            "priority": self.priority,
            "created": self.created.astimezone(UTC).isoformat().replace("+00:00", "Z"),
            "files": [file.to_dict() for file in self.files],
            "tags": dict(self.tags),
            **self.unknown,
        }
        content = {k: v for k, v in content.items() if v is not None}
        return json.dumps(content, indent=1, ensure_ascii=False).encode() + b"\n"


_KNOWN = {"schema", *(field.name for field in fields(Manifest))} - {"unknown"}


def parse_manifest(data: bytes, *, key: str, batch: str | None = None) -> Manifest:
    """Read a manifest and check every field of it.

    Args:
        data: the bytes of the manifest.
        key: where it lies, for the message.
        batch: the batch id that the key names, which the manifest has to repeat.

    Raises:
        BadManifest: naming the field, what it holds and what was expected.
    """
    if len(data) > MAX_MANIFEST_BYTES:
        raise _bad(key, "is too large", f"at most {MAX_MANIFEST_BYTES} bytes")
    try:
        content = json.loads(data.decode("utf-8-sig"))
    except UnicodeDecodeError as error:
        raise _bad(key, f"is not UTF-8 at byte {error.start}", "JSON in UTF-8") from error
    except json.JSONDecodeError as error:
        raise _bad(key, f"is not JSON at byte {error.pos}: {error.msg}", "a JSON object") from error
    except RecursionError as error:
        raise _bad(key, "is nested too deeply", "a JSON object") from error
    except ValueError as error:
        # Python refuses integers of thousands of digits.
        raise _bad(key, f"cannot be read: {error}", "a JSON object") from error
    if not isinstance(content, dict):
        raise _bad(key, f"is a JSON {type(content).__name__}", "a JSON object")

    schema = _required(content, "schema", key)
    if schema != SCHEMA or isinstance(schema, bool):
        raise _bad(key, f"field 'schema' is {schema!r}", str(SCHEMA))
    manifest = Manifest(
        batch=_name(content, "batch", key),
        vehicle=_name(content, "vehicle", key),
        platform=_name(content, "platform", key),
        firmware=_name(content, "firmware", key),
        firmware_from=_optional_name(content, "firmware_from", key),
        campaign=_optional_name(content, "campaign", key),
        priority=_priority(content, key),
        created=_created(content, key),
        files=_files(content, key),
        tags=_tags(content, key),
        unknown=_unknown(content, key),
    )
    if batch is not None and manifest.batch != batch:
        raise _bad(key, f"field 'batch' is {manifest.batch!r}", f"{batch!r}, as its key says")
    return manifest


def _bad(key: str, what: str, expected: str) -> BadManifest:
    return BadManifest(f"manifest {what}", where=key, expected=expected, hint=_HINT)


def _required(content: Mapping[str, Any], name: str, key: str) -> Any:
    if content.get(name) is None:
        raise _bad(key, f"lacks the field '{name}'", "it to be there")
    return content[name]


def _name(content: Mapping[str, Any], name: str, key: str) -> str:
    value = _required(content, name, key)
    if not is_safe_name(value):
        raise _bad(key, f"field '{name}' is {value!r}", SAFE_NAME_RULE)
    return str(value)


def _optional_name(content: Mapping[str, Any], name: str, key: str) -> str | None:
    return None if content.get(name) is None else _name(content, name, key)


def _priority(content: Mapping[str, Any], key: str) -> str:
    value = content.get("priority")
    if value is None:
        return DEFAULT_PRIORITY
    if value not in PRIORITIES:
        raise _bad(key, f"field 'priority' is {value!r}", ", ".join(PRIORITIES))
    return str(value)


def _created(content: Mapping[str, Any], key: str) -> datetime:
    value = _required(content, "created", key)
    try:
        created = datetime.fromisoformat(value)
    except (TypeError, ValueError) as error:
        raise _bad(
            key, f"field 'created' is {value!r}", "a time such as 2026-11-23T10:15:00Z"
        ) from error
    if created.tzinfo is None:
        raise _bad(key, f"field 'created' is {value!r}", "a time with its zone, best Z for UTC")
    try:
        return created.astimezone(UTC)
    except OverflowError as error:
        raise _bad(key, f"field 'created' is {value!r}", "a time after the year 1") from error


def _files(content: Mapping[str, Any], key: str) -> tuple[BatchFile, ...]:
    value = _required(content, "files", key)
    if not isinstance(value, list):
        raise _bad(key, f"field 'files' is a {type(value).__name__}", "a list")
    files = tuple(_file(entry, index, key) for index, entry in enumerate(value))
    seen: set[str] = set()
    for file in files:
        if file.name in seen:
            raise _bad(key, f"names the file {file.name!r} twice", "every name once")
        seen.add(file.name)
    if not any(file.is_recording for file in files):
        raise _bad(key, "names no recording", f"at least one file that is not {NO_RECORDINGS}")
    return files


def _file(entry: Any, index: int, key: str) -> BatchFile:
    where = f"files[{index}]"
    if not isinstance(entry, dict):
        raise _bad(key, f"field '{where}' is {entry!r}", "an object with name, size, sha256")
    name, size, sha256 = (entry.get(k) for k in ("name", "size", "sha256"))
    if not is_safe_name(name):
        raise _bad(key, f"field '{where}.name' is {name!r}", SAFE_NAME_RULE)
    if name == MANIFEST_NAME:
        raise _bad(key, f"field '{where}.name' is {name!r}", "the name of a recording")
    if not isinstance(size, int) or isinstance(size, bool) or not 0 <= size <= MAX_FILE_BYTES:
        raise _bad(key, f"field '{where}.size' is {size!r}", "a number of bytes")
    source, etag = _source(entry, where, key)
    if sha256 is None and etag is not None:
        return BatchFile(str(name), size, None, source, etag)
    if not isinstance(sha256, str) or not _SHA256.fullmatch(sha256.lower()):
        raise _bad(key, f"field '{where}.sha256' is {sha256!r}", "64 hex digits")
    return BatchFile(str(name), size, sha256.lower(), source, etag)


def _source(entry: Mapping[str, Any], where: str, key: str) -> tuple[str | None, str | None]:
    """Where the bytes lie and their ETag; without a source, an ETag is not looked at."""
    source, etag = entry.get("source"), entry.get("etag")
    if source is None:
        return None, None
    if read_address(source) is None:
        raise _bad(key, f"field '{where}.source' is {source!r}", ADDRESS_RULE)
    if etag is not None and not (isinstance(etag, str) and _ETAG.fullmatch(etag)):
        raise _bad(key, f"field '{where}.etag' is {etag!r}", "an ETag, without quotes")
    return str(source), etag


def _tags(content: Mapping[str, Any], key: str) -> Mapping[str, str]:
    value = content.get("tags")
    if value is None:
        return {}
    if not isinstance(value, dict) or not all(isinstance(v, str) for v in value.values()):
        raise _bad(key, f"field 'tags' is {value!r}", "an object of texts")
    _check_unicode("tags", value, key)
    return dict(value)


def _unknown(content: Mapping[str, Any], key: str) -> Mapping[str, Any]:
    unknown = {k: v for k, v in content.items() if k not in _KNOWN}
    for name, value in unknown.items():
        _check_unicode(name, {name: value}, key)
    return unknown


def _check_unicode(name: str, value: Any, key: str) -> None:
    """JSON can spell half a surrogate pair, which no UTF-8 can hold again."""
    try:
        json.dumps(value, ensure_ascii=False).encode()
    except UnicodeEncodeError as error:
        raise _bad(key, f"field {name!r} has half a surrogate pair", "Unicode text") from error
    except RecursionError as error:
        raise _bad(key, f"field {name!r} is nested too deeply", "fewer levels") from error
