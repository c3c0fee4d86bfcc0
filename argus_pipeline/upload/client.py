"""An upload from beginning to end: fingerprints, files, and the manifest last."""

from __future__ import annotations

import contextlib
import secrets
import time
from collections.abc import Iterator, Sequence
from concurrent.futures import ThreadPoolExecutor
from dataclasses import dataclass
from datetime import UTC, date, datetime, timedelta
from enum import StrEnum
from pathlib import Path
from typing import Final, Protocol

from argus_pipeline.batches.arrivals import DEFAULT_LOOK_BACK_DAYS
from argus_pipeline.batches.manifest import Manifest, parse_manifest
from argus_pipeline.batches.names import safe_name
from argus_pipeline.errors import BadInput
from argus_pipeline.storage import keys
from argus_pipeline.storage.object_store import ObjectExists, ObjectMissing, ObjectStore
from argus_pipeline.upload import plan, transfer
from argus_pipeline.upload.files import check_unchanged, fingerprint, size_of
from argus_pipeline.upload.options import BatchOptions
from argus_pipeline.upload.plan import Action, LocalFile, StoredFile

# Several requests at a time hide the store's answer times; each may hold a part of 16 MiB.
FILES_AT_A_TIME: Final = 4
PARTS_AT_A_TIME: Final = 4


class Stage(StrEnum):
    """What an upload is doing."""

    READING = "reading"
    SENDING = "sending"


class Progress(Protocol):
    """Who is told how far an upload is. Calls come from several threads."""

    def began(self, stage: Stage, total: int) -> None:
        """A stage of `total` bytes begins."""

    def advanced(self, stage: Stage, amount: int) -> None:
        """So many more bytes are done."""


class _Silent:
    def began(self, stage: Stage, total: int) -> None:
        pass

    def advanced(self, stage: Stage, amount: int) -> None:
        pass


SILENT: Final[Progress] = _Silent()


@dataclass(frozen=True, slots=True)
class Batch:
    """A batch that is ready to be sent: its id, its folder's day, its manifest and its files."""

    day: date
    manifest: Manifest
    files: tuple[LocalFile, ...]

    @property
    def id(self) -> str:
        """The batch id."""
        return self.manifest.batch

    @property
    def prefix(self) -> str:
        """Where its files go."""
        return keys.incoming(self.day, self.id)

    @property
    def manifest_key(self) -> str:
        """Where its manifest goes."""
        return self.prefix + keys.MANIFEST_NAME


@dataclass(frozen=True, slots=True)
class Uploaded:
    """How an upload ended.

    Attributes:
        batch: the batch id.
        manifest_key: where its manifest lies, relative to the prefix.
        already_there: the whole batch was there before, with the same content.
        sent: names of the files that were sent now.
        kept: names of the files that were there already.
        sent_bytes: how many bytes of them; parts that were there already do not count.
        seconds: how long it took.
    """

    batch: str
    manifest_key: str
    already_there: bool
    sent: tuple[str, ...]
    kept: tuple[str, ...]
    sent_bytes: int
    seconds: float


def prepare(
    paths: Sequence[Path],
    options: BatchOptions,
    *,
    batch: str | None = None,
    now: datetime | None = None,
    progress: Progress = SILENT,
) -> Batch:
    """Fingerprint the files and make the manifest. Nothing is sent.

    Args:
        paths: the files, as `find_files` gave them.
        options: what the batch is.
        batch: its id; without one a new one is made, of the time, the vehicle and chance.
        now: the time, for tests.
        progress: is told how far it is.

    Raises:
        BadInput: an option is missing or wrong, or a file cannot be read.
    """
    checked = options.checked()
    if batch is None:
        now = now or datetime.now(UTC)
        batch = plan.new_batch_id(str(checked.vehicle), now, secrets.token_hex(2))
    else:
        safe_name(batch, "--batch")
    # The id's own time makes the manifest of a repeated upload the same to the byte.
    created = plan.time_in_id(batch) or (now or datetime.now(UTC)).replace(microsecond=0)

    progress.began(Stage.READING, sum(size_of(path) for path in paths))
    with ThreadPoolExecutor(FILES_AT_A_TIME) as threads, _cancelling(threads):
        files = tuple(
            threads.map(
                lambda path: fingerprint(path, lambda n: progress.advanced(Stage.READING, n)), paths
            )
        )
    manifest = plan.make_manifest(batch, created, checked, files)
    parse_manifest(manifest.to_json(), key=keys.MANIFEST_NAME, batch=batch)
    return Batch(created.date(), manifest, files)


