"""Forgets a vehicle, step by step; each step may be done again, and a killed one is gone on with.

While it is being done, one record in the bucket says whose name becomes which; at the end nothing
does. Of a batch, the files come first, then its rows, then its manifest under the new name: so at
no moment the upload sensor finds a manifest that the database does not know.
"""

from __future__ import annotations

import json
import sys
from collections.abc import Callable, Iterable, Iterator, Mapping, Sequence
from concurrent.futures import ThreadPoolExecutor
from contextlib import nullcontext
from dataclasses import dataclass, field
from datetime import date
from typing import Any, Final

from sqlalchemy import Engine

from argus_pipeline.batches.arrivals import Folder, folders_before, read_candidates
from argus_pipeline.errors import BadInput
from argus_pipeline.fleet.changes import announce
from argus_pipeline.fleet.history import compact
from argus_pipeline.fleet.lock import fleet_lock
from argus_pipeline.fleet.reported import forget_reported
from argus_pipeline.fleet.rollup import update
from argus_pipeline.forget import objects, rows
from argus_pipeline.forget.originals import in_words, originals_of
from argus_pipeline.forget.pseudonym import Pseudonym, new_pseudonym
from argus_pipeline.storage import keys
from argus_pipeline.storage.object_store import ObjectStore
from argus_pipeline.upkeep import records

_THREADS: Final = 4


@dataclass(frozen=True, slots=True)
class Place:
    """One place: how much of it named the vehicle, what was done, and what a person has to know."""

    name: str
    count: int
    done: str
    note: str = ""


@dataclass
class Task:
    """Whom to forget, and how far that is; kept in the bucket until it is done.

    Attributes:
        pseudonym: the vehicle and what takes its place.
        remove: whether its batches are removed and not only renamed.
        batches: the ids that its batches had.
        made: by batch and asset, the code version of what Dagster has as materialized.
        originals: by folder of an archive, how many objects there its batches were adopted from.
        found: whether this is one that was begun before.
    """

    pseudonym: Pseudonym
    remove: bool
    batches: list[str] = field(default_factory=list)
    made: dict[str, dict[str, str]] = field(default_factory=dict)
    originals: dict[str, int] = field(default_factory=dict)
    found: bool = False

    @property
    def key(self) -> str:
        """Where it is kept."""
        return f"{keys.FORGETTING}{self.pseudonym.name}.json"

    def save(self, store: ObjectStore) -> None:
        """Keep it."""
        content = {
            "vehicle": self.pseudonym.vehicle,
            "remove": self.remove,
            "batches": self.batches,
            "made": self.made,
            "originals": self.originals,
        }
        store.put(self.key, json.dumps(content, indent=1).encode())


def open_task(store: ObjectStore, engine: Engine, vehicle: str, *, remove: bool) -> Task:
    """The task that was begun for this vehicle, or a new one, with all batches that it has now.

    Raises:
        BadInput: the vehicle's name is none, or is contained in those of other vehicles, or one
            that was begun does the other of the two.
    """
    task = Task(new_pseudonym(vehicle), remove)
    if longer := rows.longer_names(engine, task.pseudonym):
        raise BadInput(
            f"{vehicle!r} is contained in the names of other vehicles: {', '.join(longer[:5])}",
            expected="a name that is no part of another, as a VIN is",
            hint="Nothing was changed: their data would have lost that name, too",
        )
    for one in store.list(keys.FORGETTING):
        if not one.key.endswith(".json") or "/" in one.key.removeprefix(keys.FORGETTING):
            continue
        content: dict[str, Any] = json.loads(store.get(one.key))
        if content["vehicle"] != vehicle:
            continue
        if content["remove"] != remove:
            done = "--remove" if content["remove"] else "without --remove"
            raise BadInput(
                "this vehicle is being forgotten in the other way",
                where=store.uri(one.key),
                hint=f"Go on with it: call the same {done}",
            )
        name = one.key.removeprefix(keys.FORGETTING).removesuffix(".json")
        made, originals = content["made"], content.get("originals", {})
        task = Task(Pseudonym(vehicle, name), remove, content["batches"], made, originals, True)
    known = set(rows.batches_of(engine, task.pseudonym))
    folders = list(_uploads(store, task.pseudonym))
    known |= {folder.name for folder in folders}
    task.batches = sorted(known | set(task.batches))
    # What was counted before some manifests lost their way to the archive is the whole of it.
    task.originals = {**originals_of(store, folders), **task.originals}
    return task


