"""Adopts an archive from beginning to end: lists it, compares with what is there, writes manifests.

A batch is one manifest in Argus's own bucket, as an upload would have left it; the recordings stay
where they are. Killed at any moment, the same call goes on: what has a manifest is not done again.
"""

from __future__ import annotations

import hashlib
from collections.abc import Iterator, Sequence
from concurrent.futures import ThreadPoolExecutor
from dataclasses import dataclass, field
from datetime import UTC, datetime, timedelta
from enum import StrEnum
from functools import partial
from typing import Final, Protocol

from argus_pipeline import settings
from argus_pipeline.adopt.groups import KnownBatch, opened_groups
from argus_pipeline.adopt.known import note_known
from argus_pipeline.adopt.pattern import Pattern
from argus_pipeline.adopt.plan import (
    FoundFile,
    as_it_is_there,
    differences,
    make_manifest,
)
from argus_pipeline.adopt.survey import Sample, Survey, survey
from argus_pipeline.batches.arrivals import DEFAULT_LOOK_BACK_DAYS, Folder, read_candidate
from argus_pipeline.batches.given_up import request_retry
from argus_pipeline.batches.manifest import Manifest
from argus_pipeline.errors import BadInput
from argus_pipeline.storage.archives import Address
from argus_pipeline.storage.object_store import ObjectExists, ObjectStore
from argus_pipeline.upload.options import BatchOptions

EXAMPLES: Final = 3
# Several requests at a time hide the store's answer times.
_THREADS: Final = 16
# So many are looked at together: enough for the threads, and little in memory.
_BATCHES_AT_A_TIME: Final = 256
_FILES_AT_A_TIME: Final = 20_000


class Kind(StrEnum):
    """How a batch of an archive stands."""

    NEW = "new"
    LATER = "left for another time"
    SAME = "there already"
    CHANGED = "changed since"
    REFUSED = "refused"


@dataclass
class Count:
    """Of batches: how many, their files, how many of these are recordings, and their bytes."""

    batches: int = 0
    files: int = 0
    recordings: int = 0
    bytes: int = 0


@dataclass
class Adoption:
    """What was found, and what was done about it.

    Attributes:
        folder: the archive.
        survey: what the listing had.
        counts: by how a batch stands.
        examples: the first new batches.
        changed: batches that are there and have changed since, with what.
        refused: batches that cannot be one, and why.
        alike: adopted batches of the same vehicle and time under other ids.
        written: manifests that were written now, new ones and those in the place of others.
    """

    folder: Address
    survey: Survey = field(default_factory=Survey)
    counts: dict[Kind, Count] = field(default_factory=lambda: {kind: Count() for kind in Kind})
    examples: list[Manifest] = field(default_factory=list)
    changed: Sample = field(default_factory=Sample)
    refused: Sample = field(default_factory=Sample)
    alike: Sample = field(default_factory=Sample)
    written: int = 0

    @property
    def is_whole(self) -> bool:
        """Whether nothing that fits the pattern was refused."""
        return not (self.survey.refused.count or self.refused.count)


class Progress(Protocol):
    """Who is told how far it is."""

    def listed(self, keys: int) -> None:
        """So many more keys of the archive were read."""

    def grouped(self, batches: int) -> None:
        """So many batches are looked at from now on."""

    def decided(self, batches: int) -> None:
        """So many more of them are done with."""


class _Silent:
    def listed(self, keys: int) -> None:
        pass

    def grouped(self, batches: int) -> None:
        pass

    def decided(self, batches: int) -> None:
        pass


SILENT: Final[Progress] = _Silent()


@dataclass(frozen=True, slots=True)
class _Planned:
    """One batch: how it stands, its manifest as it should be, and where that goes."""

    kind: Kind
    files: Sequence[FoundFile]
    folder: Folder | None = None
    manifest: Manifest | None = None
    note: str = ""


