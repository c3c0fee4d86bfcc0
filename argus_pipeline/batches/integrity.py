"""Is what the manifest promises really in the bucket, byte for byte?"""

from __future__ import annotations

from collections.abc import Sequence
from concurrent.futures import ThreadPoolExecutor
from dataclasses import dataclass

from argus_pipeline.batches.manifest import BatchFile, Manifest
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
    """Compare presence, size and SHA-256 of every file with the manifest.

    Sizes are compared first, so that a batch with a torn file is refused before it is read.

    Returns:
        The problems in the manifest's order; none means that every byte is as promised.
    """
    prefix = manifest_key.removesuffix(MANIFEST_NAME)

    def look(file: BatchFile) -> FileProblem | None:
        found = store.head(prefix + file.name)
        if found is None:
            return FileProblem(file.name, "presence", "the file", "missing")
        if found.size != file.size:
            return FileProblem(file.name, "size", f"{file.size} bytes", f"{found.size} bytes")
        return None

    def read(file: BatchFile) -> FileProblem | None:
        try:
            sha256 = store.sha256(prefix + file.name)
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