def count(
    store: ObjectStore, engine: Engine, task: Task, *, thorough: bool = False
) -> Sequence[Place]:
    """What would be done: nothing is changed."""
    p = task.pseudonym
    uploads = [o for f in _uploads(store, p, set(task.batches)) for o in _files(store, f)]
    own = list(objects.own_objects(store, task.batches))
    own_keys = {one.key for one in own}
    verb = "remove" if task.remove else "rename and rewrite"
    found = [
        Place("bucket: uploads", len(uploads), verb),
        Place("bucket: what was made of them", len(own), verb),
    ]
    others = [key for key in _others(store, thorough=thorough) if key not in own_keys]
    named = sum(p.is_in(key) for key in others)
    found += _in_archives(task)
    found.append(Place("bucket: keys of lists and roll-ups", named, "rename and rewrite"))
    found.append(Place("bucket: further objects", len(others) - named, "look into each"))
    for table, amount in rows.count_rows(engine, p).items():
        if amount:
            found.append(Place(f"database: {table}", amount, verb))
    return found


def forget(
    store: ObjectStore,
    engine: Engine,
    task: Task,
    *,
    thorough: bool = False,
    on_step: Callable[[str], None] = lambda step: None,
) -> Sequence[Place]:
    """Do it. The task has been saved, and is done with by `finish`."""
    p = task.pseudonym
    found: list[Place] = []
    if task.remove:
        on_step("removing the batches")
        found += _remove(store, engine, task)
    else:
        on_step("rewriting the batches")
        found += _rename(store, task)
    found += _in_archives(task)
    on_step("the database")
    changed = rows.rename_rows(engine, p, _staged_etags(store, task))
    found += [Place(f"database: {table}", n, "rewritten") for table, n in changed.items() if n]
    _put_manifests(store, task)
    on_step("the roll-ups")
    for batch in task.batches:
        announce(store, batch)
        if not task.remove and p.text(batch) != batch:
            announce(store, p.text(batch))
    with fleet_lock(engine) as held:
        rolled = update(store, held)
        forget_reported(store)
        # What was compacted before has the name, too.
        compact(store, lambda: nullcontext(held), most=sys.maxsize)
    done = "taken out" if task.remove else "renamed"
    found.append(Place("roll-ups: batches", max(rolled.batches, rolled.removed), done))
    on_step("everything else in the bucket")
    rest = _rewrite(store, p, _others(store, thorough=thorough))
    found.append(_place("bucket: everything else", rest))
    _remove_folders(store, task)
    return found


def finish(store: ObjectStore, task: Task) -> None:
    """Forget the last thing: which name became which."""
    for one in list(store.list(f"{keys.FORGETTING}{task.pseudonym.name}")):
        store.delete(one.key)


def _rename(store: ObjectStore, task: Task) -> Iterator[Place]:
    p = task.pseudonym
    folders = list(_uploads(store, p, set(task.batches)))
    files = [o for f in folders for o in _files(store, f) if o != f.manifest_key]
    done = _rewrite(store, p, files, keep=True)
    for folder in folders:
        if store.head(folder.manifest_key) is not None:
            staged = _staged(task, p.text(folder.manifest_key))
            if originals_of(store, [folder]):
                # It cannot be made anew any more, so the night leaves it alone.
                batch = p.text(folder.name)
                records.write(store, keys.expired(batch), {"batch": batch, "incoming": 0})
            store.put(staged, objects.new_manifest(store, folder.manifest_key, p))
            store.delete(folder.manifest_key)
    for key in files:
        if p.text(key) != key:
            store.delete(key)
    yield _place("bucket: uploads", done)
    own = [one.key for one in objects.own_objects(store, task.batches)]
    # Pictures after the drawings that they are drawn from.
    own.sort(key=lambda key: key.endswith(".png"))
    pictures = [key for key in own if key.endswith(".png")]
    done = _rewrite(store, p, [key for key in own if not key.endswith(".png")])
    yield _place("bucket: what was made of them", [*done, *_rewrite(store, p, pictures)])


