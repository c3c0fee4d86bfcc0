"""Sends a batch to the bucket: the files first, the manifest last."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from concurrent.futures import ThreadPoolExecutor
from dataclasses import dataclass
from datetime import UTC, datetime
from pathlib import Path
from typing import Final

from argus_pipeline.batches.manifest import Manifest
from argus_pipeline.batches.names import safe_name
from argus_pipeline.errors import BadInput
from argus_pipeline.storage import keys
from argus_pipeline.storage.object_store import ObjectExists, ObjectStore
from argus_pipeline.upload.arguments import BatchArguments, new_batch_id
from argus_pipeline.upload.files import LocalFile, check_unchanged, read_file

FILES_AT_ONCE: Final = 4


@dataclass(frozen=True, slots=True)
class Uploaded:
    """What an upload came to. `already_there` says that the batch was complete before."""

    manifest: Manifest
    manifest_key: str
    sent: tuple[str, ...]
    kept: tuple[str, ...]
    already_there: bool


def read_files(
    paths: Sequence[Path], progress: Callable[[int], None] = lambda size: None
) -> Sequence[LocalFile]:
    """Size and SHA-256 of all files, a few at a time; `progress` gets the bytes read."""
    with ThreadPoolExecutor(FILES_AT_ONCE) as threads:
        return list(threads.map(lambda path: read_file(path, progress), paths))


def upload_batch(
    store: ObjectStore,
    files: Sequence[LocalFile],
    arguments: BatchArguments,
    *,
    batch: str | None = None,
    created: datetime | None = None,
    progress: Callable[[int], None] = lambda size: None,
) -> Uploaded:
    """Upload the files of a batch and complete it.

    Files that lie there already with the same size and SHA-256 are not sent again, so an upload
    that broke off goes on when it is repeated with its batch id.

    Args:
        store: where to.
        files: what `read_files` found.
        arguments: what the batch is.
        batch: the id of an upload that is to go on; a new one by default.
        created: the time of the batch (UTC); by default now, or that of the id.
        progress: gets the bytes sent, or found to be there.

    Raises:
        BadInput: a file changed meanwhile, or the batch is complete with other content.
        Unavailable: the store does not answer.
    """
    created = created or _time_of(batch) or datetime.now(UTC).replace(microsecond=0)
    batch = safe_name(batch or new_batch_id(arguments.vehicle, created), "the batch id")
    manifest = Manifest(
        batch=batch,
        vehicle=arguments.vehicle,
        platform=arguments.platform,
        firmware=arguments.firmware,
        firmware_from=arguments.firmware_from,
        campaign=arguments.campaign,
        priority=arguments.priority,
        created=created,
        files=tuple(file.entry for file in files),
        tags=arguments.tags,
    )
    prefix = keys.incoming(created.date(), batch)
    manifest_key = prefix + keys.MANIFEST_NAME
    if store.head(manifest_key) is not None:
        _refuse_other_content(store, manifest_key, manifest)
        return Uploaded(manifest, manifest_key, (), tuple(f.entry.name for f in files), True)

    def send(file: LocalFile) -> bool:
        key = prefix + file.entry.name
        if _is_there(store, key, file):
            progress(file.entry.size)
            return False
        check_unchanged(file)
        store.put_verified(key, file.path, sha256=file.entry.sha256, progress=progress)
        check_unchanged(file)
        return True

    with ThreadPoolExecutor(FILES_AT_ONCE) as threads:
        sent = list(threads.map(send, files))
    try:
        store.put(manifest_key, manifest.to_json(), only_if_new=True)
    except ObjectExists:
        # Somebody else completed the same batch meanwhile.
        _refuse_other_content(store, manifest_key, manifest)
    names = [file.entry.name for file in files]
    return Uploaded(
        manifest,
        manifest_key,
        tuple(name for name, new in zip(names, sent, strict=True) if new),
        tuple(name for name, new in zip(names, sent, strict=True) if not new),
        False,
    )


def _is_there(store: ObjectStore, key: str, file: LocalFile) -> bool:
    found = store.head(key)
    if found is None or found.size != file.entry.size:
        return False
    return store.sha256(key) == file.entry.sha256


def _refuse_other_content(store: ObjectStore, key: str, manifest: Manifest) -> None:
    if store.get(key) != manifest.to_json():
        raise BadInput(
            f"the batch {manifest.batch!r} is complete already, with other content",
            where=store.uri(key),
            hint="Upload without --batch to make a new one",
        )


def _time_of(batch: str | None) -> datetime | None:
    try:
        return datetime.strptime((batch or "")[:16], "%Y%m%dT%H%M%SZ").replace(tzinfo=UTC)
    except ValueError:
        return None
