"""The bytes of a batch's files where they lie: in the batch's own folder, or in an archive.

Nothing here writes or deletes. What lies in an archive is its owner's.
"""

from __future__ import annotations

from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass
from typing import IO, Final

from argus_pipeline.batches.manifest import BatchFile
from argus_pipeline.storage.archives import check_allowed, read_address
from argus_pipeline.storage.object_store import ObjectChanged, ObjectInfo, ObjectStore

CHANGED_HINT: Final = (
    "It was changed after it was adopted: `argus adopt` with --update takes it as it is now"
)


@dataclass(frozen=True, slots=True)
class Original:
    """The object that holds a file's bytes; with an ETag, only the object that has it is read.

    Reading raises `ObjectMissing` where there is none and `ObjectChanged` where there is another.
    """

    _store: ObjectStore
    _key: str
    _etag: str | None

    @property
    def uri(self) -> str:
        """Its `s3://` address."""
        return self._store.uri(self._key)

    def head(self) -> ObjectInfo | None:
        """Size and ETag of the object that is there now, or None where there is none."""
        return self._store.head(self._key)

    def get(self) -> bytes:
        """All its bytes, which are known to be few."""
        with _hinting():
            return self._store.get(self._key, etag=self._etag)

    def open(self) -> IO[bytes]:
        """Its bytes as a file that is read in blocks."""
        with _hinting():
            return self._store.open(self._key, etag=self._etag)

    def sha256(self) -> str:
        """The SHA-256 of its bytes in hex."""
        return self._store.sha256(self._key)


def original(store: ObjectStore, file: BatchFile, key: str) -> Original:
    """Where the bytes of a file lie.

    Args:
        store: Argus's own bucket.
        file: as the manifest names it.
        key: where it was uploaded to, if it was.

    Raises:
        BadInput: they lie where nothing may be read in place.
    """
    address = read_address(file.source)
    if address is None:
        return Original(store, key, None)
    check_allowed(address, store.settings)
    return Original(store.elsewhere(address.bucket), address.key, file.etag)


@contextmanager
def _hinting() -> Iterator[None]:
    try:
        yield
    except ObjectChanged as error:
        raise ObjectChanged(
            error.what, where=error.where, expected=error.expected, hint=CHANGED_HINT
        ) from error