def adopt(
    store: ObjectStore,
    folder: Address,
    pattern: Pattern,
    options: BatchOptions,
    *,
    write: bool,
    update: bool = False,
    limit: int | None = None,
    now: datetime | None = None,
    progress: Progress = SILENT,
) -> Adoption:
    """Find the batches of an archive, and write the manifests that are not there yet.

    Args:
        store: Argus's own bucket.
        folder: of the archive.
        pattern: over the keys in that folder.
        options: what holds for all batches.
        write: whether to write anything at all.
        update: write new manifests of batches that have changed since, too.
        limit: new batches to adopt at the most, the oldest first; by default all.
        now: the time, for tests.
        progress: is told how far it is.

    Raises:
        BadInput: there is nothing in the archive, or nothing fits the pattern.
        ArgusError: a bucket cannot be read or written.
        Unavailable: the store does not answer; a repeat goes on.
    """
    today = (now or datetime.now(UTC)).astimezone(UTC)
    done = Adoption(folder)
    with opened_groups() as groups, ThreadPoolExecutor(_THREADS) as threads:
        done.survey = survey(store, folder, pattern, options, groups, progress.listed)
        progress.grouped(groups.finish())
        done.alike = note_known(store, groups)
        decide = partial(_decide, store, options, folder.bucket, today)
        for chunk in _chunks(groups.batches()):
            planned = [
                _within(one, done, limit) for one in threads.map(decide, *zip(*chunk, strict=True))
            ]
            for one in planned:
                _note(one, done)
            if write:
                wanted = {Kind.NEW, Kind.CHANGED} if update else {Kind.NEW}
                chosen = [one for one in planned if one.kind in wanted]
                done.written += sum(threads.map(partial(_write, store, today), chosen))
            progress.decided(len(planned))
    return done


def _decide(
    store: ObjectStore,
    options: BatchOptions,
    bucket: str,
    today: datetime,
    files: Sequence[FoundFile],
    known: KnownBatch | None,
) -> _Planned:
    try:
        manifest = make_manifest(files, options, bucket, known.folder.name if known else None)
    except BadInput as error:
        return _Planned(Kind.REFUSED, files, note=f"the batch of {files[0].key!r}: {error}")
    if known is None:
        return _Planned(Kind.NEW, files, Folder(today.date(), manifest.batch), manifest)
    folder = known.folder
    # The ETag of what goes in one piece is its MD5, where the store does not encrypt: then nothing
    # has to be read.
    if known.etag == hashlib.md5(manifest.to_json(), usedforsecurity=False).hexdigest():
        return _Planned(Kind.SAME, files, folder, manifest)
    there = read_candidate(store, folder)
    if there is None:  # removed meanwhile
        return _Planned(Kind.NEW, files, folder, manifest)
    if there.manifest is None:
        return _Planned(Kind.CHANGED, files, folder, manifest, f"{folder.name}: {there.error}")
    manifest = as_it_is_there(manifest, there.manifest)
    note = differences(there.manifest, manifest)
    kind = Kind.CHANGED if note else Kind.SAME
    return _Planned(kind, files, folder, manifest, f"{folder.name}: {note}")


def _within(one: _Planned, done: Adoption, limit: int | None) -> _Planned:
    """The batch, left for another time where the limit is reached; counted all the same."""
    if one.kind is Kind.NEW and limit is not None and done.counts[Kind.NEW].batches >= limit:
        one = _Planned(Kind.LATER, one.files, one.folder, one.manifest)
    count = done.counts[one.kind]
    count.batches += 1
    count.files += len(one.files)
    count.bytes += sum(file.size for file in one.files)
    count.recordings += len(one.manifest.recordings) if one.manifest else 0
    return one


def _note(one: _Planned, done: Adoption) -> None:
    if one.kind is Kind.REFUSED:
        done.refused.add(one.note)
    elif one.kind is Kind.CHANGED:
        done.changed.add(one.note)
    elif one.kind is Kind.NEW and one.manifest and len(done.examples) < EXAMPLES:
        done.examples.append(one.manifest)


def _write(store: ObjectStore, today: datetime, one: _Planned) -> bool:
    """Write one manifest; whether it was not there."""
    assert one.manifest is not None
    assert one.folder is not None
    if one.kind is Kind.NEW:
        try:
            store.put(one.folder.manifest_key, one.manifest.to_json(), only_if_new=True)
        except ObjectExists:
            return False
        return True
    store.put(one.folder.manifest_key, one.manifest.to_json())
    looked_at = timedelta(days=settings.look_back_days(DEFAULT_LOOK_BACK_DAYS))
    if one.folder.day < today.date() - looked_at:
        # The upload sensor no longer looks there.
        request_retry(store, one.folder.name)
    return True


def _chunks(
    batches: Iterator[tuple[Sequence[FoundFile], KnownBatch | None]],
) -> Iterator[list[tuple[Sequence[FoundFile], KnownBatch | None]]]:
    chunk: list[tuple[Sequence[FoundFile], KnownBatch | None]] = []
    files = 0
    for one in batches:
        chunk.append(one)
        files += len(one[0])
        if len(chunk) >= _BATCHES_AT_A_TIME or files >= _FILES_AT_A_TIME:
            yield chunk
            chunk, files = [], 0
    if chunk:
        yield chunk
