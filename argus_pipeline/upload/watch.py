"""Uploads the folders of a test bench as they are complete, each once.

Of a folder, `.argus-upload.json` in it says its batch id, written before the upload begins, and
whether it is done. So a watch that was killed goes on with what it had begun.
"""

from __future__ import annotations

import json
import os
import time
from collections.abc import Iterator
from dataclasses import dataclass, field
from datetime import UTC, datetime
from pathlib import Path
from typing import Final

from argus_pipeline.errors import ArgusError, BadInput, Unavailable
from argus_pipeline.storage.object_store import ObjectStore
from argus_pipeline.upload import client
from argus_pipeline.upload.client import SILENT, Progress, Uploaded
from argus_pipeline.upload.files import find_files
from argus_pipeline.upload.options import BatchOptions, read_batch_file
from argus_pipeline.upload.pace import Pace

RECORD: Final = ".argus-upload.json"
COMPLETE: Final = ".complete"
"""A file of this name in a folder says that nothing more comes."""

SETTLED_S: Final = 30.0
State = tuple[tuple[str, int, int], ...]


@dataclass(frozen=True, slots=True)
class Looked:
    """A folder as it is: whether it was uploaded, says that it is complete, and its last change.

    `state` has the name, size and change time (ns) of each file that counts; `changed` is the
    newest change in seconds since 1970.
    """

    folder: Path
    done: bool
    said_complete: bool
    state: State
    changed: float


def is_complete(found: Looked, now: float, settled_s: float) -> bool:
    """Whether a folder is a batch now: it says so, or nothing in it has changed for a while.

    Args:
        found: the folder.
        now: seconds since 1970.
        settled_s: how long nothing must have changed.
    """
    if found.done or not found.state:
        return False
    return found.said_complete or now - found.changed >= settled_s


def look(folder: Path) -> Looked:
    """Look at a folder.

    Times are those of the last change of a file's bytes or name, which no copying program can set
    back, as it can the time of modification.

    Raises:
        BadInput: it cannot be read.
    """
    try:
        inside = [(one.name, one.stat()) for one in os.scandir(folder)]
        changed = max([folder.stat().st_ctime, *(of.st_ctime for _, of in inside)])
    except OSError as error:
        raise BadInput(f"cannot be read: {error.strerror}", where=str(folder)) from error
    state = sorted((n, of.st_size, of.st_ctime_ns) for n, of in inside if not n.startswith("."))
    names = {name for name, _ in inside}
    return Looked(folder, _record(folder).done, COMPLETE in names, tuple(state), changed)


@dataclass(frozen=True, slots=True)
class Outcome:
    """What became of a folder in one look: uploaded, or the error that kept it from it."""

    folder: Path
    uploaded: Uploaded | None = None
    error: ArgusError | None = None


@dataclass
class Watch:
    """Looks again and again; remembers which folders are bad, so each is said once.

    Attributes:
        store: where to.
        folder: whose folders are batches.
        options: what the command line says; before the folder's own `batch.json`.
        settled_s: how long nothing must have changed in a folder.
        pace: how fast all of it may be.
    """

    store: ObjectStore
    folder: Path
    options: BatchOptions
    settled_s: float = SETTLED_S
    pace: Pace | None = None
    _bad: dict[Path, State] = field(default_factory=dict)

    def turn(self, progress: Progress = SILENT) -> Iterator[Outcome]:
        """Upload what is complete now; one bad folder does not hold up the others.

        A folder that failed for what it holds is tried again when that changes; one that failed
        because the store was away, at the next turn.

        Raises:
            BadInput: the watched folder itself cannot be read.
        """
        try:
            folders = sorted(one for one in self.folder.iterdir() if _is_batch_folder(one))
        except OSError as error:
            raise BadInput(f"cannot be read: {error.strerror}", where=str(self.folder)) from error
        for folder in folders:
            state: State = ()
            try:
                found = look(folder)
                state = found.state
                if self._bad.get(folder) == state:
                    continue
                if is_complete(found, time.time(), self.settled_s):
                    yield Outcome(folder, uploaded=self._upload(folder, progress))
            except Unavailable as error:
                yield Outcome(folder, error=error)
            except ArgusError as error:
                self._bad[folder] = state
                yield Outcome(folder, error=error)

    def _upload(self, folder: Path, progress: Progress) -> Uploaded:
        options = self.options.over(read_batch_file(folder)).checked()
        files = find_files([folder]).files
        begun = _record(folder)
        batch = begun.batch or client.new_id(options, datetime.now(UTC))
        if begun.batch is None:
            _write_record(folder, _Record(batch))
        prepared = client.prepare(files, options, batch=batch, progress=progress)
        uploaded = client.upload(self.store, prepared, progress=progress, pace=self.pace)
        _write_record(folder, _Record(batch, done=True))
        return uploaded


@dataclass(frozen=True, slots=True)
class _Record:
    batch: str | None = None
    done: bool = False


def _record(folder: Path) -> _Record:
    try:
        content = json.loads((folder / RECORD).read_text())
        return _Record(str(content["batch"]), bool(content["done"]))
    except FileNotFoundError:
        return _Record()
    except (OSError, ValueError, KeyError, TypeError) as error:
        raise BadInput(
            f"cannot be read: {error}",
            where=str(folder / RECORD),
            hint="Without it nobody knows whether the folder was uploaded: delete it if it was not",
        ) from error


def _write_record(folder: Path, record: _Record) -> None:
    path = folder / RECORD
    fresh = folder / f"{RECORD}.new"
    try:
        fresh.write_text(json.dumps({"batch": record.batch, "done": record.done}))
        fresh.replace(path)
    except OSError as error:
        raise BadInput(
            f"cannot be written: {error.strerror}",
            where=str(path),
            hint="The watch notes in each folder what it did; it needs to write there",
        ) from error


def _is_batch_folder(path: Path) -> bool:
    return not path.name.startswith(".") and path.is_dir()
