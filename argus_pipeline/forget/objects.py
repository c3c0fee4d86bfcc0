"""Takes a vehicle's name out of objects of the bucket: out of their keys and their content."""

from __future__ import annotations

import json
from collections.abc import Iterable, Iterator
from dataclasses import dataclass
from pathlib import Path
from typing import Any, Final

from argus_pipeline.charts.rendering import picture
from argus_pipeline.forget.content import Unreadable, page_without, without_vehicle
from argus_pipeline.forget.originals import without_original
from argus_pipeline.forget.pseudonym import Pseudonym
from argus_pipeline.scratch import scratch_folder
from argus_pipeline.storage import keys
from argus_pipeline.storage.object_store import ObjectInfo, ObjectStore, translated_errors

OF_A_BATCH: Final = ("parsed/", "quarantine/", "statistics/", "charts/", "reports/")
OF_ALL: Final = (
    *(keys.GIVEN_UP, keys.RETRIES, keys.ARCHIVED, keys.EXPIRED, keys.ALERTS, keys.CAMPAIGNS),
    *(keys.SCHEMAS, keys.FLEET, "reports/", "quarantine/", "dagster/"),
)
"""What may name a vehicle beside its own batches: lists, pages of campaigns, past diagnoses in the
reports of others, values between the steps of runs."""
THOROUGH: Final = ("incoming/", "parsed/", "statistics/", "charts/")


@dataclass(frozen=True, slots=True)
class Rewritten:
    """What became of an object. `unreadable` says why its content could not be looked into."""

    key: str
    moved: bool
    changed: bool
    unreadable: str | None = None


def own_objects(store: ObjectStore, batches: Iterable[str]) -> Iterator[ObjectInfo]:
    """All objects that were made of these batches, but for what was uploaded."""
    for batch in batches:
        for prefix in OF_A_BATCH:
            yield from store.list(f"{prefix}{batch}/")


def remove_folders(store: ObjectStore, prefix: str) -> None:
    """Remove what a store shows as folders under a prefix that has no objects any more.

    SeaweedFS keeps them for some minutes, by their names; S3 itself knows no folders.
    """
    if next(store.list(prefix), None) is not None:
        return
    for folder in store.list_folders(prefix):
        remove_folders(store, folder)
    store.delete(prefix)


def rewrite(store: ObjectStore, key: str, pseudonym: Pseudonym, *, keep: bool = False) -> Rewritten:
    """Put an object where it belongs now, without the vehicle's name; then the old one goes.

    Args:
        store: the bucket.
        key: the object.
        pseudonym: what takes the vehicle's place.
        keep: leave an old object that has moved; the caller removes it later.
    """
    target = pseudonym.text(key)
    moved, changed, unreadable = target != key, False, None
    with scratch_folder() as folder:
        # Names from outside never become paths; the suffix says what is in it.
        path = folder / f"object{_suffix(key)}"
        store.get_file(key, path)
        try:
            if path.suffix == ".png":
                changed = _drawn_again(store, key, path, pseudonym)
            else:
                changed = without_vehicle(path, pseudonym)
        except Unreadable as error:
            unreadable = str(error)
        if changed:
            store.put_file(target, path)
        elif moved:
            _copy(store, key, target)
    if moved and not keep:
        store.delete(key)
    return Rewritten(key, moved, changed, unreadable)


def new_manifest(store: ObjectStore, key: str, pseudonym: Pseudonym) -> bytes:
    """The manifest under `key` as it has to be once the files beside it were rewritten.

    Files whose bytes have changed get their new size and SHA-256. Those in an archive are no
    longer led to.
    """
    content: dict[str, Any] = json.loads(page_without(store.get(key), pseudonym))
    folder = pseudonym.text(key.removesuffix(keys.MANIFEST_NAME))
    content["files"] = [
        without_original(file, pseudonym) if file.get("source") else file
        for file in content.get("files", [])
    ]
    for file in content["files"]:
        if file.get("source"):
            continue
        found = store.head(folder + file["name"])
        if found is None:  # deleted for its age, or never there
            continue
        file["size"] = found.size
        file["sha256"] = store.sha256(folder + file["name"])
    return json.dumps(content, indent=1, ensure_ascii=False).encode()


def _drawn_again(store: ObjectStore, key: str, path: Path, pseudonym: Pseudonym) -> bool:
    """A picture has its title in pixels; it is drawn again from the drawing beside it."""
    drawing = f"{key.removesuffix('.png')}.svg"
    for one in (drawing, pseudonym.text(drawing)):
        if store.head(one) is not None:
            before = store.get(one)
            break
    else:
        raise Unreadable("a picture without its drawing")
    after = pseudonym.data(before)
    if after == before and pseudonym.name.encode() not in before:
        return False
    path.write_bytes(picture(after.decode()))
    return True


def _copy(store: ObjectStore, key: str, target: str) -> None:
    with translated_errors(store.uri(key)):
        store.client.copy(
            {"Bucket": store.bucket, "Key": store.object_key(key)},
            store.bucket,
            store.object_key(target),
        )


def _suffix(key: str) -> str:
    suffix = key.rpartition("/")[2].rpartition(".")[2]
    known = {"parquet", "html", "svg", "json", "md", "png", "csv"}
    return f".{suffix}" if suffix in known else ""
