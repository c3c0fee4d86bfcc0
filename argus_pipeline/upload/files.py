"""The files on this machine that are to become a batch: which they are, and what is in them."""

from __future__ import annotations

import hashlib
import os
from collections.abc import Callable, Iterator, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Final

from argus_pipeline.batches.manifest import NO_RECORDINGS, is_recording_name
from argus_pipeline.batches.names import SAFE_NAME_RULE, is_safe_name
from argus_pipeline.errors import ArgusError, BadInput
from argus_pipeline.storage.keys import MANIFEST_NAME
from argus_pipeline.upload.options import BATCH_FILE
from argus_pipeline.upload.plan import LocalFile, part_size_for

_READ_BYTES: Final = 1024 * 1024


@dataclass(frozen=True, slots=True)
class Skipped:
    """A file that is left out, and why."""

    path: Path
    reason: str


@dataclass(frozen=True, slots=True)
class FoundFiles:
    """The files of a batch in the order of their names, and what is left out."""

    files: tuple[Path, ...]
    skipped: tuple[Skipped, ...] = ()


def find_files(paths: Sequence[Path]) -> FoundFiles:
    """Find and check the files of a batch: files as named, and the files right in a folder.

    Hidden files in a folder and its `batch.json` are left out.

    Raises:
        BadInput: a path does not exist or cannot be read, a name is not safe or there twice, a
            folder is empty or holds a folder, or there is no recording.
    """
    files: dict[str, Path] = {}
    skipped: list[Skipped] = []
    for path in paths:
        if path.is_dir():
            inside = list(_files_in(path, skipped))
            if not inside:
                raise BadInput(
                    "the folder has no file to upload",
                    where=str(path),
                    expected="recordings right in it",
                )
        else:
            inside = [path]
        for file in inside:
            _check(file)
            if file.name in files:
                raise BadInput(
                    f"the name {file.name!r} is there twice",
                    where=f"{files[file.name]} and {file}",
                    expected="every name once, for a batch has no folders",
                )
            files[file.name] = file
    if not any(is_recording_name(name) for name in files):
        raise BadInput(
            "there is no recording among the files",
            where=", ".join(str(path) for path in paths) or None,
            expected=f"at least one file that is not {NO_RECORDINGS}",
        )
    return FoundFiles(tuple(files[name] for name in sorted(files)), tuple(skipped))


def _files_in(folder: Path, skipped: list[Skipped]) -> Iterator[Path]:
    try:
        inside = sorted(folder.iterdir())
    except OSError as error:
        raise _unreadable(folder, error) from error
    for path in inside:
        if path.name.startswith("."):
            skipped.append(Skipped(path, "hidden"))
        elif path.name == BATCH_FILE:
            skipped.append(Skipped(path, "the options of the upload"))
        elif path.is_dir():
            raise BadInput(
                "is a folder inside the folder; a batch has none",
                where=str(path),
                hint="Name the files themselves, or upload that folder as a batch of its own",
            )
        else:
            yield path


def _check(path: Path) -> None:
    try:
        is_file = path.is_file()
    except OSError as error:
        raise _unreadable(path, error) from error
    if not path.exists():
        raise BadInput("does not exist", where=str(path), expected="a file or a folder")
    if not is_file:
        raise BadInput("is not a regular file", where=str(path), expected="a recording")
    if not is_safe_name(path.name):
        raise BadInput(
            f"the file's name {path.name!r} is not safe", where=str(path), expected=SAFE_NAME_RULE
        )
    if path.name == MANIFEST_NAME:
        raise BadInput(
            "this name belongs to the manifest, which the upload writes itself",
            where=str(path),
            hint="Rename the file, or leave it out",
        )
    if not os.access(path, os.R_OK):
        raise BadInput("cannot be read", where=str(path), hint="Check its permissions")


def size_of(path: Path) -> int:
    """Bytes of a file.

    Raises:
        BadInput: it cannot be read.
    """
    try:
        return path.stat().st_size
    except OSError as error:
        raise _unreadable(path, error) from error


def fingerprint(path: Path, on_bytes: Callable[[int], None] = lambda _: None) -> LocalFile:
    """Read a file once: its size and the SHA-256 of the whole and of each part.

    Args:
        path: the file.
        on_bytes: told how many bytes were read since it was told last.

    Raises:
        BadInput: it cannot be read, or somebody writes to it meanwhile.
    """
    try:
        with path.open("rb") as stream:
            before = os.fstat(stream.fileno())
            part_size = part_size_for(before.st_size)
            whole = hashlib.sha256()
            parts: list[bytes] = []
            part, room = hashlib.sha256(), part_size
            read = 0
            while chunk := stream.read(min(_READ_BYTES, room)):
                whole.update(chunk)
                part.update(chunk)
                read += len(chunk)
                room -= len(chunk)
                on_bytes(len(chunk))
                if room == 0:
                    parts.append(part.digest())
                    part, room = hashlib.sha256(), part_size
            if room < part_size or not parts:
                parts.append(part.digest())
    except OSError as error:
        raise _unreadable(path, error) from error
    file = LocalFile(
        path, before.st_size, before.st_mtime_ns, whole.hexdigest(), part_size, tuple(parts)
    )
    if read != file.size:
        raise changed(file)
    check_unchanged(file)
    return file


def check_unchanged(file: LocalFile) -> None:
    """Compare size and time of change with those at the fingerprint.

    Raises:
        BadInput: they differ, or the file is gone.
    """
    try:
        now = file.path.stat()
    except OSError as error:
        raise changed(file) from error
    if (now.st_size, now.st_mtime_ns) != (file.size, file.modified_ns):
        raise changed(file)


def changed(file: LocalFile) -> ArgusError:
    """The error for a file that is not any more what it was when it was looked at."""
    return BadInput(
        "changed during the upload",
        where=str(file.path),
        hint="Upload it again when nothing writes to it any more",
    )


def _unreadable(path: Path, error: OSError) -> BadInput:
    return BadInput(f"cannot be read: {error.strerror or error}", where=str(path))
