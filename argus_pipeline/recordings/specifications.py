"""What recordings are read with: `.odvd` specifications (`.rec`) and FIBEX catalogues (DLT)."""

from __future__ import annotations

import hashlib
from collections.abc import Callable, Iterable, Iterator
from dataclasses import dataclass
from pathlib import Path
from typing import Final, Generic, Protocol, Self, TypeVar

import argus_native

from argus_pipeline.batches.manifest import (
    BatchFile,
    Manifest,
    is_catalogue_name,
    is_specification_name,
)
from argus_pipeline.batches.originals import original
from argus_pipeline.errors import BadInput
from argus_pipeline.recordings.fibex import MAX_CATALOGUE_BYTES, read_fibex
from argus_pipeline.storage import keys
from argus_pipeline.storage.object_store import ObjectStore

# A vehicle's whole catalogue is some 100 kB; a larger file is no specification.
MAX_SPECIFICATION_BYTES: Final = 4 * 1024 * 1024
# Two versions of one catalogue may differ in every message.
_NAMED_CONFLICTS: Final = 20
_MEND: Final = "Mend the specification, or leave it out"


class _Mergeable(Protocol):
    def merge(self, other: Self, /) -> list[tuple[int, str]]: ...


_M = TypeVar("_M", bound=_Mergeable)


@dataclass(frozen=True, slots=True)
class SpecificationText:
    """One file: the name it goes by in messages, and its bytes (None: too many)."""

    name: str
    content: bytes | None


@dataclass(frozen=True, slots=True)
class Specifications:
    """All that recordings are read with, merged.

    The digests are the SHA-256 (hex) of the names and contents that they came from, in order.
    The warnings name the files that cannot be used, and what an earlier file defines otherwise.
    """

    specification: argus_native.Specification | None
    rec_digest: str
    sources: tuple[str, ...] = ()
    warnings: tuple[str, ...] = ()
    catalogue: argus_native.Catalogue | None = None
    dlt_digest: str = ""
    catalogue_sources: tuple[str, ...] = ()
    catalogue_warnings: tuple[str, ...] = ()

    def digest(self, recording_format: str | None) -> str:
        """Digest of what a recording of this format is read with; empty where that is nothing.

        So a new specification changes nothing for DLT recordings, nor a new catalogue for others.
        """
        return {"rec": self.rec_digest, "dlt": self.dlt_digest}.get(recording_format or "", "")


def merge_specifications(
    texts: Iterable[SpecificationText],
    catalogues: Iterable[SpecificationText] = (),
    *,
    strict: bool = False,
) -> Specifications:
    """Merge specifications, and catalogues; where two define a message, the earlier one wins.

    A broken file becomes a warning that names line and column, since one bad file in `schemas/`
    must not hold up every batch.

    Args:
        texts: of `.odvd` files.
        catalogues: FIBEX files.
        strict: raise for a broken file instead.

    Raises:
        BadInput: a file is broken, with `strict`.
    """
    for_rec = _merge(texts, "specification", _read_specification, strict)
    for_dlt = _merge(catalogues, "catalogue", _read_catalogue, strict)
    return Specifications(
        specification=for_rec.merged,
        rec_digest=for_rec.digest,
        sources=for_rec.sources,
        warnings=for_rec.warnings,
        catalogue=for_dlt.merged,
        dlt_digest=for_dlt.digest,
        catalogue_sources=for_dlt.sources,
        catalogue_warnings=for_dlt.warnings,
    )


def load_specifications(store: ObjectStore, manifest: Manifest, prefix: str) -> Specifications:
    """The batch's own files first, then those in `schemas/`, which any batch may use.

    Args:
        store: the bucket.
        manifest: of the batch.
        prefix: of the batch's files as they were uploaded.

    Raises:
        Unavailable: the store does not answer.
        BadInput: a file lies in an archive, and is not the one any more that was adopted.
    """
    common = list(store.list(keys.SCHEMAS))

    def fetch(
        own: Iterable[BatchFile], is_wanted: Callable[[str], bool], most: int
    ) -> Iterator[SpecificationText]:
        # One that is too large is not even fetched.
        for file in own:
            there = original(store, file, prefix + file.name)
            yield SpecificationText(file.name, there.get() if file.size <= most else None)
        for info in common:
            if is_wanted(info.key):
                content = store.get(info.key) if info.size <= most else None
                yield SpecificationText(info.key, content)

    return merge_specifications(
        fetch(manifest.specifications, is_specification_name, MAX_SPECIFICATION_BYTES),
        fetch(manifest.catalogues, is_catalogue_name, MAX_CATALOGUE_BYTES),
    )


def specification_files(paths: Iterable[Path], catalogues: Iterable[Path] = ()) -> Specifications:
    """Specifications and catalogues from local files; where two differ, the earlier one wins.

    Raises:
        BadInput: a file is not there or is broken. Whoever named it can mend it at once.
    """
    return merge_specifications(_read_files(paths), _read_files(catalogues), strict=True)


@dataclass(frozen=True, slots=True)
class _Merged(Generic[_M]):
    merged: _M | None
    digest: str
    sources: tuple[str, ...]
    warnings: tuple[str, ...]


def _merge(
    texts: Iterable[SpecificationText],
    kind: str,
    read: Callable[[SpecificationText], tuple[_M, tuple[str, ...]]],
    strict: bool,
) -> _Merged[_M]:
    merged: _M | None = None
    digest = hashlib.sha256()
    sources: list[str] = []
    warnings: list[str] = []
    for text in texts:
        for part in (text.name.encode(), text.content or b""):
            digest.update(len(part).to_bytes(8, "little"))
            digest.update(part)
        try:
            found, problems = read(text)
        except BadInput as error:
            if strict:
                raise
            warnings.append(f"{kind} not used: {error}")
            continue
        sources.append(text.name)
        warnings += problems
        if merged is None:
            merged = found
            continue
        conflicts = merged.merge(found)
        warnings += (
            f"{text.name}: message '{name}' (id {number}) is left out: an earlier {kind}"
            " has another message of this id or name"
            for number, name in conflicts[:_NAMED_CONFLICTS]
        )
        if len(conflicts) > _NAMED_CONFLICTS:
            more = len(conflicts) - _NAMED_CONFLICTS
            warnings.append(f"{text.name}: {more:,} more messages are left out for this reason")
    return _Merged(merged, digest.hexdigest(), tuple(sources), tuple(warnings))


def _read_files(paths: Iterable[Path]) -> Iterator[SpecificationText]:
    for path in paths:
        try:
            yield SpecificationText(str(path), path.read_bytes())
        except OSError as error:
            raise BadInput(f"cannot be read: {error.strerror}", where=str(path)) from error


def _read_specification(
    text: SpecificationText,
) -> tuple[argus_native.Specification, tuple[str, ...]]:
    try:
        content = _content(text, MAX_SPECIFICATION_BYTES).decode("utf-8-sig")
        return argus_native.Specification(content, source=text.name), ()
    except UnicodeDecodeError as error:
        what = f"{text.name}: not UTF-8 at byte {error.start}"
        raise BadInput(what, hint=_MEND) from error
    except ValueError as error:
        raise BadInput(str(error), hint=_MEND) from error


def _read_catalogue(text: SpecificationText) -> tuple[argus_native.Catalogue, tuple[str, ...]]:
    read = read_fibex(_content(text, MAX_CATALOGUE_BYTES), text.name)
    return read.native, read.warnings


def _content(text: SpecificationText, most: int) -> bytes:
    if text.content is None or len(text.content) > most:
        raise BadInput(f"larger than {most:,} bytes", where=text.name, hint="Leave it out")
    return text.content
