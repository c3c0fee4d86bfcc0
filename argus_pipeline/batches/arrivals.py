"""Which uploads are complete and new. The decision is a pure function; looking is another.

A batch is complete when its manifest is there. What is known is known by its partition key, and
a mended manifest by its ETag. The cursor is only a speed-up: without it, or with one that cannot
be read, the same arrivals are found again and Dagster's run keys keep them from running twice.
"""

from __future__ import annotations

import json
from collections import deque
from collections.abc import Callable, Collection, Iterable, Iterator, Mapping, Sequence
from concurrent.futures import ThreadPoolExecutor
from contextlib import suppress
from dataclasses import asdict, dataclass, field
from datetime import UTC, date, datetime, timedelta
from itertools import groupby, zip_longest
from typing import Final
from urllib.parse import quote

from argus_pipeline.batches.manifest import MAX_MANIFEST_BYTES, Manifest, parse_manifest
from argus_pipeline.batches.names import SAFE_NAME_RULE, is_safe_name
from argus_pipeline.batches.pacing import Pace, in_turn
from argus_pipeline.errors import ArgusError, BadInput, Unavailable
from argus_pipeline.storage import keys
from argus_pipeline.storage.object_store import ObjectMissing, ObjectStore

DEFAULT_LOOK_BACK_DAYS: Final = 7
# A known manifest may be mended, so each tick looks at some of them again, in turn.
RECHECKS_PER_TICK: Final = 200
READ_TOGETHER: Final = 16
# An archive that is adopted brings tens of thousands at once, and a tick should take seconds.
NEW_PER_TICK: Final = 200
_THREADS: Final = 8


@dataclass(frozen=True, slots=True)
class Folder:
    """The folder of one batch under `incoming/`: its day and the last part of its prefix."""

    day: date
    name: str

    @property
    def manifest_key(self) -> str:
        """Where its manifest lies, or will."""
        return f"{keys.incoming(self.day, self.name)}{keys.MANIFEST_NAME}"


@dataclass(frozen=True, slots=True)
class Candidate:
    """A manifest that was read: where it lies, the ETag of just these bytes, and what it says."""

    folder: Folder
    etag: str
    manifest: Manifest | None
    error: str | None = None


@dataclass(frozen=True, slots=True)
class Cursor:
    """What the last look left behind.

    Attributes:
        position: the last known batch that was looked at again; the next look goes on after it.
        rejected: manifest ETag by batch, of manifests that were reported as bad already.
        new_position: as `position`, of unknown batches, where they are too many for one look.
        pace: of the runs that were requested.
    """

    position: str = ""
    rejected: Mapping[str, str] = field(default_factory=dict)
    new_position: str = ""
    pace: Pace = field(default_factory=Pace)

    def to_text(self) -> str:
        """The cursor as Dagster keeps it."""
        return json.dumps(asdict(self))

    @classmethod
    def from_text(cls, text: str | None) -> Cursor:
        """Read a cursor; one that cannot be read starts again instead of failing every tick."""
        try:
            content = json.loads(text or "{}")
            return cls(
                str(content.get("position", "")),
                {str(k): str(v) for k, v in content.get("rejected", {}).items()},
                str(content.get("new_position", "")),
                Pace.of(content.get("pace", asdict(Pace()))),
            )
        except (ValueError, AttributeError, TypeError, KeyError):
            return cls()


@dataclass(frozen=True, slots=True)
class Arrivals:
    """What one look found: batches to run, manifests to report as bad, and the next cursor."""

    accepted: tuple[Candidate, ...]
    rejected: tuple[Candidate, ...]
    cursor: Cursor


def days_to_look_at(now: datetime, look_back_days: int) -> Sequence[date]:
    """The date prefixes of the look-back window, oldest first; tomorrow too, for fast clocks."""
    today = now.astimezone(UTC).date()
    return [today + timedelta(days=offset) for offset in range(-look_back_days, 2)]


@dataclass(frozen=True, slots=True)
class Turns:
    """Whose manifests a look reads, in the order in which it does for as long as it has time.

    Attributes:
        newest: the few newest that are unknown, newest first: an upload of now need not wait for
            an archive that was adopted.
        unknown: of the others that are unknown, those whose turn it is.
        known: of the known ones, those whose turn it is: a manifest may be mended.
    """

    newest: Sequence[Folder]
    unknown: Sequence[Folder]
    known: Sequence[Folder]