def upload(store: ObjectStore, batch: Batch, *, progress: Progress = SILENT) -> Uploaded:
    """Send what is not there yet, and the manifest last.

    Raises:
        BadInput: a file changed meanwhile, or the batch is there with other content.
        ArgusError: the store refused.
        Unavailable: the store did not answer; a repeat with the same id goes on.
    """
    began = time.monotonic()
    batch = _in_its_folder(store, batch)
    stored = _stored_files(store, batch)
    if keys.MANIFEST_NAME in stored:
        return _compared(store, batch, began)

    actions = plan.decide_all(batch.files, stored)
    total = sum(f.size for f in batch.files if actions[f.name] is not Action.NOTHING)
    progress.began(Stage.SENDING, total)

    def bring(file: LocalFile) -> int | None:
        def advance(amount: int) -> None:
            progress.advanced(Stage.SENDING, amount)

        key = batch.prefix + file.name
        action = actions[file.name]
        if action is Action.READ and _is_there(store, key, file):
            advance(file.size)
            action = Action.NOTHING
        if action is Action.NOTHING:
            return None
        return transfer.send(store, key, file, parts, advance)

    with (
        ThreadPoolExecutor(PARTS_AT_A_TIME) as parts,
        ThreadPoolExecutor(FILES_AT_A_TIME) as threads,
        _cancelling(threads),
    ):
        took = list(threads.map(bring, batch.files))

    for file in batch.files:
        check_unchanged(file)
    try:
        store.put(batch.manifest_key, batch.manifest.to_json(), only_if_new=True)
    except ObjectExists:
        return _compared(store, batch, began)
    sent = [file for file, size in zip(batch.files, took, strict=True) if size is not None]
    kept = [file for file, size in zip(batch.files, took, strict=True) if size is None]
    return Uploaded(
        batch=batch.id,
        manifest_key=batch.manifest_key,
        already_there=False,
        sent=tuple(file.name for file in sent),
        kept=tuple(file.name for file in kept),
        sent_bytes=sum(size or 0 for size in took),
        seconds=time.monotonic() - began,
    )


def is_out_of_sight(batch: Batch, now: datetime | None = None) -> bool:
    """Whether the folder's day is before those that the upload sensor looks at by default."""
    today = (now or datetime.now(UTC)).astimezone(UTC).date()
    return batch.day < today - timedelta(days=DEFAULT_LOOK_BACK_DAYS)


def _in_its_folder(store: ObjectStore, batch: Batch) -> Batch:
    """The batch with the day of the folder that an earlier, unfinished upload began.

    An id with a time says the day itself. One without may have been begun on an earlier day.
    """
    if plan.time_in_id(batch.id) is not None:
        return batch
    for age in range(DEFAULT_LOOK_BACK_DAYS + 1):
        day = batch.day - timedelta(days=age)
        if next(store.list(keys.incoming(day, batch.id)), None) is not None:
            return Batch(day, batch.manifest, batch.files)
    return batch


def _stored_files(store: ObjectStore, batch: Batch) -> dict[str, StoredFile]:
    """What is in the folder; checksums are asked for only where the size is the same."""
    stored = {
        found.key.removeprefix(batch.prefix): StoredFile(found.size)
        for found in store.list(batch.prefix)
    }
    if not stored or keys.MANIFEST_NAME in stored:
        return stored
    candidates = [f for f in batch.files if stored.get(f.name) == StoredFile(f.size)]
    with ThreadPoolExecutor(FILES_AT_A_TIME) as threads:
        found = threads.map(lambda f: transfer.look(store, batch.prefix + f.name), candidates)
        return {**stored, **{f.name: s for f, s in zip(candidates, found, strict=True)}}


def _is_there(store: ObjectStore, key: str, file: LocalFile) -> bool:
    try:
        return store.sha256(key) == file.sha256
    except ObjectMissing:
        return False


def _compared(store: ObjectStore, batch: Batch, began: float) -> Uploaded:
    data = store.get(batch.manifest_key)
    try:
        same = plan.is_same_batch(
            batch.manifest, parse_manifest(data, key=batch.manifest_key, batch=batch.id)
        )
    except BadInput:
        same = False
    if not same:
        raise BadInput(
            f"the batch {batch.id!r} is complete already, with other content",
            where=store.uri(batch.manifest_key),
            hint="Leave --batch out to upload these files as a new batch",
        )
    return Uploaded(
        batch=batch.id,
        manifest_key=batch.manifest_key,
        already_there=True,
        sent=(),
        kept=tuple(file.name for file in batch.files),
        sent_bytes=0,
        seconds=time.monotonic() - began,
    )


@contextlib.contextmanager
def _cancelling(threads: ThreadPoolExecutor) -> Iterator[None]:
    """After an error, begin nothing more."""
    try:
        yield
    except BaseException:
        threads.shutdown(wait=True, cancel_futures=True)
        raise
