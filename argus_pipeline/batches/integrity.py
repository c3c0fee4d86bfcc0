"""Is what the manifest promises really in the bucket, byte for byte?"""

from __future__ import annotations

from collections.abc import Sequence
from concurrent.futures import ThreadPoolExecutor
from dataclasses import dataclass

from argus_pipeline.batches.manifest import BatchFile, Manifest
from argus_pipeline.batches.originals import original
from argus_pipeline.storage.keys import MANIFEST_NAME
from argus_pipeline.storage.object_store import ObjectMissing, ObjectStore

_THREADS = 4


@dataclass(frozen=True, slots=True)
class FileProblem:
    """A file that is not what the manifest says: which field, what was expected and found."""

    file: str
    field: str
    expected: str
    found: str

    def __str__(self) -> str:
        return f"{self.file}: {self.field} is {self.found}, the manifest says {self.expected}"


def verify(store: ObjectStore, manifest: Manifest, manifest_key: str) -> Sequence[FileProblem]:
    """Compare presence, size, ETag and SHA-256 of every file with the manifest, where it says them.

    Sizes and ETags are compared first, so that a batch with a torn file is refused before it is
    read. What has no SHA-256 is not read at all.

    Returns:
        The problems in the manifest's order; none means that every byte is as promised.

    Raises:
        BadInput: the manifest names objects that may not be read in place.
    """
    prefix = manifest_key.removesuffix(MANIFEST_NAME)

    def look(file: BatchFile) -> FileProblem | None:
        found = original(store, file, prefix + file.name).head()
        if found is None:
            return FileProblem(file.name, "presence", "the file", "missing")
        if found.size != file.size:
            return FileProblem(file.name, "size", f"{file.size} bytes", f"{found.size} bytes")
        if file.etag is not None and found.etag != file.etag:
            return FileProblem(file.name, "ETag", file.etag, found.etag)
        return None

    def read(file: BatchFile) -> FileProblem | None:
        if file.sha256 is None:
            return None
        try:
            sha256 = original(store, file, prefix + file.name).sha256()
        except ObjectMissing:
            return FileProblem(file.name, "presence", "the file", "missing")
        if sha256 != file.sha256:
            return FileProblem(file.name, "sha256", file.sha256, sha256)
        return None

    with ThreadPoolExecutor(_THREADS) as threads:
        problems = [problem for problem in threads.map(look, manifest.files) if problem]
        if not problems:
            problems = [problem for problem in threads.map(read, manifest.files) if problem]
    return problems