def _remove(store: ObjectStore, engine: Engine, task: Task) -> Iterator[Place]:
    uploads = [
        key for f in _uploads(store, task.pseudonym, set(task.batches)) for key in _files(store, f)
    ]
    # The manifest first: nothing takes up what is no batch any more.
    uploads.sort(key=lambda key: not key.endswith(f"/{keys.MANIFEST_NAME}"))
    for key in uploads:
        store.delete(key)
    yield Place("bucket: uploads", len(uploads), "removed")
    own = [one.key for one in objects.own_objects(store, task.batches)]
    with ThreadPoolExecutor(_THREADS) as threads:
        list(threads.map(store.delete, own))
    yield Place("bucket: what was made of them", len(own), "removed")
    for table, amount in rows.remove_rows(engine, task.batches).items():
        if amount:
            yield Place(f"database: {table}", amount, "removed")


def _in_archives(task: Task) -> Iterator[Place]:
    if task.originals:
        note = in_words(task.originals)
        yield Place("archive: originals", sum(task.originals.values()), "NOT REACHED", note)


def _uploads(
    store: ObjectStore, pseudonym: Pseudonym, batches: set[str] | None = None
) -> Iterator[Folder]:
    """The folders of the vehicle's uploads: by name, or else by what their manifest says."""
    unknown = []
    for folder in folders_before(store, date.max):
        if folder.name in (batches or set()) or pseudonym.is_in(folder.name):
            yield folder
        elif batches is None:
            unknown.append(folder)
    for one in read_candidates(store, unknown):
        if one.manifest is not None and one.manifest.vehicle in pseudonym.forms:
            yield one.folder


def _remove_folders(store: ObjectStore, task: Task) -> None:
    """The names of folders whose objects have moved, where the store still shows them."""
    p = task.pseudonym
    gone = [keys.incoming(f.day, f.name) for f in _uploads(store, p, set(task.batches))]
    for batch in task.batches:
        gone += [f"{part}{batch}/" for part in (*objects.OF_A_BATCH, keys.FLEET_CHANGES)]
    for kind in store.list_folders(keys.ALERTS):
        gone += store.list_folders(kind)
    for folder in gone:
        if p.is_in(folder):
            objects.remove_folders(store, folder)


def _files(store: ObjectStore, folder: Folder) -> list[str]:
    return [one.key for one in store.list(keys.incoming(folder.day, folder.name))]


def _others(store: ObjectStore, *, thorough: bool) -> Iterator[str]:
    for prefix in (*objects.OF_ALL, *(objects.THOROUGH if thorough else ())):
        yield from (one.key for one in store.list(prefix))


def _rewrite(
    store: ObjectStore, pseudonym: Pseudonym, wanted: Iterable[str], *, keep: bool = False
) -> list[objects.Rewritten]:
    with ThreadPoolExecutor(_THREADS) as threads:
        return list(
            threads.map(lambda key: objects.rewrite(store, key, pseudonym, keep=keep), list(wanted))
        )


def _place(name: str, done: Sequence[objects.Rewritten]) -> Place:
    touched = [one for one in done if one.moved or one.changed]
    hidden = [one for one in done if one.unreadable]
    note = f"{len(done)} looked into"
    if hidden:
        note += f"; cannot be looked into: {', '.join(f'{o.key} ({o.unreadable})' for o in hidden)}"
    changed = sum(one.changed for one in touched)
    return Place(name, len(touched), f"renamed, {changed} with other content", note)


def _staged(task: Task, manifest_key: str) -> str:
    return f"{keys.FORGETTING}{task.pseudonym.name}/{manifest_key}"


def _manifests(store: ObjectStore, task: Task) -> Mapping[str, str]:
    """By staged key, the key that a manifest shall have."""
    prefix = _staged(task, "")
    return {one.key: one.key.removeprefix(prefix) for one in store.list(prefix)}


def _staged_etags(store: ObjectStore, task: Task) -> dict[str, str]:
    etags = {}
    for staged, key in _manifests(store, task).items():
        found = store.head(staged)
        if found is not None:
            etags[key.split("/")[-2]] = found.etag
    return etags


def _put_manifests(store: ObjectStore, task: Task) -> None:
    for staged, key in _manifests(store, task).items():
        store.put(key, store.get(staged))
        store.delete(staged)