def turns(
    folders: Sequence[Folder],
    known: Collection[str],
    cursor: Cursor,
    *,
    most: int = NEW_PER_TICK,
    rechecks: int = RECHECKS_PER_TICK,
) -> Turns:
    """Choose whose manifests may be read now: at most so many unknown batches, and known ones."""
    unknown: dict[str, list[Folder]] = {}
    for folder in sorted((f for f in folders if f.name not in known), key=lambda f: f.name):
        unknown.setdefault(folder.name, []).append(folder)
    names = list(unknown)
    places = min(READ_TOGETHER, (min(len(names), most) + 1) // 2)
    older, newest = names[: len(names) - places], names[len(names) - places :]
    others = in_turn(older, cursor.new_position, most - places)
    old = (f for f in folders if f.name in known)
    return Turns(
        [folder for name in reversed(newest) for folder in unknown[name]],
        [folder for name in others for folder in unknown[name]],
        in_turn(old, cursor.position, rechecks, key=lambda f: f.name),
    )


def read_for_a_while(
    store: ObjectStore, now: Turns, cursor: Cursor, time_is_over: Callable[[], bool]
) -> tuple[list[Candidate], str, str]:
    """Read manifests, some of each kind in turn and at least that, until the time is over.

    Returns:
        The candidates, and up to which known and which unknown batch they have had their turn.
    """
    found: list[Candidate] = []
    position, new_position = cursor.position, cursor.new_position
    kinds = (portions(kind, READ_TOGETHER) for kind in (now.newest, now.unknown, now.known))
    for newest, unknown, known in zip_longest(*kinds):
        found += read_candidates(store, [*(newest or ()), *(unknown or ()), *(known or ())])
        new_position = unknown[-1].name if unknown else new_position
        position = known[-1].name if known else position
        if time_is_over():
            break
    return found, position, new_position


def portions(folders: Sequence[Folder], size: int) -> Iterator[Sequence[Folder]]:
    """So many folders at a time; copies of a batch, which follow each other, stay together."""
    portion: list[Folder] = []
    for _, copies in groupby(folders, key=lambda folder: folder.name):
        portion += copies
        if len(portion) >= size:
            yield portion
            portion = []
    if portion:
        yield portion


def decide(
    candidates: Sequence[Candidate],
    *,
    folders: Sequence[Folder],
    accepted_etags: Mapping[str, str],
    cursor: Cursor,
    position: str,
    new_position: str = "",
) -> Arrivals:
    """Tell new and mended manifests from those that were dealt with before.

    Args:
        candidates: the manifests that were read.
        folders: all folders of the look-back window, read now or not.
        accepted_etags: by batch, the ETag of the manifest that its data was made of.
        cursor: what the last look left behind.
        position: for the next cursor.
        new_position: for the next cursor.
    """
    accepted: list[Candidate] = []
    rejected: list[Candidate] = []
    # What left the window, or was read again now, need not be remembered.
    forgotten = {c.folder.manifest_key for c in candidates}
    remembered = {
        key: cursor.rejected[key]
        for key in (f.manifest_key for f in folders)
        if key in cursor.rejected and key not in forgotten
    }
    places: dict[str, Folder] = {}
    # The older folder of a batch wins, so that a stray copy cannot take its place.
    for candidate in sorted(candidates, key=lambda c: (c.folder.name, c.folder.day)):
        name = candidate.folder.name
        first = places.setdefault(name, candidate.folder)
        if first != candidate.folder:
            candidate = _rejected(
                candidate, f"the batch {name!r} lies under {keys.incoming(first.day, name)} already"
            )
        key = candidate.folder.manifest_key
        if candidate.error is not None:
            remembered[key] = candidate.etag
            if cursor.rejected.get(key) != candidate.etag:
                rejected.append(candidate)
        elif accepted_etags.get(name) != candidate.etag:
            accepted.append(candidate)
    accepted.sort(key=_priority)  # the oldest of each first, as they were read
    urgent_first = [
        candidate
        for _, equals in groupby(accepted, key=_priority)
        for candidate in _from_both_ends(equals)
    ]
    following = Cursor(position, remembered, new_position)
    return Arrivals(tuple(urgent_first), tuple(rejected), following)


def _priority(candidate: Candidate) -> str:
    return candidate.manifest.priority if candidate.manifest else ""


def _from_both_ends(candidates: Iterable[Candidate]) -> Iterator[Candidate]:
    """The first, the last, the second …: neither an archive nor an upload waits long."""
    left = deque(candidates)
    while left:
        yield left.popleft()
        if left:
            yield left.pop()


def list_folders(store: ObjectStore, days: Sequence[date]) -> Iterator[Folder]:
    """All batch folders of these days, complete or not."""
    for day in days:
        prefix = keys.incoming_day(day)
        for folder in store.list_folders(prefix):
            yield Folder(day, folder.removeprefix(prefix).removesuffix("/"))


def folders_before(store: ObjectStore, day: date) -> Iterator[Folder]:
    """All batch folders of the days before `day`, the newest day first."""
    for prefix in _every_day(store):
        try:
            of = datetime.strptime(prefix, "incoming/%Y/%m/%d/").date()
        except ValueError:
            continue
        if of < day:
            yield from list_folders(store, [of])


def read_candidate(store: ObjectStore, folder: Folder) -> Candidate | None:
    """Read the manifest of a folder; None while there is none, for the upload is still going on.

    One that the store will not hand over is a bad manifest: it must not hold up the others.

    Raises:
        Unavailable: the store does not answer.
    """
    try:
        data, etag = store.get_with_etag(folder.manifest_key, limit=MAX_MANIFEST_BYTES)
    except ObjectMissing:
        return None
    except Unavailable:
        raise
    except ArgusError as error:
        return Candidate(folder, "unreadable", None, str(error))
    try:
        if not is_safe_name(folder.name):
            raise BadInput(
                f"the folder {folder.name!r} is not a safe name for a batch",
                where=folder.manifest_key,
                expected=SAFE_NAME_RULE,
            )
        return Candidate(
            folder, etag, parse_manifest(data, key=folder.manifest_key, batch=folder.name)
        )
    except ArgusError as error:
        return Candidate(folder, etag, None, str(error))


def read_candidates(store: ObjectStore, folders: Sequence[Folder]) -> Sequence[Candidate]:
    """Read the manifests of many folders, a few at a time."""
    with ThreadPoolExecutor(_THREADS) as threads:
        found = threads.map(lambda folder: read_candidate(store, folder), folders)
        return [candidate for candidate in found if candidate is not None]


def locate_manifest(store: ObjectStore, batch: str, hint: str | None = None) -> str:
    """The key of a batch's manifest.

    Tries the hint (the key that the sensor saw), then the day that the batch id begins with and
    its neighbours, then every day that there is, newest first.

    Raises:
        BadInput: no folder of that name has a manifest.
    """
    for key in _likely_keys(store, batch, hint):
        if store.head(key) is not None:
            return key
    raise _no_manifest(store, batch)


def get_manifest(store: ObjectStore, batch: str, hint: str | None = None) -> tuple[bytes, str, str]:
    """The bytes of a batch's manifest, its key and its ETag; arguments and errors as above."""
    for key in _likely_keys(store, batch, hint):
        with suppress(ObjectMissing):
            data, etag = store.get_with_etag(key)
            return data, key, etag
    raise _no_manifest(store, batch)


def _likely_keys(store: ObjectStore, batch: str, hint: str | None) -> Iterator[str]:
    if hint:
        yield hint
    yield from (Folder(day, batch).manifest_key for day in _days_in_name(batch))
    yield from (f"{day}{batch}/{keys.MANIFEST_NAME}" for day in _every_day(store))


def _no_manifest(store: ObjectStore, batch: str) -> BadInput:
    return BadInput(
        f"the batch {batch!r} has no manifest",
        where=store.uri("incoming/"),
        expected=f"incoming/YYYY/MM/DD/{batch}/{keys.MANIFEST_NAME}",
        hint="The manifest completes an upload and is written last",
    )


def rejection_key(batch: str) -> str:
    """Where the reason lies for which a manifest was rejected; any folder name is safe here."""
    return keys.quarantine(quote(batch, safe=""), keys.MANIFEST_NAME)


@dataclass(frozen=True, slots=True)
class UploadState:
    """How far an upload is that is no partition yet. `error` says why its manifest is bad."""

    complete: bool
    error: str | None = None


def upload_state(store: ObjectStore, batch: str) -> UploadState:
    """What the bucket says of a batch that Dagster does not know.

    Raises:
        BadInput: there is no such batch.
    """
    try:
        record = json.loads(store.get(rejection_key(batch)))
        return UploadState(True, str(record.get("error")))
    except ObjectMissing:
        pass
    for day in [*_days_in_name(batch), *days_to_look_at(datetime.now(UTC), 1)]:
        folder = Folder(day, batch)
        if store.head(folder.manifest_key) is not None:
            return UploadState(True)
        if next(store.list(keys.incoming(day, batch)), None) is not None:
            return UploadState(False)
    locate_manifest(store, batch)
    return UploadState(True)


def _every_day(store: ObjectStore) -> Iterator[str]:
    """The prefixes of all days that there are, the newest first."""
    for year in _newest_first(store, "incoming/"):
        for month in _newest_first(store, year):
            yield from _newest_first(store, month)


def _newest_first(store: ObjectStore, prefix: str) -> Sequence[str]:
    return sorted(store.list_folders(prefix), reverse=True)


def _days_in_name(batch: str) -> Sequence[date]:
    try:
        day = datetime.strptime(batch[:8], "%Y%m%d").date()
        return [day, day + timedelta(days=1), day - timedelta(days=1)]
    except (ValueError, OverflowError):
        return []


def _rejected(candidate: Candidate, error: str) -> Candidate:
    return Candidate(candidate.folder, candidate.etag, None, error)
