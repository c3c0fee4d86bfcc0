"""Message specifications (`.odvd`): which of them a batch's `.rec` recordings are read with."""

from __future__ import annotations

import hashlib
from collections.abc import Iterable, Iterator
from dataclasses import dataclass
from pathlib import Path
from typing import Final

import argus_native

from argus_pipeline.batches.manifest import SPECIFICATION_SUFFIX, Manifest
from argus_pipeline.errors import BadInput
from argus_pipeline.storage import keys
from argus_pipeline.storage.object_store import ObjectStore

# A vehicle's whole catalogue is some 100 kB; a larger file is no specification.
MAX_SPECIFICATION_BYTES: Final = 4 * 1024 * 1024


@dataclass(frozen=True, slots=True)
class SpecificationText:
    """One `.odvd` file: the name it goes by in messages, and its bytes (None: too many)."""

    name: str
    content: bytes | None


@dataclass(frozen=True, slots=True)
class Specifications:
    """All specifications that recordings are read with, merged.

    `digest` is the SHA-256 (hex) of the names and texts they came from, in order. `warnings` name
    the files that cannot be used, and the messages that an earlier file defines otherwise.
    """

    specification: argus_native.Specification | None
    digest: str
    sources: tuple[str, ...] = ()
    warnings: tuple[str, ...] = ()


def merge_specifications(texts: Iterable[SpecificationText]) -> Specifications:
    """Merge specifications; where two define a message, the earlier one wins.

    A broken file becomes a warning that names line and column, since one bad file in `schemas/`
    must not hold up every batch.
    """
    merged: argus_native.Specification | None = None
    digest = hashlib.sha256()
    sources: list[str] = []
    warnings: list[str] = []
    for text in texts:
        for part in (text.name.encode(), text.content or b""):
            digest.update(len(part).to_bytes(8, "little"))
            digest.update(part)
        try:
            read = _read(text)
        except ValueError as error:
            warnings.append(f"specification not used: {error}")
            continue
        sources.append(text.name)
        if merged is None:
            merged = read
            continue
        warnings += (
            f"{text.name}: message '{name}' (id {number}) is left out: an earlier specification"
            " has another message of this id or name"
            for number, name in merged.merge(read)
        )
    return Specifications(merged, digest.hexdigest(), tuple(sources), tuple(warnings))


def load_specifications(store: ObjectStore, manifest: Manifest, prefix: str) -> Specifications:
    """The batch's own `.odvd` files first, then `schemas/*.odvd`, which any batch may use.

    Args:
        store: the bucket.
        manifest: of the batch.
        prefix: of the batch's files as they were uploaded.

    Raises:
        Unavailable: the store does not answer.
    """
    return merge_specifications(_of_batch(store, manifest, prefix))


def specification_files(paths: Iterable[Path]) -> Specifications:
    """Specifications from local files; where two define a message, the earlier one wins.

    Raises:
        BadInput: a file is not there or is no specification. Whoever named it can mend it at once.
    """
    texts = []
    for path in paths:
        try:
            text = SpecificationText(str(path), path.read_bytes())
        except OSError as error:
            raise BadInput(f"cannot be read: {error.strerror}", where=str(path)) from error
        try:
            _read(text)
        except ValueError as error:
            raise BadInput(str(error), hint="Mend the specification, or leave it out") from error
        texts.append(text)
    return merge_specifications(texts)


def _of_batch(store: ObjectStore, manifest: Manifest, prefix: str) -> Iterator[SpecificationText]:
    for file in manifest.specifications:
        yield _fetch(store, prefix + file.name, file.name, file.size)
    for found in store.list(keys.SCHEMAS):
        if found.key.endswith(SPECIFICATION_SUFFIX):
            yield _fetch(store, found.key, found.key, found.size)


def _fetch(store: ObjectStore, key: str, name: str, size: int) -> SpecificationText:
    # One that is too large is not even fetched.
    return SpecificationText(name, store.get(key) if size <= MAX_SPECIFICATION_BYTES else None)


def _read(text: SpecificationText) -> argus_native.Specification:
    if text.content is None or len(text.content) > MAX_SPECIFICATION_BYTES:
        raise ValueError(f"{text.name}: larger than {MAX_SPECIFICATION_BYTES:,} bytes")
    try:
        content = text.content.decode("utf-8-sig")
    except UnicodeDecodeError as error:
        raise ValueError(f"{text.name}: not UTF-8 at byte {error.start}") from error
    return argus_native.Specification(content, source=text.name)
