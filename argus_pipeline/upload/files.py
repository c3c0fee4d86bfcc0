"""The files of a batch on the disk: which they are, their sizes and their SHA-256."""

from __future__ import annotations

import hashlib
from collections.abc import Callable, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Final

from argus_pipeline.batches.manifest import SPECIFICATION_SUFFIX, BatchFile
from argus_pipeline.batches.names import safe_name
from argus_pipeline.errors import BadInput
from argus_pipeline.storage.keys import MANIFEST_NAME
from argus_pipeline.upload.arguments import ARGUMENTS_FILE

_BLOCK: Final = 1024 * 1024


@dataclass(frozen=True, slots=True)
class Selection:
    """The files to upload, and the names of those that were left out with the reason."""

    files: tuple[Path, ...]
    skipped: tuple[tuple[str, str], ...]


@dataclass(frozen=True, slots=True)
class LocalFile:
    """A file as it was when it was read; `modified` is its time in ns, to notice a change."""

    path: Path
    entry: BatchFile
    modified: int


def select_files(paths: Sequence[Path]) -> Selection:
    """The files below folders (one level, as keys are) and the files named themselves.

    Raises:
        BadInput: nothing is there to upload, a name is unsafe or stands twice, or only
            specifications are there.
    """
    found: list[Path] = []
    skipped: list[tuple[str, str]] = []
    for path in paths:
        if path.is_dir():
            for child in sorted(path.iterdir()):
                reason = _why_skipped(child)
                if reason:
                    skipped.append((child.name, reason))
                else:
                    found.append(child)
        elif path.is_file():
            found.append(path)
        else:
            raise BadInput(
                "there is no such file or folder", where=str(path), hint="Check the path"
            )
    if not found:
        raise BadInput(
            "there is no file to upload",
            where=", ".join(map(str, paths)),
            expected="at least one recording",
        )
    seen: dict[str, Path] = {}
    for file in found:
        safe_name(file.name, "the file name", where=str(file))
        if file.name == MANIFEST_NAME:
            raise BadInput(
                "a manifest is not uploaded as a recording",
                where=str(file),
                hint="Argus writes the manifest itself: move this file out of the folder",
            )
        if file.name in seen:
            raise BadInput(
                f"the name {file.name!r} stands twice: {seen[file.name]} has it too",
                where=str(file),
                expected="every name once in a batch",
            )
        seen[file.name] = file
    if all(file.name.endswith(SPECIFICATION_SUFFIX) for file in found):
        raise BadInput(
            "there are message specifications, but no recording",
            where=", ".join(map(str, paths)),
            expected=f"a file that does not end in {SPECIFICATION_SUFFIX}",
        )
    return Selection(tuple(found), tuple(skipped))


def read_file(path: Path, progress: Callable[[int], None] = lambda size: None) -> LocalFile:
    """Read a file once for its size and SHA-256.

    Raises:
        BadInput: it cannot be read.
    """
    digest = hashlib.sha256()
    size = 0
    try:
        with path.open("rb") as stream:
            modified = path.stat().st_mtime_ns
            while block := stream.read(_BLOCK):
                digest.update(block)
                size += len(block)
                progress(len(block))
    except OSError as error:
        raise BadInput(f"cannot be read: {error.strerror}", where=str(path)) from error
    return LocalFile(path, BatchFile(path.name, size, digest.hexdigest()), modified)


def check_unchanged(file: LocalFile) -> None:
    """Make sure that a file is still the one that was read.

    Raises:
        BadInput: somebody is writing to it.
    """
    now = file.path.stat()
    if (now.st_size, now.st_mtime_ns) != (file.entry.size, file.modified):
        raise BadInput(
            "the file changed while it was being uploaded",
            where=str(file.path),
            hint="Stop whatever writes to it and upload again",
        )


def _why_skipped(path: Path) -> str | None:
    if path.name.startswith("."):
        return "hidden"
    if path.name == ARGUMENTS_FILE:
        return "the arguments of this upload"
    if path.is_dir():
        return "a folder: a batch has one level"
    return None
